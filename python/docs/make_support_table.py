"""Writes ``support.md``: which layers and operations of Keras the engine computes.

    python python/docs/make_support_table.py

The lists are the engine's own; what stands behind a name are the settings with which the tests
compare it with Keras. A test fails where the page isn't what this program writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/support.md"

sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/conformance")]

TITLES = {
    "activations": "Activations",
    "attention": "Attention",
    "convolution": "Convolution",
    "core": "Dense layers, embeddings, regularization",
    "masking": "Masks",
    "merging": "Merging",
    "normalization": "Normalization",
    "pooling": "Pooling",
    "preprocessing": "Preprocessing and augmentation",
    "recurrent": "Recurrent layers",
    "reshaping": "Reshaping, padding, cropping, upsampling",
    "wrappers": "Wrappers",
}

HEAD = """\
# What is supported

Written by `python python/docs/make_support_table.py` from the engine's own list; a test compares
the two. Behind each class stand the settings that the tests compare with Keras: values within
2e-5 and gradients with respect to the input within 2e-4 of the largest value.

Every layer computes what Keras computes at inference, in float32 whatever the dtype policy.
Dropout, noise and random augmentation are the identity then. Settings that would change the
numbers and aren't known are refused when a model is loaded, by name.
"""


def page() -> str:
    """Return the text of the page."""
    from layers.tables import families

    from phosphene._engine.library import supported

    known = supported()
    parts = [HEAD]
    listed: set[str] = set()
    for family, table in families().items():
        if family.startswith("ops"):
            continue
        parts.append(f"\n## {TITLES.get(family, family.capitalize())}\n\n")
        parts.append("| Layer | Compared with |\n|---|---|\n")
        for name in sorted(set(table) & set(known["layers"])):
            listed.add(name)
            settings = "; ".join(each.replace("|", "/") for each in table[name])
            parts.append(f"| `{name}` | {settings} |\n")
    rest = sorted(set(known["layers"]) - listed)
    if rest:
        parts.append("\n## Older names and Keras 2\n\n")
        parts.append(", ".join(f"`{name}`" for name in rest) + "\n")
    parts.append("\n## Operations of `keras.ops` in Functional models\n\n")
    parts.append(", ".join(f"`{name}`" for name in known["operations"]) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
