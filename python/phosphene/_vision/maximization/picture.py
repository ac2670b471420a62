"""Pictures that maximize an objective, with the recipe that made them."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._display.sheet import contact_sheet, drawable, enlarged, shown_scale, sized
from phosphene._errors import InvalidArgumentError
from phosphene._files import write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from PIL.Image import Image

    from phosphene._vision.maximization.card import Card

CHUNK = "phosphene"
"""The keyword of the PNG text chunk with the recipe."""

PLACES = {"PNG": CHUNK, "GIF": "comment", "WEBP": "xmp"}
"""Where Pillow finds the recipe in a file of each format."""

PLACES_NAMED = {CHUNK: f"text chunk {CHUNK!r}", "comment": "comment", "xmp": "XMP metadata"}

SMALLEST_SHOWN = 224
"""Pixels of the shorter side in a notebook; smaller pictures are enlarged by whole numbers."""


FRAME_SECONDS = 0.08
"""How long a film shows each picture of the way there."""


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


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """One or several inputs that `maximize` found.

    Notebooks show it; ``np.asarray(picture)`` is the picture to look at, or the stack of all of
    them.

    Attributes
    ----------
    images : (n, height, width, channels) ndarray of uint8
        The pictures to look at, 0 ... 255: 1 channel or 3 (red, green, blue), others are drawn in
        grey, side by side. A signal has its channels one below the other and time to the right, a
        volume its slices in rows.
    input : (n, ...) ndarray of float32
        The same as input of the network, in its range: ``model(picture.input)`` sees them.
    scores : tuple of float
        The objective of each picture, without penalties and transforms.
    history : tuple of tuple of float
        For each picture the objective after each step, as the transformed views scored.
    labels : tuple of str
        A title for each picture.
    make_recipe : callable
        Makes `recipe`.
    alpha : (n, height, width) ndarray of float32, optional
        Opacity from 0 to 1, if `maximize` was asked for it: how much each pixel mattered to the
        objective over all steps, where the fifth that mattered most is opaque.
    diagnoses : tuple of str or None
        For each picture None, or where and why its gradient was zero or not finite, and what was
        done about it.
    frames : tuple of Frame
        The pictures on their way there, as many as `maximize` was asked for.
    steps : tuple of int
        After how many steps each picture was found.
    """

    images: NDArray[np.uint8]
    input: NDArray[np.float32]
    scores: tuple[float, ...]
    history: tuple[tuple[float, ...], ...]
    make_recipe: Callable[[], dict[str, Any]]
    labels: tuple[str, ...]
    alpha: NDArray[np.float32] | None = None
    diagnoses: tuple[str | None, ...] = ()
    frames: tuple[Frame, ...] = ()
    steps: tuple[int, ...] = ()

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Everything that made the pictures: objectives, options, seed, start.

        Under ``"engine"`` are the version, the kind of CPU, the threads and the digest of the
        model. The digest is computed when the recipe is first asked for, which takes a large model
        a second.
        """
        return self.make_recipe()

    @property
    def image(self) -> NDArray[np.uint8]:
        """The first picture, (height, width, channels) uint8."""
        first: NDArray[np.uint8] = self.images[0]
        return first

    @property
    def score(self) -> float:
        """The objective of the first picture."""
        return self.scores[0]

    @property
    def diagnosis(self) -> str | None:
        """What was wrong with the gradient of the first picture, or None."""
        return self.diagnoses[0] if self.diagnoses else None

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.images)

    def __repr__(self) -> str:
        _, height, width, channels = self.images.shape
        shown = ", ".join(
            f"{label}: {score:.4g}"
            for label, score in zip(self.labels[:4], self.scores[:4], strict=False)
        )
        more = ", ..." if len(self) > 4 else ""
        return f"Picture({len(self)} of {height}x{width}x{channels}; {shown}{more})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001
        """Return the picture, or the stack of pictures, as an array."""
        array = self.image if len(self) == 1 else self.images
        if copy is False and dtype is not None and np.dtype(dtype) != array.dtype:
            raise ValueError(f"a {array.dtype} picture can't be seen as {dtype} without a copy")
        return array.astype(array.dtype if dtype is None else dtype, copy=bool(copy))

    def card(
        self,
        model: Any,
        images: Any = None,
        *,
        seeds: int = 1,
        random_weights: bool = True,
        start: Any = None,
        progress: bool = True,
    ) -> Card:
        """Compare the pictures' scores with those of other inputs, other starts, chance.

        Each run for `seeds` and the one for `random_weights` costs as much as the pictures did; the
        rest is a few dozen passes through the network.

        Parameters
        ----------
        model
            The one that the pictures were made with.
        images
            Inputs of the user's own, as `model` takes them, or pictures; see `Model.prepare`. For a
            network of several inputs arrays for the one that is the picture; the others stay as
            they were given.
        seeds
            How many times the recipe is followed again from another seed.
        random_weights
            Follow the recipe in a network whose kernels hold the same numbers in random order: a
            score that beats chance no more than there says little about what was learned.
        start
            The start picture, if one was given that was too large (over 1 MB) for the recipe.
        progress
            Show a progress bar, as `maximize` does.

        Returns
        -------
        Card

        Examples
        --------
        >>> import phosphene as ph
        >>> model, (images, _) = ph.zoo.wardrobe(), ph.zoo.garments()
        >>> picture = ph.maximize(model, "Bag", steps=16, progress=False)
        >>> card = picture.card(model, images, seeds=0, random_weights=False)
        >>> float(card.percentiles[0]) > 50
        True
        """
        from phosphene._vision.maximization.card import make_card

        return make_card(
            self,
            model,
            images,
            seeds=seeds,
            random_weights=random_weights,
            start=start,
            progress=progress,
        )

    def to_pil(self, *, scale: int = 1, alpha: bool = False) -> Image:
        """Return a PIL image: the picture itself, or a labelled sheet of several pictures.

        Parameters
        ----------
        scale
            Enlarges each picture by this whole number, 1 or more, without smoothing. On a sheet
            small pictures are enlarged anyway.
        alpha
            Let what mattered little be transparent, see `Picture.alpha`; on a sheet it is white.
        """
        scale = whole("scale", scale, 1)
        if not alpha:
            if len(self) == 1:
                return enlarged(drawable(self.images[:1])[0], scale)
            return contact_sheet(self.images, self.labels, self.scores, scale)
        if self.alpha is None or self.images.shape[-1] not in (1, 3):
            raise InvalidArgumentError(
                "There is no transparency: ask for it with ph.maximize(..., alpha=True), for "
                "pictures of 1 or 3 channels."
            )
        opaque = self.alpha[..., None]
        if len(self) > 1:
            faded = np.rint(255 + (self.images - np.float32(255)) * opaque).astype(np.uint8)
            return contact_sheet(faded, self.labels, self.scores, scale)
        image = enlarged(self.image, scale).convert("RGB")
        image.putalpha(enlarged(np.rint(255 * opaque[0]).astype(np.uint8), scale))
        return image

    def save(
        self,
        path: str | Path,
        *,
        scale: int | None = None,
        seconds: float = FRAME_SECONDS,
        alpha: bool = False,
    ) -> Path:
        """Write a PNG file, or a film of the way there, that carries the recipe.

        The film ends with the picture itself; frames after the step at which that was found are
        left out.

        `replay` renders it again. The recipe is JSON in the text chunk ``phosphene`` of a PNG, so
        ``json.loads(PIL.Image.open(path).text["phosphene"])`` reads it, in the comment of a GIF and
        in the XMP of a WebP. The file appears whole or not at all.

        Parameters
        ----------
        path
            Ends in ``.png``, or for a film of `frames` and picture in ``.gif``, ``.apng`` or
            ``.webp``; an existing file is replaced, a missing folder made.
        scale
            See `to_pil`. By default 1; small pictures of a film are enlarged.
        seconds
            How long a film shows each frame; the picture itself stays longer.
        alpha
            See `to_pil`; not for films.

        Returns
        -------
        Path
            Where the picture was written.

        Raises
        ------
        InvalidArgumentError
            If `path` ends otherwise, or a film is asked for and there are no frames.
        ModelFileError
            If the file can't be written; it is also an OSError.

        Examples
        --------
        >>> import phosphene as ph, tempfile
        >>> picture = ph.maximize(ph.zoo.wardrobe(), "Bag", steps=4, frames=3, progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     picture.save(f"{folder}/bag.gif").name
        'bag.gif'
        """
        from phosphene._display.film import is_film, write_film

        path = Path(path)
        document = self.recipe | {"labels": list(self.labels), "scores": list(self.scores)}
        text = json.dumps(document)
        if is_film(path):
            if not self.frames:
                raise InvalidArgumentError(
                    f"{str(path)!r} is a film of the way there, of which nothing was kept: ask for "
                    "it with ph.maximize(..., frames=60)."
                )
            return write_film(path, self._film(scale), seconds, text, shaded=True)
        if path.suffix.lower() != ".png":
            raise InvalidArgumentError(
                f"A picture is saved as .png, a film as .gif, .apng or .webp; received "
                f"{str(path)!r}. For another format use picture.to_pil().save(...)."
            )
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text(CHUNK, text)
        file = io.BytesIO()
        self.to_pil(scale=scale or 1, alpha=alpha).save(file, format="png", pnginfo=info)
        write_file(path, file.getvalue())
        return path

    def _film(self, scale: int | None) -> Iterator[Image]:
        """Return the pictures of a film, the picture itself last."""
        if scale is None:
            _, height, width, _ = self.images.shape
            scale = shown_scale(height, width, SMALLEST_SHOWN) if len(self) == 1 else 1
        for frame in self.frames:
            # What comes after the best one is no longer on the way there.
            ahead = np.array([frame.step < step for step in self.steps])
            if ahead.any():
                images = sized(frame.images, self.images.shape[1:3])  # coarse stages are smaller
                images = np.where(ahead[:, np.newaxis, np.newaxis, np.newaxis], images, self.images)
                scores = tuple(np.where(ahead, frame.scores, self.scores).tolist())
                yield replace(self, images=images, scores=scores, frames=()).to_pil(scale=scale)
        yield self.to_pil(scale=scale)

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows: nothing is smaller than a stamp."""
        _, height, width, _ = self.images.shape
        scale = shown_scale(height, width, SMALLEST_SHOWN) if len(self) == 1 else 1
        file = io.BytesIO()
        self.to_pil(scale=scale).save(file, format="png")
        return file.getvalue()


def opacity(attention: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how opaque each pixel is, (n, height, width), from how much it mattered."""
    most = np.percentile(attention, 80, axis=(1, 2), keepdims=True)
    shares = attention / np.maximum(most, np.finfo(np.float32).tiny)
    return np.clip(shares, 0, 1).astype(np.float32)


