"""Animated pictures: GIF, APNG and WebP, written by Pillow."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import number
from phosphene._errors import InvalidArgumentError
from phosphene._files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from PIL.Image import Image

FORMATS = {".gif": "GIF", ".apng": "PNG", ".webp": "WEBP"}
"""Pillow's name of each format of films, by the end of the file's name."""

ALMOST_WHITE = 248

LAST_SECONDS = 1.5
"""How long the last picture stays, at least, before a film begins again."""


def is_film(path: Path) -> bool:
    """Return whether a path ends as those of films do."""
    return path.suffix.lower() in FORMATS


def write_film(
    path: Path,
    frames: Iterable[Image],
    seconds: float,
    text: str | None = None,
    *,
    shaded: bool = False,
) -> Path:
    """Write pictures of one size as a film that plays for ever; the file is whole or not there.

    Parameters
    ----------
    path
        Ends in ``.gif``, ``.apng`` or ``.webp``.
    frames
        The pictures, one or more; taken one by one.
    seconds
        How long each is shown; the last one stays longer.
    text
        Kept in the file: a recipe.
    shaded
        Whether the pictures are like photographs, not plain areas: their colours are mixed of the
        256 that GIF has.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InvalidArgumentError
        If the path ends otherwise, or the time is out of range.
    ModelFileError
        If the file can't be written.
    """
    kind = film_format(path)
    checked_seconds(seconds)
    waiting = iter(frames)
    if kind == "GIF":
        waiting = (_with_palette(frame, shaded=shaded) for frame in frames)
    first = next(waiting)
    rest = list(waiting)  # Pillow keeps them all anyway, and the times have to be known
    each = max(20, round(1000 * seconds / 10) * 10)  # GIF counts in hundredths
    times = [each] * len(rest) + [max(each, round(1000 * LAST_SECONDS))]
    file = io.BytesIO()
    first.save(
        file,
        format=kind,
        save_all=True,
        append_images=rest,
        duration=times if rest else times[0],
        loop=0,
        **_options(kind, text),
    )
    write_file(path, file.getvalue())
    return path


def film_format(path: Path) -> str:
    """Return Pillow's name of the format that a path asks for, or say which there are."""
    if not is_film(path):
        raise InvalidArgumentError(
            f"A film is saved as .gif, .apng or .webp; received {str(path)!r}."
        )
    return FORMATS[path.suffix.lower()]


def checked_seconds(seconds: Any) -> float:
    """Return a time that a picture of a film may be shown, or say what is wrong with it."""
    return number("seconds", seconds, minimum=0.02, maximum=60)


def evenly(count: int, most: int) -> list[int]:
    """Return at most so many of the numbers below `count`, evenly spread, both ends among them."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count - 1]
    places = [round(index * (count - 1) / (most - 1)) for index in range(most)]
    return [first for first, _ in itertools.groupby(places)]


def _with_palette(frame: Image, *, shaded: bool) -> Image:
    """Return a picture with the 256 colours that suit it best."""
    from PIL import Image

    if frame.mode == "L":
        return frame
    plain = frame.convert("RGB").quantize(
        256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    _whiten(plain)
    # Colours are mixed only when a palette is given.
    return frame.convert("RGB").quantize(palette=plain) if shaded else plain


def _whiten(picture: Image) -> None:
    """Make the colour next to white white, so that paper doesn't flicker between pictures."""
    colours = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)
    brightest = int(colours.min(axis=1).argmax())
    if colours[brightest].min() >= ALMOST_WHITE:
        colours[brightest] = 255
        picture.putpalette(colours.ravel().tolist())


def _options(kind: str, text: str | None) -> dict[str, Any]:
    if kind == "GIF":
        # Each picture in full: Pillow's differences between palettes leave specks behind.
        return {"optimize": False, "disposal": 1} | ({"comment": text.encode()} if text else {})
    if kind == "WEBP":
        return {"quality": 90, "method": 4} | ({"xmp": text.encode()} if text else {})
    if text is None:
        return {}
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("phosphene", text)
    return {"pnginfo": info}
