"""Names, indices, paths and Keras layers: which layer of a model is meant."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, UnknownNameError
from phosphene._models.layer import Layer
from phosphene._sentences import counted, suggestion, with_article

if TYPE_CHECKING:
    from phosphene._models.description import ModelDescription

_CALL = re.compile(r"#\d+(?=/|$|:)|:\d+$")
"""What tells calls and outputs of a layer apart: ``dense#1``, ``inner#1/conv``, ``lstm:1``."""

_OUTPUT = re.compile(r":\d+$")


class Lookup:
    """The layers of a model under all the names that they have."""

    def __init__(self, model: ModelDescription, description: dict[str, Any]) -> None:
        top = [Layer(model, each) for each in description["layers"]]
        nodes = list(_flat(top))
        self.layers = [layer for layer in top if not layer.is_operation]
        self.all_layers = [layer for layer in nodes if not layer.is_operation]
        self.trace: tuple[str, ...] = tuple(description["trace"])
        operations = {call for layer in nodes if layer.is_operation for call in layer.calls}
        self.layer_trace = tuple(
            path for path in self.trace if _OUTPUT.sub("", path) not in operations
        )
        """What a trace holds unless it is asked for more: functions of `keras.ops` left out."""
        self.shapes = dict(zip(self.trace, map(tuple, description["trace_shapes"]), strict=True))
        self.channel_axes = dict(
            zip(self.trace, map(int, description["trace_channel_axes"]), strict=True)
        )
        self._model = model
        self._nodes = nodes
        self._top = {layer.name: layer for layer in top}
        self._by_path = {layer.path: layer for layer in nodes}
        self._traced = frozenset(self.trace)

    def find(self, wanted: Any) -> Layer:
        """Return the layer that a name, index, path, call or live Keras layer stands for."""
        if isinstance(wanted, Layer):
            wanted = wanted.call or wanted.path
        elif isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool):
            return self._at(int(wanted))
        elif not isinstance(wanted, str):
            wanted = name_of(wanted)
        found = self._top.get(wanted) or self._by_path.get(wanted)
        if found is not None:
            return found
        if wanted in self._traced:
            return self._called(wanted)
        nested = [layer for layer in self._nodes if layer.name == wanted]
        if len(nested) == 1:
            return nested[0]
        if nested:
            candidates = ", ".join(repr(layer.path) for layer in nested[:8])
            raise UnknownNameError(
                f"{wanted!r} is the name of {len(nested)} layers of {self._model.name!r}; say "
                f"which: {candidates}."
            )
        raise self._unknown(wanted)

    def path(self, wanted: Any) -> str:
        """Return the path under which a trace holds the output of a layer."""
        if type(wanted) is str and wanted in self._traced and wanted not in self._top:
            return wanted
        layer = self.find(wanted)
        if layer.call is None:
            raise InvalidArgumentError(
                f"{layer.path!r} is an input of the model, not a layer that computes something."
            )
        return layer.call

    def select(self, wanted: Any) -> tuple[str, ...]:
        """Return the paths that names, globs, kinds and layers stand for, in execution order."""
        if wanted is None:
            return self.layer_trace
        if isinstance(wanted, (str, Layer, int)) or not isinstance(wanted, Iterable):
            wanted = (wanted,)
        chosen: set[str] = set()
        for each in wanted:
            chosen.update(self._matches(each))
        if not chosen:
            raise InvalidArgumentError("layers= names no layer; leave it out to trace all of them.")
        return tuple(path for path in self.trace if path in chosen)

    def _matches(self, wanted: Any) -> Sequence[str]:
        if not isinstance(wanted, str) or wanted in self._traced or wanted in self._by_path:
            return (self.path(wanted),)
        kind = [call for layer in self._nodes if layer.kind == wanted for call in layer.calls]
        if kind:
            return kind
        if any(mark in wanted for mark in "*?["):
            matching = fnmatch.filter(self.layer_trace, wanted) or fnmatch.filter(
                self.trace, wanted
            )
            if matching:
                return matching
            raise self._unknown(wanted)
        return (self.path(wanted),)

    def _at(self, index: int) -> Layer:
        if not -len(self.layers) <= index < len(self.layers):
            raise UnknownNameError(
                f"{self._model.name!r} has {counted(len(self.layers), 'layer')}; received index "
                f"{index}."
            )
        return self.layers[index]

    def _called(self, call: str) -> Layer:
        """Return the layer of a path like ``inner#1/conv`` or ``lstm:1``."""
        layer = self._by_path.get(_CALL.sub("", call))
        if layer is None:
            raise self._unknown(call)
        return Layer(self._model, layer.description, call)

    def _unknown(self, wanted: str) -> UnknownNameError:
        kinds = {layer.kind for layer in self.all_layers}
        names = dict.fromkeys([*self._by_path, *self.trace, *sorted(kinds)])
        near = suggestion(wanted, names, "its layers begin with")
        return UnknownNameError(f"{self._model.name!r} has no layer {wanted!r}; {near}.")


def name_of(layer: Any) -> str:
    """Return the name by which a `Layer` or a live Keras layer is looked up."""
    if isinstance(layer, str):
        return layer
    if isinstance(layer, Layer):
        return layer.call or layer.path
    name = getattr(layer, "name", None)
    if isinstance(name, str) and hasattr(layer, "get_config"):
        return name
    raise InvalidArgumentError(
        "A layer is given by its name, index, path or as a Keras layer; received "
        f"{with_article(type(layer).__name__)}: {layer!r:.60}."
    )


def _flat(layers: Iterable[Layer]) -> Iterable[Layer]:
    for layer in layers:
        yield layer
        yield from _flat(layer.nodes)
