"""What of a network's layer outputs is drawn: one panel for each."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._checks import place, whole, whole_pair
from phosphene._display.bars import MOST_NAMED, named_ratio
from phosphene._display.figures import drawn_ratio, mosaic, value_range
from phosphene._errors import InvalidArgumentError
from phosphene._models.lookup import name_of
from phosphene._sentences import counted, suggestion

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from numpy.typing import NDArray

    from phosphene._models.outputs import Facts, Outputs

KINDS = ("auto", "bars", "heat")
SCALES = ("panel", "shared")

GRID, SMALLEST = (3, 3), (15, 15)
"""What is taken where nothing is said, of a page and of a panel."""

CURVE = 0.11
"""Height of a curve, measured by the width of the panel."""


@dataclass(frozen=True)
class Choice:
    """Which layer outputs are drawn, and how; `phosphene.Trace.plot` explains each option."""

    layers: Any = None
    sample: int = 0
    channels: int | Sequence[int] = 9
    kind: str = "auto"
    cmap: str | Colormap = "viridis"
    scale: str = "panel"
    grid: tuple[int, int] | None = None
    min_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidArgumentError(f"kind must be one of {KINDS}, received {self.kind!r}.")
        checked_scale(self.scale, SCALES)
        for name in ("grid", "min_size"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_pair(name, getattr(self, name), 1))

    def page(self, panels: int, *, are_named: bool) -> tuple[int, int]:
        """Return rows and columns of a figure that shall show so many panels."""
        if self.grid is not None:
            return self.grid
        rows, columns = GRID
        if not are_named and panels > rows * columns:
            return GRID
        columns = balanced(panels)
        return max(1, -(-panels // columns)), columns


def balanced(count: int) -> int:
    """Return how many of so many panels stand in a row, so that the last row is nearly full."""
    if count <= 4:
        return 2 if count == 4 else max(1, count)
    return min((3, 4), key=lambda columns: -count % columns)


@dataclass(frozen=True)
class Panel:
    """One layer output, ready to draw."""

    path: str
    values: NDArray[Any]
    """Of one sample: (length,), (height, width), (steps, channels) or (height, width, channels)."""
    form: Literal["image", "bars", "curves"]
    picked: tuple[int, ...] = ()
    """The channels that are shown; none where there are none."""
    missing: tuple[Any, ...] = ()
    """The channels that were asked for and don't exist."""
    names: tuple[str, ...] = ()
    """What the numbers of a vector are called, where that is known."""

    @property
    def are_bars_named(self) -> bool:
        """Whether there is room for a name at each bar."""
        return self.form == "bars" and 0 < len(self.names) <= MOST_NAMED

    @property
    def drawn(self) -> NDArray[Any]:
        """The values that the panel shows: a vector, a matrix or a mosaic."""
        if not self.picked:
            return self.values
        if self.values.ndim == 2:  # steps to the right
            return self.values[:, list(self.picked)].T
        return mosaic([self.values[..., index] for index in self.picked])

    @property
    def ratio(self) -> float:
        """Height / width of the drawing."""
        if self.values.ndim == 1:
            return named_ratio(len(self.values)) if self.are_bars_named else 0.5
        if self.values.ndim == 2 and self.picked:
            return float(np.clip(CURVE * len(self.picked), 0.3, 1.2))
        return drawn_ratio(*self.drawn.shape[:2])

    @property
    def title(self) -> str:
        """The layer and the shape of its output, without the batch."""
        if self.picked and self.values.ndim == 2:
            steps = counted(self.values.shape[0], "step")
            channels = counted(self.values.shape[1], "channel")
            return f"{self.path}\n({steps} →, {channels})"
        return f"{self.path}\n{self.values.shape}"

    @property
    def caption(self) -> str:
        """What the colours stand for, and what is left out."""
        low, high = value_range(self.drawn)
        text = f"{low:.3g} … {high:.3g}" if high > low else f"all {low:.3g}"
        if self._are_some:
            text = f"{len(self.picked)} of {self.values.shape[-1]} channels, {text}"
        if self.names and not self.are_bars_named and high > low:
            text += f", highest: {self.names[int(np.nanargmax(self.values))]}"
        if not np.isfinite(np.ma.compressed(self.drawn)).all():
            text += ", NaN or inf in pink"
        return text

    @property
    def short_caption(self) -> str:
        """The caption without how many channels are left out."""
        return self.caption.partition(" channels, ")[2] if self._are_some else self.caption

    @property
    def _are_some(self) -> bool:
        """Whether channels are left out."""
        return bool(self.picked) and len(self.picked) < self.values.shape[-1]


