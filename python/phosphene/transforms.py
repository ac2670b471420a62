"""Small random changes that a maximized picture has to survive.

Without them, `phosphene.maximize` finds high-frequency speckles that excite a unit only at the very
pixel where they were put. Each step looks at the canvas through fresh random draws; the gradient
passes through the transform back to the canvas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phosphene._recipe_options import Option

__all__ = ["Blur", "Crop", "Flip", "Jitter", "Noise", "Pad", "Rotate", "Scale", "Transform"]


@dataclass(frozen=True)
class Jitter(Option):
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

    kind = "jitter"

    pixels: int

    def _check(self) -> None:
        self._whole("pixels", 0)


@dataclass(frozen=True)
class Scale(Option):
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

    kind = "scale"

    low: float
    high: float

    def _check(self) -> None:
        self._number("low", above=0)
        self._number("high", minimum=self.low)


@dataclass(frozen=True)
class Rotate(Option):
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

    kind = "rotate"

    degrees: float

    def _check(self) -> None:
        self._number("degrees", minimum=0, maximum=180)


@dataclass(frozen=True)
class Pad(Option):
    """Put a border of the background around the canvas.

    Parameters
    ----------
    pixels
        Its width on each side, in pixels of the canvas, 0 or more.

    Notes
    -----
    The view shows canvas and border, resized to the network's input.

    Examples
    --------
    >>> Pad(12).to_json()
    {'kind': 'pad', 'pixels': 12}
    """

    kind = "pad"

    pixels: int

    def _check(self) -> None:
        self._whole("pixels", 0)


@dataclass(frozen=True)
class Flip(Option):
    """Exchange left and right every other time, at random.

    Leave it out where sides matter, as for letters and digits.

    Examples
    --------
    >>> Flip().to_json()
    {'kind': 'flip'}
    """

    kind = "flip"


@dataclass(frozen=True)
class Crop(Option):
    """Show a part of the canvas, resized to the network's input.

    Parameters
    ----------
    first, last
        The sides of the part at the first and at the last step, above 0 to 1 in shares of the
        canvas' sides; in between they change evenly.
    deviation
        The standard deviation of the part's centre around that of the canvas, in shares of the
        canvas' sides, 0 or more; a centre is moved inwards as far as it takes for the part to lie
        inside the canvas. With None all places inside are equally likely, and those up to 0.03
        over an edge, moved inwards, so that edges and corners aren't left out.

    Examples
    --------
    >>> Crop(0.95, 0.35).to_json()["deviation"]
    0.15
    >>> Crop(0.95, 0.5, deviation=None).to_json()
    {'kind': 'crop', 'first': 0.95, 'last': 0.5, 'centre': 'uniform'}
    """

    kind = "crop"

    first: float
    last: float
    deviation: float | None = 0.15

    def _check(self) -> None:
        self._number("first", minimum=0.01, maximum=1)
        self._number("last", minimum=0.01, maximum=1)
        if self.deviation is not None:
            self._number("deviation", minimum=0)

    def to_json(self) -> dict[str, Any]:
        """Return the kind and the numbers as a recipe states them."""
        stated = super().to_json()
        if self.deviation is None:
            del stated["deviation"]
        return stated | {"centre": "uniform" if self.deviation is None else "normal"}


@dataclass(frozen=True)
class _Schedule(Option):
    """A number that changes evenly from the first step to the last, or stays."""

    first: float
    last: float | None = None

    def _check(self) -> None:
        self._number("first", minimum=0)
        if self.last is not None:
            self._number("last", minimum=0)

    def to_json(self) -> dict[str, Any]:
        """Return the kind and the numbers as a recipe states them."""
        return super().to_json() | ({"last": self.first} if self.last is None else {})


@dataclass(frozen=True)
class Noise(_Schedule):
    """Add normal numbers to each pixel and channel of what the network sees.

    Parameters
    ----------
    first, last
        Their standard deviation at the first and at the last step, 0 or more, where black is 0 and
        white is 1; in between it changes evenly. Without `last` it stays as it is.

    Notes
    -----
    The numbers are the 65,536 quantiles in the middles of equally likely parts of the normal
    distribution. Several of them add their squares. They are added last, whatever the order.

    Examples
    --------
    >>> Noise(0.08, 0).to_json()
    {'kind': 'noise', 'first': 0.08, 'last': 0.0}
    """

    kind = "noise"


@dataclass(frozen=True)
class Blur(_Schedule):
    """Blur what the network sees.

    Parameters
    ----------
    first, last
        The standard deviation of the Gaussian at the first and at the last step, 0 or more, in
        pixels of the network's input; in between it changes evenly. Without `last` it stays as it
        is.

    Notes
    -----
    Means over the pixels of the view alone: what lies outside doesn't count. Several of them add
    their squares. It acts after all that moves the canvas and before `Noise`, whatever the order.

    Examples
    --------
    >>> Blur(1).to_json()
    {'kind': 'blur', 'first': 1.0, 'last': 1.0}
    """

    kind = "blur"


Transform = Jitter | Scale | Rotate | Pad | Flip | Crop | Noise | Blur
"""Any transform of this module."""
