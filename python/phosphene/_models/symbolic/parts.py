"""What a network in the making consists of: layers with their calls, tensors, weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phosphene._models.symbolic.network import Network

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
