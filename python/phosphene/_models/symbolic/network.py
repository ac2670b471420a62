"""A network in the making: layers and functions called on values, written as a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from phosphene._models.symbolic.encoding import call_number, encoded, reference
from phosphene._models.symbolic.parts import Call, Entry, Tensor, Weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


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
                "input_layers": _mapped(structure, reference),
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


def _output_reference(tensor: Tensor) -> list[Any]:
    # Keras counts the call that built a nested Functional model where the model is an output.
    network = tensor.entry.network
    counts = network is not None and tensor.entry.stands_for is None and not network.is_chain()
    offset = 1 if counts else 0
    return [tensor.entry.name, call_number(tensor) + offset, tensor.output]


def _mapped(structure: Any, function: Callable[[Tensor], Any]) -> Any:
    if isinstance(structure, Tensor):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: _mapped(value, function) for key, value in structure.items()}
    return [_mapped(value, function) for value in structure]
