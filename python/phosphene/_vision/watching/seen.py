"""What has been seen of a training: its looks, and pictures and films of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._checks import place, whole
from phosphene._errors import InvalidArgumentError, NoSuchNumberError
from phosphene._options import check_options
from phosphene._sentences import counted, suggestion

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from phosphene._vision.watching.look import Look
    from phosphene._vision.watching.run import Run


class SeenTraining:
    """The looks at a training, the oldest first."""

    folder: Path
    """Where the looks are kept."""
    _run: Run | None = None

    @property
    def looks(self) -> tuple[Look, ...]:
        """All looks, the oldest first."""
        return () if self._run is None else tuple(self._run.looks)

    @property
    def epochs(self) -> int:
        """How many epochs of training have been seen."""
        return max((look.epoch or 0 for look in self.looks), default=0)

    def __len__(self) -> int:
        """Return the number of looks."""
        return len(self.looks)

    def __getitem__(self, index: int | str) -> Look:
        """Return a look by its number, 0 the first one and -1 the latest, or by its label."""
        return self.looks[_one_of(self.looks, index)]

    def __iter__(self) -> Iterator[Look]:
        return iter(self.looks)

    def __repr__(self) -> str:
        return f"<Watch: {counted(len(self), 'look')} in {str(self.folder)!r}>"

    def plot(
        self,
        at: int | str | Sequence[int | str] = -1,
        layers: Any = None,
        *,
        sample: int = 0,
        channels: int | Sequence[int] = 9,
        kind: Literal["auto", "bars", "heat"] = "auto",
        cmap: str | Colormap = "viridis",
        grid: tuple[int, int] | None = None,
        min_size: tuple[int, int] | None = None,
    ) -> Figure:
        """Draw what a look has seen, in colours that stay the same over the run.

        Parameters
        ----------
        at
            The number of the look, in the order in which they were taken: 0 is the first one, -1
            the latest. Or its label, such as ``"epoch 3"``, as number 3 is the look after three
            epochs only where one was taken before the first; of several with a label the latest.
            Several looks are drawn one below the other, the layers side by side.
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
        from phosphene._display.panels import Choice
        from phosphene._display.run_plots import Drawing

        choice = Choice(layers, sample, channels, kind, cmap, "panel", grid, min_size)
        if isinstance(at, (int, str, np.integer)):
            look = self[at if isinstance(at, str) else int(at)]  # says that there is none
            return Drawing(self.looks, choice).page(look)
        if not isinstance(at, (list, tuple, range, np.ndarray)) or not len(at):
            raise InvalidArgumentError(
                "at must be the number or the label of a look or a list of such; received "
                f"{at!r:.60}."
            )
        chosen = [self[number] for number in at]
        return Drawing(self.looks, choice).rows(chosen)

    def save(
        self,
        path: str | os.PathLike[str],
        at: int | str | Sequence[int | str] | None = None,
        layers: Any = None,
        **options: Any,
    ) -> Path:
        """Write what `plot` draws to a PNG file, or all looks as a film.

        Parameters
        ----------
        path
            Ends in ``.png``, or, for a `film` of all looks, in ``.gif``, ``.apng`` or ``.webp``.
        at
            As for `plot`, by default the latest look; a film shows all of them.
        layers, **options
            As for `plot`, or for `film`.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidArgumentError
            As `plot` and `film`, or if the path has another ending.
        ModelFileError
            If the file can't be written, or a look is damaged.
        """
        from phosphene._display.figure_files import save_figure

        if Path(path).suffix.lower() in (".gif", ".apng", ".webp"):
            check_options(options, self.film, "watch.save, of a film,", ("path", "layers"))
            if at is not None:
                raise InvalidArgumentError(
                    f"A film shows all looks: leave at out, or save one look as .png; received "
                    f"at={at!r:.60} for {str(path)!r}."
                )
            return self.film(path, layers, **options)
        check_options(options, self.plot, "watch.save", ("at", "layers"))
        at = -1 if at is None else at
        return save_figure(path, lambda: self.plot(at, layers, **options), "A look")

    def _repr_png_(self) -> bytes | None:
        """Return what a notebook shows: the latest look."""
        from phosphene._display.figures import figure_png

        return figure_png(self.plot()) if len(self) else None

    def film(
        self,
        path: str | os.PathLike[str],
        layers: Any = None,
        *,
        sample: int = 0,
        channels: int | Sequence[int] = 9,
        kind: Literal["auto", "bars", "heat"] = "auto",
        cmap: str | Colormap = "viridis",
        grid: tuple[int, int] | None = None,
        min_size: tuple[int, int] | None = None,
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
        from phosphene._display.film import (
            checked_seconds,
            evenly,
            film_format,
            write_film,
        )
        from phosphene._display.panels import Choice
        from phosphene._display.run_plots import Drawing

        path = Path(path)
        film_format(path)
        checked_seconds(seconds)
        frames = whole("frames", frames, 1)
        self[-1]  # says that there is none
        shown = [self.looks[number] for number in evenly(len(self), frames)]
        choice = Choice(layers, sample, channels, kind, cmap, "panel", grid, min_size)
        return write_film(path, map(Drawing(shown, choice).frame, shown), seconds)


def _one_of(looks: Sequence[Look], index: Any) -> int:
    if not looks:
        raise InvalidArgumentError(
            "Nothing has been looked at yet: hand the watch to model.fit, or call watch.look."
        )
    labels = [look.label for look in looks]
    if isinstance(index, str):
        if index not in labels:
            raise NoSuchNumberError(
                f"No look has the label {index!r:.60}: "
                f"{suggestion(index, dict.fromkeys(labels), 'the labels begin with')}."
            )
        return len(labels) - 1 - labels[::-1].index(index)
    found = place(index, len(looks))
    if found is None:
        raise NoSuchNumberError(
            f"The looks are numbered from 0 ({labels[0]!r:.40}) to {len(looks) - 1} "
            f"({labels[-1]!r:.40}); received {index!r:.60}."
        )
    return found
