"""PyTorch's older weight files (``torch.save`` before 1.6), read as arrays and nothing else.

Such a file is five pickles and then the numbers. A pickle is a program that may call whatever it
names. Here the standard library only splits it into instructions; a stack machine of our own goes
through those that a dictionary of tensors needs. A name in the file is looked up nowhere, and what
it "calls" is one of two notes that are turned into arrays in the end.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickletools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from phosphene._errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_DTYPES: dict[str, np.dtype[Any]] = {
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.LongStorage": np.dtype("<i8"),
}
_DICTIONARY = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"

_HASHED_NAME = re.compile(r"-([0-9a-f]{8,64})\.pth")

_LARGEST_RANK = 8

_MARK = object()
_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = frozenset(
    ["BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT"]
)
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Global(NamedTuple):
    """A name that the pickle would import."""

    name: str


class _Storage(NamedTuple):
    """Where a tensor's numbers lie: all numbers under one key."""

    key: str
    dtype: np.dtype[Any]
    length: int


class _Tensor(NamedTuple):
    """A tensor whose numbers come later in the file."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file by name; they share memory and can't be written to.

    Parameters
    ----------
    path
        The file. If its name ends in digits of its SHA-256, such as ``-57934424.pth`` (as those of
        torch.hub do), they are compared.

    Raises
    ------
    ModelFileError
        If the file can't be read, is damaged, or wants anything that isn't a tensor.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} can't be read: {error.strerror or error}.") from None
    digits = _HASHED_NAME.search(path.name)
    if digits and not hashlib.sha256(data).hexdigest().startswith(digits[1]):
        raise ModelFileError(
            f"{path} is damaged: its SHA-256 doesn't begin with {digits[1]}, as its name says; "
            "install its package again."
        )
    try:
        return _tensors(data)
    except ModelFileError as error:
        raise ModelFileError(f"{path} {error}") from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split()).rstrip(".")[:200]
        raise ModelFileError(
            f"{path} is damaged or no weight file of PyTorch: {reason or type(error).__name__}."
        ) from None


def _tensors(data: bytes) -> dict[str, NDArray[Any]]:
    if data.startswith(b"PK"):
        raise ModelFileError("is a zip, PyTorch's newer format, which this reader doesn't know.")
    stream = io.BytesIO(data)
    if _run(stream) != _MAGIC or _run(stream) != _PROTOCOL:
        raise ValueError("it doesn't begin with PyTorch's magic number")
    system, found, keys = _run(stream), _run(stream), _run(stream)
    if system["little_endian"] is not True:
        raise ModelFileError("was written by a big-endian machine, which this reader doesn't know.")
    notes = {name: note for name, note in found.items() if isinstance(note, _Tensor)}
    if len(notes) < len(found):
        odd = next(name for name in found if name not in notes)
        raise ModelFileError(f"holds {odd!r:.60}, which is no tensor.")
    stored = {note.storage.key: note.storage for note in notes.values()}
    if sorted(keys) != sorted(stored) or any(
        note.storage != stored[note.storage.key] for note in notes.values()
    ):
        raise ValueError("its tensors and its numbers don't belong together")
    numbers, place = {}, stream.tell()
    for key in keys:
        numbers[key], place = _numbers(data, place, stored[key])
    if place != len(data):
        raise ValueError("something follows after its last number")
    return {name: _array(name, note, numbers[note.storage.key]) for name, note in notes.items()}


def _numbers(data: bytes, place: int, storage: _Storage) -> tuple[NDArray[Any], int]:
    """Return the numbers of one storage, how many they are in front of them, and where they end."""
    stated = int.from_bytes(data[place : place + 8], "little", signed=True)
    if stated != storage.length:
        raise ValueError(f"a storage of {storage.length:.3g} numbers states {stated:.3g}")
    start, size = place + 8, storage.length * storage.dtype.itemsize
    if start + size > len(data):
        raise ValueError("it ends in the middle of its numbers")
    return np.frombuffer(data, storage.dtype, storage.length, start), start + size


def _array(name: str, note: _Tensor, numbers: NDArray[Any]) -> NDArray[Any]:
    """Return a tensor as a view of its storage, after looking that it lies within."""
    sizes = (note.offset, *note.shape, *note.strides)
    possible = (
        len(note.shape) == len(note.strides) <= _LARGEST_RANK
        and all(type(each) is int and 0 <= each <= numbers.size for each in sizes)
        and math.prod(note.shape) <= numbers.size
    )
    if not possible:
        raise ValueError(f"the tensor {name!r:.60} has an impossible shape")
    reach = sum((n - 1) * stride for n, stride in zip(note.shape, note.strides, strict=True))
    if 0 not in note.shape and note.offset + reach >= numbers.size:
        raise ValueError(f"the tensor {name!r:.60} reaches past its numbers")
    steps = [stride * numbers.itemsize for stride in note.strides]
    return np.ndarray(note.shape, numbers.dtype, numbers[note.offset :], 0, steps)


def _run(stream: io.BytesIO) -> Any:
    """Return what one pickle describes; the stream then stands behind it."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in _LITERALS:
            stack.append(argument)
        elif name in _VALUES:
            stack.append(_VALUES[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _TUPLES:
            stack.append(tuple(_popped(stack, _TUPLES[name])))
        elif name == "TUPLE":
            stack.append(tuple(_marked(stack)))
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name in ("SETITEM", "SETITEMS"):
            _set_items(_popped(stack, 2) if name == "SETITEM" else _marked(stack), stack[-1])
        elif name in ("APPEND", "APPENDS"):
            items = _popped(stack, 1) if name == "APPEND" else _marked(stack)
            stack[-1].extend(items)
        elif name == "GLOBAL":
            stack.append(_known(argument.replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            stack.append(_known(".".join(_popped(stack, 2))))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif name == "REDUCE":
            stack.append(_called(*_popped(stack, 2)))
        elif name == "BUILD":
            _popped(stack, 1)  # attributes of a dictionary: which module was of what version
            if type(stack[-1]) is not dict:
                raise ModelFileError("sets attributes of what is no dictionary; that is refused.")
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ModelFileError(
                f"holds the pickle instruction {name}, which no tensor needs; nothing was run."
            )
    raise ValueError("a pickle has no end")


def _popped(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise ValueError("a pickle takes what it never made")
    taken = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return taken


def _marked(stack: list[Any]) -> list[Any]:
    """Take everything above the last mark, and the mark."""
    place = len(stack) - 1
    while place >= 0 and stack[place] is not _MARK:
        place -= 1
    if place < 0:
        raise ValueError("a pickle has no mark where it needs one")
    taken = stack[place + 1 :]
    del stack[place:]
    return taken


def _set_items(items: list[Any], target: Any) -> None:
    if type(target) is not dict or not all(type(key) is str for key in items[::2]):
        raise ValueError("only dictionaries with names for keys are expected")
    target.update(zip(items[::2], items[1::2], strict=True))


def _known(name: str) -> _Global:
    if name not in (*_DTYPES, _DICTIONARY, _TENSOR):
        raise ModelFileError(
            f"wants to use {name!r:.80}, which is no part of a tensor; nothing was run."
        )
    return _Global(name)


def _storage(note: Any) -> _Storage:
    """Return what ``("storage", type, key, device, count, None)`` says."""
    kind, dtype, key, _, count, view = note
    if kind != "storage" or view is not None or type(key) is not str:
        raise ValueError("a storage of an unknown kind")
    if type(count) is not int or count < 0:
        raise ValueError("a storage without a number of elements")
    return _Storage(key, _DTYPES[str(dtype.name)], count)


def _called(function: Any, arguments: Any) -> Any:
    """Return what a call of one of the two known functions would."""
    if function == _Global(_DICTIONARY) and arguments == ():
        return {}
    if function == _Global(_TENSOR) and type(arguments) is tuple:
        storage, offset, shape, strides, *_ = arguments
        if type(storage) is _Storage and type(shape) is tuple and type(strides) is tuple:
            return _Tensor(storage, offset, shape, strides)
    raise ModelFileError("calls something with arguments that no tensor has; nothing was run.")
