"""What is done to the input before and after each step; it stays done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat._images import wrapped_shift
from phosphene.compat.vis.utils.utils import get_img_shape, listify

if TYPE_CHECKING:
    from numpy.typing import NDArray


class InputModifier:
    """Changes an input before a step (`pre`) and after it (`post`)."""

    def pre(self, inp: NDArray[Any]) -> NDArray[Any]:
        """Return the input to compute with."""
        return inp

    def post(self, inp: NDArray[Any]) -> NDArray[Any]:
        """Return the input to go on with."""
        return inp


class Jitter(InputModifier):
    """Shift the input along its axes, by numbers that `numpy.random` draws.

    Parameters
    ----------
    jitter
        How far at most: pixels, or below 1 a share of the axis; one number, or a list with one for
        each axis.
    """

    channels_last = True
    """Whether it wants channels last; then a network with its channels first is turned for it."""

    def __init__(self, jitter: Any = 0.05) -> None:
        self.jitter = np.array(listify(jitter), np.float64)
        """How far at most."""
        self._processed = False

    def pre(self, inp: NDArray[Any]) -> NDArray[Any]:
        """Return the input shifted, its edges wrapped as SciPy wraps them."""
        lengths = get_img_shape(inp)[2:]
        if not self._processed:
            jitter = np.repeat(self.jitter, len(lengths)) if len(self.jitter) == 1 else self.jitter
            if len(jitter) != len(lengths):
                raise InvalidArgumentError(
                    f"jitter has {len(jitter)} numbers for an input of {len(lengths)} axes."
                )
            shares = np.where(jitter < 1, np.multiply(lengths, jitter), jitter)
            self.jitter, self._processed = np.asarray(np.int32(shares)), True
        offsets = [int(np.random.randint(-value, value + 1)) for value in self.jitter]
        return wrapped_shift(inp, [0, *offsets, 0])
