"""What one symbolic run of a model leaves: frames, nodes and the tensors that stand for variables.

A *frame* is one call of a layer that can't describe itself: fresh symbolic inputs, and what its own
``call`` computed from them. Frames nest as the layers do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from phosphene._errors import PhospheneError
from phosphene._models.intake.expansion.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from phosphene._models.intake.expansion.backend import Keras


@dataclass(frozen=True)
class Lengths:
    """What stands for lengths that aren't fixed while a model is run symbolically."""

    batch: int
    first: int
    """For the axis behind the batch."""
    step: int = 0
    """How much longer each further axis is."""

    def fill(self, shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """Return a shape without free lengths."""
        return tuple(
            int(length)
            if length is not None
            else self.first + self.step * (axis - 1)
            if axis
            else self.batch
            for axis, length in enumerate(shape)
        )


@dataclass(eq=False)
class FrameInput:
    """A fresh symbolic input of a frame."""

    inner: Any
    outer: Any
    """The tensor around the frame that it stands for."""
    name: str
    optional: bool = False
    """Whether it is there for layers inside that ask for a mask, and left out if none does."""


@dataclass(eq=False)
class Frame:
    """One call of a layer that is expanded."""

    layer: Any
    inputs: list[FrameInput] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    """The symbolic tensors that the call returned, flat, and behind them their masks."""
    structure: Any = None
    """What the call returned, as it returned it."""
    node: Any = None
    """Keras' record of the call in the graph around it."""


class Trace:
    """One symbolic run.

    Parameters
    ----------
    keras
        The parts of Keras that are needed.
    lengths
        What stands for free lengths.
    opens
        Says whether the inside of a layer is wanted.
    handles
        Says whether a handler stands in for a layer.
    """

    def __init__(
        self,
        keras: Keras,
        lengths: Lengths,
        opens: Callable[[Any], bool],
        handles: Callable[[Any], bool],
    ) -> None:
        self.keras = keras
        self.lengths = lengths
        self.opens = opens
        self.handles = handles
        self.is_paused = False
        """Whether layers compute with numbers for a while."""
        self.frame: Frame | None = None
        self.nodes: list[Any] = []
        self._frame_of_node: dict[int, Frame | None] = {}
        self._origins: dict[int, tuple[Frame, int]] = {}
        self._stand_ins: dict[int, Any] = {}
        self._variables: dict[int, Any] = {}
        self._changed: dict[int, Any] = {}
        self._aliases: dict[int, Any] = {}
        self._alive: list[Any] = []  # everything is found by id(), so nothing may go

    # Variables.

    def stand_in(self, variable: Any) -> Any:
        """Return the symbolic tensor that stands for a variable of Keras."""
        if id(variable) in self._changed:
            raise PhospheneError("it reads a variable that it has changed in the same call")
        tensor = self._stand_ins.get(id(variable))
        if tensor is None:
            shape = tuple(int(length) for length in variable.shape)
            dtype = self.keras.standardize_dtype(variable.dtype)
            tensor = self.keras.KerasTensor(shape, dtype, name=variable.name)
            self._stand_ins[id(variable)] = tensor
            self._variables[id(tensor)] = variable
            self._alive.append(variable)
        return tensor

    def symbolic(self, value: Any) -> Any:
        """Return the stand-in of a variable, and anything else as it is."""
        return self.stand_in(value) if isinstance(value, self.keras.Variable) else value

    def variable_of(self, tensor: Any) -> Any:
        """Return the variable that a tensor stands for, or None."""
        return self._variables.get(id(tensor))

    def change(self, variable: Any) -> None:
        """Note that a layer assigned to a variable, which is left as it is."""
        self._changed[id(variable)] = variable

    # Nodes.

    def note(self, node: Any) -> None:
        """Note a node that Keras has just made."""
        self.nodes.append(node)
        self._frame_of_node[id(node)] = self.frame
        if node.outputs:
            frame, _ = self._origins.get(id(node.outputs[0]), (None, 0))
            if frame is not None and frame.node is None:
                frame.node = node

    def is_traced(self, node: Any) -> bool:
        """Return whether a node was made during this run."""
        return id(node) in self._frame_of_node

    def frame_around(self, node: Any) -> Frame | None:
        """Return the frame in which a node was made."""
        return self._frame_of_node.get(id(node))

    def origin(self, tensor: Any) -> tuple[Frame, int] | None:
        """Return the frame that a tensor is an output of, and its number."""
        return self._origins.get(id(tensor))

    def original(self, tensor: Any) -> Any:
        """Return the tensor of the user's own graph that a copy stands for."""
        return self._aliases.get(id(tensor), tensor)

    # Frames.

    def copy(self, tensor: Any) -> Any:
        """Return a fresh tensor of the same type without free lengths, with its mask."""
        fresh = self._fresh(tensor)
        self._aliases[id(fresh)] = tensor
        mask = self.keras.get_mask(tensor)
        if mask is not None:
            masking = self._fresh(mask)
            self._aliases[id(masking)] = mask
            self.keras.set_mask(fresh, masking)
        return fresh

    def expand(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a layer's own ``call`` in a frame and return fresh tensors for its outputs.

        Raises
        ------
        UnsupportedError
            If the call can't be run on symbolic tensors; it names the layer and the reason.
        """
        frame = Frame(layer)
        names = _argument_names(self.keras, layer, args, kwargs)
        masks: dict[int, Any] = {}
        leaves: list[Any] = []
        for leaf in self.keras.flatten((args, kwargs)):
            leaves.append(leaf)
            if isinstance(leaf, self.keras.KerasTensor):
                leaves[-1] = masks[id(leaf)] = self._fresh(leaf)
                name = names.get(id(leaf), "inputs")
                frame.inputs.append(
                    FrameInput(leaves[-1], leaf, name, optional=name.endswith("mask"))
                )
        for each in list(frame.inputs):
            mask = self.keras.get_mask(each.outer)
            if mask is None:
                continue
            if id(mask) not in masks:
                masks[id(mask)] = self._fresh(mask)
                frame.inputs.append(
                    FrameInput(masks[id(mask)], mask, f"{each.name}_mask", optional=True)
                )
            self.keras.set_mask(each.inner, masks[id(mask)])
        inner_args, inner_kwargs = self.keras.pack((args, kwargs), leaves)
        around, self.frame = self.frame, frame
        try:
            returned = layer.call(*inner_args, **inner_kwargs)
            frame.structure = self.keras.map_structure(self.symbolic, returned)
        except Exception as error:
            raise refusal(layer, error) from error
        finally:
            self.frame = around
        return self._leave(frame)

    def sample(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return fresh tensors for what a layer returns, found by calling it on zeros.

        This is for layers with handlers, whose call may be anything.
        """

        def zeros(value: Any) -> Any:
            if not isinstance(value, self.keras.KerasTensor):
                return value
            return self.keras.ops.zeros(self.lengths.fill(tuple(value.shape)), value.dtype)

        self.is_paused = True
        try:
            with self.keras.backend.StatelessScope():
                args, kwargs = self.keras.map_structure(zeros, (args, kwargs))
                returned = layer.call(*args, **kwargs)
        except Exception as error:
            raise refusal(layer, error) from error
        finally:
            self.is_paused = False
        return self.keras.map_structure(
            lambda value: self.keras.KerasTensor(tuple(value.shape), value.dtype), returned
        )

    def _leave(self, frame: Frame) -> Any:
        """Return what a frame's call returned, with fresh tensors for its symbolic ones."""
        leaves: list[Any] = []
        masks: list[tuple[Any, Any]] = []
        for leaf in self.keras.flatten(frame.structure):
            leaves.append(leaf)
            if not isinstance(leaf, self.keras.KerasTensor):
                continue
            leaves[-1] = self._fresh(leaf)
            self._origins[id(leaves[-1])] = (frame, len(frame.outputs))
            frame.outputs.append(leaf)
            mask = self.keras.get_mask(leaf)
            if mask is not None:
                masks.append((mask, self._fresh(mask)))
                self.keras.set_mask(leaves[-1], masks[-1][1])
        for mask, outer in masks:
            self._origins[id(outer)] = (frame, len(frame.outputs))
            frame.outputs.append(mask)
        return self.keras.pack(frame.structure, leaves)

    def _fresh(self, tensor: Any) -> Any:
        shape = self.lengths.fill(tuple(tensor.shape))
        fresh = self.keras.KerasTensor(shape, tensor.dtype, name=tensor.name)
        self._alive += [fresh, tensor]
        return fresh


def _argument_names(
    keras: Keras, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[int, str]:
    """Return the names of the arguments that symbolic tensors are, by the tensors' id()."""
    try:
        bound = keras.signature(layer.call).bind(*args, **kwargs).arguments
    except TypeError:
        bound = {"inputs": args, **kwargs}
    names: dict[int, str] = {}
    for parameter, value in bound.items():
        for path, leaf in keras.flatten_with_path(value):
            if isinstance(leaf, keras.KerasTensor):
                names[id(leaf)] = str(path[-1]) if _is_named(path) else _numbered(parameter, path)
    return names


def _is_named(path: tuple[Any, ...]) -> bool:
    return bool(path) and isinstance(path[-1], str)


def _numbered(parameter: str, path: tuple[Any, ...]) -> str:
    return "_".join([parameter, *map(str, path)])
