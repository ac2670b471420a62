"""Live Keras 3 models of any backend, and live tf_keras (Keras 2) models.

They are recognized by what they can do: Keras is never imported. Values are copied, so what a
training loop does later doesn't show.
"""

from __future__ import annotations

import json
import sys
import warnings
import weakref
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, PhospheneError, UnsupportedError
from phosphene._models.intake.architecture import Architecture, Description, Intake
from phosphene._models.intake.expansion import Expansion, expand, is_plain
from phosphene._models.intake.expansion.activations import is_misnamed
from phosphene._models.intake.expansion.backend import is_keras_3
from phosphene._models.intake.expansion.refusals import first_sentence
from phosphene._models.intake.variables.adapted import is_adapted, plain_variables
from phosphene._models.intake.variables.naming import as_shapes, in_stored_order
from phosphene._models.intake.variables.older import modernized
from phosphene._sentences import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phosphene._models.handlers import Handler


def read_live_model(
    model: Any, handlers: Mapping[str, Handler] | None = None, like: Any = None
) -> Intake:
    """Return a snapshot of a live model; the parameters are those of `live_architecture`."""
    architecture = live_architecture(model, handlers, like)
    return architecture.join(live_weights(architecture, model, handlers))


def live_architecture(
    model: Any, handlers: Mapping[str, Handler] | None = None, like: Any = None
) -> Architecture:
    """Return the structure of a live model.

    Parameters
    ----------
    model
        A built model.
    handlers
        By class name, what stands in for layers.
    like
        Some inputs of the model, for one that doesn't keep their shapes.

    Raises
    ------
    InvalidArgumentError
        If the model isn't built.
    UnsupportedError
        If it holds something that the engine doesn't know and that can't be expanded.
    """
    name = f"{type(model).__name__} {getattr(model, 'name', '')!r}"
    if not getattr(model, "built", True):
        raise InvalidArgumentError(
            f"{name} has no weights yet, because its input shape isn't known: begin it with an "
            "Input layer, or call it once."
        )
    architecture = _architecture(model, name, handlers or {}, like)
    version = getattr(sys.modules.get(type(model).__module__.split(".")[0]), "__version__", None)
    if version is None and is_keras_3(model):
        version = sys.modules["keras"].__version__
    if version and not architecture.keras_version:
        architecture.keras_version = str(version)
    return architecture


def _architecture(
    model: Any, name: str, handlers: Mapping[str, Handler], like: Any
) -> Architecture:
    """Return the structure that a model states, or what it is found to compute."""
    expands = is_keras_3(model)
    misnamed = is_misnamed(model)
    if expands and (handlers or misnamed):
        return Architecture(_expansion(model, handlers, like).config)
    if misnamed:
        raise UnsupportedError(
            f"{name} has an activation that is called like one of Keras' and computes something "
            "else, which isn't supported in Keras 2: move the model to Keras 3."
        )
    try:
        config = _stated_config(model)
    except Exception as error:
        if expands:
            return Architecture(_expansion(model, handlers, like).config)
        raise _undescribed(name, first_sentence(error)) from error
    try:
        return Architecture(config)
    except PhospheneError as error:
        if expands and not is_plain(model):
            return Architecture(_expansion(model, handlers, like).config)
        if json.loads(config).get("class_name") not in _GRAPHS:
            raise _undescribed(name, "its call is code") from error
        raise


_GRAPHS = ("Functional", "Sequential", "Model")


def _undescribed(name: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"{name} can't describe itself ({reason}): a subclassed model of Keras 2 has to be rebuilt "
        "as Functional or Sequential first, or moved to Keras 3, whose subclassed models are read."
    )


def _stated_config(model: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lambdas, which are looked for in the next step
        return model.to_json()


def live_weights(
    architecture: Architecture, model: Any, handlers: Mapping[str, Handler] | None = None
) -> dict[str, Any]:
    """Return the present values of all weights, by key.

    Parameters
    ----------
    architecture
        The structure of the model.
    model
        The live model.
    handlers
        What stood in for layers when the structure was read.
    """
    if architecture.is_expanded:
        if not is_keras_3(model):
            raise InvalidArgumentError(
                f"A {type(model).__name__} can't refresh a model that was loaded from live Keras 3."
            )
        return _expansion(model, handlers or {}).weights(architecture.layers, _values)
    return _level(architecture.layers, model)


def _expansion(model: Any, handlers: Mapping[str, Handler], like: Any = None) -> Expansion:
    """Return what a model expands to; it is kept until something of the model changes."""
    signature = (live_signature(model), tuple(handlers.items()))
    known = _EXPANSIONS.get(model)
    if known is None or known[0] != signature:
        known = _EXPANSIONS[model] = (signature, expand(model, handlers, like))
    return known[1]


_EXPANSIONS: weakref.WeakKeyDictionary[Any, tuple[Any, Expansion]] = weakref.WeakKeyDictionary()


def live_signature(layer: Any) -> tuple[Any, ...]:
    """Return what changes when layers are added, removed or given other settings."""
    parts = layer.layers if hasattr(layer, "layers") else getattr(layer, "_layers", ())
    return (
        id(layer),
        id(getattr(layer, "activation", None)),
        _own_settings(layer),
        *map(live_signature, parts),
    )


def _own_settings(layer: Any) -> tuple[Any, ...]:
    """Return the plain attributes of a layer that is code of a user's own."""
    if type(layer).__module__.split(".")[0] in ("keras", "tf_keras"):
        return ()
    return tuple(
        (name, value)
        for name, value in sorted(vars(layer).items())
        if type(value) in (bool, int, float, str) and not name.startswith("_")
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
            f"{type(layer).__name__} {layer.name!r} has {counted(len(arrays), 'weight')}, the "
            f"engine knows {len(description['weights'])} of its class."
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
