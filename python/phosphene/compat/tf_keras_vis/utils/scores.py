"""What methods look for in an output."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._sentences import counted
from phosphene.compat._tensors import stack
from phosphene.compat.tf_keras_vis.utils import listify

__all__ = ["BinaryScore", "CategoricalScore", "InactiveScore", "Score", "listify"]


class Score(ABC):
    """A function of an output, with a value for each sample.

    Parameters
    ----------
    name
        What it is called.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        """What it is called."""

    @abstractmethod
    def __call__(self, output: Any) -> Any:
        """Return the score of an output."""


class InactiveScore(Score):
    """Nothing: for an output that doesn't count."""

    def __init__(self) -> None:
        super().__init__("InactiveScore")

    def __call__(self, output: Any) -> Any:
        """Return zeros."""
        return output * 0.0


class BinaryScore(Score):
    """The output of a sigmoid, or minus it where False is wanted.

    Parameters
    ----------
    target_values
        A bool, or one for each sample.
    """

    def __init__(self, target_values: Any) -> None:
        super().__init__("BinaryScore")
        values = listify(target_values, return_empty_list_if_none=False)
        if not values or None in values:
            raise InvalidArgumentError(f"target_values are bools; received {target_values!r}.")
        self.target_values = [bool(value) for value in values]
        """What is wanted."""

    def __call__(self, output: Any) -> Any:
        """Return the score of an output of shape (batch, 1)."""
        if output.ndim != 2 or output.shape[1] != 1:
            raise InvalidArgumentError(
                f"BinaryScore is for outputs of shape (batch, 1); received {output.shape}."
            )
        wanted = self.target_values
        if len(wanted) == 1:
            wanted = wanted * output.shape[0]
        signs = np.where(wanted, 1, -1).astype(np.float32)
        return signs * output.reshape(-1)


def _is_whole(index: Any) -> bool:
    try:
        operator.index(index)
    except TypeError:
        return False
    return True


class CategoricalScore(Score):
    """The output of a class or channel, its mean over positions.

    Parameters
    ----------
    indices
        An index, or one for each sample.
    """

    channels_last = True
    """Whether it wants channels last; then a network with its channels first is turned for it."""

    def __init__(self, indices: Any) -> None:
        super().__init__("CategoricalScore")
        self.indices = listify(indices, return_empty_list_if_none=False)
        """Which classes or channels."""
        if not self.indices or not all(map(_is_whole, self.indices)):
            raise InvalidArgumentError(
                "CategoricalScore takes the index of a class or channel, or a list of them; "
                f"received {indices!r:.80}."
            )

    def __call__(self, output: Any) -> Any:
        """Return the score of an output of shape (batch, ..., channels)."""
        if output.ndim < 2:
            raise InvalidArgumentError(
                f"CategoricalScore is for outputs (batch, ..., channels); received {output.shape}."
            )
        indices = self.indices
        if max(indices) >= output.shape[-1]:
            raise InvalidArgumentError(
                f"The output has {counted(output.shape[-1], 'channel')}; received indices "
                f"{indices}."
            )
        if len(indices) == 1:
            indices = indices * output.shape[0]
        if len(indices) > output.shape[0]:
            raise InvalidArgumentError(
                f"CategoricalScore got {counted(len(indices), 'index', 'indices')} for "
                f"{counted(output.shape[0], 'sample')}."
            )
        score = stack([output[number, ..., index] for number, index in enumerate(indices)])
        return score.mean(axis=tuple(range(1, score.ndim))) if score.ndim > 1 else score
