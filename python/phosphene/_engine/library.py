"""The only module that touches the C interface's error protocol and its arrays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._errors import (
    InvalidArgumentError,
    ModelFileError,
    OutOfMemoryError,
    PhospheneError,
    UnsupportedError,
)
from phosphene._ffi import ffi as ffi
from phosphene._ffi import lib as lib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ArrayType = tuple[np.dtype[Any], tuple[int, ...]]
"""The element type and the shape of an array."""

_EXCEPTIONS: dict[int, type[PhospheneError]] = {
    lib.PH_INVALID_ARGUMENT: InvalidArgumentError,
    lib.PH_UNSUPPORTED: UnsupportedError,
    lib.PH_MODEL_FILE: ModelFileError,
    lib.PH_OUT_OF_MEMORY: OutOfMemoryError,
}

_CODES: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): lib.PH_FLOAT32,
    np.dtype(np.int32): lib.PH_INT32,
    np.dtype(np.bool_): lib.PH_BOOL,
    np.dtype(np.float16): lib.PH_FLOAT16,
    np.dtype(np.int8): lib.PH_INT8,
    np.dtype(np.uint8): lib.PH_UINT8,
}
_DTYPES = {code: dtype for dtype, code in _CODES.items()}

if lib.ph_abi_version() != lib.PH_ABI_VERSION:
    raise ImportError(
        f"libphosphene has ABI version {lib.ph_abi_version()}, "
        f"the Python package needs {lib.PH_ABI_VERSION}; rebuild both together."
    )


def failure(status: int) -> PhospheneError:
    """Return the exception that belongs to the calling thread's latest failure."""
    pointer = lib.ph_last_error_message()
    message = ffi.string(pointer).decode() if pointer else f"The engine failed with code {status}."
    return _EXCEPTIONS.get(status, PhospheneError)(message)


def check(status: int) -> None:
    """Raise the exception that belongs to a status code, unless it is success."""
    if status != lib.PH_OK:
        raise failure(status)


def text(pointer: Any) -> str:
    """Return a C string, or raise what went wrong where there is none."""
    if not pointer:
        raise failure(lib.PH_INTERNAL)
    return str(ffi.string(pointer).decode())


def engine() -> dict[str, Any]:
    """Return the engine's version, oneDNN's, the instruction set in use and the thread count."""
    return dict(json.loads(text(lib.ph_engine_json())))


def supported() -> dict[str, list[str]]:
    """Return the Keras class names that the engine computes: `layers`, and `operations` of ops."""
    return dict(json.loads(text(lib.ph_supported_json())))


def set_threads(count: int | None) -> None:
    """Set how many threads later calls compute with.

    Parameters
    ----------
    count
        1 or more; None means all CPUs that the process may use, which is where Phosphene starts.

    Raises
    ------
    InvalidArgumentError
        If `count` is no whole number above 0.

    Notes
    -----
    Results are bit-equal for equal thread counts only; otherwise they are equal to float32
    rounding.

    Examples
    --------
    >>> set_threads(2)
    >>> set_threads(None)
    """
    if count is not None:
        wanted = "None for all CPUs or a whole number"
        count = whole("set_threads: count", count, 1, 2**31 - 1, what=wanted)
    check(lib.ph_set_threads(count or 0))


def threads() -> int:
    """Return how many threads calls compute with."""
    return int(lib.ph_threads())


class Arrays:
    """C descriptions of arrays of fixed types, which can be pointed at new arrays again and again.

    Making the structs costs more than running a small network, so a plan keeps them.
    """

    def __init__(self, types: Sequence[ArrayType]) -> None:
        self.pointer = ffi.new("ph_array[]", max(1, len(types)))
        self.count = len(types)
        self._shapes = [ffi.new("int64_t[]", list(shape) or 1) for _, shape in types]
        self._structs = [self.pointer[index] for index in range(len(types))]
        for struct, lengths, (dtype, shape) in zip(self._structs, self._shapes, types, strict=True):
            struct.dtype = code_of(dtype)
            struct.rank = len(shape)
            struct.shape = lengths

    def point(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Point at arrays of the right types; the caller keeps them alive."""
        from_buffer = ffi.from_buffer
        for struct, array in zip(self._structs, arrays, strict=True):
            struct.data = from_buffer(array)


def describe(arrays: Sequence[NDArray[Any]]) -> Arrays:
    """Return C descriptions of C-ordered arrays; the caller keeps the arrays alive."""
    result = Arrays([(array.dtype, array.shape) for array in arrays])
    result.point(arrays)
    return result


def code_of(dtype: np.dtype[Any]) -> int:
    """Return the engine's number of an element type."""
    try:
        return _CODES[dtype]
    except KeyError:
        known = ", ".join(str(each) for each in _CODES)
        raise InvalidArgumentError(
            f"The engine takes arrays of {known}; received {dtype}."
        ) from None


def type_of(struct: Any) -> ArrayType:
    """Return the element type and the shape that a C description states."""
    if struct.dtype not in _DTYPES:
        raise UnsupportedError(
            f"The engine returned an array of type {struct.dtype}, which this version can't read."
        )
    return _DTYPES[struct.dtype], tuple(struct.shape[axis] for axis in range(struct.rank))


def to_numpy(struct: Any, *, copy: bool = True) -> NDArray[Any]:
    """Return the array that a C description points at.

    Parameters
    ----------
    struct
        A ``ph_array``.
    copy
        False returns a read-only view, valid as long as the handle that owns the memory.
    """
    dtype, shape = type_of(struct)
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if size == 0:
        return np.empty(shape, dtype)
    array = np.frombuffer(ffi.buffer(struct.data, size), dtype).reshape(shape)
    if copy:
        return array.copy()
    array.flags.writeable = False
    return array
