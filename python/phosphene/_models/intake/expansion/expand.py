"""Expansion from beginning to end: run twice with different lengths, compare, clean up."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phosphene._errors import UnsupportedError
from phosphene._models.config import escaped
from phosphene._models.handlers.replacement import apply_handlers
from phosphene._models.intake.architecture import leaves
from phosphene._models.intake.expansion.backend import Keras
from phosphene._models.intake.expansion.entries import describes_itself
from phosphene._models.intake.expansion.frames import Lengths, Trace
from phosphene._models.intake.expansion.inputs import built_inputs, name_element_types
from phosphene._models.intake.expansion.lengths import merge
from phosphene._models.intake.expansion.patches import recording
from phosphene._models.intake.expansion.refusals import refused
from phosphene._models.intake.expansion.snapshot import unchanged
from phosphene._models.intake.expansion.writer import Writer
from phosphene._models.symbolic.encoding import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from phosphene._models.handlers import Handler
    from phosphene._models.intake.architecture import Description
    from phosphene._models.symbolic.network import Network

    Reader = Callable[[Description, Any], dict[str, Any]]

# Lengths that differ between two runs are free. They share divisors, for layers that halve them.
# Height and width are told apart, unless the model needs axes that are equally long.
_DISTINCT = (Lengths(batch=6, first=320, step=64), Lengths(batch=10, first=448, step=128))
_EQUAL = (Lengths(batch=6, first=320), Lengths(batch=10, first=448))

EXPANDED = "expanded"
"""Marks a configuration that isn't Keras' own."""


@dataclass
class Expansion:
    """A live model as a network, and where the values of its weights are."""

    config: dict[str, Any]
    """The configuration, of built-in layers and functions of ``keras.ops``."""
    variables: dict[str, Any]
    """By key, the variables of Keras that stand in the configuration by themselves, and arrays."""
    layers: dict[str, Any]
    """By path, the live layers that stand in the configuration with their settings."""

    def weights(self, layers: Sequence[Description], read: Reader) -> dict[str, Any]:
        """Return the present values of all weights, by key.

        Parameters
        ----------
        layers
            The engine's descriptions of the model's layers.
        read
            Reads the weights of a layer that stands in the configuration with its settings.
        """
        result = {key: _value(source) for key, source in self.variables.items()}
        for leaf in leaves(layers):
            layer = self.layers.get(leaf["path"])
            if layer is not None and leaf["weights"]:
                result.update(read(leaf, layer))
        return result


def is_plain(model: Any) -> bool:
    """Return whether a live Keras 3 model and all its layers can describe themselves."""
    keras = Keras()
    return all(
        keras.is_network(layer) or describes_itself(keras, layer)
        for layer in _stated_layers(keras, model)
    )


def expand(model: Any, handlers: Mapping[str, Handler], like: Any = None) -> Expansion:
    """Return a live Keras 3 model as a network of what the engine knows.

    Parameters
    ----------
    model
        A built model. It is called symbolically, and put back as it was.
    handlers
        By class name, what stands in for layers.
    like
        Some inputs of the model, for one that doesn't keep their shapes.

    Raises
    ------
    UnsupportedError
        If a layer can't be run on symbolic tensors; it names the layer and the reason.
    InvalidArgumentError
        If the model hasn't been built.
    """
    keras = Keras()
    known: dict[int, tuple[Any, bool]] = {}  # with the layers, so that no other gets their id()

    def handles(layer: Any) -> bool:
        return type(layer).__name__ in handlers

    def opens(layer: Any) -> bool:
        if id(layer) not in known:
            stated = keras.is_network(layer) or handles(layer) or describes_itself(keras, layer)
            known[id(layer)] = (layer, not stated)
        return known[id(layer)][1]

    layers = _all_layers(keras, model)
    owned = {id(each) for each in layers} | {
        id(operation)
        for layer in layers
        if keras.is_network(layer)
        for operation in keras.graph_of(layer)._operations
    }

    def run(lengths: Lengths) -> Network:
        trace = Trace(keras, lengths, opens, handles)
        with unchanged(layers), recording(trace):
            return _root(trace, Writer(trace, owned), model, like)

    network = _of_any_length(run)
    network.name = model.name
    if not keras.is_network(model):
        name_element_types(network)
    expansion = _described(keras, network)
    handled = apply_handlers(
        expansion.config, handlers, lambda path: named_variables(expansion.layers[path])
    )
    expansion.config = handled.config
    expansion.variables.update(handled.sources)
    return expansion


def _of_any_length(run: Callable[[Lengths], Network]) -> Network:
    """Return what two runs of a model with different lengths have in common."""
    try:
        return merge(*map(run, _DISTINCT))
    except UnsupportedError as error:
        try:
            return merge(*map(run, _EQUAL), may_mix=True)
        except UnsupportedError:
            raise error from error.__cause__


def named_variables(layer: Any) -> list[tuple[str, Any]]:
    """Return the variables of a layer and its parts, by name, parts below their names."""
    own = [
        (variable.name, variable)
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]
    ]
    parts = [
        (f"{part.name}/{name}", variable)
        for part in layer._layers
        for name, variable in named_variables(part)
    ]
    return own + parts


def _root(trace: Trace, writer: Writer, model: Any, like: Any) -> Network:
    keras = trace.keras
    if keras.is_network(model):
        return writer.functional(model)
    args, kwargs = built_inputs(keras, model, like)
    returned = model(*args, **kwargs)
    tensors = [each for each in keras.flatten(returned) if isinstance(each, keras.KerasTensor)]
    origin = trace.origin(tensors[0]) if tensors else None
    if origin is None:
        raise refused(model, "it returns nothing that depends on its input")
    network, _ = writer.framed(origin[0], {})
    given = [*args, *kwargs.values()]
    taken = keras.pack(given, network.inputs[: len(keras.flatten(given))])
    network.input_structure = taken[0] if len(taken) == 1 else taken
    structure = origin[0].structure
    leaves = [each for each in keras.flatten(structure) if isinstance(each, keras.KerasTensor)]
    outputs = {id(leaf): output for leaf, output in zip(leaves, network.outputs, strict=False)}
    network.outputs = _tensors(structure, outputs)
    return network


def _tensors(structure: Any, outputs: dict[int, Any]) -> Any:
    """Return the outputs in a structure, in which None and numbers may stand beside tensors."""
    if isinstance(structure, dict):
        found = {key: _tensors(each, outputs) for key, each in structure.items()}
        return {key: each for key, each in found.items() if each is not None}
    if isinstance(structure, (list, tuple)):
        return [
            each for each in (_tensors(part, outputs) for part in structure) if each is not None
        ]
    return outputs.get(id(structure))


def _stated_layers(keras: Keras, model: Any) -> Iterator[Any]:
    """Yield a model and the layers that its configuration lists, at any depth."""
    yield model
    if keras.is_network(model):
        for layer in keras.graph_of(model).layers:
            yield from _stated_layers(keras, layer)


def _all_layers(keras: Keras, model: Any) -> list[Any]:
    """Return the layers of a model at any depth, and itself."""
    found: dict[int, Any] = {}
    pending = [model]
    while pending:
        layer = pending.pop()
        if id(layer) in found:
            continue
        found[id(layer)] = layer
        pending += layer._layers
        if keras.is_network(layer):
            pending += [
                each for each in keras.graph_of(layer)._operations if isinstance(each, keras.Layer)
            ]
            pending.append(keras.graph_of(layer))
    return list(found.values())


def _described(keras: Keras, network: Network) -> Expansion:
    variables: dict[str, Any] = {}
    layers: dict[str, Any] = {}
    for path, inner in network.walk():
        prefix = f"{path}/" if path else ""
        for weight in inner.weights:
            variables[prefix + weight.name] = weight.source
        for entry in inner.entries:
            if entry.network is None and isinstance(entry.source, keras.Layer):
                layers[prefix + escaped(entry.name)] = entry.source
            elif entry.stands_for is not None:
                entry.config = _stated_settings(entry.source)
    return Expansion({**network.to_config(), EXPANDED: True}, variables, layers)


def _stated_settings(layer: Any) -> dict[str, Any]:
    """Return the settings that a custom layer states, or nothing if it states none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of lambdas
            settings = layer.get_config()
        return {str(key): plain(value) for key, value in settings.items()}
    except Exception:  # it is a user's own code, or Keras says that it is missing
        return {}


def _value(source: Any) -> Any:
    return source.numpy() if hasattr(source, "numpy") else source
