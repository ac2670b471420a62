"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from phosphene._display.figures import figure_png
from phosphene._errors import InvalidArgumentError
from phosphene._files import check_name, write_file

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from matplotlib.figure import Figure


def save_figure(path: str | os.PathLike[str], draw: Callable[[], Figure], what: str) -> Path:
    """Write a figure to a PNG file; nothing is drawn for a path that can't be written to.

    Parameters
    ----------
    path
        Ends in ``.png``; an existing file is replaced, a missing folder made.
    draw
        Returns the figure.
    what
        What is written, such as ``"A card"``.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InvalidArgumentError(
            f"{what} is saved as .png; received {str(path)!r}. For another format use "
            ".plot().savefig(...)."
        )
    check_name(path)
    return write_file(path, figure_png(draw()))
