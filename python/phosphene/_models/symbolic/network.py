"""A network in the making: layers and functions called on values, written as a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._sentences import with_article

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Shape = tuple[int | None, ...]


@dataclass(eq=False)
class Call:
    """One call of an entry."""

    args: list[Any]
    kwargs: dict[str, Any]
    order: int = 0
    """Its place among the calls of the entry."""


@dataclass(eq=False)
class Entry:
    """A layer, a function of ``keras.ops`` or a network inside a network, with its calls."""

    name: str
    class_name: str
    config: dict[str, Any] = field(default_factory=dict)
    """The settings; those of the layer that a network stands for, if they are known."""
    module: str = "keras.layers"
    network: Network | None = None
    """The network that the entry is, if it is one."""
    stands_for: str | None = None
    """The class that people know the layer by, where a network takes the place of a layer."""
    source: Any = None
    """The live layer that the entry was made from."""
    calls: list[Call] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Tensor:
    """One output of a call, in the network that the call is in."""

    entry: Entry
    call: Call | None
    """None for an input of the network."""
    output: int = 0
    shape: Shape | None = None


@dataclass(frozen=True, eq=False)
class Weight:
    """A variable of the network itself."""

    name: str
    shape: tuple[int, ...]
    trainable: bool = True
    source: Any = None
    """Where its values come from: an array, or a variable of Keras."""


class Network:
    """Layers and functions that are called on each other's outputs.

    Parameters
    ----------
    name
        The name of the network.
    trainable
        Whether training changes its weights.
    """

    def __init__(self, name: str, *, trainable: bool = True) -> None:
        self.name = name
        self.trainable = trainable
        self.inputs: list[Tensor] = []
        self.entries: list[Entry] = []
        self.weights: list[Weight] = []
        self.outputs: Any = []
        """A structure of tensors."""
        self.input_structure: Any = None
        """The inputs as the network takes them, where that isn't a list."""
        self.is_sequential = False
        """Whether it is listed as Keras lists a Sequential model."""

    def input(self, name: str, shape: Sequence[int | None], dtype: str = "float32") -> Tensor:
        """Add an input.

        Parameters
        ----------
        name
            What it shall be called; another input or layer of that name makes it ``name_1``.
        shape
            Batch included; None where a length is free.
        dtype
            Keras' name of the element type.
        """
        config = {"batch_shape": list(shape), "dtype": dtype}
        tensor = Tensor(self.add(Entry(name, "InputLayer", config)), None, 0, tuple(shape))
        self.inputs.append(tensor)
        return tensor

    def add(self, entry: Entry) -> Entry:
        """Add an entry, under a name that no other one has."""
        entry.name = unique(entry.name, {each.name for each in self.entries})
        self.entries.append(entry)
        return entry

    def call(self, entry: Entry, *args: Any, **kwargs: Any) -> Tensor:
        """Add an entry that is called once, and return its first output."""
        call = Call(list(args), kwargs)
        self.add(entry).calls.append(call)
        return Tensor(entry, call)

    def weight(
        self, name: str, shape: Sequence[int], *, trainable: bool = True, source: Any = None
    ) -> Weight:
        """Add a variable of the network itself; it is found again by its source."""
        for known in self.weights:
            if source is not None and known.source is source:
                return known
        name = unique(name, {each.name for each in self.weights})
        weight = Weight(name, tuple(map(int, shape)), trainable, source)
        self.weights.append(weight)
        return weight

    def to_config(self) -> dict[str, Any]:
        """Return the configuration, with ``class_name`` and ``config``, as Keras 3 writes it."""
        if self.is_chain():
            layers = [self._entry_config(entry) for entry in self.entries]
            for layer in layers:
                del layer["inbound_nodes"]
            settings = {"name": self.name, "trainable": self.trainable, "layers": layers}
            return {"class_name": "Sequential", "module": "keras", "config": settings}
        structure = self.inputs if self.input_structure is None else self.input_structure
        return {
            "class_name": "Functional",
            "module": "keras",
            "config": {
                "name": self.name,
                "trainable": self.trainable,
                "layers": [self._entry_config(entry) for entry in self.entries],
                "input_layers": _mapped(structure, _reference),
                "output_layers": _mapped(self.outputs, _output_reference),
            },
        }

    def meaning(self) -> Any:
        """Return what two networks have in common that compute the same on inputs of any size."""
        sources = [id(weight.source) for _, network in self.walk() for weight in network.weights]
        return _without_sizes(self.to_config()), sources

    def is_chain(self) -> bool:
        """Return whether it can be written as a Sequential model."""
        if not self.is_sequential or not isinstance(self.outputs, Tensor):
            return False
        for before, entry in zip(self.entries, self.entries[1:], strict=False):
            if len(entry.calls) != 1 or entry.calls[0].kwargs:
                return False
            args = entry.calls[0].args
            only = args[0][0] if args and isinstance(args[0], list) and args[0] else args[0]
            if len(args) != 1 or not isinstance(only, Tensor) or only.entry is not before:
                return False
            if only.output != 0 or (isinstance(args[0], list) and len(args[0]) != 1):
                return False
        return self.outputs.entry is self.entries[-1] and self.outputs.output == 0

    def _entry_config(self, entry: Entry) -> dict[str, Any]:
        if entry.network is not None:
            entry.network.name = entry.name
            written = entry.network.to_config()
        else:
            config = {**entry.config, "name": entry.name}
            written = {"class_name": entry.class_name, "module": entry.module, "config": config}
        written["name"] = entry.name
        if entry.stands_for is not None:
            written["stands_for"] = entry.stands_for
            if entry.config:
                written["settings"] = entry.config
        written["inbound_nodes"] = [
            {"args": encoded(call.args), "kwargs": encoded(call.kwargs)}
            for call in sorted(entry.calls, key=lambda call: call.order)
        ]
        return written

    def walk(self, prefix: str = "") -> Iterable[tuple[str, Network]]:
        """Yield this network and those inside it, each with the path of its weights."""
        from phosphene._models.config import escaped

        yield prefix, self
        for entry in self.entries:
            if entry.network is not None:
                path = f"{prefix}/{escaped(entry.name)}" if prefix else escaped(entry.name)
                yield from entry.network.walk(path)


