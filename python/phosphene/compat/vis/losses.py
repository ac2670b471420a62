"""What is minimized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phosphene.compat.vis.utils.utils import listify, slicer

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Expression:
    """A number that is computed from the input or from a layer's output.

    Attributes
    ----------
    layer
        The layer; None for the input.
    function
        What is computed, with arithmetic, indexing and NumPy's functions.
    filters
        If it is minus the sum of the means of some filters: their indices. Value and gradient
        then come from one run of the network.
    channels_last
        Whether the function wants channels last whatever the network has.
    """

    layer: Any
    function: Callable[[Any], Any]
    filters: tuple[int, ...] = ()
    channels_last: bool = False


class Loss:
    """A number to be minimized. Losses of one's own define `build_loss`."""

    def __init__(self) -> None:
        self.name = "Unnamed Loss"
        """What it is called."""

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def build_loss(self) -> Expression:
        """Return how it is computed."""
        raise NotImplementedError(f"{type(self).__name__} has no build_loss().")


class ActivationMaximization(Loss):
    """Minus the mean output of filters of a layer, or of units of a dense layer.

    Parameters
    ----------
    layer
        A layer of the model.
    filter_indices
        An index, or a list of them; None for all together.
    """

    def __init__(self, layer: Any, filter_indices: Any) -> None:
        super().__init__()
        self.name = "ActivationMax Loss"
        self.layer = layer
        """The layer."""
        self.filter_indices = listify(filter_indices)
        """The filters."""

    def build_loss(self) -> Expression:
        """Return how it is computed."""

        def loss(output: Any) -> Any:
            indices = self.filter_indices
            # None stands for the whole output.
            parts = [
                output if i is None else output[slicer[:, i, ...] if output.ndim > 2 else (..., i)]
                for i in indices
            ]
            return sum(-part.mean() for part in parts)

        plain = all(isinstance(i, int) and i >= 0 for i in self.filter_indices)
        filters = tuple(self.filter_indices) if plain else ()
        return Expression(self.layer, loss, filters, channels_last=True)
