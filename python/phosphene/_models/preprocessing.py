"""How the pixels of a picture become the input of a network."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects: ``input = scale * pixel + offset`` with pixels from 0 to 255.

    Parameters
    ----------
    scale, offset
        One number, or one a channel, in the order of the network's channels; of rows of numbers
        one a column.
    reverse_channels
        Whether the network takes blue first.
    sentence
        What was found or assumed, for people.
    assumed
        Whether nothing was found.
    measured
        Whether it is guessed by means and deviations, so that inputs may lie outside.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    reverse_channels: bool = False
    sentence: str = ""
    assumed: bool = False
    measured: bool = False

    @property
    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest number that a picture becomes."""
        ends = [(b, 255 * a + b) for a, b in zip(*self._broadcast(), strict=True)]
        return min(min(pair) for pair in ends), max(max(pair) for pair in ends)

    @property
    def stated_range(self) -> str:
        """The range and where it is known from, for people."""
        low, high = self.value_range
        if self.sentence.startswith(f"{low:g} to {high:g}"):
            return self.sentence
        stated = f"{low:.4g} to {high:.4g}"
        return f"{stated}: {self.sentence.replace(f', so {stated}', '')}"

    def known_from(self, reason: str, *, assumed: bool = False) -> Preprocessing:
        """Return the same with the reason why it is taken, or assumed, in its sentence."""
        return replace(self, sentence=f"{self.sentence} ({reason})", assumed=assumed)

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return pixels, channels last, as the network's input."""
        if self.reverse_channels:
            pixels = pixels[..., ::-1]
        scale, offset = self._arrays()
        return np.ascontiguousarray(np.asarray(pixels, np.float32) * scale + offset)

    def invert(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the network's input, channels last, as pixels; what is out of range is clipped."""
        scale, offset = self._arrays()
        pixels = (np.asarray(values, np.float32) - offset) / scale
        if self.reverse_channels:
            pixels = pixels[..., ::-1]
        return np.ascontiguousarray(np.rint(np.clip(np.nan_to_num(pixels), 0, 255)), np.uint8)

    def to_json(self) -> dict[str, Any]:
        """Return the preprocessing as a recipe states it."""
        return {
            "scale": list(self.scale),
            "offset": list(self.offset),
            "reverse_channels": self.reverse_channels,
        }

    def _arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.asarray(self.scale, np.float32), np.asarray(self.offset, np.float32)

    def _broadcast(self) -> tuple[Sequence[float], Sequence[float]]:
        count = max(len(self.scale), len(self.offset))
        spread = [each * count if len(each) == 1 else each for each in (self.scale, self.offset)]
        return spread[0], spread[1]


UNIT = Preprocessing((1 / 255,), (0.0,), sentence="0 to 1")
"""What is assumed of a network that says nothing."""


def from_text(stored: str) -> Preprocessing:
    """Return the preprocessing that `to_text` wrote."""
    try:
        values = json.loads(stored)
        return Preprocessing(
            tuple(map(float, values["scale"])),
            tuple(map(float, values["offset"])),
            bool(values["reverse_channels"]),
            str(values.get("sentence", "kept in the model file")),
            bool(values.get("assumed", False)),
            bool(values.get("measured", False)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArgumentError(f"The stored preprocessing can't be read: {error}.") from None


def to_text(preprocessing: Preprocessing) -> str:
    """Return what a model file keeps."""
    extra: dict[str, Any] = {"sentence": preprocessing.sentence, "assumed": preprocessing.assumed}
    if preprocessing.measured:
        extra["measured"] = True
    return json.dumps(preprocessing.to_json() | extra)
