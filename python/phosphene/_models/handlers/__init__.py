"""Handlers: what users say about layers that aren't known, as networks in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from phosphene._errors import InvalidArgumentError

__all__ = ["Handler", "by_name"]

Handler = Callable[..., Any]


def by_name(handlers: Any) -> dict[str, Handler]:
    """Return handlers by class name.

    Raises
    ------
    InvalidArgumentError
        If they are no dict of functions by class or class name.
    """
    if handlers is None:
        return {}
    if not isinstance(handlers, Mapping):
        raise InvalidArgumentError(
            "handlers= is a dict {class name or class: function}; received a "
            f"{type(handlers).__name__}."
        )
    named: dict[str, Handler] = {}
    for key, handler in handlers.items():
        name = key.__name__ if isinstance(key, type) else key
        if not isinstance(name, str) or not callable(handler):
            raise InvalidArgumentError(
                "handlers= is a dict {class name or class: function}; received "
                f"{key!r}: {handler!r:.60}."
            )
        named[name] = handler
    return named
