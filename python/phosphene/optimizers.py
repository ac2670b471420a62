"""How `phosphene.maximize` climbs.

``g`` below is the gradient of what is maximized with respect to the parameters of the picture
(spectrum or pixels, see `phosphene.maximize`), ``t`` counts the steps from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phosphene._recipe_options import Option

__all__ = ["SGD", "Adam", "NAdam", "Optimizer", "RMSprop"]


class _Climbing(Option):
    """An optimizer, whose learning rate may be left to the parametrization."""

    learning_rate: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the kind and the numbers as a recipe states them, without what is left out."""
        return {name: value for name, value in super().to_json().items() if value is not None}

    def _rate(self) -> None:
        if self.learning_rate is not None:
            self._number("learning_rate", above=0)


@dataclass(frozen=True)
class Adam(_Climbing):
    """Adam (Kingma and Ba, 2015), climbing.

    Parameters
    ----------
    learning_rate
        The longest move of a parameter in one step, about; above 0. None for what suits the
        parametrization, see the table of `python/docs/maximization.md`.
    beta1, beta2
        How slowly the means of ``g`` and of ``g**2`` forget, 0 or more and below 1.
    epsilon
        Keeps the division finite, above 0.

    Notes
    -----
    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        x = x + learning_rate * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + epsilon)

    Examples
    --------
    >>> Adam(0.1).to_json()["learning_rate"]
    0.1
    """

    kind = "adam"

    learning_rate: float | None = None
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def _check(self) -> None:
        self._rate()
        self._number("beta1", minimum=0, below=1)
        self._number("beta2", minimum=0, below=1)
        self._number("epsilon", above=0)


@dataclass(frozen=True)
class RMSprop(_Climbing):
    """RMSprop as Keras computes it, climbing.

    Parameters
    ----------
    learning_rate
        The move of a parameter whose gradient stays the same; above 0. None for what suits the
        parametrization.
    rho
        How slowly the mean of ``g**2`` forgets, 0 or more and below 1.
    epsilon
        Keeps the division finite, above 0.

    Notes
    -----
    ::

        v = rho * v + (1 - rho) * g**2
        x = x + learning_rate * g / sqrt(v + epsilon)

    There is no correction for the start: the first step is ``1 / sqrt(1 - rho)`` times as long
    as a later one, 3 times with the default.

    Examples
    --------
    >>> RMSprop(0.5).to_json()
    {'kind': 'rmsprop', 'learning_rate': 0.5, 'rho': 0.9, 'epsilon': 1e-07}
    """

    kind = "rmsprop"

    learning_rate: float | None = None
    rho: float = 0.9
    epsilon: float = 1e-7

    def _check(self) -> None:
        self._rate()
        self._number("rho", minimum=0, below=1)
        self._number("epsilon", above=0)


@dataclass(frozen=True)
class NAdam(_Climbing):
    """Adam with Nesterov's momentum (Dozat, 2016) as Keras computes it, climbing.

    Parameters
    ----------
    learning_rate
        The longest move of a parameter in one step, about; above 0. None for what suits the
        parametrization: 1 for phases (``"maco"``), which are measured in their own standard
        deviation.
    beta1, beta2
        How slowly the means of ``g`` and of ``g**2`` forget, 0 or more and below 1.
    epsilon
        Keeps the division finite, above 0.

    Notes
    -----
    With ``u(t) = beta1 * (1 - 0.5 * 0.96**t)`` and ``U(t) = u(1) * ... * u(t)``::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        a = u(t + 1) / (1 - U(t + 1)) * m + (1 - u(t)) / (1 - U(t)) * g
        x = x + learning_rate * a / (sqrt(v / (1 - beta2**t)) + epsilon)

    Examples
    --------
    >>> NAdam(0.5).to_json()["kind"]
    'nadam'
    """

    kind = "nadam"

    learning_rate: float | None = None
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7

    def _check(self) -> None:
        self._rate()
        self._number("beta1", minimum=0, below=1)
        self._number("beta2", minimum=0, below=1)
        self._number("epsilon", above=0)


@dataclass(frozen=True)
class SGD(_Climbing):
    """Plain ascent with momentum as Keras computes it.

    Parameters
    ----------
    learning_rate
        The move for a gradient of 1; above 0. It has no scale of its own: gradients of pictures
        are often small, and rates of hundreds aren't unusual. None measures the first gradient,
        and takes the rate by which its mean moves a parameter by a number that suits the
        parametrization; for ``"maco"`` none does.
    momentum
        The share of the latest move that goes on, 0 or more and below 1.
    nesterov
        Whether the gradient counts as if the momentum's next move had been made.

    Notes
    -----
    ::

        v = momentum * v + learning_rate * g
        x = x + v                                   # or, with nesterov
        x = x + momentum * v + learning_rate * g

    Examples
    --------
    >>> SGD(100).to_json()
    {'kind': 'sgd', 'learning_rate': 100.0, 'momentum': 0.9, 'nesterov': False}
    """

    kind = "sgd"

    learning_rate: float | None = None
    momentum: float = 0.9
    nesterov: bool = False

    def _check(self) -> None:
        self._rate()
        self._number("momentum", minimum=0, below=1)
        self._flag("nesterov")


Optimizer = Adam | NAdam | RMSprop | SGD
"""Any optimizer of this module."""
