"""Resizing, rotating and shifting as SciPy does, for the tools that used it; without SciPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def zoom(array: NDArray[Any], factors: Sequence[float]) -> NDArray[Any]:
    """Return what ``scipy.ndimage.zoom(array, factors, order=1)`` does.

    Parameters
    ----------
    array
        Any number of axes.
    factors
        For each axis how many times as long it becomes. First and last elements stay in their
        places, others are interpolated between neighbours.
    """
    result = np.asarray(array)
    dtype = result.dtype
    for axis, factor in enumerate(factors):
        length = result.shape[axis]
        wanted = round(length * factor)
        if wanted == length:
            continue
        step = (length - 1) / (wanted - 1) if wanted > 1 else 1.0
        places = np.minimum(np.arange(wanted) * step, length - 1)
        lower = np.minimum(np.floor(places).astype(int), max(length - 2, 0))
        share = _along(places - lower, axis, result.ndim)
        upper = np.minimum(lower + 1, length - 1)
        result = (1 - share) * np.take(result, lower, axis) + share * np.take(result, upper, axis)
    return result.astype(dtype)


def rotate(array: NDArray[Any], degrees: float, axes: Sequence[int]) -> NDArray[Any]:
    """Return what ``scipy.ndimage.rotate`` does with ``order=1, mode="reflect", reshape=False``.

    Parameters
    ----------
    array
        Any number of axes.
    degrees
        The angle.
    axes
        The two axes of the plane that is turned, around its middle.
    """
    first, second = sorted(axis % array.ndim for axis in axes)
    planes = np.moveaxis(array, (first, second), (0, 1))
    height, width = planes.shape[:2]
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    y = np.arange(height)[:, np.newaxis] - (height - 1) / 2
    x = np.arange(width) - (width - 1) / 2
    row = cosine * y + sine * x + (height - 1) / 2
    column = -sine * y + cosine * x + (width - 1) / 2
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    extra = (1,) * (planes.ndim - 2)
    down = (row - top).reshape(height, width, *extra)
    right = (column - left).reshape(height, width, *extra)
    upper, lower = _reflected(top, height), _reflected(top + 1, height)
    before, after = _reflected(left, width), _reflected(left + 1, width)
    result = (1 - down) * ((1 - right) * planes[upper, before] + right * planes[upper, after])
    result += down * ((1 - right) * planes[lower, before] + right * planes[lower, after])
    return np.moveaxis(result.astype(array.dtype), (0, 1), (first, second))


def cubic_zoom(array: NDArray[Any], factors: Sequence[float]) -> NDArray[Any]:
    """Return what ``scipy.ndimage.zoom(array, factors)`` does, with cubic splines.

    Parameters
    ----------
    array
        Any number of axes.
    factors
        For each axis how many times as long it becomes. First and last elements stay in their
        places; the splines go on mirrored beyond them.
    """
    result = np.asarray(array, np.float64)
    for axis, factor in enumerate(factors):
        length = result.shape[axis]
        wanted = round(length * factor)
        if length > 1:
            # Each sample is a sixth, four sixths and a sixth of three coefficients.
            sums = np.zeros((length, length))
            here = np.arange(length)
            for offset, share in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
                np.add.at(sums, (here, _mirrored(here + offset, length)), share)
            step = (length - 1) / (wanted - 1) if wanted > 1 else 1.0
            places = np.minimum(np.arange(wanted) * step, length - 1)
            first = np.floor(places).astype(int)
            t = places - first
            shares = [(1 - t) ** 3, (3 * t - 6) * t * t + 4, ((3 - 3 * t) * t + 3) * t + 1, t**3]
            basis = np.zeros((wanted, length))
            rows = np.arange(wanted)
            for offset, share in zip((-1, 0, 1, 2), shares, strict=True):
                np.add.at(basis, (rows, _mirrored(first + offset, length)), share / 6)
            matrix = basis @ np.linalg.inv(sums)
            result = np.moveaxis(np.tensordot(matrix, result, (1, axis)), 0, axis)
        else:
            result = np.repeat(result, wanted, axis)
    return result.astype(np.asarray(array).dtype)


def wrapped_shift(array: NDArray[Any], shifts: Sequence[int]) -> NDArray[Any]:
    """Return what ``scipy.ndimage.shift`` does with whole numbers and ``mode="wrap", order=0``.

    It isn't a roll: the first and the last element count as the same place, so that the period
    is one element shorter than the axis.

    Parameters
    ----------
    array
        Any number of axes.
    shifts
        For each axis by how many elements.
    """
    result = np.asarray(array)
    for axis, shift in enumerate(shifts):
        last = result.shape[axis] - 1
        if shift and last:
            places = np.arange(last + 1) - int(shift)
            below, above = places < 0, places > last
            places = np.where(below, places + last * (-places // last + 1), places)
            places = np.where(above, places - last * (places // last), places)
            result = np.take(result, places, axis)
    return result


def _mirrored(index: NDArray[Any], length: int) -> NDArray[Any]:
    """Return indices mirrored at the first and last elements: d c b | a b c d | c b a."""
    index = index % (2 * length - 2)
    return np.where(index < length, index, 2 * length - 2 - index)


def _reflected(index: NDArray[Any], length: int) -> NDArray[Any]:
    """Return indices mirrored at the edges between elements: d c b a | a b c d | d c b a."""
    index = index % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def _along(values: NDArray[Any], axis: int, ndim: int) -> NDArray[Any]:
    return values.reshape([-1 if each == axis else 1 for each in range(ndim)])
