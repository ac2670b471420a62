"""Traces as figures: every layer output as a panel of a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._display.bars import draw_bars, draw_named_bars
from phosphene._display.figures import (
    NOT_FINITE,
    PanelGrid,
    draw_image,
    drawing_map,
    figure_png,
    value_range,
)
from phosphene._display.panels import chosen_panels
from phosphene._files import make_folder, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from phosphene._display.panels import Choice, Panel
    from phosphene._models.outputs import Outputs


def trace_plot(outputs: Outputs, choice: Choice) -> Figure:
    """Draw layer outputs as one grid of pictures; see `phosphene.Trace.plot`."""
    panels = chosen_panels(outputs, choice)
    are_named = choice.layers is not None or outputs.facts.are_named
    rows, columns = choice.page(len(panels), are_named=are_named)
    return _draw(panels[: rows * columns], choice, columns)


def save_trace(
    outputs: Outputs,
    folder: Path,
    choice: Choice,
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> list[Path]:
    """Write layer outputs as numbered pages of pictures; see `phosphene.Trace.save`.

    Parameters
    ----------
    outputs, choice
        What is drawn, and how.
    folder
        Made where it is missing. Files of the same names are replaced.
    limits
        What the colours of a layer stretch over, by path, instead of the choice's scale.
    """
    panels = chosen_panels(outputs, choice)
    rows, columns = choice.page(len(panels), are_named=False)
    make_folder(folder)
    files = []
    for number, start in enumerate(range(0, len(panels), rows * columns)):
        page = panels[start : start + rows * columns]
        files.append(folder / f"{number}.png")
        write_file(files[-1], figure_png(_draw(page, choice, columns, limits)))
    return files


def _draw(
    panels: Sequence[Panel],
    choice: Choice,
    columns: int,
    given: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw one page."""
    drawn = [panel.drawn for panel in panels]
    limits = list(map(value_range, drawn))
    is_shared = given is None and choice.scale == "shared"
    if given is not None:
        limits = [given[panel.path] for panel in panels]
    elif is_shared:
        joined = np.concatenate([np.ma.compressed(values) for values in drawn])
        limits = [value_range(joined)] * len(panels)
    has_bar = is_shared and any(panel.form == "image" for panel in panels)
    page = PanelGrid(
        [panel.ratio for panel in panels],
        columns,
        left=ticks_room(panels),
        right=0.8 if has_bar else 0,
    )
    image = None
    for number, panel in enumerate(panels):
        drawn_image = draw_panel(
            page.axes[number], panel, choice.cmap, limits[number], is_fixed=given is not None
        )
        image = drawn_image or image
        caption = panel.caption
        if given is not None:
            caption = f"{caption} · colours {limits[number][0]:.3g} … {limits[number][1]:.3g}"
        page.label(number, panel.title, caption)
    if image is not None and has_bar:
        page.colour_bar(image)
    return page.figure


def ticks_room(panels: Sequence[Panel]) -> float:
    """Return the inches that numbers at the left of panels take."""
    has_none = all(panel.form == "image" or panel.are_bars_named for panel in panels)
    return 0.0 if has_none else 0.35


def draw_panel(
    axes: Axes,
    panel: Panel,
    cmap: str | Colormap,
    limits: tuple[float, float],
    *,
    is_fixed: bool = False,
) -> Any:
    """Draw one layer output in its place, and return its image; None for bars and curves.

    Fixed limits are those of bars too, which are to be compared with others.
    """
    if panel.form == "image":
        return draw_image(axes, np.ma.atleast_2d(panel.drawn), drawing_map(cmap), limits)
    if panel.form == "curves":
        _draw_curves(axes, panel, limits)
        return None
    if panel.are_bars_named:
        draw_named_bars(axes, panel.values, panel.names, limits)
        return None
    draw_bars(axes, panel.values)
    low, high = limits
    if is_fixed and high > low:
        axes.set_ylim(min(low, 0), max(high, 0))
    return None


def _draw_curves(axes: Axes, panel: Panel, limits: tuple[float, float]) -> None:
    """Draw channels below each other, each over the same limits, with a line where 0 is."""
    rows = panel.drawn
    low, high = limits
    span = (high - low) or 1.0
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        heights = place + 0.9 * (np.where(np.isfinite(row), row, np.nan) - low) / span
        if low <= 0 <= high:
            axes.axhline(place - 0.9 * low / span, color="0.5", alpha=0.35, linewidth=0.6)
        axes.plot(heights, color="C0", linewidth=1, marker="." if len(row) == 1 else None)
        lost = np.flatnonzero(~np.isfinite(row))
        axes.plot(lost, np.full(len(lost), place + 0.45), ".", color=NOT_FINITE, markersize=3)
    axes.set_xticks([])
    axes.set_yticks(places + 0.45, [str(index) for index in panel.picked], fontsize=6)
    axes.tick_params(left=False)
    axes.set_ylim(-0.1, len(rows))
    axes.margins(x=0.01)
    for spine in axes.spines.values():
        spine.set_visible(False)
