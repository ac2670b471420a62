"""What the outputs of a network depend on, in the graph that Keras recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from phosphene._models.intake.expansion.frames import Frame, Trace
    from phosphene._models.symbolic.network import Network

    Framed = Callable[[Frame, dict[int, Any]], tuple[Network, list[Any]]]
    """Writes the inside of a call, given the masks of its outputs."""


@dataclass
class Found:
    """What the outputs of a network depend on."""

    nodes: list[Any] = field(default_factory=list)
    insides: dict[int, tuple[Network, list[Any]]] = field(default_factory=dict)
    """For expanded calls, by id() of the node: the network, and what it is called on."""
    used: set[int] = field(default_factory=set)
    """The id() of the inputs among it."""
    captured: dict[int, Any] = field(default_factory=dict)
    """Tensors from around the network that aren't among its arguments."""


class Gathering:
    """The search through the graph.

    Parameters
    ----------
    trace
        The run; it goes on where a layer of a Functional model has to be expanded.
    framed
        Writes the inside of an expanded call, and says what it is called on.
    """

    def __init__(self, trace: Trace, framed: Framed) -> None:
        self._trace = trace
        self._keras = trace.keras
        self._framed = framed

    def gather(
        self, outputs: list[Any], known: dict[int, Any], belongs: Callable[[Any], bool]
    ) -> Found:
        """Return what some tensors depend on, within one network.

        Parameters
        ----------
        outputs
            The tensors.
        known
            By id(), the inputs of the network.
        belongs
            Whether a node is in the network.
        """
        found = Found()
        seen: set[int] = set()
        pending = list(outputs)
        while pending:
            tensor = self._trace.original(pending.pop())
            if id(tensor) in known:
                found.used.add(id(tensor))
                continue
            if self._trace.variable_of(tensor) is not None:
                continue
            node = self._producer(tensor)
            if node is None or not belongs(node):
                found.captured[id(tensor)] = tensor
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            found.nodes.append(node)
            frame = self._frame_of(node)
            if frame is None:
                pending += node.arguments.keras_tensors
            else:
                inside = found.insides[id(node)] = self._framed(frame, self._masks(node, frame))
                pending += inside[1]
        return found

    def _producer(self, tensor: Any) -> Any:
        """Return the node that a tensor comes from, or None."""
        origin = self._trace.origin(tensor)
        if origin is not None:
            return origin[0].node
        history = getattr(tensor, "_keras_history", None)
        if history is None or history.operation is None:
            return None
        return history.operation._inbound_nodes[history.node_index]

    def _frame_of(self, node: Any) -> Frame | None:
        """Return the frame of an expanded call; a call of the user's own graph is run anew."""
        layer = node.operation
        if not isinstance(layer, self._keras.Layer) or not self._trace.opens(layer):
            return None
        if self._trace.is_traced(node):
            origin = self._trace.origin(node.outputs[0])
            return None if origin is None else origin[0]
        copies: dict[int, Any] = {}

        def copied(value: Any) -> Any:
            if not isinstance(value, self._keras.KerasTensor):
                return value
            return copies.setdefault(id(value), self._trace.copy(value))

        args, kwargs = self._keras.map_structure(
            copied, (node.arguments.args, node.arguments.kwargs)
        )
        returned = [
            each
            for each in self._keras.flatten(layer(*args, **kwargs))
            if isinstance(each, self._keras.KerasTensor)
        ]
        origin = self._trace.origin(returned[0]) if returned else None
        return None if origin is None else origin[0]

    def _masks(self, node: Any, frame: Frame) -> dict[int, Any]:
        """Return the masks that Keras puts on the outputs of a call from around it."""
        masks = {}
        for number, tensor in enumerate(node.outputs):
            mask = self._keras.get_mask(tensor)
            own = self._keras.get_mask(frame.outputs[number])
            if mask is not None and own is None:
                masks[number] = mask
        return masks
