"""Folders of pictures in place of the pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from phosphene._display.film import evenly
from phosphene._errors import InvalidArgumentError, ModelFileError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""How pictures in a folder end."""

MOST_PICTURES = 256
"""Pictures of a folder that are looked at."""


def pictures_in(inputs: Any, what: str) -> list[Any]:
    """Return a list of inputs, with the pictures of folders in place of these.

    Parameters
    ----------
    inputs
        One or several, of which some may be folders; of one that holds very many pictures some are
        taken, evenly in the order of their names.
    what
        How the message calls them.
    """
    found: list[Any] = []
    for each in inputs if isinstance(inputs, (list, tuple)) else [inputs]:
        folder = Path(each) if isinstance(each, (str, os.PathLike)) else None
        if folder is None or not folder.is_dir():
            found.append(each)
            continue
        try:
            files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise ModelFileError(
                f"{what} is the folder {str(folder)!r:.80}, which can't be read: "
                f"{error.strerror or error}."
            ) from None
        if not files:
            raise InvalidArgumentError(
                f"{what} is the folder {str(folder)!r:.80}, in which there is no picture "
                f"({', '.join(SUFFIXES)}): pictures of folders within it are not looked for."
            )
        found += [files[place] for place in evenly(len(files), MOST_PICTURES)]
    return found
