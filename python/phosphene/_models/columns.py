"""Between which numbers each column of a row lies: age and income have ranges of their own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType

DEVIATIONS = 2
"""How far from its mean a column is looked for where only its deviation is known.

Nothing but its range holds a number of a row back, so that most end near one of its ends: those
should be numbers that occur. Between two deviations lie 95 % of a normal distribution.
"""

FLAG = 0.01
"""By how much of it a variance may be off from that of zeros and ones."""

KEPT = 1e-6
"""The width of the range of a column that never varies, as a share of its number or of 1.

That is more than float32 leaves open, so that its own number lies in it.
"""


def column_count(wanted: InputType) -> int | None:
    """Return how many columns the rows of a network have; None for other inputs."""
    lengths = wanted.shape[1:]
    if wanted.form != "row" or any(length is None for length in lengths):
        return None
    return math.prod(length or 1 for length in lengths)


def ends_of_statistics(
    mean: NDArray[Any], deviation: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest number of each column by its mean and deviation.

    Numbers between 0 and 1 vary by ``mean * (1 - mean)`` at most, and only zeros and ones do: such
    a column goes from 0 to 1.
    """
    mean, deviation = np.asarray(mean, np.float64), np.asarray(deviation, np.float64)
    most = mean * (1 - mean)
    is_flag = (most > 0) & (np.abs(deviation**2 - most) <= FLAG * most)
    low = np.where(is_flag, 0, mean - DEVIATIONS * deviation)
    high = np.where(is_flag, 1, mean + DEVIATIONS * deviation)
    return low, high


def ends_of_rows(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smallest and the largest number of each column, of (n, ...) of a user's rows."""
    rows = np.asarray(rows, np.float64).reshape(len(rows), -1)
    return rows.min(axis=0), rows.max(axis=0)


def scaling_of_ends(low: NDArray[Any], high: NDArray[Any]) -> tuple[list[float], list[float]]:
    """Return scale and offset of each column; one whose ends are alike keeps its number."""
    low = np.asarray(low, np.float64)
    widths = np.maximum(high - low, KEPT * np.maximum(np.abs(low), 1))
    return (widths / 255).tolist(), low.tolist()


def limits_of(scaling: Mapping[str, Any], count: int | None = None) -> NDArray[np.float64]:
    """Return the smallest and the largest number of each channel or column, (count, 2).

    Parameters
    ----------
    scaling
        As a recipe states it.
    count
        How many there are; by default as many as are stated.
    """
    count = max(len(scaling["scale"]), len(scaling["offset"])) if count is None else count
    scales, low = (
        np.broadcast_to(np.asarray(scaling[name], float), count) for name in ("scale", "offset")
    )
    return np.sort(np.stack([low, low + 255 * scales], axis=1), axis=1)
