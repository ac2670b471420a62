"""From the graph that Keras recorded to a network: the calls, their arguments, their variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import UnsupportedError
from phosphene._models.intake.expansion.entries import layer_entry, operation_entry
from phosphene._models.intake.expansion.gathering import Found, Gathering
from phosphene._models.intake.expansion.refusals import refused
from phosphene._models.symbolic.network import Network
from phosphene._models.symbolic.parts import Call, Entry, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from phosphene._models.intake.expansion.frames import Frame, FrameInput, Trace

LARGEST_CONSTANT = 4096
"""How many numbers a configuration holds as text; more of them become a weight."""


class Writer:
    """Writes what one symbolic run recorded.

    Parameters
    ----------
    trace
        The run; it goes on where a layer of a Functional model has to be expanded.
    owned
        The id() of the model's own layers and functions, whose names stay as they are.
    """

    def __init__(self, trace: Trace, owned: set[int]) -> None:
        self._trace = trace
        self._owned = owned
        self._keras = trace.keras
        self._gathering = Gathering(trace, self.framed)
        self._networks: dict[int, Network] = {}

    def functional(self, model: Any) -> Network:
        """Return the network of a Functional or Sequential model.

        Raises
        ------
        UnsupportedError
            If it holds a layer that can't be expanded.
        """
        if id(model) in self._networks:
            return self._networks[id(model)]
        graph = self._keras.graph_of(model)
        network = Network(model.name, trainable=model.trainable)
        network.is_sequential = graph is not model
        known: dict[int, Any] = {}
        for tensor in graph._inputs:
            name = tensor._keras_history.operation.name
            known[id(tensor)] = network.input(name, tensor.shape, tensor.dtype)
        network.input_structure = self._keras.map_structure(
            lambda tensor: known[id(tensor)], graph._inputs_struct
        )
        ranks = {id(operation): rank for rank, operation in enumerate(graph._operations)}

        def rank(node: Any) -> tuple[int, int]:
            return ranks.get(id(node.operation), len(ranks)), _place(node)

        # Besides the user's own nodes, those of masks that were computed on the way.
        found = self._gathering.gather(
            graph._outputs, known, lambda node: self._trace.frame_around(node) is None
        )
        if found.captured:
            raise UnsupportedError(
                f"The model {model.name!r} reads a tensor of another model's graph; build it from "
                "its own Input layers."
            )
        self._fill(network, known, found, rank, model)
        network.outputs = self._keras.map_structure(
            lambda tensor: self._output(network, known, tensor), graph._outputs_struct
        )
        self._networks[id(model)] = network
        return network

    def framed(self, frame: Frame, masks: dict[int, Any]) -> tuple[Network, list[Any]]:
        """Return the network of a layer's own ``call``.

        Parameters
        ----------
        frame
            The call.
        masks
            For some outputs, by number, the tensors around the frame that mask them.

        Returns
        -------
        tuple of Network and list
            The network, and for each of its inputs the tensor around the frame.
        """
        trace = self._trace
        inputs = {id(each.inner): each for each in frame.inputs}
        found = self._gathering.gather(
            frame.outputs,
            inputs,
            lambda node: trace.is_traced(node) and trace.frame_around(node) is frame,
        )
        network = Network(frame.layer.name, trainable=frame.layer.trainable)
        known: dict[int, Any] = {}
        around: list[Any] = []

        def enter(each: FrameInput) -> None:
            known[id(each.inner)] = network.input(each.name, each.inner.shape, each.inner.dtype)
            around.append(each.outer)

        for each in frame.inputs:
            if not each.optional or id(each.inner) in found.used:
                enter(each)
        for tensor in found.captured.values():
            known[id(tensor)] = network.input("captured", tensor.shape, tensor.dtype)
            around.append(tensor)
        order = {id(node): rank for rank, node in enumerate(trace.nodes)}
        self._fill(network, known, found, lambda node: (order[id(node)], 0), frame.layer)
        network.outputs = [self._output(network, known, tensor) for tensor in frame.outputs]
        for number, mask in masks.items():
            outer = trace.original(mask)
            place = next(
                (i for i, each in enumerate(around) if trace.original(each) is outer), None
            )
            if place is None:
                place = len(around)
                network.input("mask", mask.shape, mask.dtype)
                around.append(mask)
            entry = Entry("set_mask", "SetMask", module="phosphene")
            output = network.outputs[number]
            network.outputs[number] = network.call(entry, output, network.inputs[place])
        return network, around

    # Writing it down.

    def _fill(
        self,
        network: Network,
        known: dict[int, Any],
        found: Found,
        rank: Callable[[Any], tuple[int, int]],
        caller: Any,
    ) -> None:
        """Add entries for nodes to a network, and the values of their outputs to `known`."""
        shared: dict[int, list[tuple[Any, Entry]]] = {}
        written: list[tuple[Any, Call]] = []
        for node in sorted(found.nodes, key=rank):
            entry = self._entry(node, found, shared, caller)
            if not any(each is entry for each in network.entries):
                network.add(entry)
            call = Call([], {}, _place(node))
            entry.calls.append(call)
            written.append((node, call))
            outputs = list(node.outputs)
            if id(node) in found.insides:
                outputs += self._extra_outputs(node)
            for number, tensor in enumerate(outputs):
                known[id(tensor)] = Tensor(entry, call, number, tuple(tensor.shape))
        for node, call in written:
            self._write_call(network, known, found, node, call, caller)

    def _entry(
        self,
        node: Any,
        found: Found,
        shared: dict[int, list[tuple[Any, Entry]]],
        caller: Any,
    ) -> Entry:
        """Return the entry of a node's layer: the same for all calls that compute the same."""
        operation = node.operation
        variants = shared.setdefault(id(operation), [])
        if id(node) not in found.insides:
            if not variants:
                variants.append((None, self._plain_entry(operation, caller)))
            return variants[0][1]
        inside = found.insides[id(node)][0]
        meaning = inside.meaning()
        for known_meaning, entry in variants:
            if known_meaning == meaning:
                return entry
        entry = Entry(
            self._name(operation),
            "Functional",
            network=inside,
            stands_for=type(operation).__name__,
            source=operation,
        )
        variants.append((meaning, entry))
        return entry

    def _plain_entry(self, operation: Any, caller: Any) -> Entry:
        keras = self._keras
        name = self._name(operation)
        if not isinstance(operation, keras.Layer):
            return operation_entry(keras, operation, name, caller)
        if keras.is_network(operation):
            kind = type(operation).__name__
            return Entry(
                name,
                "Functional",
                network=self.functional(operation),
                stands_for=None if kind in ("Functional", "Sequential") else kind,
                source=operation,
            )
        return layer_entry(keras, operation, name)

    def _name(self, operation: Any) -> str:
        """Return a name that doesn't depend on what else was made in the process."""
        name = str(operation.name)
        return name if id(operation) in self._owned else re.sub(r"_\d+$", "", name)

    def _extra_outputs(self, node: Any) -> list[Any]:
        """Return the masks that an expanded call returns behind its outputs."""
        masks = [self._keras.get_mask(tensor) for tensor in node.outputs]
        return [mask for mask in masks if mask is not None and self._trace.origin(mask) is not None]

    def _write_call(
        self,
        network: Network,
        known: dict[int, Any],
        found: Found,
        node: Any,
        call: Call,
        caller: Any,
    ) -> None:
        operation = node.operation

        def value(item: Any) -> Any:
            return self._argument(network, known, caller, item)

        if id(node) in found.insides:
            call.args = [[value(tensor) for tensor in found.insides[id(node)][1]]]
            return
        args, kwargs = node.arguments.args, dict(node.arguments.kwargs)
        if isinstance(operation, self._keras.Layer):
            if kwargs.pop("training", None):
                raise refused(
                    caller,
                    f"it calls {type(operation).__name__} {operation.name!r} with training=True, "
                    "so that its numbers depend on chance or on the batch",
                )
            if self._keras.is_network(operation):
                call.args = [[value(tensor) for tensor in _network_inputs(self._keras, node)]]
                return
        call.args = [self._keras.map_structure(value, each) for each in args]
        call.kwargs = {
            name: self._keras.map_structure(value, each)
            for name, each in kwargs.items()
            if each is not None
        }

    def _argument(self, network: Network, known: dict[int, Any], caller: Any, value: Any) -> Any:
        """Return one leaf of a call's arguments as the network knows it."""
        keras = self._keras
        if isinstance(value, keras.Variable):
            value = self._trace.stand_in(value)
        if isinstance(value, keras.KerasTensor):
            value = self._trace.original(value)
            variable = self._trace.variable_of(value)
            if variable is None:
                return known[id(value)]
            return network.weight(
                variable.name, variable.shape, trainable=bool(variable.trainable), source=variable
            )
        if keras.backend.is_tensor(value):
            value = keras.to_numpy(value)
        if isinstance(value, np.ndarray) and value.dtype.kind not in "fiub":
            value = value.astype(np.float32)  # bfloat16, which NumPy doesn't count as a float
        if isinstance(value, np.ndarray) and value.size > LARGEST_CONSTANT:
            return network.weight("constant", value.shape, trainable=False, source=value)
        if callable(value):
            raise refused(caller, f"it passes a function on ({value!r:.60})")
        return value

    def _output(self, network: Network, known: dict[int, Any], tensor: Any) -> Any:
        """Return an output of a network; a variable that is one gets a call of its own."""
        tensor = self._trace.original(tensor)
        if id(tensor) in known:
            return known[id(tensor)]
        weight = self._argument(network, known, None, tensor)
        entry = Entry("multiply", "Multiply", module="keras.src.ops.numpy")
        return network.call(entry, weight, 1.0)


def _place(node: Any) -> int:
    """Return which call of its layer a node is."""
    for index, each in enumerate(node.operation._inbound_nodes):
        if each is node:
            return index
    return 0


def _network_inputs(keras: Any, node: Any) -> list[Any]:
    """Return the tensors that a nested network is called on, in the order of its inputs."""
    given = node.arguments.args[0] if node.arguments.args else node.arguments.kwargs["inputs"]
    graph = keras.graph_of(node.operation)
    if isinstance(given, dict) and not isinstance(graph._inputs_struct, dict):
        names = [tensor._keras_history.operation.name for tensor in graph._inputs]
        if set(names) <= given.keys():
            return [given[name] for name in names]
    return list(keras.flatten(given))
