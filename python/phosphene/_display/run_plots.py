"""Looks at a training as pictures: every layer in the colours of the whole run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole_pair
from phosphene._display.figures import PanelGrid, drawn_ratio
from phosphene._display.plots import (
    ChannelsLast,
    Panel,
    chosen_panels,
    common_limits,
    draw_panel,
    fix_height,
)
from phosphene._errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from phosphene._vision.watching.looks import Look


class Drawing:
    """How the looks at a training are drawn.

    Parameters
    ----------
    looks
        All that share the colours; never empty.
    layers, sample, channels, kind, cmap, grid, min_size
        See `phosphene.Watch.plot`.
    """

    def __init__(
        self,
        looks: Sequence[Look],
        layers: Any,
        sample: int,
        channels: int | Sequence[int],
        kind: str,
        cmap: str | Colormap,
        grid: tuple[int, int],
        min_size: tuple[int, int],
    ) -> None:
        rows, self._columns = whole_pair("grid", grid, 1)
        self._sample, self._channels, self._kind, self._cmap = sample, channels, kind, cmap
        self._layers: list[str] = []
        self._titles = looks[0].titles
        nothing = isinstance(layers, (list, tuple)) and not layers
        if not nothing and (len(looks[0]) or layers is not None):
            try:
                found = chosen_panels(_drawn(looks[0]), layers, sample, channels, kind, min_size)
            except InvalidArgumentError:
                if layers is not None or not self._titles:
                    raise
                found = []  # layers too small to be drawn: the units' pictures alone
            self._layers = [panel.path for panel in found[: rows * self._columns]]
        if not self._layers and not self._titles:
            raise InvalidArgumentError("Neither layers nor units were watched, or layers=() given.")
        self._limits = {}
        if self._layers:
            self._limits = common_limits(
                map(_drawn, looks), layers=self._layers, sample=sample, channels=channels, kind=kind
            )

    def page(self, look: Look) -> Figure:
        """Draw one look."""
        return self._draw([look], min(self._columns, self._width), look.heading)

    def rows(self, looks: Sequence[Look]) -> Figure:
        """Draw several looks, one below the other."""
        return self._draw(looks, self._width, None)

    def frame(self, look: Look) -> Image:
        """Draw one look as a picture of a film; all of a run have one size."""
        from PIL import Image

        figure: Any = self.page(look)
        figure.canvas.draw()
        return Image.fromarray(np.array(figure.canvas.buffer_rgba())).convert("RGB")

    @property
    def _width(self) -> int:
        """How many panels a look has."""
        return len(self._layers) + len(self._titles)

    def _panels(self, look: Look) -> list[Panel]:
        if not self._layers:
            return []
        found = chosen_panels(
            _drawn(look), self._layers, self._sample, self._channels, self._kind, (1, 1)
        )
        return [replace(panel, path=path) for panel, path in zip(found, self._layers, strict=True)]

    def _draw(self, looks: Sequence[Look], columns: int, heading: str | None) -> Figure:
        panels = [self._panels(look) for look in looks]
        pictures = [list(look.pictures) if self._titles else [] for look in looks]
        ratios = []
        for layers, units in zip(panels, pictures, strict=True):
            ratios += [panel.ratio for panel in layers]
            ratios += [drawn_ratio(*unit.shape[:2]) for unit in units]
        vectors = any(panel.values.ndim == 1 for panel in panels[0]) and self._kind != "heat"
        page = PanelGrid(ratios, columns, left=0.35 if vectors else 0, heading=heading)
        number = 0
        for look, layers, units in zip(looks, panels, pictures, strict=True):
            for panel in layers:
                bars = panel.values.ndim == 1 and self._kind != "heat"
                low, high = self._limits[panel.path]
                draw_panel(page.axes[number], panel, self._cmap, (low, high), bars=bars)
                fix_height(page.axes[number], (low, high), bars=bars)
                title = panel.title if heading else f"{look.label}\n{panel.path}"
                page.label(number, title, f"{panel.caption} · run {low:.3g} … {high:.3g}")
                number += 1
            for unit, title, score in zip(units, look.titles, look.scores, strict=True):
                axes = page.axes[number]
                # What has no colours is grey: one channel, or the mean of several.
                shown = unit if unit.shape[-1] == 3 else unit.mean(axis=-1)
                axes.imshow(shown, cmap="gray", vmin=0, vmax=255, aspect="auto")
                axes.set_xticks([])
                axes.set_yticks([])
                page.label(
                    number,
                    f"what {title}\nlikes best" if heading else f"{look.label}\n{title}",
                    f"score {score:.4g}",
                )
                number += 1
        return page.figure


def _drawn(look: Look) -> ChannelsLast:
    return ChannelsLast(look, look.channel_axes)
