"""Sets of patterns that come one by one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._models.arrays import batches, is_picture, model_inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.model import Model


def is_set(model: Model, x: Any) -> bool:
    """Return whether `x` is a set whose patterns come one by one, not an array of them."""
    if isinstance(x, Iterator):
        return True
    if isinstance(x, (str, bytes, os.PathLike, Mapping)) or is_picture(x):
        return False
    if isinstance(x, (list, tuple)):  # pictures, which needn't all be open at once
        return len(model.input_types) == 1 and bool(x) and all(map(is_picture, x))
    if isinstance(x, np.memmap) or (hasattr(x, "chunks") and hasattr(x, "shape")):
        return len(x.shape) == len(model.input_types[0].shape)  # h5py, zarr
    return isinstance(x, Iterable) and not hasattr(x, "__array__") and not hasattr(x, "__dlpack__")


def batches_of(model: Model, patterns: Any, batch_size: int | None) -> Iterator[list[NDArray[Any]]]:
    """Return the patterns as inputs of the network, by default each by itself."""
    size = 1 if batch_size is None else batch_size
    if not is_set(model, patterns):
        yield from batches(model_inputs(model, patterns), size)
        return
    waiting: list[list[NDArray[Any]]] = []
    for pattern in patterns:
        for single in batches(model_inputs(model, pattern), 1):
            if waiting and _shapes(single) != _shapes(waiting[0]):
                yield _joined(waiting)
                waiting = []
            waiting.append(single)
            if len(waiting) == size:  # at once: the next pattern may take long, or fail
                yield _joined(waiting)
                waiting = []
    if waiting:
        yield _joined(waiting)


def _shapes(arrays: Sequence[NDArray[Any]]) -> list[tuple[int, ...]]:
    return [array.shape for array in arrays]


def _joined(singles: list[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    if len(singles) == 1:
        return singles[0]
    return [np.concatenate(parts) for parts in zip(*singles, strict=True)]
