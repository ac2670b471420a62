"""Layer outputs by path: as arrays, pictures and files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._errors import InvalidArgumentError, UnknownNameError
from phosphene._models.outputs import Facts, Outputs
from phosphene._sentences import counted
from phosphene._vision.stores import write_npz
from phosphene._vision.tracing.stored_arrays import StoredArrays, nested

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from phosphene._models.model import Model

FILE_ENDINGS = (
    ".svg", ".pdf", ".eps", ".ps", ".jpg", ".jpeg", ".webp", ".gif", ".apng", ".bmp", ".tif",
    ".tiff", ".html", ".json", ".npz", ".npy", ".txt", ".csv",
)  # fmt: skip
"""Of files, which nobody means as the name of a folder."""


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
    are_named
        Whether somebody asked for these very layers, so that all of them are drawn.
    """

    def __init__(
        self,
        model: Model,
        paths: Sequence[str],
        arrays: Mapping[str, NDArray[Any]],
        *,
        are_named: bool = False,
    ) -> None:
        self.model = model
        """The model that was traced."""
        self._paths = tuple(paths)
        self._arrays = arrays
        self._are_named = are_named

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
        held = f"{counted(len(self), 'layer')}, {counted(self.samples, 'sample')}"
        return f"<Trace of {self.model.name!r}: {held}>"

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
        grid: tuple[int, int] | None = None,
        min_size: tuple[int, int] | None = None,
    ) -> Figure:
        """Draw layer outputs as a grid of pictures.

        Each panel is one layer, in order of execution: an output of shape (batch, height, width) is
        one picture, one of shape (batch, height, width, channels) a mosaic of channels. Where the
        network reads sequences, (batch, steps, channels) are curves, one channel below the other,
        steps to the right. The line below a panel states the smallest and the largest value in it.

        Parameters
        ----------
        layers
            As for `trace`; by default all that were traced. What is named, here or in `trace`, is
            drawn whatever its size.
        sample
            Which sample of the batch, counted from 0; negative numbers count from the end.
        channels
            How many channels of a mosaic or of curves, the first ones, 1 or more; or a list of
            their indices.
        kind
            ``"bars"`` and ``"heat"`` also draw vectors, as bars or as a row of colours; ``"heat"``
            draws curves as rows of colours too. ``"auto"`` draws vectors, as bars, only if they are
            named.
        cmap
            A colour map of matplotlib.
        scale
            ``"panel"`` stretches the colours over the values of each panel, ``"shared"`` over the
            values of all of them, with one colour bar.
        grid
            Rows and columns. Layers that don't fit are left out; `save` writes all of them. By
            default 3 by 3, and as many rows as it takes for layers that are named.
        min_size
            Height and width that an output must have at least; of curves the number of steps counts
            as the width, the height doesn't. By default (15, 15), and (1, 1) for layers that are
            named; those named here are drawn all the same.

        Returns
        -------
        matplotlib.figure.Figure
            Not managed by pyplot unless pyplot shows windows.

        Raises
        ------
        InvalidArgumentError
            If no output is large enough, or an argument is out of range.
        """
        from phosphene._display.panels import Choice
        from phosphene._display.plots import trace_plot

        chosen = self._chosen(layers)
        outputs, sample = self._sample(sample)
        choice = Choice(chosen, sample, channels, kind, cmap, scale, grid, min_size)
        return trace_plot(outputs, choice)

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
        grid: tuple[int, int] | None = None,
        min_size: tuple[int, int] | None = None,
    ) -> list[Path]:
        """Write layer outputs as pages ``0.png``, ``1.png`` ... of pictures; see `plot`.

        Parameters
        ----------
        folder
            Made where it is missing. Files of the same names are replaced. A path that ends in
            ``.png`` is one file instead, with what `plot` draws; other endings of pictures are
            refused.
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
        from phosphene._display.figure_files import save_figure
        from phosphene._display.panels import Choice
        from phosphene._display.plots import save_trace, trace_plot

        chosen = self._chosen(layers)
        outputs, sample = self._sample(sample)
        choice = Choice(chosen, sample, channels, kind, cmap, scale, grid, min_size)
        if Path(folder).suffix.lower() == ".png":
            return [save_figure(folder, lambda: trace_plot(outputs, choice), "A trace")]
        if Path(folder).suffix.lower() in FILE_ENDINGS and not Path(folder).is_dir():
            raise InvalidArgumentError(
                f"A trace is saved as one .png or as a folder of pages; received {str(folder)!r}. "
                "For another format use trace.plot().savefig(...)."
            )
        return save_trace(outputs, Path(folder), choice)

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

    def _sample(self, sample: int) -> tuple[Outputs, int]:
        """Return where a sample is found: of those in files none but that one is read."""
        facts = Facts.of(self.model, self._paths, are_named=self._are_named)
        if isinstance(self._arrays, StoredArrays):
            return Outputs(self._arrays.one(sample), facts), 0
        return Outputs(self, facts), sample

    def _chosen(self, layers: Any) -> list[str] | None:
        """Return the traced paths that `layers` selects."""
        if layers is None:
            return None
        chosen = [path for path in self.model.select(layers) if path in self._arrays]
        if not chosen:
            raise InvalidArgumentError(f"Of {layers!r:.80}, nothing was traced.")
        return chosen


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
