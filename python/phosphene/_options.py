"""Options that are handed on to another function: whether it has them."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from phosphene._errors import UnknownOptionError
from phosphene._sentences import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

P = ParamSpec("P")
R = TypeVar("R")

_OTHER_NAMES = {
    "steps": ("iterations", "iters", "iter", "max_iter", "epochs"),
    "optimizer": ("lr", "learning_rate"),
}
"""What options are called elsewhere, where the spelling alone wouldn't lead to them."""


def checks_options(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that refuses options which a function doesn't have; see `check_options`.

    Parameters
    ----------
    name
        How the user knows the function.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            check_options(kwargs, function, name)
            return function(*args, **kwargs)

        return checked

    return decorate


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
    meant = [each for each in known if option in _OTHER_NAMES.get(each, ())]
    close = meant or nearest(str(option), known, most=2)
    if close:
        return f"the nearest is {' or '.join(map(repr, close))}"
    return f"its options are {', '.join(map(repr, known))}"
