"""A layer as the old tools saw it: one whose activation can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError
from phosphene._sentences import with_article

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from phosphene._models.layer import Layer
    from phosphene.compat._network import Network

CONVOLUTIONS = frozenset({"Conv1D", "Conv2D", "Conv3D"})
"""The kinds of layers that Keras 3 derives from its BaseConv."""


class NetworkLayer:
    """One layer; setting `activation` changes what the network computes.

    Parameters
    ----------
    network
        What the layer is part of.
    layer
        The layer of the model that the network was made from.
    """

    def __init__(self, network: Network, layer: Layer) -> None:
        self._network = network
        self.layer = layer
        """The layer of the model that the network was made from."""
        self.name = layer.name
        """Keras' name of the layer."""
        self.kind = layer.kind
        """The name of the Keras class."""
        self.layers = [NetworkLayer(network, each) for each in layer.layers]
        """The layers of a nested model."""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.layer.path!r}>"

    @property
    def has_activation(self) -> bool:
        """Whether the layer has an activation function to set."""
        return "activation" in self.layer.get_config()

    @property
    def activation(self) -> str:
        """The name of the activation function."""
        if not self.has_activation:
            raise AttributeError(f"{self.name!r}, {with_article(self.kind)}, has no activation.")
        return self._network.activations.get(self.layer.path) or self.layer.activation or "linear"

    @activation.setter
    def activation(self, function: Any) -> None:
        name = "linear" if function is None else function
        if callable(name):
            name = getattr(name, "__name__", None)
        if not isinstance(name, str) or not self.has_activation or "/" in self.layer.path:
            raise InvalidArgumentError(
                f"The activation of {self.layer.path!r} can't be set to {function!r:.60}: it takes "
                "a name or function of keras.activations, at a layer of the outermost model that "
                "has an activation."
            )
        self._network.set_activation(self.layer.path, name)

    @property
    def output_shape(self) -> Any:
        """The shape of the output, None for the batch."""
        return self.layer.output_shape

    @property
    def output(self) -> NetworkLayer:
        """What stands for the output of the layer: the layer."""
        return self

    @property
    def network(self) -> Network:
        """What the layer is part of."""
        return self._network


def find_layer(layers: Sequence[Any], condition: Callable[[Any], Any], offset: Any = None) -> Any:
    """Return the last layer that meets a condition, nested ones too, from `offset` backwards.

    Parameters
    ----------
    layers
        Those of a `Network`, or of a live Keras model.
    condition
        A function of a layer.
    offset
        One of the layers.
    """
    found = offset is None
    for layer in reversed(layers):
        found = found or _behind(layer) == _behind(offset)
        if found and condition(layer):
            return layer
        if inside := getattr(layer, "layers", None):
            inner = find_layer(inside, condition, None if found else offset)
            if inner is not None:
                return inner
    return None


def _behind(layer: Any) -> Any:
    """Return what a layer stands for: one of a `Network` for one of the model."""
    return layer.layer if isinstance(layer, NetworkLayer) else layer
