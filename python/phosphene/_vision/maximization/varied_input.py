"""Which of a network's inputs a picture is, and what the others are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array, fitted, model_inputs
from phosphene._vision.carried import array_of, stated_array

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType
    from phosphene._models.model import Model


def varied_type(model: Model, given: Container[str] | None) -> InputType | None:
    """Return what the one input takes that isn't given, or None where that isn't one."""
    varied = [each for each in model.input_types if each.name not in (given or ())]
    return varied[0] if len(varied) == 1 else None


def varied_shape(model: Model, given: Container[str] | None) -> list[int | None] | None:
    """Return the shape of one input that isn't given, channels last; None where any length goes."""
    varied = varied_type(model, given)
    if varied is None:
        return None
    lengths = list(varied.shape[1:])
    lengths.append(lengths.pop(varied.channel_axis - 1 if varied.channel_axis > 0 else -1))
    return lengths


@dataclass(frozen=True)
class VariedInput:
    """The one input of a network that pictures are made for; the others stay as they are given.

    Attributes
    ----------
    model
        The network.
    index
        The position of the input among the network's.
    others
        One sample for each of the other inputs, by position.
    """

    model: Model
    index: int
    others: Mapping[int, NDArray[np.float32]]

    @classmethod
    def of(cls, model: Model, recipe: Mapping[str, Any]) -> VariedInput:
        """Return the input that a recipe gives nothing for."""
        given = recipe.get("given") or {}
        others = {
            index: array_of(given[each.name])
            for index, each in enumerate(model.input_types)
            if each.name in given
        }
        index = next(n for n in range(len(model.input_types)) if n not in others)
        return cls(model, index, others)

    @property
    def channel_axis(self) -> int:
        """The axis that the channels lie along, batch counted."""
        return int(self.model.json["inputs"][self.index]["channel_axis"])

    @property
    def form(self) -> str:
        """What its numbers lie along: ``"picture"``, ``"signal"``, ``"volume"`` or ``"row"``."""
        return self.model.input_types[self.index].form

    def arrays(self, x: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Return what the network is called on, for some values of the input that varies."""
        inputs = {
            index: np.broadcast_to(other, (len(x), *other.shape))
            for index, other in self.others.items()
        }
        inputs[self.index] = x
        return [np.ascontiguousarray(inputs[n], np.float32) for n in range(len(inputs))]

    def inputs(self, values: Any) -> NDArray[Any]:
        """Return a user's own values of the input as an array with a batch axis."""
        if not self.others:
            return model_inputs(self.model, values)[0]
        wanted = self.model.input_types[self.index]
        return fitted(values, wanted, f"Input {wanted.name!r}")


def stated_given(model: Model, given: Any) -> dict[str, Any]:
    """Return other inputs as a recipe states them."""
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(
            "given must be a dict of inputs by name, such as {'meta': [0, 1]}; "
            f"received {given!r:.80}."
        )
    ranks = {each.name: len(each.shape) for each in model.input_types}
    stated = {}
    for name, value in given.items():
        array = np.asarray(as_array(value, f"given[{name!r}]"), dtype="<f4")
        if array.ndim == ranks.get(name) and len(array) == 1:
            array = array[0]
        stated[str(name)] = stated_array(array)
    return stated
