"""A card of scores as HTML, for notebooks."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np

from phosphene._display.card_rows import MOST, OTHERS, OWN, Strip, strips_of, tick_text
from phosphene._display.sheet import enlarged, shown_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._vision.maximization.card import Card

SIDE, DRAWING = 150, 340
"""Pixels for a picture, and for the drawing of a signal or a row."""
LEFT, WIDTH, WORDS = 164, 220, 350
"""Pixels for the names, the marks and the words of a row."""
ROW, AXIS = 22, 40


def card_html(card: Card) -> str:
    """Return the card as HTML that needs nothing else."""
    parts = [_one(card, index) for index in range(min(len(card), MOST))]
    if len(card) > MOST:
        parts.append(f"<div>… and {len(card) - MOST} more in its arrays.</div>")
    return '<div style="display:flex;flex-wrap:wrap;gap:12px">' + "".join(parts) + "</div>"


def _one(card: Card, index: int) -> str:
    style = (
        "display:flex;gap:16px;padding:12px 16px;border:1px solid rgba(128,128,128,.35);"
        "border-radius:8px;font:13px/1.45 system-ui,sans-serif;align-items:flex-start"
    )
    is_drawing = card.form in ("signal", "row")
    side, how = (DRAWING, "auto") if is_drawing else (SIDE, "pixelated")
    strips = "".join(_strip(strip) for strip in strips_of(card, index))
    return (
        f'<div style="{style}"><img alt="" src="{_png(card.thumbnails[index])}" '
        f'style="width:{side}px;image-rendering:{how};border-radius:4px;margin:0">'
        f'<div><div style="font-size:15px;font-weight:600">{html.escape(card.labels[index])} '
        f'<span style="color:{OWN}">{card.scores[index]:.4g}</span></div>{strips}</div></div>'
    )


def _strip(strip: Strip) -> str:
    """Return rows of marks on one axis."""
    low, high = strip.ticks[0], strip.ticks[-1]

    def place(value: float) -> float:
        return round(LEFT + 8 + (WIDTH - 16) * (value - low) / (high - low), 1)

    bottom = ROW * len(strip.rows)
    parts = [_line(LEFT, bottom, LEFT + WIDTH, bottom, 0.4)]
    if low < 0 < high:
        parts.append(_line(place(0), 0, place(0), bottom, 0.3, ' stroke-dasharray="1 3"'))
    for number, row in enumerate(strip.rows):
        middle = ROW * number + ROW / 2
        parts.append(_text(0, middle + 4, row.name, 0.65))
        parts.append(_text(LEFT + WIDTH + 14, middle + 4, html.escape(row.fact), 1))
        if not len(row.scores):
            continue
        parts.append(_line(LEFT, middle, LEFT + WIDTH, middle, 0.15))
        for value in row.scores:
            if row.is_own:
                mark = f'<circle cx="{place(value)}" cy="{middle}" r="5" fill="{OWN}"/>'
            else:
                mark = (
                    f'<rect x="{place(value) - 1}" y="{middle - 6}" width="2" height="12" '
                    f'fill="{OTHERS}" opacity="{1 if len(row.scores) == 1 else 0.6}"/>'
                )
            parts.append(mark)
    for tick in strip.ticks:
        parts.append(_line(place(tick), bottom, place(tick), bottom + 3, 0.4))
        parts.append(_text(place(tick), bottom + 15, tick_text(tick), 0.6, anchor="middle"))
    parts.append(_text(LEFT + WIDTH / 2, bottom + 30, strip.caption, 0.6, anchor="middle"))
    return (
        f'<svg width="{LEFT + WIDTH + WORDS}" height="{bottom + AXIS}" '
        f'style="display:block;margin-top:4px">{"".join(parts)}</svg>'
    )


def _line(x: float, y: float, to_x: float, to_y: float, opacity: float, more: str = "") -> str:
    return (
        f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="currentColor" '
        f'opacity="{opacity}"{more}/>'
    )


def _text(x: float, y: float, words: str, opacity: float, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="12" fill="currentColor" opacity="{opacity}" '
        f'text-anchor="{anchor}">{words}</text>'
    )


def _png(pixels: NDArray[np.uint8]) -> str:
    """Return a picture as a data address."""
    if pixels.shape[-1] not in (1, 3):
        pixels = pixels.mean(axis=-1, keepdims=True).astype(np.uint8)
    height, width, _ = pixels.shape
    file = io.BytesIO()
    enlarged(pixels, shown_scale(height, width, SIDE)).save(file, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
