"""Networks with their channels first, looked at by functions that are written for channels last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PICTURE_CHANNELS = (1, 3, 4)


def last(value: Any, axis: int) -> Any:
    """Return an array or a tensor with the axis of its channels behind the others."""
    return value if axis in (-1, value.ndim - 1) else np.moveaxis(value, axis, -1)


def back(value: Any, axis: int) -> Any:
    """Return what `last` returned with its channels where they were."""
    return value if axis in (-1, value.ndim - 1) else np.moveaxis(value, -1, axis)


def seen(owner: Any, value: Any, axis: int) -> Any:
    """Return a value as a function wants it.

    What comes with this package wants its channels last, whatever the network has (its owner has
    an attribute ``channels_last``); a user's own function gets them where the network has them.
    """
    return last(value, axis) if getattr(owner, "channels_last", False) else value


def applied(owner: Any, function: Callable[[Any], Any], value: Any, axis: int) -> NDArray[Any]:
    """Return what a function makes of a value, both with the channels where the network has them.

    Parameters
    ----------
    owner
        Whose function it is; see `seen`.
    function
        What is applied.
    value
        The network's input.
    axis
        Where its channels are.
    """
    changed = np.asarray(function(seen(owner, value, axis)))
    return np.asarray(back(changed, axis) if getattr(owner, "channels_last", False) else changed)


def as_picture(array: Any) -> Any:
    """Return a picture with its channels last; nothing but their number tells where they are."""
    first = array.ndim == 3 and array.shape[-1] not in PICTURE_CHANNELS
    return np.moveaxis(array, 0, -1) if first and array.shape[0] in PICTURE_CHANNELS else array
