"""The table that Keras prints for a model."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from phosphene._models.config import calls_of, entries, name_of
from phosphene._models.intake.architecture import leaves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phosphene._models.network import Model

BYTES = 4
"""Of a weight; the engine keeps float32."""


class Summary(str):
    """The table as text; notebooks show it with a fixed pitch.

    Examples
    --------
    >>> print(Summary("one line"))
    one line
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        import html

        return f'<pre style="line-height: normal">{html.escape(str(self))}</pre>'


def summarize(model: Model, line_length: int | None = None) -> Summary:
    """Return Keras' table of a model's layers, its parameter counts, and what input it expects.

    Parameters
    ----------
    model
        The model.
    line_length
        The width of the table; Keras' default if None.
    """
    described = model.json["layers"]
    connections = _connections(model.config, [layer["name"] for layer in described])
    headers = ["Layer (type)", "Output Shape", "Param #"]
    positions, default = [0.45, 0.80, 1.0], 88
    if connections is not None:
        headers.append("Connected to")
        positions, default = [0.3, 0.56, 0.74, 1.0], 108
    rows = []
    for layer in described:
        row = [
            f"{layer['name']} ({layer['kind']})",
            _shape(layer["output_shapes"]),
            f"{layer['parameters']:,}",
        ]
        if connections is not None:
            row.append(connections.get(layer["name"]) or "-")
        rows.append(row)
    if line_length is None:
        import shutil

        line_length = min(default, shutil.get_terminal_size().columns - 4)
    widths = _widths(positions, line_length)
    lines = [f'Model: "{model.name}"', *_table(headers, rows, widths), *_totals(described)]
    lines.append(f" Input: {model.preprocessing.sentence}")
    return Summary("\n".join(lines))


def _totals(layers: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines below the table."""
    trained = total = 0
    for layer in leaves(layers):
        for weight in layer["weights"]:
            count = math.prod(weight["shape"])
            total += count
            trained += count if weight["trainable"] and layer["trainable"] else 0
    counts = {"Total": total, "Trainable": trained, "Non-trainable": total - trained}
    return [
        f" {title} params: {count:,} ({_readable(BYTES * count)})"
        for title, count in counts.items()
    ]


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _shape(shapes: Sequence[Sequence[int | None]]) -> str:
    written = [f"({', '.join(map(str, shape))})" for shape in shapes]
    return written[0] if len(written) == 1 else f"[{', '.join(written)}]"


def _connections(config: dict[str, Any], names: Sequence[str]) -> dict[str, str] | None:
    """Return what each layer is connected to, or None for a plain chain, as Keras tells them."""
    calls = {name_of(entry): calls_of(entry) for entry in entries(config)}
    chain = True
    readers: dict[tuple[str, int], int] = {}
    inputs = 0
    for name in names:
        nodes = [node for node in calls.get(name, []) if node]
        inputs += not nodes
        chain = chain and len(nodes) <= 1 and all(len(node) == 1 for node in nodes)
        for node in nodes:
            for source, call, _ in set(node):
                readers[source, call] = readers.get((source, call), 0) + 1
    if not any(calls.values()):  # a Sequential model
        return None
    if chain and inputs <= 1 and max(readers.values(), default=0) <= 1:
        return None
    return {
        name: ", ".join(
            f"{source}[{call}][{output}]" for node in nodes for source, call, output in node
        )
        for name, nodes in calls.items()
    }


# The rest lays the table out as the rich library does for Keras.


def _widths(positions: Sequence[float], line_length: int) -> list[int]:
    """Return the widths of the columns, their padding included."""
    ends = [int(position * line_length) for position in positions]
    widths = [end - start + 2 for start, end in zip([0, *ends], ends, strict=False)]
    excess = sum(widths) - (line_length - len(widths) - 1)
    for index, width in enumerate(widths):
        cut = min(width, round(excess / (len(widths) - index)))
        widths[index] -= cut
        excess -= cut
    return widths


def _table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> list[str]:
    def rule(left: str, fill: str, cross: str, right: str) -> str:
        return left + cross.join(fill * width for width in widths) + right

    right_aligned = headers.index("Param #")

    def cells(row: Sequence[str], bar: str, *, bottom: bool) -> list[str]:
        columns = [_wrapped(text, width - 2) for text, width in zip(row, widths, strict=True)]
        height = max(map(len, columns))
        padded = [
            [""] * (height - len(column)) + column
            if bottom
            else column + [""] * (height - len(column))
            for column in columns
        ]
        lines = []
        for line in zip(*padded, strict=True):
            aligned = [
                text.rjust(width - 2) if index == right_aligned else text.ljust(width - 2)
                for index, (text, width) in enumerate(zip(line, widths, strict=True))
            ]
            lines.append(bar + bar.join(f" {text} " for text in aligned) + bar)
        return lines

    lines = [rule("┏", "━", "┳", "┓"), *cells(headers, "┃", bottom=True)]
    lines.append(rule("┡", "━", "╇", "┩"))
    for index, row in enumerate(rows):
        if index:
            lines.append(rule("├", "─", "┼", "┤"))
        lines.extend(cells(row, "│", bottom=False))
    lines.append(rule("└", "─", "┴", "┘"))
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text at spaces; a word that is too long for a line ends in an ellipsis."""
    lines = [""]
    for word in re.findall(r"\s*\S+\s*", text):
        short = word.rstrip()
        if len(lines[-1]) + len(short) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] += word
    result = []
    for line in lines:
        line = line.rstrip()
        result.append(line if len(line) <= width else line[: width - 1] + "…")
    return result
