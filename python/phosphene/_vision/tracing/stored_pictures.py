"""Stored traces as pictures, one pattern after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from phosphene._errors import InvalidArgumentError
from phosphene._models.outputs import Outputs
from phosphene._vision.tracing.stored_arrays import StoredArrays
from phosphene._vision.tracing.trace_files import StoredTrace

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.colors import Colormap


def render(
    folder: str | os.PathLike[str],
    layers: str | Sequence[str] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    channels: int | Sequence[int] = 9,
    kind: Literal["auto", "bars", "heat"] = "auto",
    cmap: str | Colormap = "viridis",
    scale: Literal["panel", "shared", "set"] = "panel",
    grid: tuple[int, int] | None = None,
    min_size: tuple[int, int] | None = None,
) -> list[Path]:
    """Turn the traces that ``ph.trace(model, patterns, store=folder)`` wrote into pictures.

    One pattern is in memory at a time; neither the model nor the patterns are needed. A set that
    isn't finished is drawn as far as it has come.

    Parameters
    ----------
    folder
        Where the traces are.
    layers
        Paths, or globs such as ``"conv*"``, which are drawn whatever their size; by default all
        that are large enough, or that `trace` was asked for by name.
    out
        Gets a folder ``0``, ``1`` ... for each pattern, with pages ``0.png``, ``1.png`` ... in it;
        by default ``pictures`` in `folder`.
    channels, kind, cmap, grid, min_size
        As for `Trace.save`.
    scale
        ``"panel"`` and ``"shared"`` as for `Trace.save`; ``"set"`` stretches the colours of a layer
        over its values for all patterns, so that these can be compared.

    Returns
    -------
    list of Path
        The pages, in order.

    Raises
    ------
    ModelFileError
        If there are no traces, a file is damaged, or a picture can't be written.
    InvalidArgumentError
        If an argument is out of range, or no output is large enough to be drawn.

    Examples
    --------
    >>> import phosphene as ph, tempfile
    >>> images, labels = ph.zoo.garments()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trace = ph.trace(ph.zoo.wardrobe(), iter(images[:2]), "conv1", store=folder)
    ...     pages = ph.render(folder)
    ...     [f"{page.parent.name}/{page.name}" for page in pages]
    ['0/0.png', '1/0.png']
    """
    from phosphene._display.panels import SCALES, Choice, checked_scale, common_limits
    from phosphene._display.plots import save_trace

    checked_scale(scale, (*SCALES, "set"))
    stored = StoredTrace.open(Path(folder))
    files = stored.files
    if not files:
        raise InvalidArgumentError(f"{str(folder)!r} holds no pattern yet.")
    traces = [Outputs(StoredArrays(stored.layers, [file]), stored.facts) for file in files]
    target = Path(folder) / "pictures" if out is None else Path(out)
    own = "panel" if scale == "set" else scale
    choice = Choice(layers, 0, channels, kind, cmap, own, grid, min_size)
    limits = common_limits(traces, choice) if scale == "set" else None
    pages: list[Path] = []
    for number, trace in enumerate(traces):
        pages += save_trace(trace, target / str(number), choice, limits)
    return pages
