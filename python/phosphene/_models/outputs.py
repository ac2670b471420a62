"""Layer outputs, and what has to be known of them beside their numbers to draw them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.network import Model


@dataclass(frozen=True)
class Facts:
    """What layer outputs are like.

    Attributes
    ----------
    channel_axes
        The axes that the channels lie along, by path, batch counted; the last where nothing is
        said.
    are_sequences
        Whether outputs of two axes are (steps, channels), not (height, width).
    are_named
        Whether somebody asked for these very layers, so that none is too small to be drawn.
    classes
        The names of the numbers of those outputs that are classes' scores, by path.
    """

    channel_axes: Mapping[str, int] = field(default_factory=dict)
    are_sequences: bool = False
    are_named: bool = False
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, paths: Sequence[str], *, are_named: bool) -> Facts:
        """Return the facts of layers of a network."""
        axes = {path: model.channel_axes[path] for path in paths}
        classes = {}
        for output in model.json["outputs"]:
            path, shape = output["path"], output["shape"]
            names = model.classes_of(path) if path in axes else None
            if names is not None and len(shape) == 2 and shape[1] == len(names):
                classes[path] = names
        return cls(axes, bool(model.json["reads_sequences"]), are_named, classes)

    def to_json(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {
            "channel_axes": dict(self.channel_axes),
            "are_sequences": self.are_sequences,
            "are_named": self.are_named,
        } | (
            {"classes": {path: list(own) for path, own in self.classes.items()}}
            if self.classes
            else {}
        )

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> Facts:
        """Return what `to_json` wrote, as far as it did, or raise a TypeError."""
        axes = about.get("channel_axes", {})
        if not isinstance(axes, dict) or not all(type(axis) is int for axis in axes.values()):
            raise TypeError(f"channel_axes {axes!r:.80}")
        flags = [about.get(name, False) for name in ("are_sequences", "are_named")]
        if not all(type(flag) is bool for flag in flags):
            raise TypeError(f"are_sequences, are_named {flags!r:.80}")
        classes = about.get("classes", {})
        if not isinstance(classes, dict) or not all(map(_are_names, classes.values())):
            raise TypeError(f"classes {classes!r:.80}")
        names = {path: tuple(own) for path, own in classes.items()}
        return cls(axes, flags[0], flags[1], names)


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and all(type(name) is str for name in names)


class Outputs(Mapping[str, "NDArray[Any]"]):
    """Layer outputs by path, with their channels last.

    Parameters
    ----------
    arrays
        The outputs, (batch, ...).
    facts
        What they are like.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], facts: Facts | None = None) -> None:
        self._arrays = arrays
        self.facts = facts or Facts()
        """What the outputs are like."""

    def __getitem__(self, path: str) -> NDArray[Any]:
        values = self._arrays[path]
        axis = self.facts.channel_axes.get(path, -1)
        return np.moveaxis(values, axis, -1) if 0 < axis < np.ndim(values) else values

    def __contains__(self, path: object) -> bool:
        return path in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
