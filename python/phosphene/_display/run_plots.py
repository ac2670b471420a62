"""Looks at a training as pictures: every layer in the colours of the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._display.figures import PanelGrid, drawn_ratio, panel_width
from phosphene._display.panels import Panel, chosen_panels, common_limits, these
from phosphene._display.plots import draw_panel, ticks_room
from phosphene._display.series_panels import (
    LEFT,
    captions_of,
    draw_series,
    ratio_of,
    scale_of,
)
from phosphene._errors import InvalidArgumentError
from phosphene._models.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

    from phosphene._display.panels import Choice
    from phosphene._vision.watching.look import Look


class Drawing:
    """How the looks at a training are drawn.

    Parameters
    ----------
    looks
        All that share the colours; never empty.
    choice
        Which layers, and how.
    """

    def __init__(self, looks: Sequence[Look], choice: Choice) -> None:
        self._cmap = choice.cmap
        self._are_several = len(looks) > 1
        self._layers: list[str] = []
        self._titles = looks[0].titles
        layers, first = choice.layers, _outputs(looks[0])
        are_named = layers is not None or first.facts.are_named
        nothing = isinstance(layers, (list, tuple)) and not layers
        if not nothing and (len(first) or layers is not None):
            try:
                found = chosen_panels(first, choice)
            except InvalidArgumentError:
                if layers is not None or not self._titles:
                    raise
                found = []  # layers too small to be drawn: the units' pictures alone
            rows, columns = choice.page(len(found), are_named=are_named)
            self._layers = [panel.path for panel in found[: rows * columns]]
        if not self._layers and not self._titles:
            raise InvalidArgumentError("Neither layers nor units were watched, or layers=() given.")
        _, self._columns = choice.page(self._width, are_named=True)
        self._choice = these(choice, self._layers)
        self._limits = {}
        if self._layers:
            self._limits = common_limits(map(_outputs, looks), self._choice)
        self._scales: list[tuple[float, float]] = []
        if self._titles and looks[0].limits is not None:
            seen = np.array([[scale_of(each) for each in look.inputs] for look in looks])
            self._scales = list(
                zip(seen[..., 0].min(axis=0), seen[..., 1].max(axis=0), strict=True)
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
        return chosen_panels(_outputs(look), self._choice)

    def _draw(self, looks: Sequence[Look], columns: int, heading: str | None) -> Figure:
        panels = [self._panels(look) for look in looks]
        pictures = [_units(look) if self._titles else [] for look in looks]
        left = ticks_room(panels[0])
        if self._scales:
            left = max(left, LEFT)
        columns = min(columns, len(looks) * self._width)
        width = panel_width(columns, left=left)
        ratios = []
        for layers, units in zip(panels, pictures, strict=True):
            ratios += [panel.ratio for panel in layers]
            ratios += [
                ratio_of(unit, width) if self._scales else drawn_ratio(*unit.shape[:2])
                for unit in units
            ]
        page = PanelGrid(ratios, columns, left=left, heading=heading)
        number = 0
        for look, layers, units in zip(looks, panels, pictures, strict=True):
            for panel in layers:
                low, high = self._limits[panel.path]
                draw_panel(page.axes[number], panel, self._cmap, (low, high), is_fixed=True)
                title = panel.title if heading else f"{look.label}\n{panel.path}"
                run = f" · run {low:.3g} … {high:.3g}" if self._are_several else ""
                page.label(number, title, panel.caption + run, panel.short_caption + run)
                number += 1
            for at, (unit, title, score) in enumerate(
                zip(units, look.titles, look.scores, strict=True)
            ):
                axes = page.axes[number]
                words = f"what {title}\nlikes best" if heading else f"{look.label}\n{title}"
                if look.limits is not None:
                    draw_series(axes, unit, look.limits, self._scales[at])
                    captions = captions_of(unit, look.limits, width, f"score {score:.4g}")
                    page.label(number, words, *captions)
                    number += 1
                    continue
                # What has no colours is grey: one channel, or the mean of several.
                shown = unit if unit.shape[-1] == 3 else unit.mean(axis=-1)
                axes.imshow(shown, cmap="gray", vmin=0, vmax=255, aspect="auto")
                axes.set_xticks([])
                axes.set_yticks([])
                page.label(number, words, f"score {score:.4g}")
                number += 1
        return page.figure


def _units(look: Look) -> list[NDArray[Any]]:
    """Return what is drawn of each unit: a signal, a row, or else a picture."""
    return list(look.pictures if look.limits is None else look.inputs)


def _outputs(look: Look) -> Outputs:
    return Outputs(look, look.facts)
