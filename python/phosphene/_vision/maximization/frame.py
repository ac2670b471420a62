"""Pictures on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """Pictures at one moment of the way there, seen without transforms.

    Attributes
    ----------
    step : int
        Steps done; 0 is the start.
    images : (n, height, width, channels) ndarray of uint8
        As those of the `Picture`.
    scores : tuple of float
        The objective of each.
    """

    step: int
    images: NDArray[np.uint8]
    scores: tuple[float, ...]

    def __repr__(self) -> str:
        count, height, width, channels = self.images.shape
        shown = ", ".join(f"{score:.4g}" for score in self.scores[:4])
        more = ", ..." if count > 4 else ""
        what = "score" if count == 1 else "scores"
        size = f"{height}x{width}x{channels}"
        return f"Frame(step {self.step}: {count} of {size}; {what} {shown}{more})"
