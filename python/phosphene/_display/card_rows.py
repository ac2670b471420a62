"""What a card of scores shows of one picture: rows of scores on one axis, and a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._vision.maximization.card import Card

MOST = 24
"""Pictures that are shown; the card holds the numbers of all."""

MOST_SCORES = 400
"""Scores that a row shows."""

# Colours that stand out on white and on black.
OWN, OTHERS = "#2f7de1", "#8a8a93"


class Row(NamedTuple):
    """One line of a card: a name, scores on the common axis, a few words."""

    name: str
    scores: NDArray[np.float64]
    """Finite ones; none where there are only words."""
    fact: str
    is_own: bool


def rows_of(card: Card, index: int) -> list[Row]:
    """Return the lines for one picture, its own score first."""
    scores = {
        "shifted copies": None if card.shifted is None else card.shifted[index],
        "other starts": card.seeds[index],
        "your images": None if card.images is None else card.images[index],
        "pixels in random order": card.scrambled[index],
    }
    rows = [Row("this picture", _finite(card.scores[[index]]), "", is_own=True)]
    for name, fact in card.facts(index).items():
        if name != "score":
            rows.append(Row(name, _finite(scores.get(name)), fact, is_own=False))
    return rows


def limits_of(rows: list[Row]) -> tuple[float, float]:
    """Return the smallest and the largest score of some rows."""
    values = np.concatenate([row.scores for row in rows])
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _finite(scores: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if scores is None:
        return np.zeros(0)
    return scores[np.isfinite(scores)][:MOST_SCORES]
