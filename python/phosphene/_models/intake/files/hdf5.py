"""Safe access to HDF5 files, and errors that name the file."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError, PhospheneError
from phosphene._models.intake.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_RATIO = 1100
"""No compression in these files makes more bytes of one."""

_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    RuntimeError,
    RecursionError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what a damaged file makes h5py and zipfile raise into one sentence."""
    try:
        yield
    except (PhospheneError, MemoryError):
        raise
    except _DAMAGE as error:
        # Of a KeyError the text is the argument with quotation marks around it.
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        reason = " ".join(str(text).split()).rstrip(".") or type(error).__name__
        raise ModelFileError(f"{path} is damaged or no Keras model: {reason}.") from error


def stored_architecture(path: Path, config: Any) -> Architecture:
    """Return the structure that a file states; if it is nonsense, the file is to blame."""
    try:
        return Architecture(config)
    except InvalidArgumentError as error:
        raise ModelFileError(f"{path} is damaged or no Keras model: {error}") from error


def group_at(parent: Any, name: str) -> Any:
    """Return a group of an HDF5 file, or None."""
    import h5py

    found = _at(parent, name)
    return found if isinstance(found, h5py.Group) else None


def array_at(group: Any, name: str) -> NDArray[Any]:
    """Return an array of an HDF5 file."""
    import h5py

    found = _at(group, name)
    place = f"{group.name}/{name}"
    if found is None:
        raise ValueError(f"the weight {place!r} is missing")
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise ValueError(f"{place!r} is no array of this file")
    if found.nbytes > LARGEST_RATIO * (found.id.get_storage_size() + 1024):
        raise ValueError(f"{place!r} states {found.nbytes} bytes, which the file doesn't have")
    if found.dtype.kind == "V" and found.dtype.itemsize == 2:
        # HDF5 has no bfloat16: the two bytes are the upper half of a float32.
        halves = np.frombuffer(found[()].tobytes(), np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(found.shape)
    return np.asarray(found[()])


def _at(parent: Any, path: str) -> Any:
    """Return what lies at a path of an HDF5 file, or None; links to other files aren't followed."""
    import h5py

    for name in path.split("/"):
        if not isinstance(parent, h5py.Group) or (name and name not in parent):
            return None
        if name and isinstance(parent.get(name, getlink=True), h5py.ExternalLink):
            raise ValueError(f"{path!r} is kept in another file, which isn't opened")
        parent = parent[name] if name else parent
    return parent


def names_in(group: Any, attribute: str) -> list[str]:
    """Return a list of names that Keras keeps in an attribute, in pieces where it is long."""
    values: list[Any] = []
    if attribute in group.attrs:
        values.extend(group.attrs[attribute])
    else:
        piece = 0
        while f"{attribute}{piece}" in group.attrs:
            values.extend(group.attrs[f"{attribute}{piece}"])
            piece += 1
    return [text_of(value) for value in values]


def text_of(value: Any) -> str:
    """Return the text of an attribute, which old files keep as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
