"""Traces as pictures: every layer output as a panel of a grid."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._checks import whole_pair
from phosphene._display.figures import (
    PanelGrid,
    draw_image,
    drawing_map,
    drawn_ratio,
    figure_png,
    mosaic,
    value_range,
)
from phosphene._errors import InvalidArgumentError
from phosphene._files import make_folder, write_file
from phosphene._models.lookup import name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

KINDS = ("auto", "bars", "heat")
SCALES = ("panel", "shared")


class ChannelsLast(Mapping[str, "NDArray[Any]"]):
    """Layer outputs as they are drawn: with their channels last.

    Parameters
    ----------
    outputs
        The outputs, by path.
    axes
        The axes that their channels lie along; the last where nothing is said.
    """

    def __init__(self, outputs: Mapping[str, NDArray[Any]], axes: Mapping[str, int]) -> None:
        self._outputs, self._axes = outputs, axes

    def __getitem__(self, path: str) -> NDArray[Any]:
        values = self._outputs[path]
        axis = self._axes.get(path, -1)
        return np.moveaxis(values, axis, -1) if 0 < axis < values.ndim else values

    def __contains__(self, path: object) -> bool:
        return path in self._outputs

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)


@dataclass(frozen=True)
class Panel:
    """One layer output, ready to draw."""

    path: str
    values: NDArray[Any]
    """Of one sample: (length,), (height, width) or (height, width, channels)."""
    picked: tuple[int, ...] = ()
    """The channels that are shown."""

    @property
    def drawn(self) -> NDArray[Any]:
        """The values that the panel shows: a vector, a matrix or a mosaic."""
        if self.values.ndim < 3:
            return self.values
        return mosaic([self.values[..., index] for index in self.picked])

    @property
    def ratio(self) -> float:
        """Height / width of the drawing."""
        return 0.5 if self.values.ndim == 1 else drawn_ratio(*self.drawn.shape[:2])

    @property
    def title(self) -> str:
        """The layer and the shape of its output, without the batch."""
        return f"{self.path}\n{self.values.shape}"

    @property
    def caption(self) -> str:
        """What the colours stand for, and what is left out."""
        low, high = value_range(self.drawn)
        text = f"{low:.3g} … {high:.3g}" if high > low else f"all {low:.3g}"
        if self.values.ndim == 3 and len(self.picked) < self.values.shape[-1]:
            text = f"{len(self.picked)} of {self.values.shape[-1]} channels, {text}"
        if not np.isfinite(np.ma.compressed(self.drawn)).all():
            text += ", NaN or inf in pink"
        return text


def trace_plot(
    trace: Mapping[str, NDArray[Any]],
    *,
    layers: Any = None,
    sample: int = 0,
    channels: int | Sequence[int] = 9,
    kind: Literal["auto", "bars", "heat"] = "auto",
    cmap: str | Colormap = "viridis",
    scale: Literal["panel", "shared"] = "panel",
    grid: tuple[int, int] = (3, 3),
    min_size: tuple[int, int] = (15, 15),
) -> Figure:
    r"""Draw layer outputs as a grid of pictures.

    Each panel is one layer, in order of execution. An output of shape (batch, height, width) is
    one picture, one of shape (batch, height, width, channels) a mosaic of channels. The line below
    a panel states the smallest and the largest value in it.

    Parameters
    ----------
    trace
        Layer outputs by path, as `phosphene.trace` returns them.
    layers
        Paths, globs such as ``"conv*"``, or layers, which are drawn whatever their size; by
        default all that are large enough.
    sample
        Which sample of the batch, counted from 0; negative numbers count from the end.
    channels
        How many channels of a mosaic, the first ones, 1 or more; or a list of their indices.
    kind
        ``"bars"`` and ``"heat"`` also draw vectors, as bars or as a row of colours. ``"auto"``
        draws them only if `layers` asks for them.
    cmap
        A colour map of matplotlib.
    scale
        ``"panel"`` stretches the colours over the values of each panel, ``"shared"`` over the
        values of all of them, with one colour bar.
    grid
        Rows and columns. Layers that don't fit are left out; `Trace.save` writes all of them.
    min_size
        Height and width that an output must have at least, unless `layers` asks for it.

    Returns
    -------
    matplotlib.figure.Figure
        Not managed by pyplot unless pyplot shows windows.

    Raises
    ------
    InvalidArgumentError
        If no output is large enough, or an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> figure = trace_plot({"conv": np.zeros((1, 20, 20, 4))}, channels=2)
    >>> figure.axes[0].get_title()
    'conv\n(20, 20, 4)'
    """
    rows, columns = whole_pair("grid", grid, 1)
    panels = chosen_panels(trace, layers, sample, channels, kind, min_size)[: rows * columns]
    return _draw(panels, kind, cmap, scale, columns)


def save_trace(
    trace: Mapping[str, NDArray[Any]],
    folder: str | Path,
    *,
    layers: Any = None,
    sample: int = 0,
    channels: int | Sequence[int] = 9,
    kind: Literal["auto", "bars", "heat"] = "auto",
    cmap: str | Colormap = "viridis",
    scale: Literal["panel", "shared"] = "panel",
    grid: tuple[int, int] = (3, 3),
    min_size: tuple[int, int] = (15, 15),
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> list[Path]:
    """Write layer outputs as numbered pages ``0.png``, ``1.png`` ... of pictures.

    Parameters
    ----------
    trace, layers, sample, channels, kind, cmap, scale, grid, min_size
        See `trace_plot`; each page is one grid.
    folder
        Made where it is missing. Files of the same names are replaced.
    limits
        What the colours of a layer stretch over, by path, instead of `scale`; see `common_limits`.

    Returns
    -------
    list of Path
        The files, in order.

    Raises
    ------
    InvalidArgumentError
        As `trace_plot`.
    ModelFileError
        If the folder can't be written to; it is also an OSError.
    """
    rows, columns = whole_pair("grid", grid, 1)
    panels = chosen_panels(trace, layers, sample, channels, kind, min_size)
    folder = Path(folder)
    make_folder(folder)
    files = []
    for number, start in enumerate(range(0, len(panels), rows * columns)):
        page = panels[start : start + rows * columns]
        files.append(folder / f"{number}.png")
        write_file(files[-1], figure_png(_draw(page, kind, cmap, scale, columns, limits)))
    return files


def chosen_panels(
    trace: Mapping[str, NDArray[Any]],
    layers: Any,
    sample: int,
    channels: int | Sequence[int],
    kind: str,
    min_size: tuple[int, int],
) -> list[Panel]:
    """Return what is to be drawn, in order, or say why there is nothing."""
    if kind not in KINDS:
        raise InvalidArgumentError(f"kind must be one of {KINDS}, received {kind!r}.")
    height, width = whole_pair("min_size", min_size, 1)
    chosen = _chosen(trace, layers)
    panels = []
    for path in chosen:
        panel = _panel(path, np.asarray(trace[path]), sample, channels)
        if panel is None:
            continue
        if panel.values.ndim == 1:
            fits = kind != "auto"
        else:
            fits = panel.values.shape[0] >= height and panel.values.shape[1] >= width
        if fits or layers is not None:
            panels.append(panel)
    if not panels:
        shapes = ", ".join(f"{path} {np.shape(trace[path])[1:]}" for path in chosen[:8])
        more = f" and {len(chosen) - 8} more" if len(chosen) > 8 else ""
        if layers is not None:
            raise InvalidArgumentError(
                "Vectors, images and stacks of channels can be drawn, not outputs of these "
                f"shapes: {shapes}{more}."
            )
        raise InvalidArgumentError(
            f"No layer output is at least {height}x{width}: {shapes or 'the trace is empty'}{more}."
            " Lower min_size, name the layers, or ask for kind='bars' to see vectors."
        )
    return panels


def _chosen(trace: Mapping[str, NDArray[Any]], layers: Any) -> list[str]:
    """Return the paths that `layers` selects, in the order of the trace for each element."""
    if layers is None:
        return list(trace)
    single = isinstance(layers, str) or not isinstance(layers, Iterable)
    chosen: dict[str, None] = {}
    for wanted in [layers] if single else layers:
        name = name_of(wanted)
        found = [name] if name in trace else fnmatch.filter(trace, name)
        if not found:
            from difflib import get_close_matches

            close = get_close_matches(name, list(trace), n=3) or list(trace)[:5]
            raise InvalidArgumentError(
                f"The trace has no layer {name!r}; the closest names are "
                f"{', '.join(map(repr, close))}."
            )
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def _panel(
    path: str, values: NDArray[Any], sample: int, channels: int | Sequence[int]
) -> Panel | None:
    """Return one sample of an output; None for a rank that can't be drawn."""
    if values.ndim not in (2, 3, 4) or 0 in values.shape:
        return None
    if not -len(values) <= sample < len(values):
        raise InvalidArgumentError(
            f"sample must be a number below {len(values)}, the batch size, received {sample!r}."
        )
    values = values[sample]
    if values.ndim < 3:
        return Panel(path, values)
    count = values.shape[-1]
    if isinstance(channels, (int, np.integer)):
        if channels < 1:
            raise InvalidArgumentError(f"channels must be 1 or more, received {channels}.")
        return Panel(path, values, tuple(range(min(int(channels), count))))
    wanted = tuple(int(index) for index in channels)
    picked = tuple(index for index in wanted if -count <= index < count)
    if not picked:
        raise InvalidArgumentError(
            f"{path!r} has {count} channels, received channels={list(wanted)}."
        )
    return Panel(path, values, picked)


