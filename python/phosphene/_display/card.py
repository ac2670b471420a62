"""A card of scores as HTML, for notebooks."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np

from phosphene._display.card_rows import MOST, OTHERS, OWN, Row, limits_of, rows_of
from phosphene._display.sheet import enlarged, shown_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._vision.maximization.card import Card

SIDE = 150
LEFT, WIDTH, WORDS = 150, 210, 250
"""Pixels for the names, the ticks and the words of a row."""
ROW = 22


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
    return (
        f'<div style="{style}"><img alt="" src="{_png(card.thumbnails[index])}" '
        f'style="width:{SIDE}px;image-rendering:pixelated;border-radius:4px;margin:0">'
        f'<div><div style="font-size:15px;font-weight:600">{html.escape(card.labels[index])} '
        f'<span style="color:{OWN}">{card.scores[index]:.4g}</span></div>'
        f"{_strips(rows_of(card, index))}</div></div>"
    )


def _strips(rows: list[Row]) -> str:
    """Return rows of ticks on one axis of scores."""
    low, high = limits_of(rows)
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(LEFT + 8 + (WIDTH - 16) * (value - low) / span, 1)

    parts = []
    for number, row in enumerate(rows):
        middle = ROW * number + ROW / 2
        words = html.escape(row.fact)
        parts.append(_text(0, middle + 4, row.name, 0.65))
        parts.append(_text(LEFT + WIDTH + 14, middle + 4, words, 1))
        if not len(row.scores):
            continue
        parts.append(
            f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{middle}" y2="{middle}" '
            'stroke="currentColor" opacity=".15"/>'
        )
        for value in row.scores:
            if row.is_own:
                mark = f'<circle cx="{place(value)}" cy="{middle}" r="5" fill="{OWN}"/>'
            else:
                mark = (
                    f'<rect x="{place(value) - 1}" y="{middle - 6}" width="2" height="12" '
                    f'fill="{OTHERS}" opacity=".6"/>'
                )
            parts.append(mark)
    axis = ROW * len(rows) + 10
    parts.append(_text(LEFT, axis, f"{low:.3g}", 0.6))
    parts.append(_text(LEFT + WIDTH, axis, f"{high:.3g}", 0.6, anchor="end"))
    width, height = LEFT + WIDTH + WORDS, axis + 5
    return (
        f'<svg width="{width}" height="{height}" style="display:block;margin-top:4px">'
        f"{''.join(parts)}</svg>"
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
