"""One signal as curves, one row of numbers as lines or bars, in a place of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._display.bars import draw_bars
from phosphene._display.figures import value_range
from phosphene._display.panels import Panel
from phosphene._display.plots import draw_panel
from phosphene._models.columns import KEPT
from phosphene._sentences import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

CHANNELS = 9
"""How many channels of a signal are drawn, as in a trace."""

MOST_LINES = 16
"""Columns of a row that have a line of their own; more are bars."""

LINE, LOWEST_LINE = 0.34, 0.2
"""Inches of such a line, and the fewest that its numbers need."""

TALLEST = 1.3
"""Height / width of the tallest drawing."""

LEFT = 0.55
"""Inches at the left of a drawing, for the names of channels and columns and for scales."""

CHARACTER = 0.052
"""Inches of a character beside a line."""

BAND = 0.3
"""Inches of a curve that has room for a scale above and below its name."""

CURVE = 0.16
"""Height of a curve with its scale, measured by the width of the drawing."""


def has_lines(values: NDArray[Any], width: float) -> bool:
    """Whether each number of a row has a line of its own in a drawing so many inches wide."""
    count = len(values)
    return (
        values.ndim == 1 and count <= MOST_LINES and TALLEST * width / (count + 0.5) > LOWEST_LINE
    )


def ratio_of(values: NDArray[Any], width: float) -> float:
    """Return height / width of the drawing of a signal or row that is so many inches wide."""
    if has_lines(values, width):
        return min(TALLEST, LINE * (len(values) + 0.5) / width)
    return 0.6 if values.ndim == 1 else float(np.clip(CURVE * _drawn_channels(values), 0.3, 1.2))


def title_of(label: str, values: NDArray[Any]) -> str:
    """Return what is written above it."""
    if values.ndim == 1:
        return f"{label}\n({counted(len(values), 'column')})"
    return _panel(values, label).title


def captions_of(
    values: NDArray[Any], limits: NDArray[Any], width: float, words: str
) -> tuple[str, ...]:
    """Return what is written below it before some words, the longest of several captions first.

    Where no line names them, the columns that lie highest and lowest are named.
    """
    is_one_range = len(np.unique(limits, axis=0)) == 1
    if has_lines(values, width):
        return (words,) if is_one_range else (f"each column in its own range · {words}", words)
    if values.ndim == 2 or not np.isfinite(values).all():
        return (f"{_panel(values).caption} · {words}",)
    what = _panel(values).caption if is_one_range else "each column in its own range"
    order = np.argsort(_shares(values, limits), kind="stable")
    spans = np.broadcast_to(limits, (len(values), 2)) @ [-1, 1]
    captions = []
    for count in (2, 1):
        highest, lowest = (
            ", ".join(f"{at}: {number_text(values[at], spans[at])}" for at in chosen)
            for chosen in (order[::-1][:count], order[:count])
        )
        captions.append(f"highest {highest} · lowest {lowest}\n{what} · {words}")
    return *captions, f"highest {highest} · lowest {lowest}\n{words}"


def draw_series(
    axes: Axes, values: NDArray[Any], limits: NDArray[Any], scale: tuple[float, float]
) -> None:
    """Draw a signal, (steps, channels), or a row of numbers, (columns,).

    Parameters
    ----------
    axes
        Their place.
    values
        What is drawn.
    limits : (k, 2) ndarray
        Between which numbers each column or channel was looked for.
    scale
        What curves, and bars of columns of one range, are drawn over.
    """
    box = axes.get_window_extent()
    dpi = axes.get_figure(root=True).dpi  # type: ignore[union-attr]
    width, height = box.width / dpi, box.height / dpi
    if values.ndim == 2:
        _draw_curves(axes, _panel(values), scale, height)
    elif has_lines(values, width):
        _draw_lines(axes, values, np.broadcast_to(limits, (len(values), 2)), width)
    else:
        _draw_bars(axes, values, limits, scale, height)


def number_text(value: float, span: float | None = None) -> str:
    """Return a number as people write it, 60,874 and not 6.087e+04, to a hundredth of a span."""
    size = max(abs(value), span or 0)
    if not 1e-3 <= size < 1e7:
        return f"{value:.3g}"
    decimals = int(np.clip(2 - np.floor(np.log10(span or size)), 0, 6))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _panel(values: NDArray[Any], label: str = "") -> Panel:
    if values.ndim == 1:
        return Panel(label, values, "bars")
    return Panel(label, values, "curves", tuple(range(_drawn_channels(values))))


def _drawn_channels(values: NDArray[Any]) -> int:
    return min(int(values.shape[1]), CHANNELS)


def _shares(values: NDArray[Any], limits: NDArray[Any]) -> NDArray[Any]:
    """Return how far up in its range each number of a row lies."""
    low, high = np.broadcast_to(limits, (len(values), 2)).T
    shares: NDArray[Any] = (values - low) / np.where(high > low, high - low, 1)
    return shares


def _draw_curves(axes: Axes, panel: Panel, scale: tuple[float, float], height: float) -> None:
    """Draw a curve for each channel, its name beside it, and its ends where there is room."""
    draw_panel(axes, panel, "gray", scale, is_fixed=True)
    axes.set_yticks([])
    count = len(panel.picked)
    low, high = scale
    across = axes.get_yaxis_transform()
    beside: dict[str, Any] = {"ha": "right", "transform": across}
    for number, channel in enumerate(panel.picked):
        place = count - 1 - number
        axes.text(-0.02, place + 0.45, f"channel {channel}", fontsize=6, va="center", **beside)
        if high > low and height / (count + 0.1) >= BAND:
            small: dict[str, Any] = {"fontsize": 6, "alpha": 0.65} | beside
            axes.text(-0.02, place - 0.03, number_text(low, high - low), va="bottom", **small)
            axes.text(-0.02, place + 0.93, number_text(high, high - low), va="top", **small)


def _draw_bars(
    axes: Axes,
    values: NDArray[Any],
    limits: NDArray[Any],
    scale: tuple[float, float],
    height: float,
) -> None:
    """Draw a bar for each column, with the numbers of some of them below."""
    from matplotlib.ticker import MaxNLocator

    # Room below for those numbers and for a second line of words.
    place = axes.get_position()
    below = 0.28 / height * place.height
    axes.set_position((place.x0, place.y0 + below, place.width, place.height - below))
    if len(np.unique(limits, axis=0)) > 1:
        draw_bars(axes, _shares(values, limits))
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 1], ["lowest", "highest"])
    else:
        draw_bars(axes, values)
        low, high = min(scale[0], 0), max(scale[1], 0)
        axes.set_ylim(low, high if high > low else low + 1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=6, length=2, pad=2)
    axes.set_xlim(-0.75, len(values) - 0.25)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlim(-0.75, len(values) - 0.25)


def _draw_lines(
    axes: Axes, values: NDArray[Any], limits: NDArray[np.float64], width: float
) -> None:
    """Draw a line for each column from the lowest to the highest number, and where its own lies."""
    small: dict[str, Any] = {"fontsize": 6.5, "va": "center", "alpha": 0.65}
    longest = 0
    for place, (value, share, (low, high)) in enumerate(
        zip(values, _shares(values, limits), limits, strict=True)
    ):
        if high - low <= 2 * KEPT * max(abs(low), 1):  # it never varies
            axes.text(0.5, place, f"always {number_text(value)}", ha="center", **small)
            continue
        span = high - low
        axes.plot([0, 1], [place, place], color="0.5", alpha=0.3, linewidth=3)
        ends = number_text(low, span), number_text(high, span)
        longest = max(longest, *map(len, ends))
        axes.text(-0.06, place, ends[0], ha="right", **small)
        axes.text(1.06, place, ends[1], ha="left", **small)
        if not np.isfinite(value):
            continue
        share = float(np.clip(share, 0, 1))
        axes.plot([0, share], [place, place], color="C0", linewidth=3)
        axes.plot([share], [place], "o", color="C0", markersize=5)
        words = number_text(value, span)
        axes.text(share, place - 0.22, words, ha="center", va="bottom", fontsize=7.5)
    # Numbers need their room at both sides, however long they are.
    taken = min(0.35, (CHARACTER * longest + 0.05) / width)
    room = max(0.12, (taken + 0.06) / (1 - 2 * taken))
    axes.set_xlim(-room, 1 + room)
    axes.set_ylim(len(values) - 0.5, -0.8)
    axes.set_xticks([])
    axes.set_yticks(range(len(values)), [str(place) for place in range(len(values))], fontsize=7)
    axes.set_ylabel("column", fontsize=7, alpha=0.7)
    axes.tick_params(left=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def scale_of(values: NDArray[Any]) -> tuple[float, float]:
    """Return what curves and bars of some numbers are drawn over."""
    return value_range(np.ravel(values))
