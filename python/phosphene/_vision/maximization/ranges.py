"""Between which numbers an input is looked for, and whether a start lies there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array, is_picture
from phosphene._models.columns import KEPT, column_count, limits_of, scaling_of_ends
from phosphene._models.pictures import unused
from phosphene._models.preprocessing import UNIT, Preprocessing
from phosphene._vision.maximization.varied_input import varied_type
from phosphene._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType
    from phosphene._models.model import Model


def known_range(model: Model, given: Container[str] | None) -> Preprocessing:
    """Return what is known of the range of the one input that isn't given.

    Means and deviations that the network keeps are of its first input.
    """
    varied = varied_type(model, given)
    is_of_another = varied is not None and varied.name != model.input_types[0].name
    if model.preprocessing.measured and is_of_another:
        return replace(UNIT, assumed=True)
    return model.preprocessing


def warn_of_assumed_range(model: Model, given: Container[str] | None) -> None:
    """Say that a range was assumed.

    Parameters
    ----------
    model
        The network.
    given
        Its inputs that stay as they are.
    """
    varied = varied_type(model, given)
    known = known_range(model, given)
    if not known.assumed or varied is None:
        return
    what, how = {
        "picture": (
            f"which numbers black and white are for {model.name!r}",
            "value_range=, such as (0, 255) or (-1, 1)",
        ),
        "row": (
            f"between which numbers the columns of {model.name!r}'s rows lie",
            "value_range=, such as (rows.min(axis=0), rows.max(axis=0))",
        ),
    }.get(
        varied.form,
        (
            f"between which numbers the inputs of {model.name!r} lie",
            "value_range=, such as (-3, 3)",
        ),
    )
    low, high = known.value_range
    taken = f"{low:.4g} to {high:.4g} is assumed"
    if known.measured:  # the scale of a Rescaling
        made = "-1 to 1" if "-1 to 1" in known.sentence.partition("(")[2] else "0 to 1"
        taken += f", which its Rescaling makes {made}"
        how += ", or by prior= with some of them"
    warn(
        f"Nothing says {what}, so that {taken}: state it by {how}, or by "
        "preprocessing= or like= when the model is loaded."
    )


def check_count(model: Model, scaling: dict[str, Any], given: Container[str] | None) -> None:
    """Refuse a stated range of so many columns or channels as the network hasn't.

    Parameters
    ----------
    model
        The network.
    scaling
        What `value_range` became.
    given
        Its inputs that stay as they are.
    """
    varied = varied_type(model, given)
    if varied is None or len(scaling["scale"]) == 1:
        return
    count = column_count(varied)
    what = "channel" if count is None else "column"
    if count is None:
        count = varied.shape[varied.channel_axis]
    if count is not None and count != len(scaling["scale"]):
        raise InvalidArgumentError(
            f"value_range has {len(scaling['scale'])} smallest and largest numbers, and "
            f"{model.name!r} takes {count} {what}{'' if count == 1 else 's'}: give one of each "
            f"for each {what}, or one of each for all."
        )


def widened(
    model: Model, start: Any, scaling: dict[str, Any], given: Container[str] | None
) -> dict[str, Any]:
    """Return the range with what a start has outside, of rows whose range is an estimate."""
    varied = varied_type(model, given)
    count = None if varied is None else column_count(varied)
    if not known_range(model, given).measured or count is None:
        return scaling
    rows = _columns(np.asarray(as_array(start, "start"), np.float64), count)
    if rows is None:
        return scaling
    ends = limits_of(scaling, count)
    if not np.isfinite(rows).all() or (ends == _with_rows(ends, rows)).all():
        return scaling
    scale, offset = scaling_of_ends(*_with_rows(ends, rows).T)
    return scaling | {"scale": scale, "offset": offset}


def _with_rows(ends: NDArray[np.float64], rows: NDArray[Any]) -> NDArray[np.float64]:
    low, high = ends.T
    return np.stack([np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))], axis=1)


def _columns(array: NDArray[Any], count: int | None) -> NDArray[Any] | None:
    """Return rows as (n, columns); None for what isn't of so many columns."""
    if not count or not array.size or array.size % count:
        return None
    return array.reshape(-1, count)


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
    varied = varied_type(model, given)
    count = None if varied is None else column_count(varied)
    rows = _columns(array, count)
    if rows is not None and len(scaling["scale"]) > 1:
        _check_columns(model, rows, limits_of(scaling, rows.shape[1]))
    else:
        is_picture_input = varied is None or varied.form == "picture"
        _check_range(model, array, scaling, "black to white" if is_picture_input else "the range")
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


def _check_columns(model: Model, rows: NDArray[Any], ends: NDArray[np.float64]) -> None:
    """Refuse rows out of the range of a column."""
    low, high = ends.T
    margin = np.maximum((high - low) / 10, KEPT * np.maximum(np.abs(low), 1))
    outside = np.argwhere((rows < low - margin) | (rows > high + margin))
    if outside.size:
        row, column = outside[0]
        raise InvalidArgumentError(
            f"start holds {rows[row, column]:.4g} in column {column}, which lies between "
            f"{low[column]:.4g} and {high[column]:.4g} for {model.name!r}: say what the network "
            "takes by value_range=, or by preprocessing= or like= when it is loaded."
        )


def _check_range(
    model: Model, start: NDArray[np.float32], scaling: dict[str, Any], what: str
) -> None:
    """Refuse a start out of the range of inputs, and warn of one that uses next to none of it."""
    preprocessing = Preprocessing(tuple(scaling["scale"]), tuple(scaling["offset"]))
    low, high = preprocessing.value_range
    smallest, largest = float(start.min()), float(start.max())
    margin = (high - low) / 10
    said = (
        f"start holds numbers from {smallest:.4g} to {largest:.4g}, where {what} is "
        f"{low:.4g} to {high:.4g} for {model.name!r}"
    )
    if smallest < low - margin or largest > high + margin:
        mend = (
            "scale it, hand over a picture (see Model.prepare), or say"
            if what == "black to white"
            else "scale it, or say"
        )
        raise InvalidArgumentError(
            f"{said}: {mend} what the network takes by value_range=, or by preprocessing= when it "
            "is loaded."
        )
    consequence = unused(low, high, smallest, largest)
    if what == "black to white" and consequence:
        warn(f"{said}{consequence}.")
