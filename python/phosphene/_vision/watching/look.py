"""One look at a network while it learns: a file with what its layers made of the inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from phosphene._errors import UnknownNameError
from phosphene._models.outputs import Facts
from phosphene._options import check_options
from phosphene._sentences import counted
from phosphene._vision.stores import damaged, read_about, read_npz

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


class Look(Mapping[str, "NDArray[np.float32]"]):
    """What a network made of the watched inputs at one moment of its training.

    A mapping from a layer's path to its output, (batch, ...) float32, in the order of execution;
    each array is read from its file when it is asked for.

    Parameters
    ----------
    path
        The file.
    layers
        The paths of the layers.
    titles
        Of the units whose pictures there are.
    facts
        What the outputs of the layers are like.
    limits
        Between which numbers the units' inputs lie, where those are signals or rows.
    """

    def __init__(
        self,
        path: Path,
        layers: Sequence[str],
        titles: Sequence[str],
        facts: Facts | None = None,
        limits: NDArray[np.float64] | None = None,
    ) -> None:
        self.path = path
        """The file, which ``numpy.load`` reads too."""
        self._layers = tuple(layers)
        self.facts = facts or Facts()
        """What the outputs are like."""
        self.limits = limits
        """Between which numbers each channel or column of the `inputs` was looked for, if any."""
        self.titles: tuple[str, ...] = tuple(titles)
        """A title for each of the `pictures`."""
        about = read_about(path)
        try:
            self.epoch: int | None = about["epoch"]
            """How many epochs of training there had been, if that is known."""
            self.batch: int | None = about["batch"]
            """How many batches of the next epoch, if the look was taken within one."""
            self.label: str = str(about["label"])
            """What is written above pictures of it."""
            self.logs: dict[str, float] = dict(about["logs"])
            """Loss and metrics that Keras reported."""
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"{error!r} in its comment") from None

    def __getitem__(self, layer: str) -> NDArray[np.float32]:
        if layer not in self._layers:
            held = ", ".join(map(repr, self._layers[:8]))
            raise UnknownNameError(f"{layer!r} wasn't watched; the look holds {held}.")
        return read_npz(self.path, f"layers/{layer}")

    def __contains__(self, layer: object) -> bool:
        return layer in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        held = f"{counted(len(self), 'layer')}, {counted(len(self.titles), 'picture')}"
        return f"<Look {self.label!r}: {held}>"

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """What the watched units liked best, (units, height, width, channels) uint8."""
        return read_npz(self.path, "pictures")

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The same of signals, (units, steps, channels), and rows, in the network's own numbers."""
        return read_npz(self.path, "inputs")

    @cached_property
    def scores(self) -> tuple[float, ...]:
        """The objectives of the `pictures`; NaN where the weights held NaN."""
        if not self.titles:
            return ()
        return tuple(float(score) for score in read_npz(self.path, "scores"))

    def plot(self, layers: Any = None, **options: Any) -> Figure:
        """Draw what was seen, in colours of its own; `Watch.plot` draws it in those of the run.

        Parameters
        ----------
        layers, **options
            As for `Watch.plot`.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidArgumentError
            If there is nothing to draw.
        """
        from phosphene._display.panels import Choice
        from phosphene._display.run_plots import Drawing

        check_options(options, Choice, "look.plot", ("layers", "scale"))
        return Drawing([self], Choice(layers, **options)).page(self)

    def save(self, path: str | os.PathLike[str], layers: Any = None, **options: Any) -> Path:
        """Write what `plot` draws to a PNG file.

        Parameters
        ----------
        path
            Ends in ``.png``.
        layers, **options
            As for `plot`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidArgumentError
            As `plot`, or if the path has another ending.
        ModelFileError
            If the file can't be written.
        """
        from phosphene._display.figure_files import save_figure

        return save_figure(path, lambda: self.plot(layers, **options), "A look")

    def _repr_png_(self) -> bytes:
        from phosphene._display.figures import figure_png

        return figure_png(self.plot())

    @property
    def heading(self) -> str:
        """The label, and what Keras reported."""
        reported = [f"{name} {value:.4g}" for name, value in self.logs.items()]
        return " · ".join([self.label, *reported])
