"""The slices of volumes, laid out with gaps between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._display.sheet import drawable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._vision.maximization.picture import Picture

PAPER = 255
"""What stands between slices, and where there is none."""


def laid_out(
    picture: Picture, images: NDArray[Any] | None = None, ground: float = PAPER
) -> NDArray[Any]:
    """Return what is drawn of pictures: volumes with gaps between their slices, others as they are.

    Parameters
    ----------
    picture
        Knows the shape of a slice.
    images
        (n, height, width, channels), by default those of `picture`.
    ground
        What stands in gaps and where there is no slice.
    """
    images = picture.images if images is None else images
    sides = _sides(picture)
    if sides is None:
        return images
    depth, height, width = sides
    columns = math.isqrt(depth - 1) + 1
    gap = max(1, round(min(height, width) / 20))
    rows = -(-depth // columns)
    count, *_, channels = images.shape
    shape = (count, rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    sheet = np.full(shape, ground, images.dtype)
    for number in range(depth):
        row, column = divmod(number, columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[:, top : top + height, left : left + width] = images[
            :, row * height : (row + 1) * height, column * width : (column + 1) * width
        ]
    return sheet


def drawn_tiles(picture: Picture) -> list[NDArray[np.uint8]]:
    """Return each picture as a drawing with an opacity: gaps between slices show the page."""
    images = drawable(laid_out(picture))
    covered = np.full((*picture.images.shape[:3], 1), PAPER, np.uint8)
    opaque = laid_out(picture, covered, 0)
    if images.shape[1:3] != opaque.shape[1:3]:  # channels side by side
        channels = picture.images.shape[-1]
        opaque = drawable(np.repeat(opaque, channels, axis=-1)) & ~_between(opaque, channels)
    colors = np.broadcast_to(images, (*images.shape[:3], 3))
    return list(np.concatenate([colors, opaque], axis=-1))


def _between(opaque: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return 255 in the gaps that `drawable` leaves between channels, 0 elsewhere."""
    return drawable(np.zeros((*opaque.shape[:3], channels), np.uint8))


def _sides(picture: Picture) -> tuple[int, int, int] | None:
    """Return depth, height and width of volumes, whichever axis their channels have."""
    if picture.input.ndim != 5:
        return None
    size = picture.images.shape[1:3]
    for first in (1, 2):
        depth, height, width = picture.input.shape[first : first + 3]
        columns = math.isqrt(depth - 1) + 1
        if size == (-(-depth // columns) * height, columns * width):
            return depth, height, width
    return None