def common_limits(
    traces: Iterable[Mapping[str, NDArray[Any]]],
    *,
    layers: Any = None,
    sample: int = 0,
    channels: int | Sequence[int] = 9,
    kind: str = "auto",
    min_size: tuple[int, int] = (15, 15),
) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest number that each panel has in several traces, by path.

    Parameters
    ----------
    traces
        Taken one by one.
    layers, sample, channels, kind, min_size
        See `trace_plot`.
    """
    limits: dict[str, tuple[float, float]] = {}
    for trace in traces:
        for panel in chosen_panels(trace, layers, sample, channels, kind, min_size):
            low, high = value_range(panel.drawn)
            known = limits.get(panel.path, (low, high))
            limits[panel.path] = (min(low, known[0]), max(high, known[1]))
    return limits


def _draw(
    panels: Sequence[Panel],
    kind: str,
    cmap: str | Colormap,
    scale: str,
    columns: int,
    given: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw one page."""
    if scale not in SCALES:
        raise InvalidArgumentError(f"scale must be one of {SCALES}, received {scale!r}.")
    drawn = [panel.drawn for panel in panels]
    limits = list(map(value_range, drawn))
    if given is not None:
        limits = [given[panel.path] for panel in panels]
    elif scale == "shared":
        joined = np.concatenate([np.ma.compressed(values) for values in drawn])
        limits = [value_range(joined)] * len(panels)
    bars = [values.ndim == 1 and kind != "heat" for values in drawn]
    page = PanelGrid(
        [panel.ratio for panel in panels],
        columns,
        left=0.35 if any(bars) else 0,
        right=0.8 if scale == "shared" and not all(bars) else 0,
    )
    image = None
    for number, (panel, is_bars) in enumerate(zip(panels, bars, strict=True)):
        drawn_image = draw_panel(page.axes[number], panel, cmap, limits[number], bars=is_bars)
        image = drawn_image or image
        caption = panel.caption
        if given is not None:
            caption = f"{caption} · colours {limits[number][0]:.3g} … {limits[number][1]:.3g}"
            fix_height(page.axes[number], limits[number], bars=is_bars)
        page.label(number, panel.title, caption)
    if image is not None and scale == "shared":
        page.colour_bar(image)
    return page.figure


def draw_panel(
    axes: Axes, panel: Panel, cmap: str | Colormap, limits: tuple[float, float], *, bars: bool
) -> Any:
    """Draw one layer output in its place, and return its image; None for bars."""
    values = panel.drawn
    if not bars:
        return draw_image(axes, np.ma.atleast_2d(values), drawing_map(cmap), limits)
    axes.bar(np.arange(len(values)), values, width=0.85 if len(values) <= 40 else 1.0)
    axes.set_xticks([])
    axes.margins(x=0.01)
    return None


def fix_height(axes: Axes, limits: tuple[float, float], *, bars: bool) -> None:
    """Give bars that are to be compared the same axis."""
    low, high = limits
    if bars and high > low:
        axes.set_ylim(min(low, 0), max(high, 0))