def read_recipe(path: str | Path) -> dict[str, Any]:
    """Return the recipe in a file that `Picture.save` wrote.

    Raises
    ------
    ModelFileError
        If there is no such file, it is no picture, or holds no recipe; it is also an OSError.
    """
    from PIL import Image, UnidentifiedImageError

    from phosphene._errors import ModelFileError

    try:
        with Image.open(path, formats=["PNG", "GIF", "WEBP"]) as image:
            place = PLACES[str(image.format)]
            # Text chunks of a PNG may follow the pixels.
            text = image.info.get(place) if image.format == "GIF" else None
            image.load()
            text = text or image.info.get(place) or getattr(image, "text", {}).get(place)
    except UnidentifiedImageError:
        raise ModelFileError(f"{str(path)!r} is no PNG, GIF or WebP file.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"Can't read {str(path)!r}: {reason}.") from error
    if text is None:
        raise ModelFileError(
            f"{str(path)!r} carries no recipe: it has no {PLACES_NAMED[place]}. Programs that edit "
            "pictures often drop it."
        )
    try:
        recipe = json.loads(text)
    except ValueError:
        recipe = None
    if not isinstance(recipe, dict) or not isinstance(recipe.get("objectives"), list):
        raise ModelFileError(f"The recipe in {str(path)!r} is damaged.")
    return recipe
