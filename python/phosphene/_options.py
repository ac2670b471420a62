"""Options that are handed on to another function: whether it has them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from phosphene._errors import UnknownOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


def check_options(
    given: Iterable[str], function: Callable[..., Any], name: str, without: Collection[str] = ()
) -> None:
    """Refuse options that a function doesn't have, and say which of its own are near.

    Parameters
    ----------
    given
        The names of the options.
    function
        What takes them.
    name
        How the user knows it.
    without
        Those of its parameters that aren't to be given.
    """
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return
    known = [each.name for each in parameters if each.name not in ("self", *without)]
    for option in given:
        if option not in known:
            raise UnknownOptionError(f"{name} has no option {option!r}; {_near(option, known)}.")


def _near(option: Any, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(str(option), known, n=2, cutoff=0.5)
    if close:
        return f"the nearest is {' or '.join(map(repr, close))}"
    return f"its options are {', '.join(map(repr, known))}"
