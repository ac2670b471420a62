"""Every layer's output for an input, computed in one run of the network."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._errors import InvalidArgumentError, UnknownNameError
from phosphene._models.arrays import batches, model_inputs
from phosphene._models.model import Model, as_model
from phosphene._vision.stores import write_npz
from phosphene._vision.tracing.trace_files import Form, StoredArrays, nested, store_traces

if TYPE_CHECKING:
    import os

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def trace(
    model: Any,
    x: Any,
    layers: Any = None,
    *,
    batch_size: int | None = None,
    store: str | os.PathLike[str] | None = None,
    store_as: Form = "npz",
    out: Trace | None = None,
) -> Trace:
    """Return the output of every layer for `x`, all of them in one run.

    Parameters
    ----------
    model
        A `Model`, or anything that `load` takes. A live Keras model is read at each call.
    x : array_like of the model's `input_shape`
        In the range that the network was trained on; or pictures, see `Model.prepare`. The batch
        axis may be missing. With `store` also what gives one pattern after the other: an iterator,
        a dataset of h5py, a list of files.
    layers
        Which layers: names, paths, globs (``"conv*"``), kinds (``"Conv2D"``), layers, or a list
        of such; by default all but the inputs.
    batch_size
        How many samples are computed at a time; by default all.
    store
        A folder, for more than fits into memory: each pattern is computed by itself and its arrays
        are written to ``0.npz``, ``1.npz`` ...; the result reads them when they are asked for. The
        same call goes on where an earlier one was stopped. `render` draws what is there.
    store_as
        ``"npz"``, or ``"json"``: nested lists, in files several times as large.
    out
        An earlier trace of the same layers for an input of the same shape: its arrays are written
        to, and it is returned.

    Returns
    -------
    Trace
        A mapping from the layer's path to its output, (batch, ...) float32, in execution order.
        Layers that return what they get, such as Dropout and Flatten, share its memory.

    Raises
    ------
    InvalidArgumentError
        If the input doesn't fit, or there is no such layer.

    Examples
    --------
    >>> import phosphene as ph
    >>> images, labels = ph.zoo.garments()
    >>> seen = ph.trace(ph.zoo.wardrobe(), images[:2], "Conv2D")
    >>> next(iter(seen.values())).shape[0]
    2
    """
    model = as_model(model)
    paths = model.select(layers)
    if store is not None and out is None:
        arrays_there = store_traces(model, paths, x, Path(store), batch_size, store_as)
        return Trace(model, paths, arrays_there)
    if isinstance(x, Iterator):
        raise InvalidArgumentError(
            "What gives one pattern after the other is traced into files: give store=, a folder, "
            "or hand over an array."
        )
    arrays = model_inputs(model, x)
    model.warn_about(arrays)
    if out is not None:
        return _rewritten(out, model, paths, arrays, store, batch_size)
    if batch_size is None:
        return Trace(model, paths, dict(zip(paths, run_layers(model, paths, arrays), strict=True)))
    results = [run_layers(model, paths, batch) for batch in batches(arrays, batch_size)]
    joined = [
        parts[0] if len(parts) == 1 else np.concatenate(parts)
        for parts in zip(*results, strict=True)
    ]
    return Trace(model, paths, dict(zip(paths, joined, strict=True)))


class Trace(Mapping[str, "NDArray[np.float32]"]):
    """Layer outputs by path, in the order of execution; made by `trace`.

    Parameters
    ----------
    model
        The model that was traced.
    paths
        What was traced.
    arrays
        The outputs.
    """

    def __init__(
        self, model: Model, paths: Sequence[str], arrays: Mapping[str, NDArray[Any]]
    ) -> None:
        self.model = model
        """The model that was traced."""
        self._paths = tuple(paths)
        self._arrays = arrays

    def __getitem__(self, layer: Any) -> NDArray[np.float32]:
        if type(layer) is str and layer in self._arrays:
            return self._arrays[layer]
        path = self.model.path_of(layer)
        if path not in self._arrays:
            raise UnknownNameError(
                f"{path!r} wasn't traced; the trace holds {', '.join(map(repr, self._paths[:8]))}."
            )
        return self._arrays[path]

    def __contains__(self, layer: object) -> bool:
        return layer in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __repr__(self) -> str:
        return f"<Trace of {self.model.name!r}: {len(self)} layers, {self.samples} samples>"

    @property
    def samples(self) -> int:
        """The number of samples."""
        if isinstance(self._arrays, StoredArrays):
            return self._arrays.samples
        return len(self._arrays[self._paths[0]])

    def plot(
        self,
        layers: Any = None,
        *,
        sample: int = 0,
        channels: int | Sequence[int] = 9,
        kind: Literal["auto", "bars", "heat"] = "auto",
        cmap: str | Colormap = "viridis",
        scale: Literal["panel", "shared"] = "panel",
        grid: tuple[int, int] = (3, 3),
        min_size: tuple[int, int] = (15, 15),
    ) -> Figure:
        """Draw layer outputs as a grid of pictures.

        Each panel is one layer, in order of execution: an output of shape (batch, height, width) is
        one picture, one of shape (batch, height, width, channels) a mosaic of channels.

        Parameters
        ----------
        layers
            As for `trace`; by default all that were traced. A layer that is named exactly is drawn
            whatever its size.
        sample
            Which sample of the batch, counted from 0; negative numbers count from the end.
        channels
            How many channels of a mosaic, the first ones; or a list of their indices.
        kind
            ``"bars"`` and ``"heat"`` also draw vectors, as bars or as a row of colours.
        cmap
            A colour map of matplotlib.
        scale
            ``"panel"`` stretches the colours over the values of each panel, ``"shared"`` over the
            values of all of them.
        grid
            Rows and columns. Layers that don't fit are left out; `save` writes all of them.
        min_size
            Height and width that an output must have at least.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidArgumentError
            If no output is large enough, or an argument is out of range.
        """
        from phosphene._display.plots import ChannelsLast, trace_plot

        shown, sample = self._sample(sample)
        return trace_plot(
            ChannelsLast(shown, self.model.channel_axes),
            layers=self._chosen(layers),
            sample=sample,
            channels=channels,
            kind=kind,
            cmap=cmap,
            scale=scale,
            grid=grid,
            min_size=min_size,
        )

    def save(
        self,
        folder: str | os.PathLike[str],
        layers: Any = None,
        *,
        sample: int = 0,
        channels: int | Sequence[int] = 9,
        kind: Literal["auto", "bars", "heat"] = "auto",
        cmap: str | Colormap = "viridis",
        scale: Literal["panel", "shared"] = "panel",
        grid: tuple[int, int] = (3, 3),
        min_size: tuple[int, int] = (15, 15),
    ) -> list[Path]:
        """Write layer outputs as pages ``0.png``, ``1.png`` ... of pictures; see `plot`.

        Parameters
        ----------
        folder
            Made where it is missing. Files of the same names are replaced.
        layers, sample, channels, kind, cmap, scale, grid, min_size
            As for `plot`; each page is one grid.

        Returns
        -------
        list of Path
            The files, in order.

        Raises
        ------
        InvalidArgumentError
            As `plot`.
        ModelFileError
            If the folder can't be written to; it is also an OSError.
        """
        from phosphene._display.plots import ChannelsLast, save_trace

        shown, sample = self._sample(sample)
        return save_trace(
            ChannelsLast(shown, self.model.channel_axes),
            Path(folder),
            layers=self._chosen(layers),
            sample=sample,
            channels=channels,
            kind=kind,
            cmap=cmap,
            scale=scale,
            grid=grid,
            min_size=min_size,
        )

    def to_json(self, *, values: bool = False) -> str:
        """Return what was traced as JSON: path, kind, shape and statistics of each output.

        Parameters
        ----------
        values
            Whether the numbers themselves are written too, as nested lists. NaN and infinity,
            which JSON doesn't have, become null.

        Returns
        -------
        str
        """
        layers = []
        for path in self._paths:
            array = self._arrays[path]
            entry: dict[str, Any] = {
                "path": path,
                "kind": self.model[path].kind,
                "shape": list(array.shape),
                "minimum": _finite(np.min(array)),
                "maximum": _finite(np.max(array)),
                "mean": _finite(np.mean(array, dtype=np.float64)),
            }
            if values:
                entry["values"] = nested(array)
            layers.append(entry)
        return json.dumps({"model": self.model.name, "layers": layers})

    def to_npz(self, path: str | os.PathLike[str]) -> Path:
        """Write all outputs to one ``.npz`` file, which ``numpy.load`` reads.

        Parameters
        ----------
        path
            The file; it is written beside its place first, so that it is never half there.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ModelFileError
            If the file can't be written.
        """
        return write_npz(Path(path), self)

    def _repr_html_(self) -> str:
        import html

        rows = "".join(
            f"<tr><td>{html.escape(path)}</td><td>{self.model[path].kind}</td>"
            f"<td>{html.escape(str(self._arrays[path].shape))}</td></tr>"
            for path in self._paths
        )
        return f"<table><tr><th>layer</th><th>kind</th><th>shape</th></tr>{rows}</table>"

    def _sample(self, sample: int) -> tuple[Mapping[str, NDArray[Any]], int]:
        """Return where a sample is found: of those in files none but that one is read."""
        if isinstance(self._arrays, StoredArrays):
            return self._arrays.one(sample), 0
        return self, sample

    def _chosen(self, layers: Any) -> list[str] | None:
        """Return the traced paths that `layers` selects."""
        if layers is None:
            return None
        chosen = [path for path in self.model.select(layers) if path in self._arrays]
        if not chosen:
            raise InvalidArgumentError(f"Of {layers!r:.80}, nothing was traced.")
        return chosen


def run_layers(
    model: Model, paths: tuple[str, ...], arrays: Sequence[NDArray[Any]]
) -> list[NDArray[Any]]:
    """Return the outputs of layers for arrays that fit the network."""
    if not paths:
        return []
    # The request is only read where no plan for the key is there yet.
    request = {"outputs": paths}
    return model.plan(request, [array.shape for array in arrays], ("trace", paths)).run(arrays)


def _rewritten(
    out: Any,
    model: Model,
    paths: tuple[str, ...],
    arrays: Sequence[NDArray[Any]],
    store: Any,
    batch_size: int | None,
) -> Trace:
    """Write what the layers compute into the arrays of an earlier trace."""
    is_trace = isinstance(out, Trace)
    if not is_trace or store is not None or batch_size is not None:
        received = "store= or batch_size= too" if is_trace else f"a {type(out).__name__}"
        raise InvalidArgumentError(
            f"out= takes a Trace, without store= and batch_size=; received {received}."
        )
    if tuple(out) != paths or isinstance(out._arrays, StoredArrays):
        raise InvalidArgumentError(
            "out= takes a trace of the same layers, kept in memory: make it with the same layers=."
        )
    plan = model.plan({"outputs": paths}, [array.shape for array in arrays], ("trace", paths))
    earlier: Trace = out
    plan.run(arrays, [earlier._arrays[path] for path in paths])
    earlier.model = model
    return earlier


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
