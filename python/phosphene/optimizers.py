"""How `phosphene.maximize` climbs.

``g`` below is the gradient of what is maximized with respect to the parameters of the picture
(spectrum or pixels, see `phosphene.maximize`), ``t`` counts the steps from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phosphene._settings import check_number

__all__ = ["Adam", "Optimizer", "RMSprop"]


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015), climbing.

    Parameters
    ----------
    learning_rate
        The longest move of a parameter in one step, about; above 0.
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

    learning_rate: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_number(self, "learning_rate", above=0)
        check_number(self, "beta1", minimum=0, below=1)
        check_number(self, "beta2", minimum=0, below=1)
        check_number(self, "epsilon", above=0)

    def to_json(self) -> dict[str, Any]:
        """Return the optimizer as a recipe states it."""
        return {
            "kind": "adam",
            "learning_rate": float(self.learning_rate),
            "beta1": float(self.beta1),
            "beta2": float(self.beta2),
            "epsilon": float(self.epsilon),
        }


@dataclass(frozen=True)
class RMSprop:
    """RMSprop as Keras computes it, climbing.

    Parameters
    ----------
    learning_rate
        The move of a parameter whose gradient stays the same; above 0.
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

    learning_rate: float = 0.05
    rho: float = 0.9
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_number(self, "learning_rate", above=0)
        check_number(self, "rho", minimum=0, below=1)
        check_number(self, "epsilon", above=0)

    def to_json(self) -> dict[str, Any]:
        """Return the optimizer as a recipe states it."""
        return {
            "kind": "rmsprop",
            "learning_rate": float(self.learning_rate),
            "rho": float(self.rho),
            "epsilon": float(self.epsilon),
        }


Optimizer = Adam | RMSprop
"""Any optimizer of this module."""
