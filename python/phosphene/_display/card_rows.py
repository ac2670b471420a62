"""What a card of scores shows of one picture: rows of marks on two axes, and a few words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._vision.maximization.card import Card

MOST = 24
"""Pictures that are shown; the card holds the numbers of all."""

MOST_SCORES = 400
"""Scores that a row shows."""

NEAR = 2
"""By how many times its length an axis may grow to show where zero is."""

# Colours that stand out on white and on black.
OWN, OTHERS = "#2f7de1", "#8a8a93"


class Row(NamedTuple):
    """One line of a card: a name, marks on the axis of its strip, a few words."""

    name: str
    scores: NDArray[np.float64]
    """Finite ones; none where there are only words."""
    fact: str
    is_own: bool


class Strip(NamedTuple):
    """Rows on one axis."""

    caption: str
    """What the axis counts."""
    rows: list[Row]
    ticks: list[float]
    """The first and the last are the ends of the axis."""


def strips_of(card: Card, index: int) -> list[Strip]:
    """Return the lines for one picture: its score beside others, its gain beside chance's."""
    facts = card.facts(index)
    names = card.names
    scores = {
        names.shifted: None if card.shifted is None else card.shifted[index],
        names.starts: card.seeds[index],
        names.images: None if card.images is None else card.images[index],
        names.scrambled: card.scrambled[index],
    }
    rows = [Row(names.own, _finite(card.scores[[index]]), "", is_own=True)]
    for name, fact in facts.items():
        if name in scores:
            rows.append(Row(name, _finite(scores[name]), fact, is_own=False))
    strips = [Strip("score", rows, ticks_of(rows))]
    if card.random_gains is not None:
        gains = [
            Row(
                names.own,
                _finite(card.gains[[index]]),
                f"{card.gains[index]:.3g} deviations" if np.isfinite(card.gains[index]) else "",
                is_own=True,
            ),
            Row(
                names.weights,
                _finite(card.random_gains[[index]]),
                facts[names.weights],
                is_own=False,
            ),
        ]
        caption = f"deviations above {names.scrambled}"
        strips.append(Strip(caption, gains, ticks_of(gains, from_zero=True)))
    return strips


def ticks_of(rows: list[Row], *, from_zero: bool = False) -> list[float]:
    """Return round numbers around all marks of some rows, zero among them unless it is far off."""
    values = np.concatenate([row.scores for row in rows])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    span = high - low
    if from_zero or min(abs(low), abs(high)) <= NEAR * span or span == 0:
        low, high = min(low, 0.0), max(high, 0.0)
    high = high if high > low else low + 1
    span = high - low
    unit = 10.0 ** math.floor(math.log10(span / 4))
    step = next(unit * times for times in (1, 2, 2.5, 5, 10) if span / (unit * times) <= 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * number for number in range(first, max(last, first + 1) + 1)]


def tick_text(value: float) -> str:
    """Return the number of a tick."""
    return f"{value:.6g}" if abs(value) < 1e5 else f"{value:.3g}"


def _finite(scores: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if scores is None:
        return np.zeros(0)
    return scores[np.isfinite(scores)][:MOST_SCORES]
