"""New weights for a model that keeps its structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._intake.architecture import as_weight
from phosphene._intake.live import is_live_model, live_weights
from phosphene._library import check, ffi, lib, to_numpy

if TYPE_CHECKING:
    from phosphene._network import Model


def new_weights(model: Model, source: Any) -> Any:
    """Return the engine's model with the weights of `source`, or None if they are the same.

    Parameters
    ----------
    model
        The model that has the structure.
    source
        A live Keras model or a dict of weights by key.
    """
    architecture = model.architecture
    if is_live_model(source):
        arrays = live_weights(architecture, source)
    elif isinstance(source, Mapping):
        arrays = dict(source)
    else:
        raise InvalidArgumentError(
            "refresh takes a live Keras model or a dict of weights by key; received "
            f"a {type(source).__name__}."
        )
    wanted = {weight["key"] for weight in architecture.weights()}
    if arrays.keys() == wanted and _same(model.handle, arrays):
        return None
    return architecture.join(arrays, metadata=model.metadata).handle


def _same(handle: Any, arrays: Mapping[str, Any]) -> bool:
    """Return whether a model of the engine has these weights already, bit for bit."""
    struct = ffi.new("ph_array *")
    for key, value in arrays.items():
        check(lib.ph_model_weight(handle, key.encode(), struct))
        present = to_numpy(struct, copy=False)
        array = as_weight(value, key)
        if array.shape != present.shape:
            return False
        if not np.array_equal(array.view(np.int32), present.view(np.int32)):
            return False
    return True
