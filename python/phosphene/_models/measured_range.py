"""The range of inputs that are no pictures: of signals and volumes, of the columns of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._models.columns import (
    DEVIATIONS,
    column_count,
    ends_of_rows,
    ends_of_statistics,
    scaling_of_ends,
)
from phosphene._models.front_layers import PASSING, leaves, numbers
from phosphene._models.preprocessing import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType

    Weights = Callable[[str], NDArray[np.float32]]
    """Returns a weight of a network by its key."""


def measured(config: Mapping[str, Any], weight: Weights, wanted: InputType) -> Preprocessing | None:
    """Look for statistics that a first layer keeps of inputs that are no pictures."""
    for path, entry in leaves(config):
        kind = entry.get("class_name", "")
        if kind == "BatchNormalization":
            mean, variance = weight(f"{path}/moving_mean"), weight(f"{path}/moving_variance")
        elif kind == "Normalization":
            stated = [entry["config"].get(name) for name in ("mean", "variance")]
            mean, variance = (  # type: ignore[assignment]
                weight(f"{path}/{name}") if value is None else numbers(value)
                for name, value in zip(("mean", "variance"), stated, strict=True)
            )
        elif kind == "Rescaling":
            return _rescaled(entry["config"])
        elif kind.startswith(PASSING):
            continue
        else:
            return None
        return _around(np.ravel(mean), np.sqrt(np.maximum(np.ravel(variance), 0)), kind, wanted)
    return None


def _rescaled(settings: Mapping[str, Any]) -> Preprocessing | None:
    """Return what becomes 0 to 1, or -1 to 1 where something is subtracted.

    That is known of bytes, 0 to 255. Of anything else it is a guess: 1/50 may scale deviations.
    """
    scale, offset = (
        np.ravel(numbers(settings.get(name, default)))
        for name, default in (("scale", 1), ("offset", 0))
    )
    if len(scale) != 1 or len(offset) != 1 or scale[0] == 0:
        return None
    wanted = np.array([-1.0 if offset[0] < 0 else 0.0, 1.0])
    low, high = np.sort((wanted - offset) / scale)
    if not np.isfinite(high - low) or high <= low:
        return None
    found = Preprocessing(
        ((high - low) / 255,), (low,), sentence=f"{low:g} to {high:g}", measured=True
    )
    if np.allclose((low, high), (0, 255), atol=1.5):
        return found.known_from("Rescaling found")
    reason = f"assumed: what Rescaling makes {wanted[0]:g} to {wanted[1]:g}"
    return found.known_from(reason, assumed=True)


def _around(
    mean: NDArray[Any], deviation: NDArray[Any], kind: str, wanted: InputType
) -> Preprocessing | None:
    """Return a range around the mean of each channel, or of each column of a row."""
    if mean.shape != deviation.shape:
        return None
    columns = column_count(wanted)
    if columns is not None:
        # Statistics of the last of several axes are repeated along the others.
        if columns % len(mean) or len(mean) not in (1, columns, wanted.shape[-1]):
            return None
        low, high = ends_of_statistics(mean, deviation)
        if not np.isfinite(high - low).all():
            return None
        times = 1 if len(mean) == 1 else columns // len(mean)
        scale, offset = scaling_of_ends(np.tile(low, times), np.tile(high, times))
        sentence = (
            f"{_each_of(offset)}, {DEVIATIONS} deviations around its mean"
            if len(offset) > 1
            else f"{low[0]:g} to {high[0]:g}, {DEVIATIONS} deviations around the mean"
        )
    else:
        low, high = mean - 3 * deviation, mean + 3 * deviation
        if not np.isfinite(high - low).all() or (high <= low).any():
            return None
        if wanted.shape[wanted.channel_axis] != len(mean):
            # One range for all numbers is none where some are far larger than others.
            if (high - low).max() > 10 * (high - low).min():
                return None
            low, high = low.min(keepdims=True), high.max(keepdims=True)
        scale, offset = ((high - low) / 255).tolist(), low.tolist()
        smallest, largest = float(low.min()), float(high.max())
        sentence = f"{smallest:g} to {largest:g}, three deviations around the mean"
    found = Preprocessing(tuple(scale), tuple(offset), sentence=sentence, measured=True)
    return found.known_from(f"{kind} found")


def columns_of(like: Any, wanted: InputType) -> Preprocessing | None:
    """Conclude a range for each column of some rows; None of what is none of several rows."""
    columns = column_count(wanted)
    rows = None if columns is None or isinstance(like, Mapping) else _array(like)
    if rows is None or len(rows) < 2 or rows.shape[1:] != wanted.shape[1:]:
        return None
    low, high = ends_of_rows(rows)
    if not np.isfinite(high - low).all():
        return None
    scale, offset = scaling_of_ends(low, high)
    return Preprocessing(
        tuple(scale), tuple(offset), sentence=f"{_each_of(low)} of {len(rows)} rows (like=)"
    )


def _array(like: Any) -> NDArray[Any] | None:
    """Return a user's inputs as one array of numbers, None of what is none."""
    try:
        values = np.asarray(like)
    except ValueError:
        return None
    return values if values.dtype.kind in "fiub" and values.ndim > 1 else None


def _each_of(columns: Sized) -> str:
    """Return what is said of columns that have ranges of their own."""
    return f"a range for each of {len(columns)} columns"
