"""Watching a network from epoch to epoch while Keras trains it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._checks import place, whole
from phosphene._errors import InvalidArgumentError, PhospheneError
from phosphene._models.arrays import model_inputs
from phosphene._models.intake import is_live_model
from phosphene._models.model import Model, as_model, load
from phosphene._vision.tracing.trace import run_layers
from phosphene._vision.watching.looks import Look, Run, refuse_run
from phosphene._vision.watching.training import TrainingHooks, as_callback
from phosphene._vision.watching.unit_pictures import (
    arrays_of,
    first_picture,
    lasting_recipe,
    next_pictures,
)

if TYPE_CHECKING:
    import os

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


class Watch(TrainingHooks):
    """Look at a network again and again while it learns.

    In ``model.fit(..., callbacks=[watch])`` it is a callback of Keras (3 or 2, any backend): it
    looks at the network before the training and after each epoch. Each look is a file in a folder,
    so that a stopped training can be looked at, and gone on with. The network is never changed.

    Parameters
    ----------
    x : array_like of the model's `input_shape`
        The inputs to watch, or pictures, see `Model.prepare`: a few, as what the layers make of
        them is kept at each look.
    layers
        As for `trace`; by default all but the inputs, and none for ``()``.
    units
        Objectives as for `maximize`, such as ``("conv1", 7)``: what these units like best is
        rendered at each look, with the same seed, from the picture of the look before on.
    folder
        Where the looks are kept; by default a temporary folder that goes with this object.
    every
        ``"epoch"``, or a number of batches.
    options
        Options of `maximize` for the pictures of the units, such as ``{"steps": 64}``.

    Raises
    ------
    InvalidArgumentError
        If an option is out of range, or the folder holds a watched training already.

    Examples
    --------
    >>> import phosphene as ph
    >>> images, labels = ph.zoo.garments()
    >>> watch = ph.Watch(images[:1], "conv2*")
    >>> watch.look(ph.zoo.wardrobe(), epoch=1)["conv2_1"].shape
    (1, 14, 14, 48)
    >>> len(watch)
    1
    """

    def __new__(cls, *_: Any, **__: Any) -> Watch:
        """Make it a callback of Keras where Keras has been imported."""
        made: Watch = object.__new__(as_callback(cls) if cls is Watch else cls)
        return made

    def __init__(
        self,
        x: Any,
        layers: Any = None,
        *,
        units: Sequence[Any] = (),
        folder: str | os.PathLike[str] | None = None,
        every: Literal["epoch"] | int = "epoch",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if folder is None:
            folder = tempfile.mkdtemp(prefix="phosphene-watch-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder = Path(folder)
        """Where the looks are kept."""
        refuse_run(self.folder)
        self.every: Literal["epoch"] | int = _interval(every)
        """``"epoch"``, or the number of batches between looks."""
        self._x, self._layers = x, layers
        self._units = list(units) if isinstance(units, (list, tuple)) else [units]
        self._options = dict(options or {})
        self._run: Run | None = None
        self._begin()

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        every: Literal["epoch"] | int | None = None,
    ) -> Watch:
        """Return the watch of an earlier training, to look at it or to go on with it.

        Parameters
        ----------
        folder
            Where its looks are.
        every
            As for `Watch`; by default as before.

        Returns
        -------
        Watch

        Raises
        ------
        ModelFileError
            If the folder holds no watched training, or a file in it is damaged.
        """
        run = Run.open(Path(folder))
        watch: Watch = object.__new__(as_callback(cls) if cls is Watch else cls)
        super(Watch, watch).__init__()
        watch.folder, watch._run = run.folder, run
        watch.every = _interval(run.about.get("every") if every is None else every)
        watch._begin()
        return watch

    # What has been seen.

    @property
    def looks(self) -> tuple[Look, ...]:
        """All looks, the oldest first."""
        return () if self._run is None else tuple(self._run.looks)

    def __len__(self) -> int:
        """Return the number of looks."""
        return len(self.looks)

    def __getitem__(self, index: int) -> Look:
        """Return a look by its number: 0 is the first one, -1 the latest."""
        return self.looks[_one_of(self.looks, index)]

    def __iter__(self) -> Iterator[Look]:
        return iter(self.looks)

    def __repr__(self) -> str:
        return f"<Watch: {len(self)} looks in {str(self.folder)!r}>"

    def plot(
        self,
        at: int | Sequence[int] = -1,
        layers: Any = None,
        *,
        sample: int = 0,
        channels: int | Sequence[int] = 9,
        kind: Literal["auto", "bars", "heat"] = "auto",
        cmap: str | Colormap = "viridis",
        grid: tuple[int, int] = (3, 3),
        min_size: tuple[int, int] = (15, 15),
    ) -> Figure:
        """Draw what a look has seen, in colours that stay the same over the run.

        Parameters
        ----------
        at
            The number of the look: 0 is the first one, -1 the latest. Several numbers are drawn
            one below the other, the layers side by side.
        layers, sample, channels, kind, cmap, grid, min_size
            As for `Trace.plot`. The pictures of the watched units come behind the layers; with
            ``layers=()`` they are drawn alone.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidArgumentError
            If there is no such look, or nothing to draw in it.
        """
        from phosphene._display.run_plots import Drawing

        numbers = [at] if isinstance(at, (int, np.integer)) else list(at)
        chosen = [self[number] for number in numbers]
        drawing = Drawing(self.looks, layers, sample, channels, kind, cmap, grid, min_size)
        if len(chosen) == 1 and isinstance(at, (int, np.integer)):
            return drawing.page(chosen[0])
        return drawing.rows(chosen)

    def film(
        self,
        path: str | os.PathLike[str],
        layers: Any = None,
        *,
        sample: int = 0,
        channels: int | Sequence[int] = 9,
        kind: Literal["auto", "bars", "heat"] = "auto",
        cmap: str | Colormap = "viridis",
        grid: tuple[int, int] = (3, 3),
        min_size: tuple[int, int] = (15, 15),
        seconds: float = 0.4,
        frames: int = 100,
    ) -> Path:
        """Write all looks as a film, in colours that stay the same over the run.

        Parameters
        ----------
        path
            Ends in ``.gif``, ``.apng`` or ``.webp``.
        layers, sample, channels, kind, cmap, grid, min_size
            As for `plot`.
        seconds
            How long each look is shown; the last one stays longer.
        frames
            Of more looks than this only as many are shown, evenly spread.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidArgumentError
            As `plot`, or if the path has another ending.
        ModelFileError
            If the file can't be written, or a look is damaged.
        """
        from phosphene._display.film import checked_seconds, evenly, film_format, write_film
        from phosphene._display.run_plots import Drawing

        path = Path(path)
        film_format(path)
        checked_seconds(seconds)
        frames = whole("frames", frames, 1)
        self[-1]  # says that there is none
        shown = [self.looks[number] for number in evenly(len(self), frames)]
        drawing = Drawing(shown, layers, sample, channels, kind, cmap, grid, min_size)
        return write_film(path, map(drawing.frame, shown), seconds)

    # Looking.

    def look(
        self,
        source: Any,
        *,
        epoch: int | None = None,
        label: str | None = None,
        logs: Mapping[str, float] | None = None,
    ) -> Look:
        """Look at a network now: at a live model, or at a checkpoint, without Keras.

        Parameters
        ----------
        source
            Anything that `load` takes. After the first look also weights alone: the path of a file
            that holds nothing else, a dict by key, or a list in the order of ``get_weights()``.
        epoch
            How many epochs it has been trained.
        label
            What is written above its pictures; by default the epoch, or the name of the file.
        logs
            Loss and metrics to be written beside it.

        Returns
        -------
        Look

        Raises
        ------
        InvalidArgumentError
            If the inputs, layers or units don't fit the network.
        ModelFileError
            If the look can't be written, or a file can't be read.
        """
        model = self._model_of(source)
        if label is None and epoch is None and isinstance(source, (str, Path)):
            label = Path(source).name
        return self._take(model, epoch, None, label, logs)

    def _model_of(self, source: Any) -> Model:
        if isinstance(source, Model) or is_live_model(source):
            return as_model(source)
        config = None if self._run is None else self._run.config
        is_pair = isinstance(source, tuple) and len(source) == 2
        if isinstance(source, (Mapping, Sequence)) and not isinstance(source, str) and not is_pair:
            if config is None:
                raise InvalidArgumentError(
                    "Weights alone don't say what they are the weights of: take the first look at "
                    "a model or at a file that holds one."
                )
            return load((config, source))
        try:
            return load(source)
        except PhospheneError as error:
            if config is None or is_pair:
                raise
            try:
                return load(source, config=config)
            except PhospheneError:
                raise error from None

    def _take(
        self,
        model: Model,
        epoch: int | None,
        batch: int | None,
        label: str | None,
        logs: Mapping[str, Any] | None,
    ) -> Look:
        picture = None
        if self._run is None:
            paths = () if _is_nothing(self._layers) else model.select(self._layers)
            inputs = model_inputs(model, self._x)
            model.warn_about(inputs)
            outputs = run_layers(model, paths, inputs)
            about = {
                "model": model.name,
                "layers": list(paths),
                "channel_axes": {path: model.channel_axes[path] for path in paths},
                "inputs": len(inputs),
                "every": self.every,
                "titles": [],
            }
            if self._units:
                picture = first_picture(model, self._units, self._options)
                recipe = lasting_recipe(model, self._units, picture)
                about |= {"titles": list(picture.labels), "recipe": recipe}
            self._run = Run.make(self.folder, about, model.config, inputs)
        else:
            outputs = run_layers(model, self._run.layers, self._run.inputs)
        arrays = {
            f"layers/{path}": array for path, array in zip(self._run.layers, outputs, strict=True)
        }
        if self._run.titles:
            arrays |= arrays_of(picture) if picture else next_pictures(model, self._run)
        if label is None:
            label = _label(epoch, batch, len(self))
        when = {"epoch": epoch, "batch": batch, "label": label, "logs": _numbers(logs)}
        return self._run.add(arrays, when)


def _interval(every: Any) -> Literal["epoch"] | int:
    if isinstance(every, str) and every == "epoch":
        return "epoch"
    return whole("every", every, 1, what="'epoch' or a number of batches")


def _one_of(looks: Sequence[Look], index: Any) -> int:
    if not looks:
        raise InvalidArgumentError(
            "Nothing has been looked at yet: hand the watch to model.fit, or call watch.look."
        )
    found = place(index, len(looks))
    if found is None:
        raise InvalidArgumentError(
            f"The looks are numbered from 0 to {len(looks) - 1}; received {index!r}."
        )
    return found


def _is_nothing(layers: Any) -> bool:
    return isinstance(layers, (list, tuple)) and not layers


def _label(epoch: int | None, batch: int | None, number: int) -> str:
    if epoch is None:
        return f"look {number}"
    return f"epoch {epoch}" if batch is None else f"epoch {epoch + 1}, batch {batch}"


def _numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Return what Keras reports as plain numbers."""
    result = {}
    for name, value in (logs or {}).items():
        try:
            result[str(name)] = float(value)
        except (TypeError, ValueError):  # a metric that is no single number
            continue
    return result
