"""What some inputs have in common: means, channels that go together, strengths of waves."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array, is_picture
from phosphene._models.columns import ends_of_rows, scaling_of_ends
from phosphene._vision.maximization.folders import pictures_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from phosphene._models.model import Model

ROOM = 0.1
"""How far beyond a user's signals the range of what is maximized goes, as a share of theirs."""

CONTRASTS = (0.05, 4.0)
"""Between which contrasts something is to be seen."""

FAINTEST = 1e-3
"""The shortest axis of channels, measured by the longest one: grey pictures have colours too."""

SMALLEST = {"picture": (8, 8), "signal": (8,), "volume": (4, 4, 4)}
"""The sides from which on a spectrum says something."""

MOST_AXES = 64
"""Axes of the prior of a row: what many numbers have in common lies along few."""

MOST_OUTSIDE = 0.25
"""The share of a column's or channel's numbers from which on a prior is of another range."""

MARGIN = 0.02
"""How near to its ends a number of a row counts as being, from where it hardly moves."""


def with_prior(
    model: Model,
    inputs: Any,
    recipe: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    states_range: bool,
) -> dict[str, Any]:
    """Return what a prior says in a recipe, estimated from inputs of a network, or from pictures.

    Parameters
    ----------
    model
        The network.
    inputs
        An array of inputs in the network's range and shape, or one of them; or a picture, a folder
        of pictures or a list of pictures or paths, see `Model.prepare`.
    recipe
        The recipe so far, which says how pixels become the network's input.
    given
        The other inputs, of a network of several.
    states_range
        Whether inputs that are no pictures say between which numbers they lie, too.
    """
    place = _free_input(model, given)
    form, shape = place["form"], tuple(place["shape"])
    each = pictures_in(inputs, "prior")
    if bool(each) and all(is_picture(one) for one in each):
        array = np.concatenate([np.asarray(model.prepare(one), np.float32) for one in each])
    else:
        array = np.asarray(as_array(inputs, "prior"), np.float32)
    is_row = form == "row"
    array = (
        _rows(array, shape) if is_row else _with_channels(array, form, shape, place["channel_axis"])
    )
    if not np.isfinite(array).all():
        raise InvalidArgumentError("prior holds NaN or infinity.")
    scaling = recipe["input"]
    if states_range and form != "picture":
        scaling = _range_of(array, form)
    pixels = _pixels(array, scaling, form)
    known = estimated_of_rows(pixels) if is_row else estimated(pixels)
    stated: dict[str, Any] = recipe.get("parametrization", {}) | {"prior": known}
    if form in ("signal", "volume"):
        stated["contrast"] = _contrast(pixels, known)
    return {"input": scaling, "parametrization": stated}


def _range_of(array: NDArray[np.float32], form: str) -> dict[str, Any]:
    """Return the range of inputs, (n, ..., channels) or (n, columns), as a recipe states it.

    A column of a table goes from its smallest number to its largest; waves need room above and
    below, as nothing ever reaches the ends.
    """
    low, high = ends_of_rows(array if form == "row" else array.reshape(-1, array.shape[-1]))
    if form != "row":
        room = ROOM * (high - low)
        low, high = low - room, high + room
    scale, offset = scaling_of_ends(low, high)
    return {"scale": scale, "offset": offset, "reverse_channels": False}


