"""Which pixels and regions of an input count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat._channels import last
from phosphene.compat._images import cubic_zoom
from phosphene.compat.vis.losses import ActivationMaximization
from phosphene.compat.vis.optimizer import Optimizer
from phosphene.compat.vis.utils.utils import EPSILON, normalize, reverse_enumerate
from phosphene.compat.vis.visualization.shared import prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phosphene.compat._layer import NetworkLayer
    from phosphene.compat._network import Network
    from phosphene.compat.vis.losses import Loss

_WRAPPERS = ("TimeDistributed", "Bidirectional")


def visualize_saliency_with_losses(
    input_tensor: Any,
    losses: Sequence[tuple[Loss, float]],
    seed_input: Any,
    wrt_tensor: Any = None,
    grad_modifier: Any = "absolute",
    keepdims: bool = False,
) -> NDArray[np.float32]:
    """Return how much losses change with each pixel, from 0 to 1.

    Parameters
    ----------
    input_tensor, losses, wrt_tensor
        As for `Optimizer`.
    seed_input
        The input that is looked at.
    grad_modifier
        The name of a function of `grad_modifiers`, or a function.
    keepdims
        Whether channels stay apart; by default the largest counts.
    """
    optimizer = Optimizer(input_tensor, losses, wrt_tensor=wrt_tensor, norm_grads=False)
    grads = optimizer.minimize(seed_input, 1, grad_modifier=grad_modifier, verbose=False)[1]
    map_ = grads if keepdims else np.max(grads, axis=optimizer.channel_axis)
    return np.asarray(normalize(map_)[0])


def visualize_saliency(
    model: Any,
    layer_idx: int,
    filter_indices: Any,
    seed_input: Any,
    wrt_tensor: Any = None,
    backprop_modifier: Any = None,
    grad_modifier: Any = "absolute",
    keepdims: bool = False,
) -> NDArray[np.float32]:
    """Return how much filters of a layer, or classes, change with each pixel, from 0 to 1.

    Parameters
    ----------
    model
        A live Keras model, or anything that `phosphene.load` takes.
    layer_idx
        The index of the layer among ``model.layers``.
    filter_indices
        A filter or class, or a list of them; None for all together.
    backprop_modifier
        The name of a function of `backprop_modifiers`, or a function.
    seed_input, wrt_tensor, grad_modifier, keepdims
        As for `visualize_saliency_with_losses`.
    """
    network = prepared(model, backprop_modifier)
    losses = [(ActivationMaximization(network.get_layer(index=layer_idx), filter_indices), -1)]
    return visualize_saliency_with_losses(
        network.input, losses, seed_input, wrt_tensor, grad_modifier, keepdims
    )


def visualize_cam_with_losses(
    input_tensor: Any,
    losses: Sequence[tuple[Loss, float]],
    seed_input: Any,
    penultimate_layer: Any,
    grad_modifier: Any = None,
) -> NDArray[np.float32]:
    """Return which regions speak for losses (Grad-CAM), from 0 to 1, in the size of the input.

    Parameters
    ----------
    input_tensor, losses
        As for `Optimizer`.
    seed_input
        The input that is looked at.
    penultimate_layer
        The layer whose output is looked at.
    grad_modifier
        The name of a function of `grad_modifiers`, or a function.
    """
    wrt = getattr(penultimate_layer, "output", penultimate_layer)
    optimizer = Optimizer(input_tensor, losses, wrt_tensor=wrt, norm_grads=False)
    _, grads, output = optimizer.minimize(seed_input, 1, grad_modifier=grad_modifier, verbose=False)
    grads = grads / (np.max(grads) + EPSILON)
    grads, output = last(grads, optimizer.channel_axis), last(output, optimizer.channel_axis)
    weights = np.mean(grads, axis=tuple(range(grads.ndim - 1)))
    heatmap = np.maximum(output[0] @ weights, 0)
    space = optimizer.space_of(seed_input)
    if not 0 < heatmap.ndim <= len(space):
        raise InvalidArgumentError(
            "The penultimate layer must be one whose output has places, such as a convolution or "
            f"pooling; received {getattr(penultimate_layer, 'name', penultimate_layer)!r:.60} "
            f"with an output of shape {output.shape}."
        )
    space = space[-heatmap.ndim :]
    factors = [wanted / length for wanted, length in zip(space, heatmap.shape, strict=True)]
    return np.asarray(normalize(cubic_zoom(heatmap, factors)))


def visualize_cam(
    model: Any,
    layer_idx: int,
    filter_indices: Any,
    seed_input: Any,
    penultimate_layer_idx: int | None = None,
    backprop_modifier: Any = None,
    grad_modifier: Any = None,
) -> NDArray[np.float32]:
    """Return which regions speak for filters of a layer, or classes (Grad-CAM), from 0 to 1.

    Parameters
    ----------
    model
        A live Keras model, or anything that `phosphene.load` takes.
    layer_idx
        The index of the layer among ``model.layers``.
    filter_indices
        A filter or class, or a list of them; None for all together.
    seed_input
        The input that is looked at.
    penultimate_layer_idx
        The index of the layer whose output is looked at; by default that of the nearest
        convolution or pooling, two or more layers before.
    backprop_modifier
        The name of a function of `backprop_modifiers`, or a function.
    grad_modifier
        The name of a function of `grad_modifiers`, or a function.
    """
    network = prepared(model, backprop_modifier)
    penultimate = _penultimate(network, layer_idx, penultimate_layer_idx)
    losses = [(ActivationMaximization(network.get_layer(index=layer_idx), filter_indices), -1)]
    return visualize_cam_with_losses(network.input, losses, seed_input, penultimate, grad_modifier)


def _penultimate(network: Network, layer_idx: int, wanted: int | None) -> NetworkLayer:
    layers = network.layers
    network.get_layer(index=layer_idx)  # or says that there is no such layer
    if wanted is None:
        before = reverse_enumerate(layers[: layer_idx - 1])
        wanted = next((index for index, layer in before if _is_spatial(layer)), None)
        if wanted is None:
            raise InvalidArgumentError(
                f"There is no convolution or pooling before the layer next to {layer_idx}; pass "
                "penultimate_layer_idx."
            )
    index = layer_idx + len(layers) if layer_idx < 0 else layer_idx
    if wanted > index:
        raise InvalidArgumentError(
            f"penultimate_layer_idx must be before layer_idx {index}; received {wanted}."
        )
    return network.get_layer(index=wanted)


def _is_spatial(layer: NetworkLayer) -> bool:
    """Return whether Keras 2 derived the layer's class from its _Conv or _Pooling."""
    kind = layer.kind
    if kind in _WRAPPERS:
        kind = str(layer.layer.get_config()["layer"]["class_name"])
    plain = "RNN" not in kind and "LSTM" not in kind
    return plain and ("Conv" in kind or kind.startswith(("MaxPooling", "AveragePooling")))
