"""Parameters that several public names share: described once, in the docstring of each."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Documented = TypeVar("Documented", bound="Callable[..., Any]")


def shares(texts: Mapping[str, str]) -> Callable[[Documented], Documented]:
    """Return a decorator that writes texts below parameters which a docstring names only.

    Parameters
    ----------
    texts
        What is said of a parameter, by its name; a line each.
    """

    def written(documented: Documented) -> Documented:
        said = documented.__doc__
        if said is None:  # python -OO
            return documented
        said = inspect.cleandoc(said)
        for name, text in texts.items():
            lines = "".join(f"\n    {line}" for line in text.splitlines())
            said = re.sub(
                rf"^{name}$(?!\n    )", name + lines.replace("\\", r"\\"), said, flags=re.M
            )
        documented.__doc__ = said
        return documented

    return written
