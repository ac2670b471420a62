"""Pictures that maximize an objective, with the recipe that made them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._display.series_figure import size_text
from phosphene._display.shown import as_image
from phosphene._vision.maximization.picture_files import picture_png, save_picture
from phosphene._vision.maximization.selection import places_of, some_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

    from phosphene._vision.maximization.card import Card
    from phosphene._vision.maximization.frame import Frame


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """One or several inputs that `maximize` found.

    Notebooks show it, signals as curves and rows as bars (`plot`). ``np.asarray(picture)`` is the
    picture to look at, or the stack of all of them. ``picture[0]``, ``picture[1:3]``,
    ``picture[[0, 2]]``, ``picture["Bag"]`` (all with that label) and a loop over it give some of
    them, as a `Picture` with its own scores, labels and recipe.

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
        objective over all steps, where the fifth that mattered most is opaque; or what was
        optimized together with the colours.
    ground : float, optional
        The brightness from 0 to 1 that `images` show through where an optimized `alpha` is
        transparent.
    limits : (channels, 2) ndarray
        Between which numbers each channel of `input` (of rows each column) was looked for, in the
        network's order; one pair where all have the same.
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
    ground: float | None = None
    limits: NDArray[np.float64] = field(default_factory=lambda: np.array([[0.0, 1.0]]))
    diagnoses: tuple[str | None, ...] = ()
    frames: tuple[Frame, ...] = ()
    steps: tuple[int, ...] = ()

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Everything that made the pictures: objectives, options, seed, start.

        Under ``"engine"`` are the version, the kind of CPU, the threads, the digest of the model
        and the shape of its input. The digest is computed when the recipe is first asked for, which
        takes a large model a second.
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

    def __getitem__(self, index: int | slice | str | Sequence[int | str]) -> Picture:
        """Return one of the pictures, or several, with all that belongs to them.

        A label stands for all that have it. Their recipe is that of all, and names those that are
        meant as ``shown``: pictures that were rendered together aren't the same bits alone.
        """
        return some_of(self, places_of(index, self.labels))

    def __contains__(self, label: object) -> bool:
        """Return whether one of the pictures has a label."""
        return label in self.labels

    def __iter__(self) -> Iterator[Picture]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{label}: {score:.4g}"
            for label, score in zip(self.labels[:4], self.scores[:4], strict=False)
        )
        more = ", ..." if len(self) > 4 else ""
        return f"Picture({size_text(self)}; {shown}{more})"

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
            Inputs of the user's own, as `model` takes them, pictures or a folder of them, of which
            at most 256 are taken, evenly by name; see `Model.prepare`. For a network of several
            inputs arrays for the one that is the picture; the others stay as they were given.
        seeds
            How many times the recipe is followed again from another seed.
        random_weights
            Follow the recipe in a network whose kernels hold the same numbers in random order: a
            score that beats chance no more than there says little about what was learned. Of a row
            of few columns this says little itself: weights in any order pull each to an end.
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
        from phosphene._vision.maximization.card_scores import make_card

        return make_card(
            self,
            model,
            images,
            seeds=seeds,
            random_weights=random_weights,
            start=start,
            progress=progress,
        )

    def plot(self) -> Figure:
        """Draw the pictures with their labels and scores.

        Signals are curves, one a channel and steps to the right, rows of numbers are bars, both of
        the network's own numbers (`Picture.input`); of a signal nine channels at most are drawn.
        Where the columns of rows have ranges of their own, each is a line from its smallest to its
        largest number, with its own on it; above 16 columns bars of how far up that is.

        Returns
        -------
        matplotlib.figure.Figure

        Examples
        --------
        >>> import phosphene as ph
        >>> picture = ph.maximize(ph.zoo.wardrobe(), ["Bag", "Coat"], steps=4, progress=False)
        >>> len(picture.plot().axes)
        2
        """
        from phosphene._display.picture_figure import picture_figure

        return picture_figure(self)

    def to_pil(self, *, scale: int = 1, alpha: bool = False, labelled: bool = False) -> Image:
        """Return a PIL image: the picture itself, or a labelled sheet of several pictures.

        Parameters
        ----------
        scale
            Enlarges each picture by this whole number, 1 or more, without smoothing. On a sheet
            small pictures are enlarged anyway.
        alpha
            Let what mattered little be transparent, see `Picture.alpha`; around the pictures of a
            sheet everything is.
        labelled
            Make a sheet of one picture too, with its label and score below.
        """
        return as_image(self, whole("scale", scale, 1), alpha=alpha, labelled=labelled)

    def save(
        self,
        path: str | Path,
        *,
        scale: int | None = None,
        seconds: float | None = None,
        alpha: bool = False,
        labelled: bool = False,
    ) -> Path:
        """Write what notebooks show to a PNG file, or a film of the way there, with the recipe.

        Signals and rows of numbers are written as `plot` draws them, unless `scale` or `labelled`
        is given. One picture is written without a label; if its shorter side is below 224 pixels,
        it is enlarged by a whole number. Several are written as a sheet with label and score below
        each; ``picture[0].save(...)`` writes one of them. A film ends with the picture itself;
        frames after the step at which that was found are left out. Those of signals and rows are on
        one scale, and know each number to a 255th of its range.

        `replay` renders it again. The recipe is JSON in the text chunk ``phosphene`` of a PNG, so
        ``json.loads(PIL.Image.open(path).text["phosphene"])`` reads it, in the comment of a GIF and
        in the XMP of a WebP. The file appears whole or not at all.

        Parameters
        ----------
        path
            Ends in ``.png``, or for a film of `frames` and picture in ``.gif``, ``.apng`` or
            ``.webp``; an existing file is replaced, a missing folder made.
        scale
            See `to_pil`; 1 writes the pixels themselves. By default small pictures are enlarged.
        seconds
            How long a film shows each frame, by default 0.08; the picture itself stays longer.
        alpha
            See `to_pil`. The frames of a film are as transparent as the picture itself; GIF has
            pixels that can be seen through or not, and nothing between, so that it takes none.
        labelled
            See `to_pil`.

        Returns
        -------
        Path
            Where the picture was written.

        Raises
        ------
        InvalidArgumentError
            If `path` ends otherwise, a film is asked for and there are no frames, or its format
            lacks what is asked for.
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
        return save_picture(
            self, Path(path), scale=scale, seconds=seconds, alpha=alpha, labelled=labelled
        )

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows: nothing is smaller than a stamp, signals are curves."""
        return picture_png(self)
