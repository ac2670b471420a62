"""A network as the old tools saw it: activations that can be set, a choice of outputs."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import UnknownNameError, UnsupportedError
from phosphene._models.arrays import batches
from phosphene._models.config import calls_of, entries, name_of
from phosphene._models.model import as_model, load
from phosphene._sentences import counted
from phosphene._vision.objectives.objectives import as_objective
from phosphene._warnings import warn
from phosphene.compat._layer import NetworkLayer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType
    from phosphene._models.layer import Layer
    from phosphene._models.network import Model
    from phosphene._vision.objectives.terms import Objective

Arrays = Sequence["NDArray[Any]"]

LARGEST = float(np.finfo(np.float32).max)


class Network:
    """A model with outputs of its own, and activations that can be replaced.

    The model itself is never changed.

    Parameters
    ----------
    model
        A live Keras model, or anything that `phosphene.load` takes.
    """

    def __init__(self, model: Any) -> None:
        self._model: Model = as_model(model)
        self.outputs: tuple[str, ...] = tuple(each["path"] for each in self._model.json["outputs"])
        """The paths of the layers whose outputs the network returns."""
        self.activations: dict[str, str] = {}
        """The activations that were set, by the path of the layer."""
        self.rule = "plain"
        """How gradients pass rectifiers: ``"plain"``, ``"guided"`` or ``"deconvolution"``."""
        self.plain_layers = False
        """Whether `ReLU` layers, unlike activations, stay plain all the same."""
        self._kept: frozenset[str] | None = None
        self._changed: Model | None = None

    def __repr__(self) -> str:
        return f"<Network {self.name!r}: {', '.join(self.outputs)}>"

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._model.name

    @property
    def inputs(self) -> tuple[InputType, ...]:
        """Name, shape and type of each input."""
        return self._model.input_types

    @property
    def input(self) -> Network:
        """What stands for the input: the network."""
        return self

    @property
    def layers(self) -> list[NetworkLayer]:
        """The layers that the outputs need, as Keras lists them."""
        layers = [NetworkLayer(self, layer) for layer in self._model.layers]
        return [each for each in layers if self._kept is None or each.name in self._kept]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that compute the outputs."""
        return [self._model[path].path.split("/")[0] for path in self.outputs]

    def get_layer(self, name: str | None = None, index: int | None = None) -> NetworkLayer:
        """Return a layer by its name, or by its index among `layers`."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise UnknownNameError(
                    f"{self.name!r} has {counted(len(layers), 'layer')}; received index {index}."
                )
            return layers[index]
        found = [each for each in layers if each.name == name]
        return found[0] if found else NetworkLayer(self, self._model[name])

    def set_activation(self, path: str, name: str) -> None:
        """Replace the activation of the layer at a path."""
        self.activations[path] = name
        self._changed = None

    def ending_at(self, layer: NetworkLayer) -> Network:
        """Return the part of the network up to a layer."""
        part = self.with_outputs((self._model.path_of(layer.layer),))
        part._kept = _needed(self._model, part.outputs[0].split("/")[0].split("#")[0])
        return part

    def with_outputs(self, paths: tuple[str, ...]) -> Network:
        """Return the network with other outputs."""
        other = Network(self._model)
        other.outputs, other._kept = paths, self._kept
        other.activations, other.rule = dict(self.activations), self.rule
        other.plain_layers = self.plain_layers
        return other

    def set_rule(self, rule: str, *, plain_layers: bool) -> None:
        """Decide how gradients pass rectifiers, and whether `ReLU` layers are exempt."""
        self.rule, self.plain_layers, self._changed = rule, plain_layers, None
        limited, plain = _rectifiers(self._model.layers)
        if rule != "plain" and limited and not plain:
            warn(
                f"A {rule} gradient is the plain one in {self.name!r}: the rule is for ReLU, and "
                f"its {counted(limited, 'rectifier')} {'is a' if limited == 1 else 'are'} ReLU "
                "with a largest value, such as ReLU6."
            )

    def path_of(self, layer: NetworkLayer) -> str:
        """Return the path under which a layer's output is asked for."""
        return self._model.path_of(layer.layer)

    def input_axis(self, index: int = 0) -> int:
        """Return the axis of an input that its channels lie along, batch counted."""
        return int(self._model.json["inputs"][index]["channel_axis"])

    def channel_axis(self, path: str) -> int:
        """Return the axis of a layer's output that its channels lie along, batch counted."""
        return self._model.channel_axes[path]

    # What it computes.

    def run(self, inputs: Arrays, paths: Sequence[str] | None = None) -> list[NDArray[Any]]:
        """Return the outputs of the layers at `paths`, by default the outputs of the network."""
        wanted = list(self.outputs if paths is None else paths)
        key = ("compat", tuple(wanted))
        unique = list(dict.fromkeys(wanted))
        plan = self.model.plan({"outputs": unique}, [each.shape for each in inputs], key)
        found = dict(zip(unique, plan.run(list(inputs)), strict=True))
        return [found[path] for path in wanted]

    def predict(self, inputs: Arrays, batch_size: int | None = 32) -> list[NDArray[Any]]:
        """Return the outputs of the network, computed a few samples at a time."""
        results = [self.run(batch) for batch in batches(list(inputs), batch_size)]
        return [np.concatenate(parts) for parts in zip(*results, strict=True)]

    def gradients(
        self, inputs: Arrays, cotangents: Arrays, at: str | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the gradient of the outputs, weighted by `cotangents`, at the inputs or a layer.

        Parameters
        ----------
        inputs
            One array for each input.
        cotangents
            One array for each output, in its shape.
        at
            The path of a layer; by default the inputs.
        """
        total: list[NDArray[np.float32]] | None = None
        pairs = list(zip(self.outputs, cotangents, strict=True))
        for path, cotangent in [pair for pair in pairs if pair[1].any()] or pairs[:1]:
            arrays = [*inputs, np.asarray(cotangent, np.float32, order="C")]
            request = {"gradient": {"cotangent": path, "at": at, "rule": self.rule}}
            key = ("compat gradient", path, at, self.rule)
            plan = self.model.plan(request, [each.shape for each in arrays], key)
            found = plan.run(arrays)
            total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
        assert total is not None
        return total

    def score(
        self, inputs: Arrays, objective: Objective
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Return an objective of each sample and its gradient, from one run."""
        found = as_objective(self.model, objective)
        request = {"gradient": {"objective": found.to_json(), "at": None, "rule": self.rule}}
        key = ("compat score", found, self.rule)
        value, *gradients = self.model.plan(request, [x.shape for x in inputs], key).run(
            list(inputs)
        )
        return value, gradients

    @property
    def model(self) -> Model:
        """The model with the activations that were set."""
        if self._changed is None:
            self._changed = _rebuilt(self._model, self._changes())
        return self._changed

    def _changes(self) -> dict[str, dict[str, Any]]:
        """Return for each layer by name what its settings become."""
        changes: dict[str, dict[str, Any]] = {
            path: {"activation": name} for path, name in self.activations.items()
        }
        if self.plain_layers:  # a limit that is never reached makes them another function
            for layer in self._model.layers:
                settings = layer.get_config()
                if layer.kind == "ReLU" and settings.get("max_value") is None:
                    changes[layer.path] = {"max_value": LARGEST}
        return changes


def _rectifiers(layers: Sequence[Layer]) -> tuple[int, int]:
    """Return how many layers are rectifiers with a largest value, and how many are other ones."""
    limited = plain = 0
    for layer in layers:
        kind, activation = layer.kind.casefold(), layer.activation or ""
        is_limited = activation == "relu6" or kind == "relu6"
        if kind == "relu":
            is_limited = layer.get_config().get("max_value") is not None
        if is_limited:
            limited += 1
        elif "relu" in kind or "relu" in activation:
            plain += 1
        inner = _rectifiers(layer.layers)
        limited, plain = limited + inner[0], plain + inner[1]
    return limited, plain


def _rebuilt(model: Model, changes: Mapping[str, Mapping[str, Any]]) -> Model:
    """Return a model with other settings of some layers of the outermost model."""
    if not changes:
        return model
    config = copy.deepcopy(model.config)
    known = {model[path].name: each for path, each in changes.items()}
    for entry in entries(config):
        entry["config"].update(known.get(name_of(entry), {}))
    weights = {each["key"]: model.weight(each["key"]) for each in model.architecture.weights()}
    # The reader takes JSON, so nothing of Python's own may be left in it.
    text = json.loads(json.dumps(config))
    return load((text, weights), exact=model.exact, precision=model.precision)


def _needed(model: Model, name: str) -> frozenset[str]:
    """Return the names of the layers of the outermost model that a layer's output needs."""
    sources: dict[str, set[str]] = {}
    previous: str | None = None
    for entry in entries(model.config):
        each = name_of(entry)
        read = {source for node in calls_of(entry) for source, _, _ in node}
        if "inbound_nodes" not in entry and previous is not None:
            read = {previous}
        sources[each], previous = read, each
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in needed:
            needed.add(each)
            waiting.extend(sources.get(each, ()))
    return frozenset(needed)


def plain_training(training: Any) -> None:
    """Refuse ``training=True``: the engine computes what a network does after training."""
    if training:
        raise UnsupportedError(
            "training=True isn't supported: Phosphene computes networks as they are used, with "
            "Dropout and other training behaviour off; leave training out."
        )
