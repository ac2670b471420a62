"""Warnings that point at the user's line, however deep in the package they come from."""

from __future__ import annotations

import sys
import warnings

from phosphene._errors import PhospheneWarning

PASSED = ("phosphene", "keras", "tf_keras")
"""Packages whose lines aren't the user's; Keras calls a watch from within its training."""


def warn(message: str, category: type[Warning] = PhospheneWarning) -> None:
    """Warn at the line outside of the package that led here.

    Whether the same warning of the same line is shown again is for Python's own filter to say.

    Parameters
    ----------
    message
        One sentence.
    category
        The class of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _package(frame.f_globals) in PASSED:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _package(variables: dict[str, object]) -> str:
    return str(variables.get("__name__")).partition(".")[0]
