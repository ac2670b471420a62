"""One network from two runs with different lengths: what differs between them is a free length.

A call such as ``ops.reshape(x, (ops.shape(x)[0], -1))`` is recorded with the lengths of its run.
Here every number that differs is put down to the length that it follows, and written in a way that
holds for all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import UnsupportedError
from phosphene._models.symbolic.parts import Call, Entry, Tensor, Weight

if TYPE_CHECKING:
    from phosphene._models.symbolic.network import Network

Pair = tuple[Any, Any]
"""A number as it was in the first run and in the second."""

_NUMPY = "keras.src.ops.numpy"


def merge(first: Network, second: Network, *, may_mix: bool = False) -> Network:
    """Return the network that computes what both do, each for its own lengths.

    Parameters
    ----------
    first, second
        What the two runs wrote.
    may_mix
        Whether axes may have the same length by chance, so that a number that follows it could
        belong to either.

    Raises
    ------
    UnsupportedError
        If a number depends on a free length in a way that a configuration can't say.
    """
    return _Merger(first, second, may_mix=may_mix).merged()


class _Merger:
    def __init__(self, first: Network, second: Network, *, may_mix: bool) -> None:
        self._network = first
        self._other = second
        self._may_mix = may_mix
        self._vectors: dict[Pair, Tensor] = {}
        self._place = 0
        """Where entries that are added now stand in the list."""

    def merged(self) -> Network:
        network, other = self._network, self._other
        names = [[entry.name for entry in each.entries] for each in (network, other)]
        if names[0] != names[1]:
            raise UnsupportedError(
                f"{network.name!r} calls other layers for other lengths of its input; build the "
                "model with a fixed input shape."
            )
        for one, two in zip(network.inputs, other.inputs, strict=True):
            shape = zip(one.shape or (), two.shape or (), strict=True)
            one.entry.config["batch_shape"] = [a if a == b else None for a, b in shape]
        for entry, twin in zip(list(network.entries), other.entries, strict=True):
            self._place = network.entries.index(entry)
            if entry.network is not None and twin.network is not None:
                merge(entry.network, twin.network, may_mix=self._may_mix)
            for call, twin_call in zip(entry.calls, twin.calls, strict=True):
                self._merge_call(entry, twin, call, twin_call)
            if entry.config != twin.config and entry.class_name != "InputLayer":
                raise self._refusal(entry, "its settings depend")
        return network

    # Calls.

    def _merge_call(self, entry: Entry, twin: Entry, call: Call, other: Call) -> None:
        rules = {
            "Reshape": self._reshape,
            "BroadcastTo": self._broadcast,
            "Tile": self._tile,
            "Repeat": self._repeat,
        }
        if entry.class_name in rules and entry.config != twin.config:
            rules[entry.class_name](entry, twin, call, other)
            twin.config = entry.config
            return
        if entry.class_name == "GetItem":
            call.args[1] = self._key(entry, call, other)
            return
        call.args = self._value(entry, call.args, other.args)
        call.kwargs = self._value(entry, call.kwargs, other.kwargs)

    def _value(self, entry: Entry, one: Any, two: Any) -> Any:
        """Return an argument that differs between the runs as it is for all lengths."""
        if isinstance(one, dict):
            return {key: self._value(entry, value, two[key]) for key, value in one.items()}
        if isinstance(one, (list, tuple)):
            return [self._value(entry, a, b) for a, b in zip(one, two, strict=True)]
        if isinstance(one, Tensor):
            return one
        if isinstance(one, Weight) and isinstance(one.source, np.ndarray):
            if _same(one.source, two.source):
                return one
            self._network.weights.remove(one)
            return self._array(entry, one.source, two.source)
        if isinstance(one, np.ndarray) and one.ndim == 0:
            one, two = one.item(), two.item()
        if isinstance(one, np.ndarray):
            return one if _same(one, two) else self._array(entry, one, two)
        if isinstance(one, (int, float)) and not isinstance(one, bool) and one != two:
            return self._number(entry, (one, two))
        return one

    def _reshape(self, entry: Entry, twin: Entry, call: Call, other: Call) -> None:
        x, y = call.args[0], other.args[0]
        shapes = list(
            zip(
                _resolved(entry.config["newshape"], x.shape),
                _resolved(twin.config["newshape"], y.shape),
                strict=True,
            )
        )
        fixed = [a if a == b else -1 for a, b in shapes]
        if fixed.count(-1) <= 1:
            entry.config = {"newshape": fixed}
        elif shapes[0] == (x.shape[0], y.shape[0]) and fixed[1:].count(-1) <= 1:
            # Keras' layer of the same name leaves the first axis alone.
            entry.class_name, entry.module = "Reshape", "keras.layers"
            entry.config = {"target_shape": fixed[1:]}
        else:
            raise self._refusal(entry, "several lengths of its result depend")

    def _broadcast(self, entry: Entry, twin: Entry, call: Call, _: Call) -> None:
        shapes = list(zip(entry.config["shape"], twin.config["shape"], strict=True))
        x = call.args[0]
        own = [1] * (len(shapes) - len(x.shape)) + list(x.shape)
        if any(a != b and length != 1 for (a, b), length in zip(shapes, own, strict=True)):
            fixed = np.zeros([a if a == b else 1 for a, b in shapes], np.float32)
            inner = Entry("add", "Add", module=_NUMPY)
            self._stretch(entry, call, self._add(inner, x, fixed), shapes)
        else:
            config = {"shape": [a if a == b else 1 for a, b in shapes]}
            inner = Entry("broadcast_to", "BroadcastTo", config, _NUMPY)
            self._stretch(entry, call, self._add(inner, x), shapes)

    def _tile(self, entry: Entry, twin: Entry, call: Call, _: Call) -> None:
        x = call.args[0]
        repeats = list(zip(entry.config["repeats"], twin.config["repeats"], strict=True))
        repeats = [(1, 1)] * (len(x.shape) - len(repeats)) + repeats
        own = [1] * (len(repeats) - len(x.shape)) + list(x.shape)
        if any(a != b and length != 1 for (a, b), length in zip(repeats, own, strict=True)):
            raise self._refusal(entry, "how often an axis of several elements is repeated depends")
        config = {"repeats": [a if a == b else 1 for a, b in repeats]}
        inner = self._add(Entry("tile", "Tile", config, _NUMPY), x)
        self._stretch(entry, call, inner, [(a, b) if a != b else (1, 1) for a, b in repeats])

    def _repeat(self, entry: Entry, twin: Entry, call: Call, _: Call) -> None:
        x, axis = call.args[0], entry.config.get("axis")
        pair = (entry.config["repeats"], twin.config["repeats"])
        if axis is None or x.shape[axis] != 1 or not isinstance(pair[0], int):
            raise self._refusal(entry, "how often an axis of several elements is repeated depends")
        shapes: list[Pair] = [(1, 1)] * len(x.shape)
        shapes[axis] = pair
        self._stretch(entry, call, x, shapes)

    def _stretch(self, entry: Entry, call: Call, x: Tensor, shapes: list[Pair]) -> None:
        """Make an entry the sum of a tensor and zeros of some lengths."""
        if len(entry.calls) > 1:
            raise self._refusal(entry, "its settings depend")
        entry.class_name, entry.module, entry.config = "Add", _NUMPY, {}
        call.args, call.kwargs = [x, self._zeros(entry, shapes)], {}

    def _key(self, entry: Entry, call: Call, other: Call) -> Any:
        """Return what a tensor is indexed by, with lengths counted from the end of their axis."""
        one, two = call.args[1], other.args[1]
        keys = list(one) if isinstance(one, (list, tuple)) else [one]
        twins = list(two) if isinstance(two, (list, tuple)) else [two]
        used = sum(key is not None and key is not Ellipsis for key in keys)
        axis = 0
        result: list[Any] = []
        for key, twin in zip(keys, twins, strict=True):
            if key is None:
                result.append(None)
                continue
            if key is Ellipsis:
                axis += len(call.args[0].shape) - used
                result.append(key)
                continue
            length = (call.args[0].shape[axis], other.args[0].shape[axis])
            axis += 1
            if isinstance(key, slice):
                start = self._index(entry, (key.start, twin.start), length)
                stop = None if (key.stop, twin.stop) == length else (key.stop, twin.stop)
                if stop is not None:
                    stop = self._index(entry, stop, length)
                result.append(slice(start, stop, self._value(entry, key.step, twin.step)))
            elif isinstance(key, int):
                result.append(self._index(entry, (key, twin), length))
            else:
                result.append(self._value(entry, key, twin))
        return result

    def _index(self, entry: Entry, pair: Pair, length: Pair) -> Any:
        if pair[0] == pair[1] or isinstance(pair[0], Tensor):
            return pair[0]
        back = pair[0] - length[0]
        if back != pair[1] - length[1] or back >= 0:
            raise self._refusal(entry, "an index depends")
        return back

    # Values of free lengths.

    def _array(self, entry: Entry, one: Any, two: Any) -> Tensor:
        """Return an array that is as long as the input is, the same all along."""
        shapes = list(zip(one.shape, two.shape, strict=False))
        if one.ndim == two.ndim:
            for axis, (a, b) in enumerate(shapes):
                if a != b:
                    one, two = (_level(each, axis) for each in (one, two))
        if not _same(one, two):
            raise self._refusal(entry, "an array among its arguments depends")
        stretched = [(a, b) if a != b else (1, 1) for a, b in shapes]
        adding = Entry("add", "Add", module=_NUMPY)
        return self._add(adding, one, self._zeros(entry, stretched))

    def _number(self, entry: Entry, pair: Pair) -> Tensor:
        """Return a number that grows with a length of the input."""
        for known in self._free():
            factor, offset = pair[0] / known[0], pair[0] - known[0]
            if not math.isclose(factor, pair[1] / known[1]) and offset != pair[1] - known[1]:
                continue
            follows = math.isclose(factor, pair[1] / known[1])
            ones = self._add(
                Entry("add", "Add", module=_NUMPY),
                self._vector(entry, known),
                factor if follows else 1.0,
            )
            total = self._add(Entry("sum", "Sum", {"axis": None, "keepdims": False}, _NUMPY), ones)
            if follows:
                return total
            return self._add(Entry("add", "Add", module=_NUMPY), total, float(offset))
        raise self._refusal(entry, "a number among its arguments depends")

    def _zeros(self, entry: Entry, shapes: list[Pair]) -> Tensor:
        """Return zeros with an axis for each pair: as long as the pair says where it differs."""
        total: Tensor | None = None
        for axis, pair in enumerate(shapes):
            if pair[0] == pair[1]:
                continue
            shape = [1] * len(shapes)
            shape[axis] = -1
            reshaping = Entry("reshape", "Reshape", {"newshape": shape}, _NUMPY)
            zeros = self._add(reshaping, self._vector(entry, pair))
            if total is not None:
                zeros = self._add(Entry("add", "Add", module=_NUMPY), total, zeros)
            total = zeros
        if total is None:
            raise self._refusal(entry, "its settings depend")
        return total

    def _vector(self, entry: Entry, pair: Pair) -> Tensor:
        """Return as many zeros as a free length of the input counts."""
        if pair not in self._vectors:
            source = self._free().get(pair)
            if source is None:
                raise self._refusal(entry, "a length depends")
            tensor, axis = source
            key: list[Any] = [0] * len(tensor.shape or ())
            key[axis] = slice(None)
            column = self._add(Entry("get_item", "GetItem", module=_NUMPY), tensor, key)
            zeros = Entry("zeros_like", "ZerosLike", {"dtype": None}, _NUMPY)
            self._vectors[pair] = self._add(zeros, column)
        return self._vectors[pair]

    def _free(self) -> dict[Pair, tuple[Tensor, int]]:
        """Return the free lengths of the network's inputs, each with an axis that has it."""
        found: dict[Pair, tuple[Tensor, int]] = {}
        for one, two in zip(self._network.inputs, self._other.inputs, strict=True):
            pairs = list(zip(one.shape or (), two.shape or (), strict=True))
            for axis, pair in enumerate(pairs):
                is_clear = pairs.count(pair) == 1 or not self._may_mix
                if pair[0] != pair[1] and is_clear:
                    found.setdefault(pair, (one, axis))
        return found

    def _add(self, entry: Entry, *args: Any) -> Tensor:
        tensor = self._network.call(entry, *args)
        self._network.entries.insert(self._place, self._network.entries.pop())
        self._place += 1
        return tensor

    def _refusal(self, entry: Entry, what: str) -> UnsupportedError:
        place = f"{self._network.name!r} calls {entry.class_name}, and "
        return UnsupportedError(
            f"{place}{what} on the size of the input in a way that can't be written down; use -1 "
            "for the batch or other lengths that aren't fixed, or give a handler (handlers=)."
        )


def _resolved(shape: list[int], own: Any) -> list[int]:
    """Return a shape with the number that -1 stands for."""
    known = math.prod(length for length in shape if length != -1)
    return [math.prod(own) // max(known, 1) if length == -1 else length for length in shape]


def _level(array: Any, axis: int) -> Any:
    """Return an array cut to one element along an axis if it is the same all along."""
    first = np.take(array, [0], axis) if array.shape[axis] else array
    return first if np.array_equal(np.broadcast_to(first, array.shape), array) else array


def _same(one: Any, two: Any) -> bool:
    return one.shape == two.shape and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