def chosen_panels(outputs: Outputs, choice: Choice) -> list[Panel]:
    """Return what is to be drawn, in order, or say why there is nothing."""
    chosen = _chosen(outputs, choice.layers)
    are_named = choice.layers is not None or outputs.facts.are_named
    smallest = choice.min_size or ((1, 1) if are_named else SMALLEST)
    panels = []
    for path in chosen:
        panel = _panel(path, np.asarray(outputs[path]), outputs.facts, choice)
        if panel is None:
            continue
        if panel.values.ndim == 1:
            fits = are_named or choice.kind != "auto"
        else:
            fits = _is_large(panel, smallest)
        if fits or choice.layers is not None:
            if panel.missing:
                count = panel.values.shape[-1]
                raise InvalidArgumentError(
                    f"{path!r} has {counted(count, 'channel')}, 0 to {count - 1}; received "
                    f"{', '.join(map(repr, panel.missing[:8]))} among channels."
                )
            panels.append(panel)
    if not panels:
        raise InvalidArgumentError(_nothing(outputs, chosen, choice, smallest))
    return panels


def common_limits(traces: Iterable[Outputs], choice: Choice) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest number that each panel has in several traces, by path.

    The traces are taken one by one.
    """
    limits: dict[str, tuple[float, float]] = {}
    for trace in traces:
        for panel in chosen_panels(trace, choice):
            low, high = value_range(panel.drawn)
            known = limits.get(panel.path, (low, high))
            limits[panel.path] = (min(low, known[0]), max(high, known[1]))
    return limits


def these(choice: Choice, layers: Sequence[str]) -> Choice:
    """Return the same choice of some layers and no others."""
    return replace(choice, layers=list(layers))


def checked_scale(scale: Any, accepted: Sequence[str]) -> str:
    """Return what colours stretch over, or say what is accepted."""
    if scale not in accepted:
        named = f"{', '.join(map(repr, accepted[:-1]))} or {accepted[-1]!r}"
        raise InvalidArgumentError(f"scale must be {named}, received {scale!r}.")
    return str(scale)


def _is_large(panel: Panel, smallest: tuple[int, int]) -> bool:
    height, width = smallest
    if panel.picked and panel.values.ndim == 2:
        return bool(panel.values.shape[0] >= width)
    return bool(panel.values.shape[0] >= height and panel.values.shape[1] >= width)


def _nothing(
    outputs: Mapping[str, Any], chosen: Sequence[str], choice: Choice, smallest: tuple[int, int]
) -> str:
    """Return why there is nothing to draw."""
    shapes = ", ".join(f"{path} {np.shape(outputs[path])[1:]}" for path in chosen[:8])
    more = f" and {len(chosen) - 8} more" if len(chosen) > 8 else ""
    if chosen and not any(_can_be_drawn(outputs[path]) for path in chosen):
        return (
            "Vectors, images and stacks of channels can be drawn, not outputs of these shapes: "
            f"{shapes}{more}; of a volume draw slices yourself, such as trace[layer][0, 0]."
        )
    height, width = smallest
    return (
        f"No layer output is at least {height}x{width}: {shapes or 'the trace is empty'}{more}. "
        "Lower min_size, name the layers, or ask for kind='bars' to see vectors."
    )


def _chosen(outputs: Mapping[str, Any], layers: Any) -> list[str]:
    """Return the paths that `layers` selects, in the order of the trace for each element."""
    if layers is None:
        return list(outputs)
    single = isinstance(layers, str) or not isinstance(layers, Iterable)
    chosen: dict[str, None] = {}
    for wanted in [layers] if single else layers:
        name = name_of(wanted)
        found = [name] if name in outputs else fnmatch.filter(outputs, name)
        if not found:
            near = suggestion(name, outputs, "it begins with")
            raise InvalidArgumentError(f"The trace has no layer {name!r}; {near}.")
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def _panel(
    path: str,
    values: NDArray[Any],
    facts: Facts,
    choice: Choice,
) -> Panel | None:
    """Return one sample of an output; None for a rank that can't be drawn."""
    if not _can_be_drawn(values):
        return None
    sample = place(choice.sample, len(values))
    if sample is None:
        raise InvalidArgumentError(
            f"sample must be a number below {len(values)}, the batch size, received "
            f"{choice.sample!r}."
        )
    values = values[sample]
    if values.ndim == 1:
        names = facts.classes.get(path, ())
        form: Literal["image", "bars"] = "image" if choice.kind == "heat" else "bars"
        return Panel(path, values, form, names=names if len(names) == len(values) else ())
    if values.ndim == 3:
        return Panel(path, values, "image", *_picked(values.shape[-1], choice.channels))
    if not facts.are_sequences:
        return Panel(path, values, "image")
    picked = _picked(values.shape[-1], choice.channels)
    return Panel(path, values, "image" if choice.kind == "heat" else "curves", *picked)


def _can_be_drawn(values: Any) -> bool:
    shape = np.shape(values)
    return len(shape) in (2, 3, 4) and 0 not in shape


def _picked(count: int, channels: int | Sequence[int]) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Return the indices of the channels to be drawn, of so many, and those that don't exist."""
    if not isinstance(channels, (list, tuple, range, np.ndarray)):
        many = whole("channels", channels, 1, what="a list of channels or a whole number")
        return tuple(range(min(many, count))), ()
    if not len(channels):
        raise InvalidArgumentError("channels must name at least one; received an empty list.")
    places = [(index, place(index, count)) for index in channels]
    missing = tuple(index for index, found in places if found is None)
    return tuple(found for _, found in places if found is not None), missing
