"""A card of scores as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._display.card_rows import MOST, OTHERS, OWN, Row, limits_of, rows_of
from phosphene._display.figures import fit_text, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from phosphene._vision.maximization.card import Card

# Inches: the picture, the names of the rows, their scores, their words, a row, the title, the edge.
SIDE, NAMES, WIDTH, WORDS, ROW, TITLE, GAP = 1.5, 1.75, 2.1, 2.9, 0.23, 0.32, 0.25
FONT = 8.0


def card_figure(card: Card) -> Figure:
    """Draw the card, one picture below the other; of very many the first ones."""
    blocks = [rows_of(card, index) for index in range(min(len(card), MOST))]
    # Below the last row stand the ends of the axis.
    heights = [max(SIDE, TITLE + ROW * (len(rows) + 1)) for rows in blocks]
    size = (SIDE + NAMES + WIDTH + WORDS + 2 * GAP, sum(heights) + GAP * (len(blocks) + 1))
    figure = new_figure(size)

    top = GAP
    for index, (rows, height) in enumerate(zip(blocks, heights, strict=True)):
        picture = _box(size, GAP, top, SIDE, SIDE)
        _draw_thumbnail(figure.add_axes(picture), card.thumbnails[index])
        left, line, _, _ = _box(size, GAP + SIDE + 0.2, top, WIDTH, 0)
        style: dict[str, Any] = {"fontsize": 1.3 * FONT, "weight": "bold", "va": "top"}
        title = figure.text(left, line, card.labels[index], **style)
        fit_text(title, (NAMES + WIDTH - 0.2) * figure.dpi)
        strip = _box(size, GAP + SIDE + NAMES, top + TITLE, WIDTH, ROW * len(rows))
        words = strip[0] + 1.06 * strip[2]
        figure.text(words, line, f"{card.scores[index]:.4g}", color=OWN, **style)
        _draw_rows(figure.add_axes(strip), rows)
        top += height + GAP
    return figure


def _box(
    size: tuple[float, float], left: float, top: float, width: float, height: float
) -> tuple[float, float, float, float]:
    """Return a place, in inches from the top left, as shares of a figure from the bottom left."""
    bottom = 1 - (top + height) / size[1]
    return left / size[0], bottom, width / size[0], height / size[1]


def _draw_thumbnail(axes: Axes, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    # What has no colours is grey: one channel, or the mean of several.
    shown = pixels if pixels.shape[-1] == 3 else pixels.mean(axis=-1)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_anchor("NW")
    axes.set_axis_off()


def _draw_rows(axes: Axes, rows: list[Row]) -> None:
    """Draw rows of ticks on one axis of scores, with names to the left and words to the right."""
    low, high = limits_of(rows)
    margin = 0.04 * ((high - low) or 1.0)
    for number, row in enumerate(rows):
        if len(row.scores):
            axes.axhline(number, color=OTHERS, alpha=0.25, linewidth=0.8)
        places = np.full(len(row.scores), number)
        if row.is_own:
            axes.plot(row.scores, places, "o", color=OWN, markersize=6)
        else:
            axes.plot(row.scores, places, "|", color=OTHERS, alpha=0.7, markersize=9)
        axes.text(
            1.06, number, row.fact, transform=axes.get_yaxis_transform(), fontsize=FONT, va="center"
        )
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=FONT)
    axes.set_xticks([low, high], [f"{low:.3g}", f"{high:.3g}"], fontsize=FONT)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
