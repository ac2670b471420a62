"""What stands at the front of a network: its first layers, and numbers in their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._models.config import entries, escaped, is_model, name_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

PASSING = ("InputLayer", "Random", "Resizing", "CenterCrop", "ZeroPadding", "Cropping", "Identity")
"""How layers are called that may stand in front and don't change how large numbers are."""


def leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the layers of a network and of those nested in it, in order, with their paths."""
    for entry in entries(config):
        path = prefix + escaped(name_of(entry))
        if is_model(entry):
            yield from leaves(entry, path + "/")
        else:
            yield path, entry


def numbers(setting: Any) -> NDArray[np.float64]:
    """Return a setting that Keras wrote as a number, a list, a tuple or an array."""
    if isinstance(setting, Mapping):
        inner = setting.get("config")
        setting = inner.get("value") if isinstance(inner, Mapping) else inner
    return np.asarray(setting, float)
