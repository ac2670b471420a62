"""Maximized inputs as figures: pictures as they are, signals as curves, rows as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phosphene._display.figures import PanelGrid, drawn_ratio
from phosphene._display.series_figure import columns_of, is_series, series_figure
from phosphene._display.slices import drawn_tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from phosphene._vision.maximization.picture import Picture


def picture_figure(picture: Picture) -> Figure:
    """Draw each picture in a panel of its own, with its label and score; see `Picture.plot`."""
    if is_series(picture):
        return series_figure(picture)
    tiles = drawn_tiles(picture)
    ratios = [drawn_ratio(*image.shape[:2]) for image in tiles]
    page = PanelGrid(ratios, columns_of(len(ratios)))
    for number, image in enumerate(tiles):
        axes = page.axes[number]
        axes.imshow(image, aspect="auto")
        axes.patch.set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        page.label(number, picture.labels[number], f"score {picture.scores[number]:.4g}")
    return page.figure