def _free_input(model: Model, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the engine says of the input that is maximized."""
    inputs: list[dict[str, Any]] = model.json["inputs"]
    free = [each for each in inputs if each["name"] not in given]
    if len(free) != 1:
        raise InvalidArgumentError(
            f"maximization changes one of {model.name!r}'s {len(inputs)} inputs, and a prior is of "
            f"that one: give all others, received {', '.join(given) or 'none'}."
        )
    return free[0]


def _with_channels(
    array: NDArray[np.float32], form: str, shape: tuple[int | None, ...], axis: int
) -> NDArray[np.float32]:
    """Return inputs as (n, side, ..., channels)."""
    smallest = SMALLEST[form]
    stated = array.shape
    if len(shape) == len(smallest) + 1:  # pictures without an axis of channels
        array = array[..., np.newaxis]
    elif array.ndim == len(shape) - 1:
        array = array[np.newaxis]
    elif array.ndim == len(shape) and axis != len(shape) - 1 and array.shape[axis] == shape[axis]:
        array = np.moveaxis(array, axis, -1)
    sides = array.shape[1:-1]
    fits = array.ndim == len(smallest) + 2 and min(array.shape) > 0
    if not fits or any(map(int.__lt__, sides, smallest)):
        names = {"picture": "height, width", "signal": "steps", "volume": "depth, height, width"}
        raise InvalidArgumentError(
            f"prior must be {form}s of {' by '.join(map(str, smallest))} or more, "
            f"(n, {names[form]}, channels) in the range of the network's input; received an array "
            f"of shape {stated}."
        )
    return array


def _rows(array: NDArray[np.float32], shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    """Return inputs as (n, numbers)."""
    lengths = [length or 1 for length in shape[1:]]
    rows = array.reshape(len(array), -1) if array.ndim == len(shape) and array.size else array
    if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] != math.prod(lengths):
        wanted = ", ".join(map(str, lengths))
        raise InvalidArgumentError(
            f"prior must be two rows or more, (n, {wanted}) in the range of the network's input; "
            f"received an array of shape {array.shape}."
        )
    return rows


def _pixels(
    array: NDArray[np.float32], scaling: Mapping[str, Any], form: str
) -> NDArray[np.float64]:
    """Return inputs between 0 and 1, channels in the order that pictures have them.

    Of signals, volumes and rows some may lie outside, as of a range between percentiles: these are
    moved to its ends, so that mean and covariance are those of what may occur.
    """
    scale = np.asarray(scaling["scale"], np.float64)
    pixels = (array - np.asarray(scaling["offset"])) / (255 * scale)
    outside = ((pixels < -0.1) | (pixels > 1.1)).mean(axis=tuple(range(pixels.ndim - 1)))
    if outside.max() >= (MOST_OUTSIDE if form != "picture" else np.finfo(float).tiny):
        where = int(outside.argmax())
        share = f", {outside[where]:.0%} of them outside" if form != "picture" else ""
        low, high = (
            np.broadcast_to(each, array.shape[-1])[where]
            for each in (scaling["offset"], 255 * scale + scaling["offset"])
        )
        if form == "picture":
            said = f"where black and white are {low:.4g} and {high:.4g}"
        elif len(scale) == 1:
            said = f"{low:.4g} to {high:.4g}"
        else:
            what = "column" if form == "row" else "channel"
            said = f"in which {what} {where} lies between {low:.4g} and {high:.4g}"
            array = array[..., where]
        raise InvalidArgumentError(
            f"prior must lie in the range of the network's input, {said} (value_range= says "
            f"another); received {array.min():.4g} to {array.max():.4g}{share}."
        )
    if scaling.get("reverse_channels") and pixels.ndim > 2:
        pixels = pixels[..., ::-1]
    clipped: NDArray[np.float64] = np.clip(pixels, 0, 1)
    return clipped


def estimated(pixels: NDArray[Any]) -> dict[str, Any]:
    """Return the prior of inputs between 0 and 1, (n, side, ..., channels)."""
    pixels = np.asarray(pixels, np.float64)
    mean = pixels.mean(axis=tuple(range(pixels.ndim - 1)))
    centred = pixels - mean
    flat = centred.reshape(-1, pixels.shape[-1])
    lengths, directions = _axes(flat)
    if lengths[0] < 1e-4:
        raise InvalidArgumentError("prior holds inputs of one colour, which say nothing.")
    along = centred @ directions / lengths
    return {
        "mean": _numbers(mean),
        "axes": [_numbers(axis) for axis in (directions * lengths / lengths[0]).T],
        "spectrum": [_coefficients(along[..., axis]) for axis in range(len(lengths))],
    }


def estimated_of_rows(rows: NDArray[Any]) -> dict[str, Any]:
    """Return the prior of rows of numbers between 0 and 1, (n, numbers)."""
    mean = rows.mean(axis=0)
    # What moves is the logit of each number, which is steeper where that is near to its ends.
    middle = np.clip(mean, MARGIN, 1 - MARGIN)
    lengths, directions = _axes((rows - mean) / (middle * (1 - middle)))
    if lengths[0] < 1e-4:
        raise InvalidArgumentError("prior holds rows that are all alike, which say nothing.")
    axes = (directions * lengths / lengths[0]).T
    return {"mean": _numbers(mean), "axes": [_numbers(axis) for axis in axes[:MOST_AXES]]}


def _axes(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the principal axes of points around 0, longest first: deviations and directions."""
    count, dimensions = centred.shape
    if dimensions > count:
        _, singular, transposed = np.linalg.svd(centred, full_matrices=False)
        variances, directions = singular**2 / count, transposed.T
    else:
        variances, directions = np.linalg.eigh(centred.T @ centred / count)
        variances, directions = variances[::-1], directions[:, ::-1]
    # The sign of an axis means nothing: most channels go up.
    directions = directions * np.where(directions.sum(axis=0) < 0, -1, 1)
    return np.sqrt(np.maximum(variances, FAINTEST**2 * variances[0])), directions


def _coefficients(planes: NDArray[np.float64]) -> list[float]:
    """Return the five coefficients of the logarithm of the mean magnitude, as recipes have them."""
    sides = planes.shape[1:]
    magnitudes = np.abs(np.fft.rfftn(planes, axes=range(1, planes.ndim))).mean(axis=0).ravel()
    frequencies = [*map(np.fft.fftfreq, sides[:-1]), np.fft.rfftfreq(sides[-1])]
    grid = np.meshgrid(*(each**2 for each in frequencies), indexing="ij")
    squares = [each.ravel()[1:] for each in grid]
    magnitudes = np.maximum(magnitudes[1:], 1e-6 * magnitudes[1:].max() + 1e-12)
    total = np.sum(squares, axis=0)
    products = [one * other for one, other in combinations(squares, 2)]
    terms = [
        np.ones_like(total),
        np.log(total) / 2,
        total,
        np.sum(np.square(squares), axis=0),
        np.sum(products, axis=0) if products else np.zeros_like(total),
    ]
    found = np.linalg.lstsq(np.stack(terms, axis=1), np.log(magnitudes), rcond=None)[0]
    return _numbers(found)


def _contrast(pixels: NDArray[np.float64], known: Mapping[str, Any]) -> float:
    """Return how far inputs between 0 and 1 go up and down, as the contrast of a parametrization.

    That is the deviation before the sigmoid, whose slope is ``mean * (1 - mean)``, of what is mixed
    of the prior's axes.
    """
    middle = np.clip(known["mean"], MARGIN, 1 - MARGIN)
    each = pixels.var(axis=tuple(range(1, pixels.ndim - 1))).mean(axis=0)
    share = (each / (middle * (1 - middle)) ** 2).sum() / np.square(known["axes"]).sum()
    return float(np.clip(np.sqrt(share), *CONTRASTS))


def _numbers(array: NDArray[np.float64]) -> list[float]:
    return [float(each) for each in array]
