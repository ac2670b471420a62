"""Arrays in files, written whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import ModelFileError
from phosphene._files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


LONGEST_COMMENT = 65_535
"""Bytes of a comment that a zip archive can hold."""


def write_npz(
    path: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any] | None = None
) -> Path:
    """Write arrays to an ``.npz`` file, whole or not at all.

    ``numpy.savez`` can't be used: it takes the names as keyword arguments, so that a layer called
    "file" is an error.

    Parameters
    ----------
    path
        The file.
    arrays
        By name.
    about
        A few things about the arrays, as JSON has them, for `read_about`: the comment of the
        archive, which ``numpy.load`` passes over.
    """
    import zipfile

    comment = b"" if about is None else json.dumps(about).encode()
    if len(comment) > LONGEST_COMMENT:
        raise ModelFileError(
            f"Can't write {str(path)!r}: what is said of its arrays takes {len(comment)} bytes, at "
            f"most {LONGEST_COMMENT} fit into the comment of an archive; shorten it."
        )
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    return path


def read_npz(path: Path, name: str) -> NDArray[Any]:
    """Return one array of an ``.npz`` file, or say that the file is damaged."""
    import zipfile
    import zlib

    try:
        # Of a damaged file that it opened itself, NumPy would keep it open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            array: NDArray[Any] = archive[name]
            return array
    except (
        *(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error),
        RuntimeError,  # encrypted, or packed in a way that isn't known
    ) as error:
        raise damaged(path, error) from None


def read_about(path: Path) -> dict[str, Any]:
    """Return what `write_npz` was told about the arrays, or say that the file is damaged."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.comment)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from None
    if not isinstance(about, dict):
        raise damaged(path, "its comment is no JSON object")
    return about


def read_json(path: Path, form: str) -> dict[str, Any]:
    """Return a JSON object whose ``format`` is `form`, or say what is wrong with the file."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
    if not isinstance(document, dict) or document.get("format") != form:
        received = document.get("format") if isinstance(document, dict) else None
        raise ModelFileError(
            f"{path} has the format {received!r}; this version of Phosphene reads {form!r}."
        )
    return document


def damaged(path: Path, reason: Any) -> ModelFileError:
    """Return the error of a file that isn't as it was written."""
    words = getattr(reason, "strerror", None) or reason
    return ModelFileError(f"{path} can't be read any more: {words}.")
