"""The boxes of a drawing: what is written in them and how large that makes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene._models.config import calls_of, entries, escaped, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.ImageFont import FreeTypeFont, ImageFont

    from phosphene._models.network import Model

Call = tuple[str, int]
"""The name of a layer, and the number of its call."""

TITLE, TEXT = 14, 12
"""Sizes of the two fonts, in pixels."""

PADDING, LINE = 10, 19
INK, FAINT, BORDER = "#1c1c1e", "#5c5c62", "#8e8e93"

_TINTS = {
    "#e3f0e3": ("Input",),
    "#fbe9d3": ("Dense", "Embedding"),
    "#f9dfdf": ("Pool",),
    "#dfe9f9": ("Conv",),
    "#eee6f7": ("RNN", "LSTM", "GRU", "Bidirectional", "Attention"),
    "#e5e5ea": ("Functional", "Sequential"),
}
"""The colours of boxes by what the names of their classes contain."""

_OTHERS = "#f4f4f1"


@dataclass(frozen=True)
class Box:
    """One call of a layer.

    Attributes
    ----------
    title
        The name of the layer.
    kind
        The name of its class.
    rows
        What is written below, a label and a text a row.
    sources
        The calls that it reads from.
    """

    title: str
    kind: str
    rows: tuple[tuple[str, str], ...]
    sources: tuple[Call, ...]


def boxes_of(model: Model, *, shapes: bool) -> dict[Call, Box]:
    """Return what is drawn, sources first."""
    described = {layer["name"]: layer for layer in model.json["layers"]}
    found: dict[Call, Box] = {}
    sequential = not any("inbound_nodes" in entry for entry in entries(model.config))
    last: tuple[Call, ...] = ()
    if sequential and not any(layer["kind"] == "InputLayer" for layer in described.values()):
        each = model.input_types[0]
        stated = (("shape", _shape(each.shape)),) if shapes else ()
        found[each.name, 0] = Box(each.name, "InputLayer", stated, ())
        last = ((each.name, 0),)
    for entry in entries(model.config):
        name = name_of(entry)
        if name not in described or (name, 0) in found:
            continue
        calls = [[(source, call) for source, call, _ in node] for node in calls_of(entry)]
        for number, sources in enumerate([list(last)] if sequential else calls or [[]]):
            rows = _rows(model, described[name], number) if shapes else ()
            title = name if len(calls) < 2 else f"{name} (call {number + 1})"
            found[name, number] = Box(title, _kind(described[name]), rows, tuple(sources))
        if sequential:
            last = ((name, 0),)
    return _sorted(found)


def _sorted(boxes: Mapping[Call, Box]) -> dict[Call, Box]:
    """Return the boxes with each behind its sources; calls that the model doesn't use are left."""
    result: dict[Call, Box] = {}
    waiting = dict(boxes)
    while waiting:
        ready = [key for key, box in waiting.items() if all(s in result for s in box.sources)]
        if not ready:
            break
        for key in ready:
            result[key] = waiting.pop(key)
    return result


def _kind(layer: Mapping[str, Any]) -> str:
    kind = str(layer["kind"])
    activation = layer.get("activation")
    if layer.get("layers"):
        count = len(layer["layers"])
        return f"{kind}, {count} layer{'' if count == 1 else 's'}"
    return f"{kind}, {activation}" if activation not in (None, "linear") else kind


def _rows(model: Model, layer: Mapping[str, Any], call: int) -> tuple[tuple[str, str], ...]:
    path = escaped(layer["name"]) + (f"#{call}" if call else "")
    out = [tuple(shape) for shape in layer["output_shapes"]]
    if path in model.shapes and len(out) == 1:
        out = [model.shapes[path]]
    result = [("shape" if layer["kind"] == "InputLayer" else "output", ", ".join(map(_shape, out)))]
    if layer["input_shapes"]:
        shapes = [_shape(shape) for shape in layer["input_shapes"]]
        same = len(shapes) > 2 and len(set(shapes)) == 1
        result.insert(0, ("input", f"{len(shapes)} of {shapes[0]}" if same else ", ".join(shapes)))
    if layer["parameters"]:
        result.append(("parameters", f"{layer['parameters']:,}"))
    return tuple(result)


def _shape(shape: Sequence[int | None]) -> str:
    return f"({', '.join(map(str, shape))})"


def texts_of(
    box: Box, left: float, top: float, width: float
) -> list[tuple[float, float, str, int, str]]:
    """Return place (left end, middle of the line), text, size and colour of what is in a box."""
    y = top + PADDING / 2 + LINE / 2
    right = left + width - PADDING
    result = [
        (left + PADDING, y, box.title, TITLE, INK),
        (right - text_width(box.kind, TEXT), y, box.kind, TEXT, FAINT),
    ]
    for label, text in box.rows:
        y += LINE
        result.append((left + PADDING, y, label, TEXT, FAINT))
        result.append((right - text_width(text, TEXT), y, text, TEXT, INK))
    return result


def size_of(box: Box) -> tuple[float, float]:
    """Return width and height of a box."""
    widths = [text_width(box.title, TITLE) + text_width(box.kind, TEXT)]
    widths += [text_width(label, TEXT) + text_width(text, TEXT) for label, text in box.rows]
    return max(widths) + 2 * PADDING + 24, PADDING + LINE * (1 + len(box.rows))


def tint_of(box: Box) -> str:
    """Return the colour of a box."""
    for colour, parts in _TINTS.items():
        if any(part in box.kind for part in parts):
            return colour
    return _OTHERS


def text_width(text: str, size: int) -> float:
    """Return how many pixels wide a line of text is."""
    return float(font_of(size).getlength(text))


@cache
def font_of(size: int) -> FreeTypeFont | ImageFont:
    """Return matplotlib's font where it is installed, which has more letters than Pillow's."""
    from importlib.util import find_spec

    from PIL import ImageFont

    found = find_spec("matplotlib")
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
        if path.exists():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)
