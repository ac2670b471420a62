"""The exceptions of Phosphene; each is also the builtin one that a caller would expect."""

from __future__ import annotations

from typing import Any


class PhospheneError(Exception):
    """Base of every error that Phosphene reports."""


class InvalidArgumentError(PhospheneError, ValueError):
    """An argument has a value that the call can't accept."""


class UnknownNameError(InvalidArgumentError, KeyError):
    """A name that isn't there; the message lists the closest ones."""

    # KeyError would show the message in quotation marks.
    __str__ = Exception.__str__


class UnknownOptionError(InvalidArgumentError, TypeError):
    """An option that isn't there; the message names the closest ones."""


class NoSuchNumberError(InvalidArgumentError, IndexError):
    """A number behind the last one of what is counted."""


class UnsupportedError(PhospheneError, NotImplementedError):
    """A model uses something that the engine doesn't implement."""


class ModelFileError(PhospheneError, OSError):
    """A file can't be read or written, or isn't what it says it is."""


class OutOfMemoryError(PhospheneError, MemoryError):
    """More memory is needed than there is."""


class PhospheneWarning(UserWarning):
    """Something went differently than asked for, and the result says how."""


class Cancelled(PhospheneError):  # noqa: N818  (the name says what happened; nothing went wrong)
    """A callback asked to stop.

    Parameters
    ----------
    message
        Why the call ended.
    picture
        The best picture so far; None if not even the first step was done.
    """

    def __init__(self, message: str, picture: Any = None) -> None:
        super().__init__(message)
        self.picture = picture
        """The best picture so far, or None."""
