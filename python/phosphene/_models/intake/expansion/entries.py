"""What a configuration says about a layer or a function of ``keras.ops``, and what it can't say."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from phosphene._engine.library import lib, text
from phosphene._errors import InvalidArgumentError
from phosphene._models.intake.expansion.activations import is_misnamed
from phosphene._models.intake.expansion.refusals import refused
from phosphene._models.symbolic.encoding import plain
from phosphene._models.symbolic.parts import Entry

if TYPE_CHECKING:
    from phosphene._models.intake.expansion.backend import Keras

_WITHOUT_EFFECT = ("_initializer", "_regularizer", "_constraint")
"""Settings, by the ends of their names, that say nothing about a trained network."""


@cache
def supported_layers() -> frozenset[str]:
    """Return the Keras classes that the engine computes itself."""
    return frozenset(json.loads(text(lib.ph_supported_json()))["layers"])


def describes_itself(keras: Keras, layer: Any) -> bool:
    """Return whether the engine can make something of what a layer says about itself."""
    if isinstance(layer, keras.InputLayer):
        return True
    if not keras.is_builtin(layer) or type(layer).__name__ not in supported_layers():
        return False
    if getattr(layer, "quantization_mode", None) is not None:
        return True  # its call isn't what is computed; the engine says what it makes of it
    if is_misnamed(layer):
        return False
    try:
        return not _holds_code(keras.described(layer)["config"])
    except Exception:  # whatever a user's own object raises
        return False


def layer_entry(keras: Keras, layer: Any, name: str) -> Entry:
    """Return the entry of a layer that is described by its settings."""
    try:
        described = keras.described(layer)
    except Exception:  # a layer with a handler needn't have a get_config()
        described = {
            "class_name": type(layer).__name__,
            "module": type(layer).__module__,
            "config": {"name": layer.name, "trainable": layer.trainable},
        }
    config = {
        key: None if key.endswith(_WITHOUT_EFFECT) else plain(value)
        for key, value in described["config"].items()
    }
    return Entry(name, described["class_name"], config, described["module"] or "", source=layer)


def operation_entry(keras: Keras, operation: Any, name: str, caller: Any) -> Entry:
    """Return the entry of a function of ``keras.ops``.

    Parameters
    ----------
    keras
        Keras.
    operation
        The function.
    name
        What it is called in its network.
    caller
        The layer or model that calls it.

    Raises
    ------
    UnsupportedError
        If a function in Python or a tensor stands among its settings.
    """
    kind = type(operation)
    config = {}
    for setting, parameter in inspect.signature(kind.__init__).parameters.items():
        if setting in ("self", "name") or parameter.kind in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            continue
        try:
            config[setting] = plain(_setting(keras, operation, setting))
        except InvalidArgumentError as error:
            reason = f"it calls {kind.__name__}, whose {setting} can't be written down, as {error}"
            raise refused(caller, reason) from None
    return Entry(name, kind.__name__, config, kind.__module__, source=operation)


def _setting(keras: Keras, operation: Any, name: str) -> Any:
    kept = getattr(getattr(operation, "_auto_config", None), "config", {})
    value = kept[name] if name in kept else getattr(operation, name, None)
    if keras.backend.is_tensor(value):
        return keras.to_numpy(value)
    return value


def _holds_code(value: Any) -> bool:
    """Return whether settings hold a function or class that isn't Keras' own."""
    if isinstance(value, Mapping):
        if value.get("class_name") in ("function", "__lambda__"):
            return not str(value.get("module") or "").startswith("keras")
        if list(value) == ["value"]:  # how Keras writes a lambda as an activation
            return True
        if "class_name" in value and value.get("module"):
            known = str(value["module"]).split(".")[0] in ("keras", "builtins")
            if not known or value.get("class_name") in ("Lambda",):
                return True
        return any(
            _holds_code(each)
            for key, each in value.items()
            if not str(key).endswith(_WITHOUT_EFFECT)
        )
    if isinstance(value, (list, tuple)):
        return any(map(_holds_code, value))
    return callable(value)