def encoded(value: Any) -> Any:
    """Return an argument of a call as a configuration holds it.

    Raises
    ------
    InvalidArgumentError
        If it is nothing that a configuration can hold.
    """
    if isinstance(value, Tensor):
        config = {"shape": value.shape, "dtype": "float32", "keras_history": _reference(value)}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, Weight):
        weight = {"name": value.name, "shape": list(value.shape), "trainable": value.trainable}
        return {"class_name": "__weight__", "config": weight}
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float, np.generic)):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (list, tuple)):
        return [encoded(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): encoded(each) for key, each in value.items()}
    if isinstance(value, slice):
        ends = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": encoded(ends)}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        if value.ndim == 0:
            return value.item()
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    raise InvalidArgumentError(
        f"{with_article(type(value).__name__)} can't stand in a network: {value!r:.60}"
    )


def plain(value: Any) -> Any:
    """Return a setting as JSON has it.

    Raises
    ------
    InvalidArgumentError
        If it is nothing that JSON has.
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (Tensor, Weight)):
        raise InvalidArgumentError("a tensor can't be a setting")
    if isinstance(value, (type, np.dtype)) or hasattr(value, "as_numpy_dtype"):
        try:
            return np.dtype(getattr(value, "as_numpy_dtype", value)).name
        except TypeError:
            pass
    return encoded(value)


def _without_sizes(value: Any) -> Any:
    """Return a configuration without the shapes of its tensors."""
    if isinstance(value, dict):
        left_out = {"batch_shape"}
        if "keras_history" in value:
            left_out = {"shape"}
        return {key: _without_sizes(each) for key, each in value.items() if key not in left_out}
    return [_without_sizes(each) for each in value] if isinstance(value, list) else value


def unique(name: str, taken: Iterable[str]) -> str:
    """Return a name that isn't taken yet: ``dense``, ``dense_1`` and so on."""
    taken = set(taken)
    if name not in taken:
        return name
    base = re.sub(r"_\d+$", "", name)
    number = 1
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"


def _reference(tensor: Tensor) -> list[Any]:
    return [tensor.entry.name, _call_number(tensor), tensor.output]


def _output_reference(tensor: Tensor) -> list[Any]:
    # Keras counts the call that built a nested Functional model where the model is an output.
    network = tensor.entry.network
    counts = network is not None and tensor.entry.stands_for is None and not network.is_chain()
    offset = 1 if counts else 0
    return [tensor.entry.name, _call_number(tensor) + offset, tensor.output]


def _call_number(tensor: Tensor) -> int:
    if tensor.call is None:
        return 0
    return sum(other.order < tensor.call.order for other in tensor.entry.calls)


def _mapped(structure: Any, function: Callable[[Tensor], Any]) -> Any:
    if isinstance(structure, Tensor):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: _mapped(value, function) for key, value in structure.items()}
    return [_mapped(value, function) for value in structure]
