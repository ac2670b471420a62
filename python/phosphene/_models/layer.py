"""One layer of a model: its settings, shapes and weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from phosphene._models.description import ModelDescription

Shape = tuple[int | None, ...]


class Layer:
    """A layer of a `Model`, as ``model["block5_conv1"]`` or ``model.layers[3]`` returns it.

    Layers aren't made by hand.

    Parameters
    ----------
    model
        The model that the layer belongs to.
    description
        What the engine says about the layer.
    call
        The path of one call of the layer, such as ``"dense#1"``; the first by default.

    Examples
    --------
    >>> import phosphene as ph
    >>> layer = ph.zoo.wardrobe().layers[1]
    >>> layer.kind
    'Conv2D'
    """

    def __init__(
        self, model: ModelDescription, description: dict[str, Any], call: str | None = None
    ) -> None:
        self._model = model
        self.description: dict[str, Any] = description
        """What the engine says about the layer."""
        self.name: str = description["name"]
        """Keras' name of the layer."""
        self.path: str = description["path"]
        """The name, below the names of the nested models that the layer is in."""
        self.kind: str = description["kind"]
        """The name of the Keras class, such as ``"Conv2D"``."""
        self.calls: tuple[str, ...] = tuple(description["calls"])
        """Under which paths a trace holds the outputs: one a call, none for an InputLayer."""
        self.call: str | None = call or (self.calls[0] if self.calls else None)
        """The call that this object stands for."""
        self.activation: str | None = description.get("activation")
        """The name of the activation function, if the layer has one."""
        self.trainable: bool = bool(description.get("trainable", True))
        """Whether training changes the layer's trainable weights."""

    def __repr__(self) -> str:
        name = self.call if self.call not in (None, self.path) else self.path
        return (
            f"<{self.kind} {name!r}: {_written(self.input_shape)} -> "
            f"{_written(self.output_shape)}, {self.count_params():,} parameters>"
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Layer)
            and self._model is other._model
            and (self.path, self.call) == (other.path, other.call)
        )

    def __hash__(self) -> int:
        return hash((id(self._model), self.path, self.call))

    @property
    def config(self) -> dict[str, Any]:
        """Keras' settings of the layer, as `get_config` returns them."""
        return self.get_config()

    def get_config(self) -> dict[str, Any]:
        """Return Keras' settings of the layer.

        Returns
        -------
        dict
            A copy, spelled as the Keras version that wrote the model spells it.
        """
        return copy.deepcopy(self._model.settings_of(self.path))

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return the weights of the layer in Keras' order and shapes.

        Returns
        -------
        list of ndarray of float32
            Copies; for a nested model, those of all its layers.
        """
        if "layers" in self.description:
            return [array for layer in self.layers for array in layer.get_weights()]
        return [self._model.weight(key) for key in self.weight_keys]

    @property
    def weight_keys(self) -> tuple[str, ...]:
        """The keys of the weights, in the order of `get_weights`; see `Model.weight`."""
        return tuple(weight["key"] for weight in self.description["weights"])

    @property
    def layers(self) -> list[Layer]:
        """The layers of a nested model; empty for any other layer."""
        return [layer for layer in self.nodes if not layer.is_operation]

    @property
    def nodes(self) -> list[Layer]:
        """The layers of a nested model and its functions of `keras.ops`."""
        return [Layer(self._model, each) for each in self.description.get("layers", [])]

    @property
    def is_operation(self) -> bool:
        """Whether it is a function of `keras.ops`, which isn't among Keras' ``model.layers``."""
        return bool(self.description["is_operation"])

    @property
    def input_shape(self) -> Shape | list[Shape]:
        """The shape of the input of the first call, None for the batch; a list for several."""
        return _shapes(self.description["input_shapes"])

    @property
    def output_shape(self) -> Shape | list[Shape]:
        """The shape of the output of `call`, None for the batch; a list for several.

        An object that stands for one of several outputs, such as ``model["lstm:1"]``, has the
        shape of that one.
        """
        shapes = self._model.shapes
        if self.call is None or self.call not in shapes:
            return _shapes(self.description["output_shapes"])
        result = [shapes[self.call]]
        while f"{self.call}:{len(result)}" in shapes:
            result.append(shapes[f"{self.call}:{len(result)}"])
        return result[0] if len(result) == 1 else result

    def count_params(self) -> int:
        """Return how many numbers the weights of the layer consist of."""
        return int(self.description["parameters"])


def _shapes(shapes: list[list[int | None]]) -> Shape | list[Shape]:
    result = [tuple(shape) for shape in shapes]
    return result[0] if len(result) == 1 else result


def _written(shape: Shape | list[Shape]) -> str:
    return str(shape) if isinstance(shape, tuple) else ", ".join(map(str, shape))
