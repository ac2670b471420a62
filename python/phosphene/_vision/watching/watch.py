"""Watching a network from epoch to epoch while Keras trains it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._checks import whole
from phosphene._models.arrays import as_array, model_inputs
from phosphene._models.outputs import Facts
from phosphene._vision.tracing.run_layers import run_layers
from phosphene._vision.watching.run import Run, refuse_run
from phosphene._vision.watching.seen import SeenTraining
from phosphene._vision.watching.sources import model_of
from phosphene._vision.watching.training import TrainingHooks, as_callback
from phosphene._vision.watching.unit_pictures import (
    arrays_of,
    checked_options,
    first_picture,
    lasting_recipe,
    limits_of,
    next_pictures,
    uncarried_start,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from phosphene._models.model import Model
    from phosphene._vision.watching.look import Look


class Watch(SeenTraining, TrainingHooks):
    """Look at a network again and again while it learns.

    In ``model.fit(..., callbacks=[watch])`` it is a callback of Keras (3 or 2, any backend): it
    looks at the network before the training and after each epoch. Each look is a file in a folder,
    so that a stopped training can be looked at, and gone on with. Epochs are counted on where a
    second training counts from 1 again. The network is never changed.

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
    overwrite
        Whether a watched training that `folder` holds already is removed, at the first look of this
        one. Otherwise it is refused; `open` goes on with it.
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
        overwrite: bool = False,
        every: Literal["epoch"] | int = "epoch",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if folder is None:
            folder = tempfile.mkdtemp(prefix="phosphene-watch-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder = Path(folder)
        """Where the looks are kept."""
        refuse_run(self.folder, overwrite=overwrite)
        if isinstance(x, np.ndarray):
            as_array(x, "x")
        self.every: Literal["epoch"] | int = _interval(every)
        """``"epoch"``, or the number of batches between looks."""
        self._x, self._layers = x, layers
        self._units = list(units) if isinstance(units, (list, tuple)) else [units]
        self._options = checked_options(self._units, options)
        self._overwrite = overwrite
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
        model = model_of(source, None if self._run is None else self._run.config)
        if label is None and epoch is None and isinstance(source, (str, Path)):
            label = Path(source).name
        return self._take(model, epoch, None, label, logs)

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
                "inputs": len(inputs),
                "every": self.every,
                "titles": [],
            }
            start = None
            about |= Facts.of(model, paths, are_named=self._layers is not None).to_json()
            if self._units:
                picture = first_picture(model, self._units, self._options)
                recipe = lasting_recipe(model, self._units, picture)
                about |= {"titles": list(picture.labels), "recipe": recipe}
                about |= limits_of(picture)
                start = uncarried_start(model, self._options, recipe)
            self._run = Run.make(
                self.folder, about, model.config, inputs, start=start, overwrite=self._overwrite
            )
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
