"""All tables of the tests of layers, and what of Keras they cover."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def families() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the tables of ``test_<family>.py`` by family: class, setting, row."""
    found = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        table = getattr(importlib.import_module(f"layers.{path.stem}"), "TABLE", None)
        if table:
            found[path.stem.removeprefix("test_")] = table
    return found


def covered(*, operations: bool) -> dict[str, list[str]]:
    """Return the settings that are compared with Keras, by class: of layers or of operations."""
    result: dict[str, list[str]] = {}
    for family, table in families().items():
        if family.startswith("ops") == operations:
            for name, settings in table.items():
                result.setdefault(name, []).extend(settings)
    return result
