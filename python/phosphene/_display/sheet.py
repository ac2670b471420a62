"""Sheets of labelled pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import UnsupportedError
from phosphene._sentences import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

SMALLEST_TILE = 140
"""Pixels of a tile's shorter side on a sheet."""

LONGEST_SHOWN = 1024
WIDEST_SHEET = 1600
GAP = 16
INK, FAINT = "#1c1c1e", "#77777c"


def enlarged(pixels: NDArray[np.uint8], scale: int) -> Image:
    """Return pixels as a PIL image, each a square of `scale` by `scale`."""
    from PIL import Image

    if pixels.shape[-1] not in (1, 3):
        raise UnsupportedError(
            f"A picture of {counted(pixels.shape[-1], 'channel')} can't be drawn, only one of 1 "
            "(grey) or 3 (red, green, blue); picture.images holds the numbers."
        )
    pixels = np.repeat(np.repeat(pixels, scale, axis=0), scale, axis=1)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def cut_out(pixels: NDArray[np.uint8], opaque: NDArray[np.uint8], scale: int) -> Image:
    """Return pixels as an enlarged PIL image, with an opacity (height, width, 1) for each."""
    image = enlarged(pixels, scale).convert("RGB")
    image.putalpha(enlarged(opaque, scale))
    return image


def drawable(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pictures of 1 or 3 channels; other channels stand side by side, in grey."""
    count, height, _, channels = images.shape
    if channels in (1, 3):
        return images
    gap = np.full((count, height, 1, 1), 255, np.uint8)
    panels = [part for channel in range(channels) for part in (images[..., [channel]], gap)]
    return np.concatenate(panels[:-1], axis=2)


def sized(images: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return pictures of 1 or 3 channels in another height and width, resized smoothly."""
    from PIL import Image

    if images.shape[1:3] == size:
        return images
    height, width = size
    resized = [
        np.asarray(enlarged(pixels, 1).resize((width, height), Image.Resampling.BICUBIC))
        for pixels in images
    ]
    return np.stack(resized).reshape(len(images), height, width, -1)


def shown_scale(height: int, width: int, smallest: int) -> int:
    """Return the whole number that enlarges a picture to a shorter side of `smallest` or more.

    Very long ones, rows of numbers say, are enlarged less.
    """
    return max(1, min(-(-smallest // min(height, width)), LONGEST_SHOWN // max(height, width)))


def contact_sheet(
    images: NDArray[np.uint8],
    labels: Sequence[str],
    scores: Sequence[float],
    scale: int = 1,
    opaque: NDArray[np.uint8] | None = None,
) -> Image:
    """Lay pictures out in rows on white, each with its label and score below.

    Parameters
    ----------
    images : (n, height, width, channels) ndarray of uint8
        See `drawable` for channels that aren't colours.
    labels, scores
        One for each picture.
    scale
        Enlarges the pictures by this whole number at least; small ones are enlarged anyway.
    opaque : (n, height, width, 1) ndarray of uint8, optional
        Opacity of pictures of 1 or 3 channels; there is no white below them then.
    """
    from PIL import Image, ImageDraw, ImageFont

    images = drawable(images)
    count, height, width, _ = images.shape
    scale = max(scale, shown_scale(height, width, SMALLEST_TILE))
    tile_height, tile_width = height * scale, width * scale
    columns = _columns(count, tile_width)
    rows = -(-count // columns)
    size = max(13, min(22, tile_width // 12))
    font, small = ImageFont.load_default(size), ImageFont.load_default(size - 2)
    below = 2 * size + 12
    extent = (columns * (tile_width + GAP) + GAP, rows * (tile_height + below + GAP) + GAP)
    paper = ("RGB", "white") if opaque is None else ("RGBA", "#ffffff00")
    sheet = Image.new(paper[0], extent, paper[1])
    draw = ImageDraw.Draw(sheet)
    # White around the letters, so that they can be read before whatever the sheet is laid on.
    around: dict[str, Any] = {"stroke_width": 0 if opaque is None else 2, "stroke_fill": "white"}
    for number, pixels in enumerate(images):
        left = GAP + number % columns * (tile_width + GAP)
        top = GAP + number // columns * (tile_height + below + GAP)
        if opaque is None:
            sheet.paste(enlarged(pixels, scale).convert("RGB"), (left, top))
        else:
            sheet.paste(cut_out(pixels, opaque[number], scale), (left, top))
        baseline = top + tile_height + 5
        label, score = _fitted(labels[number], font, tile_width), f"{scores[number]:.4g}"
        draw.text((left, baseline), label, INK, font=font, **around)
        draw.text((left, baseline + size + 4), score, FAINT, font=small, **around)
    return sheet


def _columns(count: int, tile_width: int) -> int:
    """Return how many pictures stand in a row: without gaps at the end where that is possible."""
    most = max(1, (WIDEST_SHEET - GAP) // (tile_width + GAP))
    if count <= min(most, 4):
        return count
    target = int(np.ceil(np.sqrt(1.6 * count)))
    without_gaps = [near for near in (target, target + 1, target - 1) if count % near == 0]
    return min(most, (without_gaps or [target])[0])


def _fitted(text: str, font: Any, width: int) -> str:
    """Return a text that is at most `width` pixels wide, shortened in the middle."""
    shown = text
    keep = len(text)
    while font.getlength(shown) > width and keep > 3:
        keep -= 1
        head = (keep + 1) // 2
        shown = f"{text[:head]}…{text[len(text) - (keep - head) :]}"
    return shown
