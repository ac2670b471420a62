"""How far a maximized picture can be trusted: its score beside those of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray


class Names(NamedTuple):
    """How a card calls what it compares."""

    own: str
    images: str
    scrambled: str
    shifted: str = "shifted copies"
    starts: str = "other starts"
    weights: str = "weights in random order"


NAMES = {
    "picture": Names("this picture", "your images", "pixels in random order"),
    "volume": Names("this volume", "your volumes", "voxels in random order"),
    "signal": Names("this signal", "your signals", "steps in random order"),
    "row": Names("this row", "your rows", "columns in random order"),
}
"""By what the input is; of rows the places in the ranges of columns change, not the numbers."""

ROUNDING = 1e-5
"""Differences that are no more than this part of the scores say nothing."""


@dataclass(frozen=True, eq=False, repr=False)
class Card:
    """The scores of pictures beside those of other inputs; `Picture.card` makes it.

    Notebooks show it, ``print`` writes all that it says, `plot` and `save` draw it. Every array has
    one row for each picture; what wasn't asked for is None.

    Attributes
    ----------
    labels : tuple of str
        The titles of the pictures.
    scores : (n,) ndarray
        The objective of each picture, without diversity.
    shifted : (n, 16) ndarray or None
        The same of copies that are shifted by up to a sixteenth of their sides; None for inputs
        without positions.
    scrambled : (n, 16) ndarray
        The same of copies with their pixels in random order: the same colours, no shapes. In copies
        of a row each column is as far up its own range as another one was.
    seeds : tuple of (k,) ndarray
        For each picture the scores of pictures of its objective from other seeds.
    images : (n, m) ndarray or None
        The objective of the user's own inputs.
    random_gains : (n,) ndarray or None
        `gains` of the same recipe with the network's weights in random order; NaN where that
        network has no gradient.
    thumbnails : (n, height, width, channels) ndarray of uint8
        The pictures, or drawings of signals and rows.
    form : str
        What the inputs are: ``"picture"``, ``"signal"``, ``"volume"`` or ``"row"``.
    """

    labels: tuple[str, ...]
    scores: NDArray[np.float64]
    shifted: NDArray[np.float64] | None
    scrambled: NDArray[np.float64]
    seeds: tuple[NDArray[np.float64], ...]
    images: NDArray[np.float64] | None
    random_gains: NDArray[np.float64] | None
    thumbnails: NDArray[np.uint8]
    form: str = "picture"

    @property
    def names(self) -> Names:
        """How what is compared is called."""
        return NAMES[self.form]

    @property
    def percentiles(self) -> NDArray[np.float64] | None:
        """How many percent of the user's inputs score lower than each picture; None without any."""
        if self.images is None:
            return None
        lower: NDArray[np.float64] = 100 * (self.images < self.scores[:, np.newaxis]).mean(axis=1)
        return lower

    @property
    def gains(self) -> NDArray[np.float64]:
        """By how many standard deviations each picture beats its own pixels in random order."""
        return gains_of(self.scores, self.scrambled)

    @property
    def kept(self) -> NDArray[np.float64] | None:
        """The share of what a picture has above its scrambled copies that shifted copies keep.

        NaN for a picture that has nothing above them.
        """
        if self.shifted is None:
            return None
        floor = self.scrambled.mean(axis=1)
        lead = self.scores - floor
        lead = np.where(lead > _rounding(self.scores, self.scrambled), lead, np.nan)
        share: NDArray[np.float64] = (self.shifted.mean(axis=1) - floor) / lead
        return share

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.scores)

    def facts(self, index: int = 0) -> dict[str, str]:
        """Return what is known of one picture, each in a few words.

        Parameters
        ----------
        index
            Which picture, counted from 0.
        """
        names = self.names
        facts = {"score": f"{self.scores[index]:.4g}"}
        if self.images is not None:
            facts[names.images] = (
                f"{_above(self.scores[index], self.images[index])}, "
                f"the best {self.images[index].max():.4g}"
            )
        if self.kept is not None:
            share = self.kept[index]
            facts[names.shifted] = (
                f"keep {100 * share:.0f} % of the lead on {names.scrambled}"
                if np.isfinite(share)
                else f"no lead to keep: {names.scrambled} score as much"
            )
        if len(self.seeds[index]):
            facts[names.starts] = _range(self.seeds[index])
        own = self.gains[index]
        below = (
            f"{abs(own):.3g} deviations {'below' if own >= 0 else 'above'}"
            if np.isfinite(own)
            else "all alike"
        )
        facts[names.scrambled] = f"{_range(self.scrambled[index])}: {below}"
        if self.random_gains is not None:
            gain = self.random_gains[index]
            words = f"the same recipe gains {gain:.3g} deviations"
            if not np.isfinite(gain):
                words = "no gradient" if np.isnan(gain) else "copies score all alike"
            elif gain >= own:
                words += ", no less than here"
            facts[names.weights] = words
        return facts

    def plot(self) -> Figure:
        """Draw the card: each picture beside its scores, as notebooks show it.

        Of more than 24 pictures the first 24 are drawn.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from phosphene._display.card_figure import card_figure

        return card_figure(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the card to a PNG file; see `plot`.

        Parameters
        ----------
        path
            Ends in ``.png``; an existing file is replaced, a missing folder made.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidArgumentError
            If `path` ends otherwise.
        ModelFileError
            If the file can't be written; it is also an OSError.
        """
        from phosphene._display.figure_files import save_figure

        return save_figure(path, self.plot, "A card")

    def __repr__(self) -> str:
        shown = [
            f"{label}: {score:.4g}"
            for label, score in zip(self.labels[:4], self.scores[:4], strict=False)
        ]
        more = ", ..." if len(self) > 4 else ""
        return f"<Card of {len(self)}: {', '.join(shown)}{more}; print it for all it says>"

    def __str__(self) -> str:
        lines = []
        for index, label in enumerate(self.labels):
            lines.append(label)
            lines += [f"  {name}: {fact}" for name, fact in self.facts(index).items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from phosphene._display.card import card_html

        return card_html(self)


def gains_of(scores: NDArray[np.float64], scrambled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how many standard deviations scores beat those of scrambled copies."""
    noise = _rounding(scores, scrambled)
    lead, deviation = scores - scrambled.mean(axis=1), scrambled.std(axis=1)
    alike = deviation <= noise
    lead = np.where(alike & (np.abs(lead) <= noise), 0, lead)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains: NDArray[np.float64] = lead / np.where(alike, 0, deviation)
    return gains


def _rounding(scores: NDArray[np.float64], scrambled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far scores may differ by rounding alone: their sums take another order."""
    largest: NDArray[np.float64] = np.maximum(np.abs(scores), np.abs(scrambled).max(axis=1))
    return ROUNDING * largest


def _above(score: float, others: NDArray[np.float64]) -> str:
    """Return how many of others a score is above."""
    count, lower = len(others), int((others < score).sum())
    if lower in (0, count):
        return f"above {'all' if lower else 'none of'} {count}"
    # Neither is all of very many, nor none.
    return f"above {min(max(100 * lower / count, 0.1), 99.9):.3g} % of {count}"


def _range(values: NDArray[np.float64]) -> str:
    mean = f"{values.mean():.4g}"
    return mean if len(values) == 1 else f"{mean} ± {values.std():.2g}"
