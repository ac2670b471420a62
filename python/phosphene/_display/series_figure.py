"""Signals as curves, rows of numbers as bars, the columns of tables each on a scale of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phosphene._display.figures import PanelGrid, figure_png, value_range
from phosphene._display.panels import Panel
from phosphene._display.plots import draw_panel, ticks_room
from phosphene._models.columns import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

    from phosphene._vision.maximization.picture import Picture

CHANNELS = 9
"""How many channels of a signal are drawn, as in a trace."""

MOST_LINES = 16
"""Columns of a table that have a line of their own; more are bars."""

LINE = 0.34
"""Inches of such a line."""

ROOM = 0.32
"""Room for numbers at both sides of a line's range, as a share of that."""


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


def is_table(picture: Picture) -> bool:
    """Whether the inputs are rows whose columns lie in ranges of their own."""
    return _is_row(picture) and len(np.unique(picture.limits, axis=0)) > 1


def series_figure(picture: Picture) -> Figure:
    """Draw signals and rows, each in a panel with its label and score."""
    return _figure(picture, _standing(picture, _values(picture), picture.scores))


def series_png(picture: Picture) -> bytes:
    """Return the figure of signals or rows as the bytes of a PNG file."""
    return figure_png(series_figure(picture))


def drawings(picture: Picture) -> NDArray[np.uint8]:
    """Return a drawing of each signal or row, without its label, (n, height, width, 3)."""
    from PIL import Image

    found = []
    for values, one in zip(_values(picture), picture, strict=True):
        series = Series("", values, "", value_range(values))
        with Image.open(io.BytesIO(figure_png(_figure(one, [series])))) as image:
            found.append(np.asarray(image.convert("RGB")))
    return np.stack(found)


def series_way(picture: Picture) -> Iterator[Image]:
    """Return the figures of a film, all on one scale, the picture itself last."""
    from PIL import Image

    last = _values(picture)
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
        value_range(np.concatenate([np.ravel(values[number]) for _, values, _ in stands]))
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
    series = []
    for label, each, score in zip(picture.labels, values, scores, strict=True):
        words = f"score {score:.4g}"
        if is_table(picture):
            words = f"each column in its own range · {words}"
        else:
            words = f"{_panel(label, each).caption} · {words}"
        series.append(Series(label, each, words, value_range(each)))
    return series


def _figure(picture: Picture, series: Sequence[Series]) -> Figure:
    if is_table(picture):
        return _table_figure(series, picture.limits)
    panels = [_panel(each.label, each.values) for each in series]
    page = PanelGrid(
        [panel.ratio for panel in panels], columns_of(len(panels)), left=ticks_room(panels)
    )
    for number, (panel, each) in enumerate(zip(panels, series, strict=True)):
        axes = page.axes[number]
        draw_panel(axes, panel, "gray", each.limits, is_fixed=True)
        page.label(number, panel.title, each.words)
    return page.figure


def columns_of(count: int) -> int:
    """Return three columns of panels, two where the fourth picture would stand alone."""
    return 2 if count == 4 else min(count, 3)


def _panel(label: str, values: NDArray[np.float64]) -> Panel:
    if values.ndim == 1:
        return Panel(label, values, "bars")
    return Panel(label, values, "curves", tuple(range(min(values.shape[1], CHANNELS))))


def _is_row(picture: Picture) -> bool:
    return picture.input.ndim != 3


def _values(picture: Picture) -> list[NDArray[np.float64]]:
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


def _table_figure(series: Sequence[Series], limits: NDArray[np.float64]) -> Figure:
    """Draw rows of numbers, each column between the ends of its own range."""
    has_lines = len(limits) <= MOST_LINES
    # Numbers need room: two tables side by side at most.
    columns = min(len(series), 2)
    wide = 4.2 if columns == 1 else 3.0
    ratio = LINE * (len(limits) + 0.5) / wide if has_lines else 0.5
    page = PanelGrid([ratio] * len(series), columns, left=0.4)
    low, high = limits.T
    for number, each in enumerate(series):
        axes = page.axes[number]
        shares = (each.values - low) / np.where(high > low, high - low, 1)
        if has_lines:
            _draw_lines(axes, each.values, shares, limits)
        else:
            draw_panel(axes, Panel(each.label, shares, "bars"), "gray", (0, 1))
            axes.set_ylim(0, 1)
            axes.set_yticks([0, 1], ["lowest", "highest"], fontsize=6)
        page.label(number, f"{each.label}\n({len(limits)} columns)", each.words)
    return page.figure


def _draw_lines(
    axes: Axes,
    values: NDArray[np.float64],
    shares: NDArray[np.float64],
    limits: NDArray[np.float64],
) -> None:
    """Draw a line for each column from the lowest to the highest number, and where its own lies."""
    small: dict[str, Any] = {"fontsize": 6.5, "va": "center", "alpha": 0.65}
    for place, (value, share, (low, high)) in enumerate(zip(values, shares, limits, strict=True)):
        if high - low <= 2 * KEPT * max(abs(low), 1):  # it never varies
            axes.text(0.5, place, f"always {number_text(value)}", ha="center", **small)
            continue
        share = float(np.clip(share, 0, 1))
        axes.plot([0, 1], [place, place], color="0.5", alpha=0.3, linewidth=3)
        axes.plot([0, share], [place, place], color="C0", linewidth=3)
        axes.plot([share], [place], "o", color="C0", markersize=5)
        span = high - low
        axes.text(-0.06, place, number_text(low, span), ha="right", **small)
        axes.text(1.06, place, number_text(high, span), ha="left", **small)
        words = number_text(value, span)
        axes.text(share, place - 0.22, words, ha="center", va="bottom", fontsize=7.5)
    axes.set_xlim(-ROOM, 1 + ROOM)
    axes.set_ylim(len(values) - 0.5, -0.8)
    axes.set_xticks([])
    axes.set_yticks(range(len(values)), [str(place) for place in range(len(values))], fontsize=7)
    axes.set_ylabel("column", fontsize=7, alpha=0.7)
    axes.tick_params(left=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def number_text(value: float, span: float | None = None) -> str:
    """Return a number as people write it, 60,874 and not 6.087e+04, to a hundredth of a span."""
    size = max(abs(value), span or 0)
    if not 1e-3 <= size < 1e7:
        return f"{value:.3g}"
    decimals = int(np.clip(2 - np.floor(np.log10(span or size)), 0, 6))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
