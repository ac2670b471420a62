"""What is done to the input before each step; it stays done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat import _images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["InputModifier", "Jitter", "Rotate", "Rotate2D", "Scale"]


class InputModifier(ABC):
    """A function of an input with its batch axis."""

    @abstractmethod
    def __call__(self, seed_input: Any) -> Any:
        """Return the input changed."""


class Jitter(InputModifier):
    """Roll the input along its axes, by a number that `numpy.random` draws.

    Parameters
    ----------
    jitter
        From ``-jitter`` to ``jitter - 1``.
    """

    channels_last = True
    """Whether it wants channels last; then a network with its channels first is turned for it."""

    def __init__(self, jitter: int = 8) -> None:
        self.jitter = int(jitter)
        """The farthest that is rolled."""

    def __call__(self, seed_input: Any) -> NDArray[Any]:
        """Return the input rolled."""
        seed_input = _with_space(seed_input, 3)
        axes = tuple(range(1, seed_input.ndim - 1))
        shifts = np.random.randint(-self.jitter, self.jitter, len(axes))
        return np.roll(seed_input, tuple(int(shift) for shift in shifts), axes)


class Rotate(InputModifier):
    """Rotate the input by an angle that its own `random_generator` draws.

    Parameters
    ----------
    axes
        The plane.
    degree
        The largest angle.
    """

    def __init__(self, axes: Sequence[int] = (1, 2), degree: float = 3.0) -> None:
        pair = isinstance(axes, (list, tuple)) and len(axes) == 2
        if not pair or not all(isinstance(axis, int) for axis in axes):
            raise InvalidArgumentError(f"axes must be two whole numbers; received {axes!r:.60}.")
        self.axes = axes
        """The plane."""
        self.degree = float(degree)
        """The largest angle."""
        self.random_generator = np.random.default_rng()

    def __call__(self, seed_input: Any) -> NDArray[Any]:
        """Return the input rotated."""
        seed_input = _with_space(seed_input, 4)
        angle = self.random_generator.uniform(-self.degree, self.degree)
        return _images.rotate(seed_input, angle, self.axes)


class Rotate2D(Rotate):
    """Rotate pictures.

    Parameters
    ----------
    degree
        The largest angle.
    """

    channels_last = True
    """Whether it wants channels last; then a network with its channels first is turned for it."""

    def __init__(self, degree: float = 3.0) -> None:
        super().__init__((1, 2), degree)


class Scale(InputModifier):
    """Resize the input by a factor that its own `random_generator` draws; cropped or padded.

    Parameters
    ----------
    low, high
        The range of the factor.
    """

    channels_last = True
    """Whether it wants channels last; then a network with its channels first is turned for it."""

    def __init__(self, low: float = 0.9, high: float = 1.1) -> None:
        self.low = low
        """The smallest factor."""
        self.high = high
        """The largest factor."""
        self.random_generator = np.random.default_rng()

    def __call__(self, seed_input: Any) -> NDArray[Any]:
        """Return the input resized, in its old shape."""
        seed_input = _with_space(seed_input, 3)
        factor = float(self.random_generator.uniform(self.low, self.high))
        scaled = _images.zoom(seed_input, (1, *[factor] * (seed_input.ndim - 2), 1))
        if factor > 1:
            scaled = scaled[tuple(_middle(scaled.shape, seed_input.shape))]
        elif factor < 1:
            missing = [
                wanted - has for has, wanted in zip(scaled.shape, seed_input.shape, strict=True)
            ]
            scaled = np.pad(scaled, [(each // 2, each - each // 2) for each in missing], "mean")
        return scaled.astype(seed_input.dtype)


def _middle(shape: Sequence[int], wanted: Sequence[int]) -> Iterator[slice]:
    for length, part in zip(shape, wanted, strict=True):
        start = (length - part) // 2
        yield slice(start, start + part)


def _with_space(value: Any, least: int) -> NDArray[Any]:
    array = np.asarray(value)
    if array.ndim < least:
        raise InvalidArgumentError(
            f"Inputs of {least} axes or more, (batch, ..., channels), can be modified so; received "
            f"shape {array.shape}."
        )
    return array
