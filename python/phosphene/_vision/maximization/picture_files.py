"""Files of pictures and films that carry the recipe of what they show, and recipes out of them."""

from __future__ import annotations

import codecs
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._files import write_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

    from phosphene._vision.maximization.picture import Picture

CHUNK = "phosphene"
"""The keyword of the PNG text chunk with the recipe."""

PLACES = {"PNG": CHUNK, "GIF": "comment", "WEBP": "xmp"}
"""Where Pillow finds the recipe in a file of each format."""

PLACES_NAMED = {CHUNK: f"text chunk {CHUNK!r}", "comment": "comment", "xmp": "XMP metadata"}


FRAME_SECONDS = 0.08
"""How long a film shows each picture of the way there."""


def save_picture(
    picture: Picture,
    path: Path,
    *,
    scale: int | None,
    seconds: float | None,
    alpha: bool,
    labelled: bool,
) -> Path:
    """Write pictures, or a film of the way there; see `Picture.save`."""
    from PIL import Image

    from phosphene._display.film import is_film, write_film
    from phosphene._display.series_figure import is_series, series_png, series_way
    from phosphene._display.shown import own_scale, way_there

    is_figure = is_series(picture) and scale is None and not (alpha or labelled)
    scale = own_scale(picture) if scale is None else scale
    document = picture.recipe | {"labels": list(picture.labels), "scores": list(picture.scores)}
    if is_film(path):
        refuse_film(picture, path, alpha=alpha)
        seconds = FRAME_SECONDS if seconds is None else seconds
        text = json.dumps(document)
        if is_figure:
            return write_film(path, series_way(picture), seconds, text)
        way = way_there(picture, scale, alpha=alpha, labelled=labelled)
        return write_film(path, way, seconds, text, shaded=True)
    refuse_picture(path, seconds)
    if is_figure:
        with Image.open(io.BytesIO(series_png(picture))) as figure:
            return write_picture(path, figure, document)
    return write_picture(
        path, picture.to_pil(scale=scale, alpha=alpha, labelled=labelled), document
    )


def picture_png(picture: Picture) -> bytes:
    """Return what a notebook shows of pictures, as the bytes of a PNG file."""
    from phosphene._display.series_figure import is_series, series_png
    from phosphene._display.shown import own_scale

    if is_series(picture):
        return series_png(picture)
    file = io.BytesIO()
    picture.to_pil(scale=own_scale(picture)).save(file, format="png")
    return file.getvalue()


def refuse_film(picture: Picture, path: Path, *, alpha: bool) -> None:
    """Say why a film of the way to a picture can't be written, if so."""
    if not picture.frames:
        raise InvalidArgumentError(
            f"{str(path)!r} is a film of the way there, of which nothing was kept: ask for it with "
            "ph.maximize(..., frames=60)."
        )
    if alpha and path.suffix.lower() == ".gif":
        raise InvalidArgumentError(
            f"A GIF has no opacity between 0 and 1, so {str(path)!r} can't be written with "
            "alpha=True: save the film as .apng or .webp, or leave alpha out."
        )


def refuse_picture(path: Path, seconds: float | None) -> None:
    """Say why a picture can't be written to a path that isn't that of a film, if so."""
    if path.suffix.lower() != ".png":
        raise InvalidArgumentError(
            f"A picture is saved as .png, a film as .gif, .apng or .webp; received {str(path)!r}. "
            "For another format use picture.to_pil().save(...)."
        )
    if seconds is not None:
        raise InvalidArgumentError(
            f"seconds is how long a film shows each frame, and {str(path)!r} is one picture: leave "
            "it out, or save a film as .gif, .apng or .webp."
        )


def write_picture(path: Path, image: Image.Image, recipe: Mapping[str, Any]) -> Path:
    """Write a PNG file that carries a recipe; it appears whole or not at all."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(CHUNK, json.dumps(recipe))
    file = io.BytesIO()
    image.save(file, format="png", pnginfo=info)
    return write_file(path, file.getvalue())


def read_recipe(path: str | Path) -> dict[str, Any]:
    """Return the recipe in a file: a picture or film that `Picture.save` wrote, or a document.

    Raises
    ------
    ModelFileError
        If there is no such file, it is no picture, or holds no recipe; it is also an OSError.
    """
    text = _text_of(path)
    try:
        recipe = json.loads(text)
    except ValueError:
        recipe = None
    if not isinstance(recipe, dict) or not isinstance(recipe.get("objectives"), list):
        raise ModelFileError(f"The recipe in {str(path)!r} is damaged.")
    return recipe


def _text_of(path: str | Path) -> str:
    """Return the document that a file carries or is."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=["PNG", "GIF", "WEBP"]) as image:
            place = PLACES[str(image.format)]
            # Text chunks of a PNG may follow the pixels.
            text = image.info.get(place) if image.format == "GIF" else None
            image.load()
            text = text or image.info.get(place) or getattr(image, "text", {}).get(place)
    except UnidentifiedImageError:
        text = _document(path)
        if text is None:
            raise ModelFileError(
                f"{str(path)!r} is no PNG, GIF or WebP file, and no JSON document."
            ) from None
        return text
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"Can't read {str(path)!r}: {reason}.") from error
    if text is None:
        raise ModelFileError(
            f"{str(path)!r} carries no recipe: it has no {PLACES_NAMED[place]}. Programs that edit "
            "pictures often drop it."
        )
    return str(text) if isinstance(text, str) else text.decode("utf-8", "replace")


def _document(path: str | Path) -> str | None:
    """Return the text of a file that may be JSON, by how it begins."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()
            if not start.startswith(b"{"):
                return None
            file.seek(0)
            return file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
