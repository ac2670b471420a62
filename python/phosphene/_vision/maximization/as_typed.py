"""Errors of a recipe in the names that the options have in Python."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from phosphene._errors import InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = {
    "a mask must": "over must",
    "the mask is 0 everywhere": "over is 0 everywhere",
    "an optimized transparency is": 'alpha="optimized" is',
    "leave transparency out": "leave alpha out",
    'ask for transparency "optimized"': 'ask for alpha="optimized"',
    "count must lie": "n must lie",
}
"""How the engine's sentences about a recipe begin and end, and what was typed instead."""


@contextmanager
def as_typed() -> Iterator[None]:
    """Let errors of a recipe speak of options as `phosphene.maximize` calls them."""
    try:
        yield
    except (InvalidArgumentError, UnsupportedError) as error:
        said = str(error)
        meant = said
        for stated, typed in NAMES.items():
            meant = meant.replace(stated, typed)
        if meant == said:
            raise
        raise type(error)(meant) from None
