"""New weights for a model that keeps its structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._engine.library import check, ffi, lib, to_numpy
from phosphene._errors import InvalidArgumentError
from phosphene._models.handlers import by_name
from phosphene._models.intake import is_live_model
from phosphene._models.intake.architecture import as_weight
from phosphene._models.intake.live import live_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from phosphene._models.intake.architecture import Architecture


def live_arrays(
    architecture: Architecture, live_model: Any, handlers: Any = None
) -> dict[str, Any]:
    """Return the present weights of a live Keras model, by key."""
    if not is_live_model(live_model):
        raise InvalidArgumentError(
            f"refresh takes a live Keras model; received a {type(live_model).__name__}. "
            "Weights go to update()."
        )
    return live_weights(architecture, live_model, by_name(handlers))


def has_weights(handle: Any, architecture: Architecture, arrays: Mapping[str, Any]) -> bool:
    """Return whether a model of the engine has just these weights already, bit for bit."""
    if arrays.keys() != {weight["key"] for weight in architecture.weights()}:
        return False
    struct = ffi.new("ph_array *")
    for key, value in arrays.items():
        check(lib.ph_model_weight(handle, key.encode(), struct))
        present = to_numpy(struct, copy=False)
        array = as_weight(value, key)
        if array.shape != present.shape:
            return False
        # As integers: NaN equals itself, and 0 differs from -0.
        if not np.array_equal(array.view(np.int32), present.view(np.int32)):
            return False
    return True
