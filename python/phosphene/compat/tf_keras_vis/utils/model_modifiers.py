"""What is changed in a model before it is looked into; the model of the caller stays as it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, UnsupportedError
from phosphene._models.lookup import name_of
from phosphene.compat._layer import CONVOLUTIONS, NetworkLayer, find_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phosphene.compat._network import Network

__all__ = [
    "ExtractIntermediateLayer",
    "ExtractIntermediateLayerForGradcam",
    "GuidedBackpropagation",
    "ModelModifier",
    "ReplaceToLinear",
    "find_layer",
]


class ModelModifier(ABC):
    """A function of a `Network`, which has `layers`, `get_layer` and `output_names`."""

    @abstractmethod
    def __call__(self, model: Network) -> Network | None:
        """Change the network, or return another one."""


class ReplaceToLinear(ModelModifier):
    """Replace the activations of the output layers by the identity."""

    def __call__(self, model: Network) -> None:
        """Change the network."""
        for name in model.output_names:
            layer = model.get_layer(name=name)
            if layer.has_activation:
                layer.activation = "linear"


class ExtractIntermediateLayer(ModelModifier):
    """Make the output of a layer the output of the network.

    Parameters
    ----------
    index_or_name
        Which layer.
    """

    def __init__(self, index_or_name: int | str) -> None:
        if not isinstance(index_or_name, (str, int)):
            raise InvalidArgumentError(
                f"A layer is given by its index or name; received {index_or_name!r:.60}."
            )
        self.index_or_name = index_or_name
        """Which layer."""

    def __call__(self, model: Network) -> Network:
        """Return the network up to the layer."""
        if isinstance(self.index_or_name, int):
            return model.ending_at(model.get_layer(index=self.index_or_name))
        return model.ending_at(model.get_layer(name=self.index_or_name))


class GuidedBackpropagation(ModelModifier):
    """Let only positive gradients pass activations, and only where these are active.

    As in tf-keras-vis, ``activation="relu"`` of the layers of the model obeys, `ReLU` layers
    don't. Those of nested models, which tf-keras-vis leaves out, obey too.

    Parameters
    ----------
    target_activations
        Which activations: relu, by its function or name.

    References
    ----------
    Springenberg, Dosovitskiy, Brox, Riedmiller: Striving For Simplicity, 2014.
    """

    def __init__(self, target_activations: Sequence[Any] = ("relu",)) -> None:
        names = [getattr(each, "__name__", each) for each in target_activations]
        if names != ["relu"]:
            raise UnsupportedError(
                f"GuidedBackpropagation knows the activation relu; received {names}."
            )
        self.target_activations = list(target_activations)
        """Which activations."""

    def __call__(self, model: Network) -> None:
        """Change the network."""
        model.set_rule("guided", plain_layers=True)


class ExtractIntermediateLayerForGradcam(ModelModifier):
    """Add the output of the layer that class activation maps look at.

    Parameters
    ----------
    penultimate_layer
        An index, a name or a layer; the last by default.
    seek_conv_layer
        Whether the search goes back from there to the nearest convolution.
    include_model_outputs
        Whether the network's own outputs stay, before it.
    """

    def __init__(
        self,
        penultimate_layer: Any = None,
        seek_conv_layer: bool = True,
        include_model_outputs: bool = True,
    ) -> None:
        self.penultimate_layer = penultimate_layer
        """Where the search starts."""
        self.seek_conv_layer = seek_conv_layer
        """Whether there is a search."""
        self.include_model_outputs = include_model_outputs
        """Whether the network's own outputs stay."""

    def __call__(self, model: Network) -> Network:
        """Return the network with these outputs."""
        path = penultimate(model, self.penultimate_layer, self.seek_conv_layer)
        own = model.outputs if self.include_model_outputs else ()
        return model.with_outputs((*own, path))


def penultimate(model: Network, wanted: Any, seek: bool) -> str:
    """Return the path of the layer that class activation maps look at.

    Parameters
    ----------
    model
        The network.
    wanted
        An index, a name or a layer; None for the last layer.
    seek
        Whether the search goes back from there to the nearest convolution.
    """
    layer: NetworkLayer | None
    if wanted is None or isinstance(wanted, int):
        layer = model.get_layer(index=-1 if wanted is None else wanted)
    else:
        name = wanted.name if isinstance(wanted, NetworkLayer) else name_of(wanted)
        layer = find_layer(model.layers, lambda each: each.name == name)
        if layer is None:
            layer = model.get_layer(name=name)
    if seek:
        layer = find_layer(model.layers, lambda each: each.kind in CONVOLUTIONS, offset=layer)
    if layer is None:
        raise InvalidArgumentError(
            f"{model.name!r} has no Conv1D, Conv2D or Conv3D at or before {wanted!r:.60}; name a "
            "layer and pass seek_penultimate_conv_layer=False."
        )
    if len(layer.output_shape) < 3:
        raise InvalidArgumentError(
            f"{layer.name!r} has outputs of shape {layer.output_shape}; a map needs "
            "(batch, ..., channels)."
        )
    return model.path_of(layer)
