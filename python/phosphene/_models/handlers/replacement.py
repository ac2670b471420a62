"""The layers of a configuration that have handlers, replaced by what the handlers compute."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phosphene._errors import InvalidArgumentError
from phosphene._models.config import entries, escaped, is_model, name_of
from phosphene._models.handlers.calls import CallOf, Reference, Shape, input_shapes, parsed
from phosphene._models.handlers.layer import HandledLayer
from phosphene._models.symbolic.network import Network, unique
from phosphene._models.symbolic.parts import Entry, Tensor, Weight
from phosphene._models.symbolic.value import Value, tensors_in, values_in

Handler = Callable[..., Any]
Found = Sequence[tuple[str, Any]]
"""The variables of a layer, in order: what they are called, and an array or a variable of Keras."""


@dataclass
class Handled:
    """A configuration without the layers that handlers were given for."""

    config: dict[str, Any]
    sources: dict[str, Any] = field(default_factory=dict)
    """By key, where the weights of the networks in their place come from."""
    layers: list[str] = field(default_factory=list)
    """The paths of the layers that were replaced."""


def apply_handlers(
    config: dict[str, Any], handlers: Mapping[str, Handler], find: Callable[[str], Found]
) -> Handled:
    """Replace the layers that handlers were given for.

    Parameters
    ----------
    config
        A model's configuration; it isn't changed.
    handlers
        By class name.
    find
        Returns the variables of a layer, by path.

    Raises
    ------
    InvalidArgumentError
        If a handler returns no value, or calls of the same layer can't share a network.
    """
    handled = Handled(copy.deepcopy(config))
    if handlers:
        _Replacement(handlers, find, handled).walk(handled.config, "")
    return handled


class _Replacement:
    """The walk through a configuration, which it changes."""

    def __init__(
        self, handlers: Mapping[str, Handler], find: Callable[[str], Found], handled: Handled
    ) -> None:
        self._handlers = handlers
        self._find = find
        self._handled = handled

    def walk(self, model: dict[str, Any], prefix: str) -> None:
        for index, entry in enumerate(entries(model)):
            path = prefix + escaped(name_of(entry))
            names = (entry.get("registered_name"), entry.get("class_name"))
            known = next((name for name in names if name in self._handlers), None)
            if known is not None:
                self._replace(model, index, path, self._handlers[known])
            elif is_model(entry):
                self.walk(entry, path + "/")

    def _replace(self, model: dict[str, Any], index: int, path: str, handler: Handler) -> None:
        entry = entries(model)[index]
        weights: list[Weight] = []
        for name, source in self._find(path):
            name = unique(name, [weight.name for weight in weights])
            trainable = bool(getattr(source, "trainable", True))
            weights.append(Weight(name, tuple(map(int, source.shape)), trainable, source))
        calls: list[CallOf | None] = [None]
        if model["class_name"] != "Sequential":
            calls = [parsed(node) for node in entry.get("inbound_nodes") or ()]
        networks = [
            _network(handler, path, entry, call, input_shapes(model, index, call), weights)
            for call in calls
        ]
        if not networks:
            return
        if any(each.meaning() != networks[0].meaning() for each in networks[1:]):
            raise InvalidArgumentError(
                f"The handler of layer {path!r} computes different things in the {len(calls)} "
                "calls of the layer; let it do the same in each."
            )
        written = networks[0].to_config()
        written.update(name=name_of(entry), stands_for=entry["class_name"])
        if isinstance(entry["config"], dict):
            written["settings"] = entry["config"]
        if None not in calls:
            written["inbound_nodes"] = [call.rewritten() for call in calls if call is not None]
        entry.clear()
        entry.update(written)
        self._handled.layers.append(path)
        for weight in networks[0].weights:
            self._handled.sources[f"{path}/{weight.name}"] = weight.source


def _network(
    handler: Handler,
    path: str,
    entry: Mapping[str, Any],
    call: CallOf | None,
    shapes: list[Shape | None],
    weights: Sequence[Weight],
) -> Network:
    """Return what a handler makes of one call of a layer."""
    network = Network(name_of(entry))
    values = []
    for shape in shapes:
        tensor = network.input("inputs", shape or (None,))
        if shape is None:  # which matters only to a handler that asks for it
            tensor = network.inputs[-1] = Tensor(tensor.entry, None)
        values.append(Value(network, tensor))
    layer = HandledLayer(path, entry, [Value(network, weight) for weight in weights])
    if call is None:
        returned = handler(layer, *values)
    else:
        rest = iter(values[len(call.tensors) :])
        kwargs = {name: _filled(value, rest) for name, value in call.named.items()}
        returned = handler(layer, *values[: len(call.tensors)], **kwargs)
    if isinstance(returned, Mapping):  # as Keras counts the tensors of a dict
        returned = {key: returned[key] for key in sorted(returned)}
    outputs = values_in(returned)
    if not outputs or any(each.network is not network for each in outputs):
        raise InvalidArgumentError(
            f"The handler of layer {path!r} must return a value of phosphene.ops, or a list or "
            f"dict of them; it returned {returned!r:.60}."
        )
    network.outputs = [_output(network, value) for value in outputs]
    return network


def _filled(value: Any, tensors: Any) -> Any:
    """Return a named argument with the next values where it has tensors."""
    if isinstance(value, Reference):
        return next(tensors)
    if isinstance(value, Mapping):
        return {key: _filled(each, tensors) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(each, tensors) for each in value]
    return value


def _output(network: Network, value: Value) -> Tensor:
    """Return an output of a network; a variable that is one gets a call of its own."""
    tensor: Tensor | Weight = tensors_in(value)
    if isinstance(tensor, Weight):
        multiplying = Entry("multiply", "Multiply", module="keras.src.ops.numpy")
        return network.call(multiplying, tensor, 1.0)
    return tensor
