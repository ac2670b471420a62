"""Checks of numbers that callers state: each returns a plain number, or refuses in one sentence.

NumPy's numbers count as Python's do; a bool is no number.
"""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Any

from phosphene._errors import InvalidArgumentError


def whole(
    name: str,
    value: Any,
    minimum: int,
    maximum: int | None = None,
    *,
    what: str = "a whole number",
) -> int:
    """Return a whole number inside the bounds.

    Parameters
    ----------
    name
        What the sentence begins with.
    value
        What the caller stated.
    minimum, maximum
        The smallest and the largest number that is accepted; without `maximum` whoever uses the
        number says what is too large.
    what
        What is accepted, where that is more than a whole number.
    """
    number = _plain(value)
    if number is None or number < minimum or (maximum is not None and number > maximum):
        bounds = f", {minimum} or more" if maximum is None else f" from {minimum} to {maximum}"
        raise _refusal(name, f"{what}{bounds}", value)
    return number


def whole_pair(
    name: str, value: Any, minimum: int, *, what: str = "two whole numbers"
) -> tuple[int, int]:
    """Return two whole numbers of at least `minimum`; see `whole`."""
    try:
        first, second = map(_plain, value)
    except (TypeError, ValueError):
        first = second = None
    if first is None or second is None or min(first, second) < minimum:
        raise _refusal(name, f"{what}, {minimum} or more", value)
    return first, second


def place(value: Any, count: int) -> int | None:
    """Return an index counted from 0, given one that may count from the end.

    None if there is no such place among `count`, or it is no whole number.
    """
    number = _plain(value)
    return number % count if number is not None and -count <= number < count else None


def number(
    name: str,
    value: Any,
    *,
    minimum: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    maximum: float = math.inf,
) -> float:
    """Return a finite number inside the bounds; see `whole`."""
    real = not isinstance(value, bool) and isinstance(value, Real)
    inside = real and minimum <= value <= maximum and above < value < below
    if inside and math.isfinite(value):
        return float(value)
    if minimum > -math.inf and maximum < math.inf:
        raise _refusal(name, f"a number from {minimum:g} to {maximum:g}", value)
    bounds = [
        f"{minimum:g} or more" * (minimum > -math.inf),
        f"above {above:g}" * (above > -math.inf),
    ]
    bounds += [
        f"below {below:g}" * (below < math.inf),
        f"{maximum:g} or less" * (maximum < math.inf),
    ]
    raise _refusal(name, ", ".join(["a finite number", *filter(None, bounds)]), value)


def _plain(value: Any) -> int | None:
    """Return what Python and NumPy count with as an int; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _refusal(name: str, wanted: str, value: Any) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name} must be {wanted}; received {value!r:.80}.")
