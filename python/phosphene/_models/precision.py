"""How large weights are stored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._engine.library import check, ffi, lib, to_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

Precision = Literal["float32", "bfloat16"]


def with_precision(handle: Any, precision: Precision) -> Any:
    """Return a model of the engine whose large weights are stored in a precision."""
    if precision == "float32":
        return handle
    out = ffi.new("ph_model **")
    check(lib.ph_model_with_precision(handle, str(precision).encode(), out))
    return ffi.gc(out[0], lib.ph_model_destroy)


def weight(handle: Any, key: str) -> NDArray[np.float32]:
    """Return a copy of a weight of the engine's model, as it computes with it."""
    struct = _described(handle, key)
    if struct.dtype != lib.PH_BFLOAT16:
        return to_numpy(struct)
    wide: NDArray[np.uint32] = _halves(struct).astype(np.uint32) << np.uint32(16)
    return wide.view(np.float32)


def has_weight(handle: Any, key: str, array: NDArray[np.float32]) -> bool:
    """Return whether a weight of the engine's model is what `array` would be there, bit for bit."""
    struct = _described(handle, key)
    if struct.dtype == lib.PH_BFLOAT16:
        return np.array_equal(_rounded(array), _halves(struct))
    # As integers: NaN equals itself, and 0 differs from -0.
    present = to_numpy(struct, copy=False)
    return array.shape == present.shape and np.array_equal(
        array.view(np.int32), present.view(np.int32)
    )


def _described(handle: Any, key: str) -> Any:
    struct = ffi.new("ph_array *")
    check(lib.ph_model_weight(handle, key.encode(), struct))
    return struct


def _halves(struct: Any) -> NDArray[np.uint16]:
    """Return a view of the upper halves of floats, which lives as long as the model."""
    shape = tuple(struct.shape[axis] for axis in range(struct.rank))
    buffer = ffi.buffer(struct.data, 2 * math.prod(shape))
    return np.frombuffer(buffer, np.uint16).reshape(shape)


def _rounded(array: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the upper halves of floats, rounded to the nearest, to the even one of two."""
    bits = array.view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    nearest = (bits + (odd + np.uint32(0x7FFF))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(array), quiet, nearest).astype(np.uint16)
