"""Arguments of calls and settings of layers, as a configuration holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.symbolic.parts import Tensor, Weight
from phosphene._sentences import with_article


def encoded(value: Any) -> Any:
    """Return an argument of a call as a configuration holds it.

    Raises
    ------
    InvalidArgumentError
        If it is nothing that a configuration can hold.
    """
    if isinstance(value, Tensor):
        config = {"shape": value.shape, "dtype": "float32", "keras_history": reference(value)}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, Weight):
        weight = {"name": value.name, "shape": list(value.shape), "trainable": value.trainable}
        return {"class_name": "__weight__", "config": weight}
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float, np.generic)):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (list, tuple)):
        return [encoded(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): encoded(each) for key, each in value.items()}
    if isinstance(value, slice):
        ends = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": encoded(ends)}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        if value.ndim == 0:
            return value.item()
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    raise InvalidArgumentError(
        f"{with_article(type(value).__name__)} can't stand in a network: {value!r:.60}"
    )


def plain(value: Any) -> Any:
    """Return a setting as JSON has it.

    Raises
    ------
    InvalidArgumentError
        If it is nothing that JSON has.
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (Tensor, Weight)):
        raise InvalidArgumentError("a tensor can't be a setting")
    if isinstance(value, (type, np.dtype)) or hasattr(value, "as_numpy_dtype"):
        try:
            return np.dtype(getattr(value, "as_numpy_dtype", value)).name
        except TypeError:
            pass
    return encoded(value)


def reference(tensor: Tensor) -> list[Any]:
    """Return how a configuration names a tensor: layer, call, output."""
    return [tensor.entry.name, call_number(tensor), tensor.output]


def call_number(tensor: Tensor) -> int:
    """Return which of the calls of its layer made a tensor."""
    if tensor.call is None:
        return 0
    return sum(other.order < tensor.call.order for other in tensor.entry.calls)
