"""Maximized inputs as figures: pictures as they are, signals as curves, rows as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phosphene._display.figures import PanelGrid, drawn_ratio, figure_png, value_range
from phosphene._display.panels import Panel
from phosphene._display.plots import draw_panel, ticks_room

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from phosphene._vision.maximization.picture import Picture

CHANNELS = 9
"""How many channels of a signal are drawn, as in a trace."""


def is_series(picture: Picture) -> bool:
    """Whether the inputs are signals or rows of numbers, which say little in grey."""
    return picture.input.ndim < 4


def picture_figure(picture: Picture) -> Figure:
    """Draw each picture in a panel of its own, with its label and score; see `Picture.plot`."""
    if is_series(picture):
        panels = [
            _panel(label, _steps_first(values, picture.images[number]))
            for number, (label, values) in enumerate(
                zip(picture.labels, picture.input, strict=True)
            )
        ]
        ratios = [panel.ratio for panel in panels]
        page = PanelGrid(ratios, _columns(len(panels)), left=ticks_room(panels))
        for number, panel in enumerate(panels):
            limits = value_range(panel.drawn)
            draw_panel(page.axes[number], panel, "gray", limits)
            page.label(number, panel.title, f"{panel.caption} · score {picture.scores[number]:.4g}")
        return page.figure
    ratios = [drawn_ratio(*image.shape[:2]) for image in picture.images]
    page = PanelGrid(ratios, _columns(len(ratios)))
    for number, image in enumerate(picture.images):
        axes = page.axes[number]
        is_coloured = image.shape[-1] == 3
        axes.imshow(
            image if is_coloured else image[..., 0], cmap="gray", vmin=0, vmax=255, aspect="auto"
        )
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        page.label(number, picture.labels[number], f"score {picture.scores[number]:.4g}")
    return page.figure


def series_png(picture: Picture) -> bytes:
    """Return the figure of signals or rows as the bytes of a PNG file."""
    return figure_png(picture_figure(picture))


def _columns(count: int) -> int:
    """Return three columns, two where the fourth picture would stand alone."""
    return 2 if count == 4 else min(count, 3)


def _panel(label: str, values: NDArray[np.float32]) -> Panel:
    if values.ndim == 1:
        return Panel(label, values, "bars")
    return Panel(label, values, "curves", tuple(range(min(values.shape[1], CHANNELS))))


def _steps_first(values: NDArray[np.float32], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a signal as (steps, channels), whichever the network has first.

    The picture to look at has a row for each channel, and steps to the right.
    """
    return values.T if values.ndim == 2 and values.shape[1] != image.shape[0] else values
