"""Channels of layers without an activation, whose mean over all positions says little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._vision.maximization.varied_input import VariedInput
from phosphene._vision.tracing.run_layers import run_layers
from phosphene._warnings import warn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.layer import Layer
    from phosphene._models.model import Model
    from phosphene._vision.maximization.picture import Picture

RECTIFIERS = frozenset({"ReLU", "LeakyReLU", "PReLU", "ELU"})
RECTIFYING = frozenset(
    {"relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish"}
)
"""Settings of ``Activation`` that let little of what is negative through."""

PASSING = frozenset({"BatchNormalization", "LayerNormalization", "GroupNormalization", "Dropout"})
"""Layers that stand between a convolution and its rectifier."""

ENOUGH_STEPS = 64
"""The steps after which a score that is still negative will hardly become positive."""


NEAR = 0.25
"""Below which share of a channel's size (root mean square) its mean over all positions is near 0.

Of 24 channels of linear layers of EfficientNet-Lite0 seventeen came to 0.59 to 1 of it, two to less
than 0.06; the others were negative or off.
"""


def warn_of_cancelled_scores(model: Model, recipe: dict[str, Any], picture: Picture) -> None:
    """Say where to aim instead, if a linear layer's channel is negative at best, or hardly above 0.

    Parameters
    ----------
    model
        The network.
    recipe
        That of the pictures.
    picture
        What was found.
    """
    objectives = recipe["objectives"]
    count = len(picture) // len(objectives)
    found = []
    for place, score in enumerate(picture.scores):
        channel = _channel(objectives[place // count])
        if channel is None or len(picture.history[place]) < ENOUGH_STEPS:
            continue
        layer, index = channel
        behind = rectifier_behind(model, layer)
        if behind is None:
            continue
        if score < 0:
            said = f"ends below 0, at {score:.3g}"
        else:
            values = _values(model, recipe, picture, place, channel)
            if not score < NEAR * float(np.sqrt(np.mean(np.square(values)))):
                continue
            said = (
                f"stays near 0, at {score:.3g} where its values go from {values.min():.3g} to "
                f"{values.max():.3g}"
            )
        found.append((picture.labels[place], said, layer, behind, index))
    if found:
        label, said, layer, behind, index = found[0]
        more = f" So do {len(found) - 1} more." if len(found) > 1 else ""
        warn(
            f"{label!r} {said}: {layer!r} has no activation, so that light "
            "and dark cancel in the mean over all positions, and the picture says little but how "
            f"bright the unit likes it. Aim behind its rectifier, at ({behind!r}, {index}).{more}"
        )


def _values(
    model: Model, recipe: dict[str, Any], picture: Picture, place: int, channel: tuple[str, int]
) -> NDArray[np.float64]:
    """Return what a channel is at each position, for one of the pictures."""
    layer, index = channel
    arrays = VariedInput.of(model, recipe).arrays(picture.input[[place]])
    (output,) = run_layers(model, (layer,), arrays)
    axis = model.channel_axes.get(layer, -1)
    values: NDArray[np.float64] = np.take(output, index, axis=axis).astype(np.float64)
    return values


def rectifier_behind(model: Model, path: str) -> str | None:
    """Return the layer that rectifies what a layer without an activation computes, if one does."""
    layers = {layer.path: layer for layer in model.all_layers}
    layer = layers.get(path)
    if layer is None or _rectifies(layer):
        return None
    if layer.description.get("activation", "linear") != "linear":
        return None
    while (layer := _reader(layers, layer)) is not None:
        if _rectifies(layer):
            return layer.path
        if layer.kind not in PASSING:
            return None
    return None


def _rectifies(layer: Layer) -> bool:
    is_activation = layer.kind == "Activation"
    return layer.kind in RECTIFIERS or (
        is_activation and layer.description.get("activation") in RECTIFYING
    )


def _reader(layers: dict[str, Layer], layer: Layer) -> Layer | None:
    """Return the one layer that reads what a layer computes; None if there are several."""
    readers = [each for each in layers.values() if layer.path in each.description["connected_to"]]
    return readers[0] if len(readers) == 1 else None


def _channel(objective: dict[str, Any]) -> tuple[str, int] | None:
    """Return layer and index of an objective that is one channel."""
    terms = objective["terms"]
    if len(terms) != 1 or terms[0]["kind"] != "channel" or terms[0].get("weight", 1) < 0:
        return None
    return str(terms[0]["layer"]), int(terms[0]["index"])
