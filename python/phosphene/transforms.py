"""Small random changes that a maximized picture has to survive.

Without them, `phosphene.maximize` finds high-frequency speckles that excite a unit only at the very
pixel where they were put. Each step looks at the canvas through fresh random draws; the gradient
passes through the transform back to the canvas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phosphene._settings import check_integer, check_number

__all__ = ["Jitter", "Rotate", "Scale", "Transform"]


@dataclass(frozen=True)
class Jitter:
    """Shift the canvas by a random number of pixels along both axes.

    Parameters
    ----------
    pixels
        The longest shift, in pixels of the canvas, 0 or more.

    Notes
    -----
    Each step draws two whole numbers `dy`, `dx`, uniform in ``-pixels ... pixels`` with both ends
    included, and shows the network ``view[y, x] = canvas[y + dy, x + dx]``. Around the canvas lies
    the background, see `phosphene.maximize`.

    Examples
    --------
    >>> Jitter(8).to_json()
    {'kind': 'jitter', 'pixels': 8}
    """

    pixels: int

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_integer(self, "pixels", minimum=0)

    def to_json(self) -> dict[str, Any]:
        """Return the transform as a recipe states it."""
        return {"kind": "jitter", "pixels": int(self.pixels)}


@dataclass(frozen=True)
class Scale:
    """Enlarge or shrink the canvas about its centre by a random factor.

    Parameters
    ----------
    low, high
        The range of the factor, both above 0, `low` not above `high`; 1 leaves the size as it is.

    Notes
    -----
    Each step draws a factor `s`, uniform in ``low ... high``, and samples the canvas bilinearly at
    ``centre + (position - centre) / s``.

    Examples
    --------
    >>> Scale(0.9, 1.1).to_json()
    {'kind': 'scale', 'low': 0.9, 'high': 1.1}
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_number(self, "low", above=0)
        check_number(self, "high", minimum=self.low)

    def to_json(self) -> dict[str, Any]:
        """Return the transform as a recipe states it."""
        return {"kind": "scale", "low": float(self.low), "high": float(self.high)}


@dataclass(frozen=True)
class Rotate:
    """Turn the canvas about its centre by a random angle.

    Parameters
    ----------
    degrees
        The largest angle to either side, in degrees, 0 or more.

    Notes
    -----
    Each step draws an angle, uniform in ``-degrees ... degrees``, and samples the canvas
    bilinearly at the turned positions.

    Examples
    --------
    >>> Rotate(10).to_json()
    {'kind': 'rotate', 'degrees': 10.0}
    """

    degrees: float

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_number(self, "degrees", minimum=0)

    def to_json(self) -> dict[str, Any]:
        """Return the transform as a recipe states it."""
        return {"kind": "rotate", "degrees": float(self.degrees)}


Transform = Jitter | Scale | Rotate
"""Any transform of this module."""
