"""Penalties that keep a maximized picture calm.

`phosphene.maximize` climbs ``objective - sum of penalties``. Pixels are measured in 0 ... 1, so
that a weight means the same for every network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from phosphene._docstrings import shares
from phosphene._errors import InvalidArgumentError
from phosphene._recipe_options import Option

__all__ = ["Alpha", "Blur", "Distance", "Lp", "Regularizer", "Statistics", "TotalVariation"]

OF_PENALTIES = {"weight": "How strongly, in units of the objective, 0 or more."}
"""What the docstrings of penalties share."""


@dataclass(frozen=True)
class _Penalty(Option):
    """What is subtracted from the objective, times a weight."""

    weight: float

    def _check(self) -> None:
        self._number("weight", minimum=0)


@dataclass(frozen=True)
class Alpha(_Penalty):
    """Punish opacity: what the objective doesn't need becomes transparent.

    For ``ph.maximize(..., alpha="optimized")`` alone.

    Parameters
    ----------
    weight
        How strongly, 0 or more.
    power
        1 (the default) for the mean of the opacity (L1), 2 for that of its square (L2), which
        spares what is nearly transparent already.
    relative
        Measure the weight by the objective as it stands instead of in its units: 1 with `power` 1
        is about as much as Lucid's recipe takes, ``objective * (1 - mean(alpha))``.

    Notes
    -----
    ``weight * mean(alpha**power)`` over the pixels of one picture, times ``max(objective, 0)`` if
    `relative`: below zero there is nothing to see yet.

    References
    ----------
    Mordvintsev, Pezzotti, Schubert and Olah, "Differentiable Image Parameterizations", Distill
    2018, on semi-transparent patterns.

    Examples
    --------
    >>> Alpha(0.5, relative=True).to_json()
    {'kind': 'alpha', 'weight': 0.5, 'power': 1, 'relative': True}
    """

    kind = "alpha"

    power: Literal[1, 2] = 1
    relative: bool = False

    def _check(self) -> None:
        super()._check()
        self._whole("power", 1, 2)
        self._flag("relative")


@shares(OF_PENALTIES)
@dataclass(frozen=True)
class Distance(_Penalty):
    """Hold on to the start picture.

    Parameters
    ----------
    weight

    Notes
    -----
    ``weight * mean (x - start)**2`` over the positions and channels of one picture. With a weight
    that lets the objective grow but not take over, what the network sees in the start is
    accentuated.

    References
    ----------
    The accentuation of Horama, the code of Fel et al. 2023.

    Examples
    --------
    >>> Distance(100).to_json()
    {'kind': 'distance', 'weight': 100.0}
    """

    kind = "distance"


@shares(OF_PENALTIES)
@dataclass(frozen=True)
class TotalVariation(_Penalty):
    """Punish differences between neighbouring pixels.

    Parameters
    ----------
    weight
    power
        1 (the default) keeps sharp edges, 2 smooths them away.

    Notes
    -----
    ``weight * (mean |x[i+1, j] - x[i, j]|**power + mean |x[i, j+1] - x[i, j]|**power)``, where the
    means run over the positions and channels of one picture.

    Examples
    --------
    >>> TotalVariation(0.1).to_json()
    {'kind': 'total_variation', 'weight': 0.1, 'power': 1}
    """

    kind = "total_variation"

    power: Literal[1, 2] = 1

    def _check(self) -> None:
        super()._check()
        self._whole("power", 1, 2)


@shares(OF_PENALTIES)
@dataclass(frozen=True)
class Lp(_Penalty):
    """Punish pixels that are far from the middle of the range.

    Parameters
    ----------
    weight
    p
        The exponent, 1 or more: 1 pulls on all pixels alike, larger ones mostly on the extreme
        ones.

    Notes
    -----
    ``weight * mean(|2 x - 1|**p)**(1 / p)`` over the pixels and channels of one picture.

    Examples
    --------
    >>> Lp(0.01, 2).to_json()
    {'kind': 'lp', 'weight': 0.01, 'p': 2.0}
    """

    kind = "lp"

    p: float

    def _check(self) -> None:
        super()._check()
        self._number("p", minimum=1)


@shares(OF_PENALTIES)
@dataclass(frozen=True)
class Statistics(_Penalty):
    """Keep the network's layers as they were in training.

    A network with batch normalizations remembers which mean and which standard deviation each of
    their channels had over its training pictures. A picture that has the same ones looks like
    those: clean ground, plausible colours, things in surroundings. Networks without them are
    shown pictures of dead leaves (shapes of all sizes in front of each other, with colours and
    textures as strong as in nature), which early layers answer as they answer photos.

    Parameters
    ----------
    weight
    of
        ``"training"`` for what batch normalizations remember, ``"dead_leaves"`` to measure what
        activations are applied to. By default training where the network knows it, else leaves
        where its input is a coloured picture of 64 pixels or more.

    Raises
    ------
    InvalidArgumentError
        When it is used: for ``"training"`` and a network without batch normalizations, or whose
        averages were folded into its weights; for ``"dead_leaves"`` and inputs that aren't
        pictures of one channel or three, or a network without activations.

    Notes
    -----
    ``weight`` times the mean, over the layers that the objective needs and over their channels, of
    ``((m - mean) / deviation)**2 + (d / deviation - 1)**2``, where ``m`` and ``d`` are the mean
    and the deviation over all positions and views of one picture, ``mean`` and ``deviation`` those
    of training, or over 32 pictures of leaves (fewer above 256 pixels, at least 8). Layers of
    which a position stands for more than 20 pixels a side don't count, unless there are no others:
    their channels answer to whole things, of which training showed all kinds. It counts from the
    second step on.

    References
    ----------
    Yin et al., "Dreaming to Distill", CVPR 2020 (DeepInversion). Lee, Mumford and Huang,
    "Occlusion Models for Natural Images", 2001; Baradad et al., "Learning to See by Looking at
    Noise", NeurIPS 2021 (dead leaves).

    Examples
    --------
    >>> Statistics(80).to_json()
    {'kind': 'statistics', 'weight': 80.0}
    >>> Statistics(80, of="dead_leaves").to_json()
    {'kind': 'statistics', 'weight': 80.0, 'of': 'dead_leaves'}
    """

    kind = "statistics"

    of: Literal["training", "dead_leaves"] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the recipe's form, in which what is left to the network isn't stated."""
        stated = super().to_json()
        return stated if self.of else {"kind": self.kind, "weight": self.weight}

    def _check(self) -> None:
        super()._check()
        if self.of not in (None, "training", "dead_leaves"):
            raise InvalidArgumentError(
                "Statistics: of must be 'training', 'dead_leaves' or None for what the network "
                f"has; received {self.of!r:.60}."
            )


@shares(OF_PENALTIES)
@dataclass(frozen=True)
class Blur(_Penalty):
    """Keep the picture close to itself, blurred a little: fine grain costs, large shapes don't.

    Parameters
    ----------
    weight

    Notes
    -----
    ``weight * mean((x - blurred)**2)`` over the inner pixels ``x`` (0 to 1) and channels of one
    picture, where ``blurred`` weighs a pixel and its neighbours by 1/4, 1/2, 1/4 along either
    axis; an axis of fewer than three pixels isn't blurred.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, on penalties of high
    frequencies.

    Examples
    --------
    >>> Blur(10).to_json()
    {'kind': 'blur', 'weight': 10.0}
    """

    kind = "blur"


Regularizer = Alpha | Blur | Distance | TotalVariation | Lp | Statistics
"""Any penalty of this module."""
