"""Live Keras 3 models of any backend, and live tf_keras (Keras 2) models.

They are recognized by what they can do: Keras is never imported. Values are copied, so what a
training loop does later doesn't show.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, PhospheneError, UnsupportedError
from phosphene._models.intake.architecture import Architecture, Description, Intake

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_live_model(value: Any) -> bool:
    """Return whether `value` behaves like a Keras model."""
    return not isinstance(value, type) and all(
        hasattr(value, name) for name in ("layers", "get_config", "get_weights", "to_json")
    )


def read_live_model(model: Any) -> Intake:
    """Return a snapshot of a live model."""
    architecture = live_architecture(model)
    return architecture.join(live_weights(architecture, model))


def live_architecture(model: Any) -> Architecture:
    """Return the structure of a live model."""
    name = f"{type(model).__name__} {getattr(model, 'name', '')!r}"
    if not getattr(model, "built", True):
        raise InvalidArgumentError(
            f"{name} has no weights yet, because its input shape isn't known: begin it with an "
            "Input layer, or call it once."
        )
    try:
        config = model.to_json()
    except Exception as error:
        raise UnsupportedError(
            f"{name} can't describe itself ({_first_sentence(error)}): a subclassed model has to "
            "be rebuilt as Functional or Sequential first."
        ) from error
    architecture = Architecture(config)
    version = getattr(sys.modules.get(type(model).__module__.split(".")[0]), "__version__", None)
    if version and not architecture.keras_version:
        architecture.keras_version = str(version)
    return architecture


def live_weights(architecture: Architecture, model: Any) -> dict[str, Any]:
    """Return the present values of all weights, by key."""
    return _level(architecture.layers, model)


def live_signature(model: Any) -> tuple[Any, ...]:
    """Return what changes when layers are added, removed or given another activation."""
    return tuple(
        (id(layer), id(getattr(layer, "activation", None)))
        + (live_signature(layer) if hasattr(layer, "layers") else ())
        for layer in model.layers
    )


def _level(described: Sequence[Description], owner: Any) -> dict[str, Any]:
    """Read the layers of one model, which both sides list in the same order."""
    live = list(owner.layers)
    names = {layer.name for layer in live}
    # Operations of keras.ops stand in a configuration, but aren't layers and hold no weights.
    described = [each for each in described if each["weights"] or each["name"] in names]
    if [layer.name for layer in live] != [layer["name"] for layer in described]:
        by_name = {layer.name: layer for layer in live}
        unknown = [layer["name"] for layer in described if layer["name"] not in by_name]
        if unknown:
            raise PhospheneError(
                f"The live model {owner.name!r} has no layer {unknown[0]!r}, which its "
                "configuration lists; load the model again."
            )
        live = [by_name[layer["name"]] for layer in described]
    result: dict[str, Any] = {}
    for layer, description in zip(live, described, strict=True):
        if "layers" in description:
            result.update(_level(description["layers"], layer))
            continue
        values = layer.get_weights() if description["weights"] else []
        if len(values) != len(description["weights"]):
            raise UnsupportedError(
                f"{type(layer).__name__} {layer.name!r} has {len(values)} weights, the engine "
                f"knows {len(description['weights'])} of its class."
            )
        for weight, value in zip(description["weights"], values, strict=True):
            result[weight["key"]] = value
    return result


def _first_sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
