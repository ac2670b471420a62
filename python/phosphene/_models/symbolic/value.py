"""Symbolic values: what handlers compute with, by operators and functions of `phosphene.ops`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.symbolic.encoding import plain
from phosphene._models.symbolic.parts import Entry, Tensor, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from phosphene._models.symbolic.network import Network

_BINARY = {
    "add": "Add",
    "sub": "Subtract",
    "mul": "Multiply",
    "truediv": "TrueDivide",
    "floordiv": "FloorDivide",
    "mod": "Mod",
    "pow": "Power",
    "matmul": "Matmul",
    "and": "LogicalAnd",
    "or": "LogicalOr",
    "xor": "LogicalXor",
}
_COMPARISONS = {
    "lt": "Less",
    "le": "LessEqual",
    "gt": "Greater",
    "ge": "GreaterEqual",
    "eq": "Equal",
    "ne": "NotEqual",
}


class Value:
    """A tensor that isn't computed yet, in a network that is being put together.

    A handler gets values and returns values; nobody else makes them. They take the operators of
    arrays (``+ - * / // % ** @``, comparisons, ``& | ^ ~``, indexing), with numbers and arrays on
    the other side, and the functions of `phosphene.ops`.

    Parameters
    ----------
    network
        The network that the value is in.
    tensor
        What it is there: an output of a call, or a variable.
    """

    __array_ufunc__ = None  # so that array + value asks the value
    __hash__ = object.__hash__

    def __init__(self, network: Network, tensor: Tensor | Weight) -> None:
        self.network = network
        """The network that the value is in."""
        self.tensor = tensor
        """What it is there."""

    def __repr__(self) -> str:
        if isinstance(self.tensor, Weight):
            return f"<Value: weight {self.name!r} of shape {self.tensor.shape}>"
        return f"<Value of {self.name!r}>"

    @property
    def name(self) -> str:
        """The name of the weight, or of the function that the value comes from."""
        return self.tensor.name if isinstance(self.tensor, Weight) else self.tensor.entry.name

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, None where a length is free; the engine is asked for it.

        Raises
        ------
        InvalidArgumentError
            If the shapes of the network's inputs aren't known.
        """
        if isinstance(self.tensor, Weight):
            return self.tensor.shape
        if self.tensor.call is None:
            return _known(self.network, self.tensor.shape)
        return output_shapes(self.network, self.tensor)[self.tensor.output]

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        if not isinstance(self.tensor, Weight):
            raise InvalidArgumentError(
                f"{self!r} has no numbers yet: a handler is asked what shall be computed, before "
                "anything is. Use the functions of phosphene.ops."
            )
        source = self.tensor.source
        numbers = np.asarray(source.numpy() if hasattr(source, "numpy") else source)
        return numbers if dtype is None else numbers.astype(dtype)

    def __bool__(self) -> bool:
        raise InvalidArgumentError(
            f"{self!r} can't decide an if or while: it has no numbers yet. Use phosphene.ops.where."
        )

    def __iter__(self) -> Iterator[Value]:
        length = self.shape[0] if self.shape else None
        if length is None:
            raise InvalidArgumentError(f"{self!r} can't be unpacked: its first length is free.")
        return (self[index] for index in range(length))

    def __getitem__(self, key: Any) -> Value:
        return call("keras.src.ops.numpy", "GetItem", {}, [self, key], {})

    def __neg__(self) -> Value:
        return call("keras.src.ops.numpy", "Negative", {}, [self], {})

    def __abs__(self) -> Value:
        return call("keras.src.ops.numpy", "Absolute", {}, [self], {})

    def __invert__(self) -> Value:
        return call("keras.src.ops.numpy", "LogicalNot", {}, [self], {})

    if TYPE_CHECKING:  # made below, from the tables

        def __add__(self, other: Any) -> Value: ...
        def __radd__(self, other: Any) -> Value: ...
        def __sub__(self, other: Any) -> Value: ...
        def __rsub__(self, other: Any) -> Value: ...
        def __mul__(self, other: Any) -> Value: ...
        def __rmul__(self, other: Any) -> Value: ...
        def __truediv__(self, other: Any) -> Value: ...
        def __rtruediv__(self, other: Any) -> Value: ...
        def __floordiv__(self, other: Any) -> Value: ...
        def __mod__(self, other: Any) -> Value: ...
        def __pow__(self, other: Any) -> Value: ...
        def __rpow__(self, other: Any) -> Value: ...
        def __matmul__(self, other: Any) -> Value: ...
        def __rmatmul__(self, other: Any) -> Value: ...
        def __and__(self, other: Any) -> Value: ...
        def __or__(self, other: Any) -> Value: ...
        def __xor__(self, other: Any) -> Value: ...
        def __lt__(self, other: Any) -> Value: ...
        def __le__(self, other: Any) -> Value: ...
        def __gt__(self, other: Any) -> Value: ...
        def __ge__(self, other: Any) -> Value: ...
        def __eq__(self, other: Any) -> Value: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Value: ...  # type: ignore[override]


def _operator(class_name: str, *, reflected: bool = False) -> Any:
    def method(self: Value, other: Any) -> Value:
        operands = [other, self] if reflected else [self, other]
        return call("keras.src.ops.numpy", class_name, {}, operands, {})

    return method


for _name, _class_name in {**_BINARY, **_COMPARISONS}.items():
    setattr(Value, f"__{_name}__", _operator(_class_name))
for _name, _class_name in _BINARY.items():
    setattr(Value, f"__r{_name}__", _operator(_class_name, reflected=True))


def call(
    module: str, class_name: str, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
) -> Value:
    """Return the value of a function of ``keras.ops``.

    Parameters
    ----------
    module, class_name, config
        Its class in Keras, and what stands in the configuration of the class.
    args, kwargs
        What it is called on: values, numbers, arrays and lists of them.

    Raises
    ------
    InvalidArgumentError
        If no value is among the arguments, or values of two handlers are.
    """
    networks = {id(value.network): value.network for value in values_in([args, kwargs])}
    if len(networks) != 1:
        found = "none was given" if not networks else "some belong to another call of a handler"
        raise InvalidArgumentError(
            f"{class_name} works on the values that the handler was called on; {found}. Numbers "
            "alone are computed with NumPy."
        )
    network = next(iter(networks.values()))
    plain_args, plain_kwargs = tensors_in(args), tensors_in(kwargs)
    name = "".join("_" + c.lower() if c.isupper() else c for c in class_name).lstrip("_")
    entry = Entry(name, class_name, {key: plain(each) for key, each in config.items()}, module)
    return Value(network, network.call(entry, *plain_args, **plain_kwargs))


def outputs_of(value: Value) -> list[Value]:
    """Return all outputs of the call that a value is the first output of."""
    tensor = value.tensor
    assert isinstance(tensor, Tensor)
    count = len(output_shapes(value.network, tensor))
    return [
        Value(value.network, Tensor(tensor.entry, tensor.call, number)) for number in range(count)
    ]


def values_in(structure: Any) -> list[Value]:
    """Return the values in nested lists, tuples, dicts and slices."""
    if isinstance(structure, Value):
        return [structure]
    if isinstance(structure, slice):
        structure = (structure.start, structure.stop, structure.step)
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [value for each in structure for value in values_in(each)]
    return []


def tensors_in(structure: Any) -> Any:
    """Return a structure with what stands in the network in place of values."""
    if isinstance(structure, Value):
        tensor = structure.tensor
        if isinstance(tensor, Weight) and tensor not in structure.network.weights:
            structure.network.weights.append(tensor)
        return tensor
    if isinstance(structure, slice):
        return slice(*map(tensors_in, (structure.start, structure.stop, structure.step)))
    if isinstance(structure, Mapping):
        return {key: tensors_in(each) for key, each in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [tensors_in(each) for each in structure]
    return structure


def output_shapes(network: Network, tensor: Tensor) -> list[tuple[int | None, ...]]:
    """Return the shapes of all outputs of the call that a tensor comes from."""
    from phosphene._models.intake.architecture import Architecture

    for each in network.inputs:
        _known(network, each.shape)
    former = network.outputs
    network.outputs = [Tensor(tensor.entry, tensor.call)]
    try:
        layers = Architecture(network.to_config()).layers
    finally:
        network.outputs = former
    found = next(layer for layer in layers if layer["name"] == tensor.entry.name)
    return [tuple(shape) for shape in found["output_shapes"]]


def _known(network: Network, shape: tuple[int | None, ...] | None) -> tuple[int | None, ...]:
    if shape is None:
        raise InvalidArgumentError(
            f"The shape of what layer {network.name!r} is called on isn't known, because a layer "
            "in front of it can't be computed; give a handler for that one too."
        )
    return shape
