"""What a handler sees of the layer that it stands in for."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.config import name_of
from phosphene._sentences import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from phosphene._models.symbolic.value import Value


class HandledLayer:
    """The layer that a handler stands in for.

    Handlers get it first; it isn't made by hand.

    Parameters
    ----------
    path
        The layer's name, below the names of the models that it is in.
    entry
        What the configuration says about it.
    weights
        Its variables, as values.
    """

    def __init__(self, path: str, entry: Mapping[str, Any], weights: Sequence[Value]) -> None:
        self.path = path
        """The name, below the names of the models that the layer is in."""
        self.name = name_of(entry)
        """Keras' name of the layer."""
        self.kind: str = entry["class_name"]
        """The name of the Keras class."""
        self._settings = entry["config"] if isinstance(entry["config"], dict) else {}
        self.weights = tuple(weights)
        """The variables in Keras' order, as values to compute with."""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.path!r} with {counted(len(self.weights), 'weight')}>"

    def get_config(self) -> dict[str, Any]:
        """Return Keras' settings of the layer, a copy."""
        return copy.deepcopy(self._settings)

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the numbers of `weights`, to look at.

        What a handler computes with them stays as it is when the model is refreshed; what it
        computes with `weights` follows.
        """
        return [np.asarray(weight) for weight in self.weights]

    def weight(self, name: str) -> Value:
        """Return a variable by the name that Keras gave it.

        Parameters
        ----------
        name
            Such as ``"gamma"``, or ``"dense/kernel"`` in a part of the layer. A ``.keras`` file
            doesn't keep names of variables: there they are numbered, ``"0"``, ``"dense/0"``.

        Raises
        ------
        InvalidArgumentError
            If there is none of that name; it lists those that are there.
        """
        names = [value.name for value in self.weights]
        if name not in names:
            known = ", ".join(map(repr, names)) or "none"
            raise InvalidArgumentError(f"{self!r} has no weight {name!r}; its weights: {known}.")
        return self.weights[names.index(name)]
