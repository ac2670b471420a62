"""What an input should have little of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from phosphene._errors import InvalidArgumentError

__all__ = ["Norm", "Regularizer", "TotalVariation2D"]


class Regularizer(ABC):
    """A function of an input, with a value for each sample.

    Parameters
    ----------
    name
        What it is called.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        """What it is called."""

    @abstractmethod
    def __call__(self, input_value: Any) -> Any:
        """Return the penalty of each sample."""


class TotalVariation2D(Regularizer):
    """Differences between neighbouring pixels.

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
        self.weight = float(weight)
        """How much they count."""

    def __call__(self, input_value: Any) -> Any:
        """Return the penalty of each sample."""
        if input_value.ndim != 4:
            raise InvalidArgumentError(
                "TotalVariation2D is for inputs (batch, height, width, channels); received "
                f"{input_value.shape}."
            )
        down = abs(input_value[:, 1:] - input_value[:, :-1])
        right = abs(input_value[:, :, 1:] - input_value[:, :, :-1])
        total = down.sum(axis=(1, 2, 3)) + right.sum(axis=(1, 2, 3))
        return total / np.prod(input_value.shape[1:], dtype=np.float32) * np.float32(self.weight)


class Norm(Regularizer):
    """The p-norm, in units of that of ones.

    Parameters
    ----------
    weight
        How much it counts.
    p
        Its order.
    name
        What it is called.
    """

    def __init__(self, weight: float = 10.0, p: int = 2, name: str = "Norm") -> None:
        super().__init__(name)
        self.weight = float(weight)
        """How much it counts."""
        self.p = int(p)
        """Its order."""

    def __call__(self, input_value: Any) -> Any:
        """Return the penalty of each sample."""
        rows = input_value.reshape(input_value.shape[0], -1)
        if self.p == 1:
            norm = abs(rows).sum(axis=1)
        elif self.p == 2:
            norm = np.sqrt(np.square(rows).sum(axis=1))
        else:
            norm = (abs(rows) ** float(self.p)).sum(axis=1) ** (1.0 / self.p)
        size = float(rows.shape[1]) ** (1.0 / self.p)
        return norm / np.float32(size) * np.float32(self.weight)
