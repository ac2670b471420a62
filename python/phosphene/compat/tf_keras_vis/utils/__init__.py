"""What tf-keras-vis offers besides its methods."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat import _layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from phosphene.compat._network import Network

MAX_STEPS = "TF_KERAS_VIS_MAX_STEPS"
"""The environment variable that limits how many steps any method does."""

EPSILON = np.float32(1e-7)


class Values(np.ndarray):
    """An array with the method of tensors that scripts call."""

    def numpy(self) -> NDArray[Any]:
        """Return the numbers as a plain array."""
        return self.view(np.ndarray)


def relu(values: Any) -> NDArray[Any]:
    """Return values with the negative ones replaced by 0."""
    return np.asarray(np.maximum(values, np.float32(0)))


def check_steps(steps: int) -> int:
    """Return `get_num_of_steps_allowed`, under its old name."""
    _deprecated("check_steps", "get_num_of_steps_allowed")
    return get_num_of_steps_allowed(steps)


def get_num_of_steps_allowed(steps: int) -> int:
    """Return the number of steps, or what the environment limits it to."""
    return min(steps, int(os.environ[MAX_STEPS])) if MAX_STEPS in os.environ else steps


def num_of_gpus() -> tuple[int, int]:
    """Return how many physical and logical GPUs are used: none."""
    return 0, 0


def listify(
    value: Any, return_empty_list_if_none: bool = True, convert_tuple_to_list: bool = True
) -> list[Any]:
    """Return a list as it is, other values in a list of one; a tuple's in a list.

    Parameters
    ----------
    value
        Anything.
    return_empty_list_if_none
        Whether None becomes an empty list.
    convert_tuple_to_list
        Whether a tuple becomes a list of its elements instead of a list of one tuple.
    """
    if isinstance(value, list):
        return value
    if value is None and return_empty_list_if_none:
        return []
    return list(value) if isinstance(value, tuple) and convert_tuple_to_list else [value]


def standardize(array: NDArray[Any], value_range: Sequence[float] = (1.0, 0.0)) -> NDArray[Any]:
    """Return `normalize`, under its old name."""
    _deprecated("standardize", "normalize")
    return normalize(array, value_range)


def normalize(array: NDArray[Any], value_range: Sequence[float] = (1.0, 0.0)) -> NDArray[Any]:
    """Return each sample stretched to the range from 0 to 1.

    Parameters
    ----------
    array
        Samples along the first axis.
    value_range
        Ignored, as in tf-keras-vis.
    """
    del value_range
    axes = tuple(range(1, array.ndim))
    high, low = array.max(axis=axes, keepdims=True), array.min(axis=axes, keepdims=True)
    result: NDArray[Any] = (array - low) / (high - low + EPSILON)
    return result


def find_layer(
    model: Any, condition: Callable[[Any], Any], offset: Any = None, reverse: bool = True
) -> Any:
    """Return the last layer that meets a condition, nested ones too.

    Parameters
    ----------
    model
        What the `model` of a method is, a live Keras model or a `phosphene.Model`.
    condition
        A function of a layer.
    offset
        The search goes from this layer backwards.
    reverse
        Ignored, as in tf-keras-vis.
    """
    del reverse
    return _layer.find_layer(model.layers, condition, offset)


def zoom_factor(from_shape: Sequence[int], to_shape: Sequence[int]) -> tuple[float, ...]:
    """Return how many times as long each axis becomes."""
    return tuple(float(t) / float(f) for f, t in zip(from_shape, to_shape, strict=False))


def is_mixed_precision(model: Any) -> bool:
    """Return whether the model computes in half precision: no, everything is float32."""
    del model
    return False


def lower_precision_dtype(model: Any) -> str:
    """Return the type that the model computes in: float32."""
    _deprecated("lower_precision_dtype", "nothing instead")
    del model
    return "float32"


def get_input_names(model: Network) -> list[str]:
    """Return the names of the inputs."""
    return [each.name for each in model.inputs]


def for_each_input(value: Any, names: Sequence[str], what: str) -> dict[str, list[Any]]:
    """Return for each input a list: of a dict by name, a list of lists, or one list for the first.

    Parameters
    ----------
    value
        What a caller handed over.
    names
        The names of the inputs.
    what
        What it is, for messages.
    """
    if isinstance(value, dict):
        unknown = sorted(set(value) - set(names))
        if unknown:
            raise InvalidArgumentError(
                f"The model's inputs are {list(names)}; received {what} for {unknown}."
            )
        return {name: listify(value.get(name)) for name in names}
    several = listify(value)
    if not any(isinstance(each, list) for each in several):
        several = [several]
    if len(several) > len(names):
        raise InvalidArgumentError(
            f"The model has {len(names)} inputs; received {what} for {len(several)}."
        )
    several = [*several, *[[]] * (len(names) - len(several))]
    return {name: listify(each) for name, each in zip(names, several, strict=True)}


def _deprecated(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated; use {new}.", DeprecationWarning, stacklevel=3)
