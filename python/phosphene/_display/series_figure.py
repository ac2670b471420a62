"""Signals as curves, rows of numbers as bars, the columns of tables each on a scale of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phosphene._display.figures import PanelGrid, figure_png, panel_width
from phosphene._display.series_panels import (
    LEFT,
    captions_of,
    draw_series,
    ratio_of,
    scale_of,
    title_of,
)
from phosphene._sentences import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

    from phosphene._vision.maximization.picture import Picture


class Series(NamedTuple):
    """One signal, (steps, channels), or one row of numbers, (columns,), that is to be drawn."""

    label: str
    values: NDArray[np.float64]
    words: str
    """Below the drawing."""
    limits: tuple[float, float]
    """The smallest and the largest number that curves and bars are drawn for."""


def is_series(picture: Picture) -> bool:
    """Whether the inputs are signals or rows of numbers, which say little in grey."""
    return picture.input.ndim not in (4, 5)


def size_text(picture: Picture) -> str:
    """Return how many pictures, signals or rows there are, and of which size."""
    if not is_series(picture):
        return f"{len(picture)} of {'x'.join(map(str, picture.images.shape[1:]))}"
    steps, *channels = values_of(picture)[0].shape
    kind, size = "row", str(steps)
    if channels:
        kind, size = "signal", f"{counted(steps, 'step')}, {counted(channels[0], 'channel')}"
    return f"a {kind} of {size}" if len(picture) == 1 else f"{len(picture)} {kind}s of {size}"


def series_figure(picture: Picture) -> Figure:
    """Draw signals and rows, each in a panel with its label and score."""
    standing = _standing(picture, values_of(picture), picture.scores)
    return _figure(picture, standing, are_named=True)


def series_png(picture: Picture) -> bytes:
    """Return the figure of signals or rows as the bytes of a PNG file."""
    return figure_png(series_figure(picture))


def drawings(picture: Picture) -> NDArray[np.uint8]:
    """Return a drawing of each signal or row, without its label, (n, height, width, 3)."""
    from PIL import Image

    found = []
    for values, one in zip(values_of(picture), picture, strict=True):
        series = Series("", values, "", scale_of(values))
        with Image.open(io.BytesIO(figure_png(_figure(one, [series])))) as image:
            found.append(np.asarray(image.convert("RGB")))
    return np.stack(found)


def series_way(picture: Picture) -> Iterator[Image]:
    """Return the figures of a film, all on one scale, the picture itself last."""
    from PIL import Image

    last = values_of(picture)
    stands = []
    for frame in picture.frames:
        # What comes after the best one is no longer on the way there.
        ahead = np.array([frame.step < step for step in picture.steps])
        if ahead.any():
            shown = _values_of(picture, frame.images)
            values = [
                a if is_ahead else b for a, b, is_ahead in zip(shown, last, ahead, strict=True)
            ]
            scores = np.where(ahead, frame.scores, picture.scores).tolist()
            stands.append((f"step {frame.step}", values, scores))
    stands.append((f"step {max(picture.steps, default=0)}", last, picture.scores))
    scales = [
        scale_of(np.concatenate([np.ravel(values[number]) for _, values, _ in stands]))
        for number in range(len(picture))
    ]
    for when, values, scores in stands:
        series = [
            Series(label, each, f"{when} · score {score:.4g}", scale)
            for label, each, score, scale in zip(
                picture.labels, values, scores, scales, strict=True
            )
        ]
        with Image.open(io.BytesIO(figure_png(_figure(picture, series)))) as image:
            yield image.convert("RGB")


def _standing(
    picture: Picture, values: Sequence[NDArray[np.float64]], scores: Sequence[float]
) -> list[Series]:
    return [
        Series(label, each, f"score {score:.4g}", scale_of(each))
        for label, each, score in zip(picture.labels, values, scores, strict=True)
    ]


def _figure(picture: Picture, series: Sequence[Series], *, are_named: bool = False) -> Figure:
    """Draw signals or rows; below them may stand their ranges, and columns by name."""
    columns = columns_of(len(series))
    if _is_row(picture):
        columns = min(columns, 2)  # numbers need room
    width = panel_width(columns, left=LEFT)
    ratios = [ratio_of(each.values, width) for each in series]
    page = PanelGrid(ratios, columns, left=LEFT)
    for number, each in enumerate(series):
        draw_series(page.axes[number], each.values, picture.limits, each.limits)
        captions: tuple[str, ...] = (each.words,)
        if are_named:
            captions = captions_of(each.values, picture.limits, width, each.words)
        page.label(number, title_of(each.label, each.values), *captions)
    return page.figure


def columns_of(count: int) -> int:
    """Return three columns of panels, two where the fourth picture would stand alone."""
    return 2 if count == 4 else min(count, 3)


def _is_row(picture: Picture) -> bool:
    return picture.input.ndim != 3


def values_of(picture: Picture) -> list[NDArray[np.float64]]:
    """Return what is drawn of each input: (columns,), or (steps, channels) wherever those are."""
    if _is_row(picture):
        return list(picture.input.reshape(len(picture), -1))
    # The picture to look at has a row for each channel, and steps to the right.
    is_first = picture.input.shape[2] != picture.images.shape[1]
    return [values.T if is_first else values for values in picture.input]


def _values_of(picture: Picture, images: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Return the same of pictures to look at, which have 256 numbers between the limits."""
    low, high = picture.limits.T
    if _is_row(picture):
        return list(low + images.reshape(len(images), -1) / 255 * (high - low))
    return list(low + images[..., 0].swapaxes(1, 2) / 255 * (high - low))
