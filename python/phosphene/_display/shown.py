"""How maximized pictures are shown: in notebooks, in files, on their way there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from phosphene._display.sheet import (
    contact_sheet,
    cut_out,
    drawable,
    enlarged,
    shown_scale,
    sized,
)
from phosphene._display.slices import laid_out
from phosphene._errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL.Image import Image

    from phosphene._vision.maximization.picture import Picture

SMALLEST_SHOWN = 224
"""Pixels of the shorter side of one picture; smaller ones are enlarged by whole numbers."""


def own_scale(picture: Picture) -> int:
    """Return by how much one picture is enlarged that would look like a stamp."""
    _, height, width, _ = laid_out(picture).shape
    return shown_scale(height, width, SMALLEST_SHOWN) if len(picture) == 1 else 1


def as_image(picture: Picture, scale: int, *, alpha: bool, labelled: bool) -> Image:
    """Return a PIL image of one picture or a sheet of several; see `Picture.to_pil`."""
    is_sheet = labelled or len(picture) > 1
    if not alpha:
        images = laid_out(picture)
        if is_sheet:
            return contact_sheet(images, picture.labels, picture.scores, scale)
        return enlarged(drawable(images)[0], scale)
    if picture.alpha is None or picture.images.shape[-1] not in (1, 3):
        raise InvalidArgumentError(
            "There is no transparency: ask for it with ph.maximize(..., alpha=True), for "
            "pictures of 1 or 3 channels."
        )
    opaque = picture.alpha[..., None]
    images = _uncovered(picture.images, opaque, picture.ground)
    images = laid_out(picture, images)
    opacity = laid_out(picture, np.rint(255 * opaque).astype(np.uint8), 0)
    if is_sheet:
        return contact_sheet(images, picture.labels, picture.scores, scale, opacity)
    return cut_out(images[0], opacity[0], scale)


def _uncovered(
    images: NDArray[np.uint8], alpha: NDArray[np.float32], ground: float | None
) -> NDArray[np.uint8]:
    """Return the colours of pictures alone, of which a ground shows through what is transparent."""
    if ground is None:
        return images
    behind = 255 * ground * (1 - alpha)
    # Of what is next to invisible no colour is known, nor seen.
    colors = (images - behind) / np.maximum(alpha, 1 / 255)
    return np.rint(np.clip(colors, 0, 255)).astype(np.uint8)


def way_there(
    picture: Picture, scale: int, *, alpha: bool = False, labelled: bool = False
) -> Iterator[Image]:
    """Return the pictures of a film, the picture itself last; all are transparent as that one."""
    for frame in picture.frames:
        # What comes after the best one is no longer on the way there.
        ahead = np.array([frame.step < step for step in picture.steps])
        if ahead.any():
            images = sized(frame.images, picture.images.shape[1:3])  # coarse stages are smaller
            images = np.where(ahead[:, np.newaxis, np.newaxis, np.newaxis], images, picture.images)
            scores = tuple(np.where(ahead, frame.scores, picture.scores).tolist())
            standing = replace(picture, images=images, scores=scores, frames=())
            yield as_image(standing, scale, alpha=alpha, labelled=labelled)
    yield as_image(picture, scale, alpha=alpha, labelled=labelled)
