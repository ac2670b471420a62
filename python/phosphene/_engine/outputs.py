"""Memory for large results, taken up again when nobody looks at them any more.

Pages that the system hands out fresh cost more time than a small network: every layer's output of
a MobileNetV2 is 87 MB.
"""

from __future__ import annotations

import itertools
import mmap
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from phosphene._engine.library import ArrayType

POOLED_BYTES = 1 << 23
"""Below so many bytes in all, fresh arrays cost next to nothing."""

KEPT_BYTES = 1 << 30
"""What all plans together keep at most for later runs."""

_LARGE = 1 << 16
"""Smaller arrays have memory of their own: one that somebody keeps doesn't keep the others'."""

_PAGE = mmap.PAGESIZE
_HUGE_PAGE = 1 << 21

_pools: weakref.WeakSet[OutputPool] = weakref.WeakSet()
_lock = threading.Lock()
_clock = itertools.count()


class OutputPool:
    """Arrays for the results of one plan.

    Each run gets views of a set of arrays that no earlier result refers to. Two sets are kept: in
    ``t = ph.trace(model, x)`` the old trace lives until the new one is there.

    Parameters
    ----------
    types
        Element types and shapes of the results.
    shared
        For results that are another one under another shape: the number of that one.
    """

    def __init__(self, types: Sequence[ArrayType], shared: Mapping[int, int]) -> None:
        own = [each for index, each in enumerate(types) if index not in shared]
        self._own = own
        self._shared = [(index, shared[index], types[index][1]) for index in sorted(shared)]
        self._byte_count = sum(map(_byte_count, own))
        self._sets: list[_Set] = []
        self._lock = threading.Lock()
        self.used = 0
        """When the pool was asked last, in calls of all pools."""
        _pools.add(self)

    def take(self) -> list[NDArray[Any]]:
        """Return arrays that nobody else refers to, with anything in them."""
        if self._byte_count < POOLED_BYTES:
            arrays = [np.empty(shape, dtype) for dtype, shape in self._own]
        else:
            with self._lock:
                arrays = self._pooled()
        for index, source, shape in self._shared:
            arrays.insert(index, arrays[source].reshape(shape))
        return arrays

    def _pooled(self) -> list[NDArray[Any]]:
        self.used = next(_clock)
        for each in self._sets:
            views = each.views()
            if views is not None:
                return views
        made = _Set(self._own)
        views = made.views()
        assert views is not None  # nobody knows of it yet
        self._sets = self._sets[-1:]
        if _make_room(self._byte_count, self):
            self._sets = [*self._sets, made]
        return views

    @property
    def kept_bytes(self) -> int:
        """The bytes that are kept for later runs."""
        return len(self._sets) * self._byte_count

    def clear(self) -> None:
        """Keep nothing; results that are in use stay as they are."""
        self._sets = []


class _Set:
    """One array for each result, the large ones in one block of huge pages."""

    def __init__(self, types: Sequence[ArrayType]) -> None:
        self._types = types
        self._places: list[tuple[int, int] | None] = []
        end = 0
        for each in types:
            size = _byte_count(each)
            pages = -(-size // _PAGE) * _PAGE
            self._places.append((end, pages) if size >= _LARGE else None)
            end += pages if size >= _LARGE else 0
        try:
            self._block = mmap.mmap(-1, end + _HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError as error:
            raise MemoryError(f"no memory left for {end} bytes of results") from error
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._block.madvise(mmap.MADV_HUGEPAGE)
        address = np.frombuffer(self._block, np.uint8).__array_interface__["data"][0]
        self._start = -address % _HUGE_PAGE
        memory = memoryview(self._block)
        self._arrays: list[NDArray[Any]] = []
        for (dtype, shape), place in zip(types, self._places, strict=True):
            if place is None:
                self._arrays.append(np.empty(shape, dtype))
            else:
                # Views of views refer to the array whose base is no array: to this one.
                part = memory[self._start + place[0] : self._start + sum(place)]
                self._arrays.append(np.ndarray(shape, dtype, buffer=part))

    def views(self) -> list[NDArray[Any]] | None:
        """Return views of the arrays, or None if most are in use."""
        counts = list(map(sys.getrefcount, self._arrays))
        if max(counts) > _UNUSED:
            used = [index for index, count in enumerate(counts) if count > _UNUSED]
            if 2 * sum(self._arrays[index].nbytes for index in used) > self._byte_count:
                return None
            for index in used:
                # Somebody has kept it beyond the rest: it is theirs now.
                dtype, shape = self._types[index]
                self._arrays[index], self._places[index] = np.empty(shape, dtype), None
        return [array.view() for array in self._arrays]

    @property
    def _byte_count(self) -> int:
        return sum(array.nbytes for array in self._arrays)

    def __del__(self) -> None:
        """Give pages back that an array which is still in use would keep with its own."""
        if sys.is_finalizing() or not hasattr(mmap, "MADV_DONTNEED"):
            return
        counts = list(map(sys.getrefcount, self._arrays))
        if max(counts, default=0) <= _UNUSED:
            return
        for count, place in zip(counts, self._places, strict=True):
            if place is not None and count <= _UNUSED:
                self._block.madvise(mmap.MADV_DONTNEED, self._start + place[0], place[1])


def _byte_count(each: ArrayType) -> int:
    dtype, shape = each
    return dtype.itemsize * int(np.prod(shape, dtype=np.int64))


def _make_room(byte_count: int, asking: OutputPool) -> bool:
    """Let go of what was used longest ago, and return whether so many bytes more may be kept."""
    with _lock:
        kept = sum(pool.kept_bytes for pool in _pools)
        for pool in sorted(_pools, key=lambda pool: pool.used):
            if kept + byte_count > KEPT_BYTES and pool is not asking:
                kept -= pool.kept_bytes
                pool.clear()
        return kept + byte_count <= KEPT_BYTES


_UNUSED = next(map(sys.getrefcount, [np.empty(0)]))
"""The count of references to an array that only a list refers to."""
