"""Keras configurations: the settings of each layer and how layers are connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Reference = tuple[str, int, int]
"""Which tensor a layer reads: the name of a layer, the number of its call, and of its output."""


def entries(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a model's layers, each with ``class_name`` and ``config``."""
    inner = config.get("config", {})
    layers = inner if isinstance(inner, list) else inner.get("layers", [])
    return [entry for entry in layers if isinstance(entry, dict) and "config" in entry]


def name_of(entry: Mapping[str, Any]) -> str:
    """Return the name of a layer's entry."""
    settings = entry["config"]
    name = settings.get("name") if isinstance(settings, Mapping) else None
    return str(name or entry.get("name", ""))


def escaped(name: str) -> str:
    """Return a layer's name as an element of a path, where ``/`` and ``#`` have a meaning."""
    return name.replace("#", "%23").replace("/", "%2F")


def settings_by_path(config: Mapping[str, Any], prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return the settings (``get_config()``) of all layers, nested ones too, by path."""
    result: dict[str, dict[str, Any]] = {}
    for entry in entries(config):
        path = prefix + escaped(name_of(entry))
        # A network that takes the place of a custom layer keeps that one's settings.
        settings = entry.get("settings", entry["config"])
        result[path] = settings if isinstance(settings, dict) else {"layers": settings}
        if is_model(entry):
            result.update(settings_by_path(entry, path + "/"))
    return result


def is_model(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is a model of its own."""
    return entry.get("class_name") in ("Functional", "Sequential", "Model")


def calls_of(entry: Mapping[str, Any]) -> list[list[Reference]]:
    """Return for each call of a layer which tensors it reads."""
    return [list(_references(node)) for node in entry.get("inbound_nodes") or []]


def structure_of(references: Any) -> Any:
    """Return ``input_layers`` or ``output_layers`` with a `Reference` at each leaf.

    One tensor stands for itself; lists and dicts are what the model takes or returns. A list of
    one tensor, which Keras 2 writes for a model of one tensor, is that tensor.
    """
    if isinstance(references, Mapping):
        return {key: structure_of(value) for key, value in references.items()}
    if _is_reference(references):
        return (str(references[0]), int(references[1]), int(references[2]))
    if isinstance(references, Sequence) and not isinstance(references, str):
        return [structure_of(each) for each in references]
    return None


def _references(node: Any) -> Iterator[Reference]:
    """Yield the tensors of a call: Keras 3 keeps them in arguments, Keras 2 in lists."""
    if isinstance(node, Mapping):
        if node.get("class_name") == "__keras_tensor__":
            name, call, output = node["config"]["keras_history"]
            yield (str(name), int(call), int(output))
            return
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, (list, tuple)):
        if _is_reference(node):
            yield (str(node[0]), int(node[1]), int(node[2]))
            yield from _references(node[3:])
            return
        for value in node:
            yield from _references(value)


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) >= 3
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and isinstance(value[2], int)
    )
