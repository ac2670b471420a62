"""A card of scores as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._display.card_rows import MOST, OTHERS, OWN, Strip, strips_of, tick_text
from phosphene._display.figures import fit_text, new_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from phosphene._vision.maximization.card import Card

# Inches: the picture, or the drawing of a signal or a row; the names of the rows, their marks and
# words; a row, the title, an axis with its caption, the edge.
SIDE, DRAWING = 1.5, 3.4
NAMES, WIDTH, WORDS, ROW, TITLE, AXIS, GAP = 1.75, 2.4, 3.3, 0.22, 0.34, 0.42, 0.25
FONT = 8.0


def card_figure(card: Card) -> Figure:
    """Draw the card, one picture below the other; of very many the first ones."""
    blocks = [strips_of(card, index) for index in range(min(len(card), MOST))]
    is_drawing = card.form in ("signal", "row")
    side = DRAWING if is_drawing else SIDE
    _, tall, wide, _ = card.thumbnails.shape
    lengths = [TITLE + sum(ROW * len(s.rows) + AXIS for s in strips) for strips in blocks]
    heights = [max(side * min(tall / wide, 2), length) for length in lengths]
    size = (side + NAMES + WIDTH + WORDS + 2 * GAP, sum(heights) + GAP * (len(blocks) + 1))
    figure = new_figure(size)

    top = GAP
    for index, (strips, height) in enumerate(zip(blocks, heights, strict=True)):
        picture = _box(size, GAP, top, side, min(side * 2, height))
        _draw_thumbnail(figure.add_axes(picture), card.thumbnails[index], smooth=is_drawing)
        left, line, _, _ = _box(size, GAP + side + 0.2, top, WIDTH, 0)
        style: dict[str, Any] = {"fontsize": 1.3 * FONT, "weight": "bold", "va": "top"}
        title = figure.text(left, line, card.labels[index], **style)
        fit_text(title, (NAMES + WIDTH - 0.2) * figure.dpi)
        words, *_ = _box(size, GAP + side + NAMES + 1.06 * WIDTH, top, 0, 0)
        figure.text(words, line, f"{card.scores[index]:.4g}", color=OWN, **style)
        below = top + TITLE
        for strip in strips:
            rows = ROW * len(strip.rows)
            _draw_strip(figure.add_axes(_box(size, GAP + side + NAMES, below, WIDTH, rows)), strip)
            below += rows + AXIS
        top += height + GAP
    return figure


def _box(
    size: tuple[float, float], left: float, top: float, width: float, height: float
) -> tuple[float, float, float, float]:
    """Return a place, in inches from the top left, as shares of a figure from the bottom left."""
    bottom = 1 - (top + height) / size[1]
    return left / size[0], bottom, width / size[0], height / size[1]


def _draw_thumbnail(
    axes: Axes, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], *, smooth: bool
) -> None:
    # What has no colours is grey: one channel, or the mean of several.
    shown = pixels if pixels.shape[-1] == 3 else pixels.mean(axis=-1)
    how = "antialiased" if smooth else "nearest"
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation=how)
    axes.set_anchor("NW")
    axes.set_axis_off()


def _draw_strip(axes: Axes, strip: Strip) -> None:
    """Draw rows of marks on one axis, with names to the left and words to the right."""
    low, high = strip.ticks[0], strip.ticks[-1]
    margin = 0.02 * (high - low)
    if low < 0 < high:
        axes.axvline(0, color=OTHERS, alpha=0.5, linewidth=0.8, linestyle=":")
    for number, row in enumerate(strip.rows):
        if len(row.scores):
            axes.axhline(number, color=OTHERS, alpha=0.25, linewidth=0.8)
        marks: list[float] = row.scores.tolist()
        places = [number] * len(marks)
        if row.is_own:
            axes.plot(marks, places, "o", color=OWN, markersize=6)
        else:
            alpha = 1.0 if len(marks) == 1 else 0.7
            axes.plot(marks, places, "|", color=OTHERS, alpha=alpha, markersize=9)
        axes.text(
            1.06, number, row.fact, transform=axes.get_yaxis_transform(), fontsize=FONT, va="center"
        )
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(len(strip.rows) - 0.5, -0.5)
    axes.set_yticks(range(len(strip.rows)), [row.name for row in strip.rows], fontsize=FONT)
    axes.set_xticks(strip.ticks, [tick_text(tick) for tick in strip.ticks], fontsize=0.85 * FONT)
    axes.set_xlabel(strip.caption, fontsize=0.9 * FONT, alpha=0.7, labelpad=1)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", length=2, color=OTHERS, pad=2)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(OTHERS)
