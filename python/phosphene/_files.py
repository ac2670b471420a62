"""Files that are whole: written beside their place first, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from phosphene._errors import InvalidArgumentError, ModelFileError, PhospheneError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_name(path: Path) -> None:
    """Refuse what no file can be called, which systems cut off or Python alone names.

    Raises
    ------
    InvalidArgumentError
        If the name holds a zero or a character that can't be encoded.
    """
    try:
        content = os.fsencode(path)
    except UnicodeEncodeError:
        content = b"\0"
    if b"\0" in content:
        raise InvalidArgumentError(
            f"A file can't be called {str(path)!r}: leave out what no file name may hold."
        )


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file that takes the place of another once all has been written to it.

    Whatever breaks it off, a full disk, an exception or Ctrl-C, leaves what was there before and
    nothing beside it. The folder is made where it is missing.

    Raises
    ------
    ModelFileError
        If the file can't be written.
    InvalidArgumentError
        If no file can have that name.
    """
    check_name(path)
    # The name of the finished file may be as long as names may be, so it isn't part of this one.
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except PhospheneError:  # some are errors of the system as well
        raise
    except OSError as error:
        raise _unwritable(f"Can't write {str(path)!r}", error) from error
    finally:
        with suppress(OSError):  # it was renamed, or there is no such folder
            temporary.unlink()


def write_file(path: Path, content: bytes) -> Path:
    """Write a file as a whole; see `replacing`."""
    with replacing(path) as file:
        file.write(content)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text in UTF-8 as a whole; see `replacing`."""
    return write_file(path, text.encode())


def make_folder(folder: Path) -> None:
    """Create a folder and its parents where they are missing."""
    check_name(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(f"Can't make the folder {str(folder)!r}", error) from error


def _unwritable(what: str, error: OSError) -> ModelFileError:
    full = error.errno in _FULL
    advice = (
        "Make room or choose another place" if full else "Choose a place that may be written to"
    )
    return ModelFileError(f"{what}: {error.strerror or error}. {advice}.")
