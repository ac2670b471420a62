"""Between which numbers an input is looked for, and whether a start lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array, is_picture
from phosphene._models.preprocessing import Preprocessing
from phosphene._vision.maximization.varied_input import varied_type
from phosphene._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType
    from phosphene._models.model import Model


def warn_of_assumed_range(model: Model, given: Container[str] | None) -> None:
    """Say that a range was assumed of what is no picture: most networks take pictures in it.

    Parameters
    ----------
    model
        The network.
    given
        Its inputs that stay as they are.
    """
    varied = varied_type(model, given)
    if model.preprocessing.assumed and varied is not None and varied.form != "picture":
        warn(
            f"Nothing says between which numbers the inputs of {model.name!r} lie, so that 0 to 1 "
            "is assumed: state it by value_range=, such as (-3, 3), or by preprocessing= or like= "
            "when the model is loaded."
        )


def start_array(
    model: Model, start: Any, scaling: dict[str, Any], given: Container[str] | None = None
) -> NDArray[np.float32]:
    """Return the start as the engine takes it: float32 with a batch axis and one of channels.

    Parameters
    ----------
    model
        The network.
    start
        One input or a batch of them; where there is one channel, its axis may be missing.
    scaling
        Between which numbers black and white lie, as a recipe states it.
    given
        The inputs that stay as they are.
    """
    if is_picture(start):
        return model.prepare(start)
    array = np.array(as_array(start, "start"), dtype=np.float32, order="C")
    _check_range(model, array, scaling)
    varied = varied_type(model, given)
    return array if varied is None else _batched(array, varied)


def _batched(array: NDArray[np.float32], wanted: InputType) -> NDArray[np.float32]:
    """Return one input or several with the axes that were left out; others as they are."""
    rank = len(wanted.shape)
    if wanted.form != "row" and wanted.shape[wanted.channel_axis] == 1:
        # Of the rank of one input, and yet without a channel: several of them.
        several = array.ndim == rank - 1 and array.shape[-1] != 1
        if several or array.ndim == rank - 2:
            array = array[..., np.newaxis]
    return array[np.newaxis] if array.ndim == rank - 1 else array


def _check_range(model: Model, start: NDArray[np.float32], scaling: dict[str, Any]) -> None:
    """Refuse a start out of the range of pictures, and warn of one that uses next to none of it."""
    preprocessing = Preprocessing(tuple(scaling["scale"]), tuple(scaling["offset"]))
    low, high = preprocessing.value_range
    smallest, largest = float(start.min()), float(start.max())
    margin = (high - low) / 10
    said = (
        f"start holds numbers from {smallest:.4g} to {largest:.4g}, where black to white is "
        f"{low:.4g} to {high:.4g} for {model.name!r}"
    )
    if smallest < low - margin or largest > high + margin:
        raise InvalidArgumentError(
            f"{said}: scale it, hand over a picture (see Model.prepare), or say what the network "
            "takes by value_range=, or by preprocessing= when it is loaded."
        )
    if high - low > 100 and smallest >= 0 and 0 < largest <= 1:
        warn(f"{said}, so that it is black to the eye.")
