"""Checks of the numbers that transforms, regularizers and optimizers are made of."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from phosphene._errors import InvalidArgumentError


def check_integer(owner: object, name: str, *, minimum: int, maximum: int | None = None) -> None:
    """Raise unless the attribute `name` of `owner` is a whole number inside the bounds."""
    value: Any = getattr(owner, name)
    wanted = f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"
    whole = not isinstance(value, bool) and isinstance(value, Integral)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        raise _refusal(owner, name, f"a whole number, {wanted}", value)


def check_number(
    owner: object,
    name: str,
    *,
    minimum: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    maximum: float = math.inf,
) -> None:
    """Raise unless the attribute `name` of `owner` is a finite number inside the bounds."""
    value: Any = getattr(owner, name)
    bounds = [f"{minimum} or more" * (minimum > -math.inf), f"above {above}" * (above > -math.inf)]
    bounds += [f"below {below}" * (below < math.inf), f"{maximum} or less" * (maximum < math.inf)]
    number = not isinstance(value, bool) and isinstance(value, Real)
    inside = number and minimum <= value <= maximum and above < value < below
    if not (inside and math.isfinite(value)):
        raise _refusal(owner, name, ", ".join(["a finite number", *filter(None, bounds)]), value)


def _refusal(owner: object, name: str, wanted: str, value: object) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{type(owner).__name__}: {name} must be {wanted}; received {value!r}."
    )
