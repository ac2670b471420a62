"""Live Keras 3 models of any backend, and live tf_keras (Keras 2) models.

They are recognized by what they can do: Keras is never imported. Values are copied, so what a
training loop does later doesn't show.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, PhospheneError, UnsupportedError
from phosphene._models.intake.architecture import Architecture, Description, Intake
from phosphene._models.intake.variables.adapted import is_adapted, plain_variables
from phosphene._models.intake.variables.naming import as_shapes, in_stored_order
from phosphene._models.intake.variables.older import modernized

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
        if description["weights"]:
            result.update(_values(description, layer))
    return result


def _values(description: Description, layer: Any) -> dict[str, Any]:
    """Read the weights of one layer, whose order differs between Keras 2 and 3."""
    arrays = list(layer.get_weights())
    names = [_name(variable) for variable in getattr(layer, "weights", ())]
    if len(names) != len(arrays):  # something that only behaves like a layer of Keras
        names = [weight["key"] for weight in description["weights"]]
    elif is_adapted(names):
        settings, scaling = layer.get_config(), _scaling(layer)
        names, arrays = plain_variables(description, settings, names, arrays, scaling)
    if len(arrays) != len(description["weights"]):
        raise UnsupportedError(
            f"{type(layer).__name__} {layer.name!r} has {len(arrays)} weights, the engine "
            f"knows {len(description['weights'])} of its class."
        )
    order = in_stored_order(description, names, as_shapes(arrays))
    found = {weight["key"]: array for weight, array in zip(order, arrays, strict=True)}
    return modernized(description, found)


def _name(variable: Any) -> str:
    """Return the name of a variable with its path, which Keras 2 keeps in the name."""
    return str(getattr(variable, "path", None) or variable.name)


def _scaling(layer: Any) -> dict[str, float]:
    """Return what the LoRA products of a layer and its parts are multiplied by, by path."""
    parts = layer._flatten_layers() if hasattr(layer, "_flatten_layers") else (layer,)
    return {
        part.lora_kernel_a.path.rpartition("/")[0]: part.lora_alpha / part.lora_rank
        for part in parts
        if hasattr(part, "lora_kernel_a")
    }


def _first_sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
