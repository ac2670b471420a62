"""The old regularizers: functions of all inputs together, of smaller numbers than the new."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.compat.tf_keras_vis.utils import _deprecated

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "L2Norm",
    "LegacyRegularizer",
    "Norm",
    "Regularizer",
    "TotalVariation",
    "TotalVariation2D",
]

_NEW = "tf_keras_vis.activation_maximization.regularizers"


class LegacyRegularizer(ABC):
    """A function of the list of all inputs.

    Parameters
    ----------
    name
        What it is called.
    """

    def __init__(self, name: str) -> None:
        _deprecated(f"tf_keras_vis.utils.regularizers.{type(self).__name__}", _NEW)
        self.name = name
        """What it is called."""

    @abstractmethod
    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Return the penalty of each sample."""


Regularizer = LegacyRegularizer


class TotalVariation2D(LegacyRegularizer):
    """Differences between neighbouring pixels, divided by the number of samples too.

    Parameters
    ----------
    weight
        How much they count.
    name
        What it is called.
    """

    channels_last = True
    """Whether it wants channels last; then a network with its channels first is turned for it."""

    def __init__(self, weight: float = 10.0, name: str = "TotalVariation2D") -> None:
        super().__init__(name)
        self.weight = weight
        """How much they count."""

    def __call__(self, overall_inputs: Sequence[Any]) -> Any:
        """Return the penalty of each sample."""
        total: Any = 0.0
        for each in overall_inputs:
            down = abs(each[:, 1:] - each[:, :-1]).sum(axis=(1, 2, 3))
            right = abs(each[:, :, 1:] - each[:, :, :-1]).sum(axis=(1, 2, 3))
            total = total + (down + right) / np.float32(np.prod(each.shape))
        return total * np.float32(self.weight)


class TotalVariation(TotalVariation2D):
    """`TotalVariation2D`, under its old name."""

    def __init__(self, weight: float = 10.0) -> None:
        super().__init__(weight, "TotalVariation")


class Norm(LegacyRegularizer):
    """The p-norm, divided by the number of elements.

    Parameters
    ----------
    weight
        How much it counts.
    p
        Its order.
    name
        What it is called.
    """

    def __init__(self, weight: float = 10.0, p: float = 2, name: str = "Norm") -> None:
        super().__init__(name)
        self.weight = weight
        """How much it counts."""
        self.p = p
        """Its order."""

    def __call__(self, overall_inputs: Sequence[Any]) -> Any:
        """Return the penalty of each sample."""
        total: Any = 0.0
        for each in overall_inputs:
            rows = each.reshape(each.shape[0], -1)
            norm = (abs(rows) ** float(self.p)).sum(axis=1) ** (1.0 / self.p)
            total = total + norm / np.float32(rows.shape[1])
        return total * np.float32(self.weight)


class L2Norm(Norm):
    """`Norm` of order 2, under its old name."""

    def __init__(self, weight: float = 10.0) -> None:
        super().__init__(weight, 2, "L2Norm")
