"""The architecture of a network as a drawing, in PNG and SVG, without Graphviz."""

from __future__ import annotations

import io
import itertools
import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from phosphene._display.boxes import (
    BORDER,
    Box,
    Call,
    boxes_of,
    font_of,
    size_of,
    text_width,
    texts_of,
    tint_of,
)
from phosphene._display.figures import new_figure
from phosphene._display.layout import Layout, Point, arrange
from phosphene._errors import InvalidArgumentError
from phosphene._files import write_file
from phosphene._models.model import as_model

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from PIL.Image import Image

GAP, MARGIN = (28.0, 30.0), 20
PAPER, ARROW = "#ffffff", 7
LARGEST_PICTURE = 40_000_000
"""Pixels that are drawn at most, before smoothing."""


def diagram(model: Any, *, shapes: bool = True) -> Diagram:
    """Draw the architecture of a network: a box for each layer, an arrow for each connection.

    A layer that is called several times has a box for each call. Nested models are one box.

    Parameters
    ----------
    model
        A `Model`, or anything that `load` takes.
    shapes
        Whether boxes state the shapes of inputs and outputs, and how many parameters there are.

    Returns
    -------
    Diagram
        Notebooks show it.

    Examples
    --------
    >>> import phosphene as ph
    >>> ph.diagram(ph.zoo.wardrobe()).svg[:4]
    '<svg'
    """
    model = as_model(model)
    return Diagram(model.name, boxes_of(model, shapes=shapes))


class Diagram:
    """A drawing of a network; made by `diagram`.

    Parameters
    ----------
    name
        The name of the model.
    boxes
        What is drawn, sources first.
    """

    def __init__(self, name: str, boxes: Mapping[Call, Box]) -> None:
        self.name = name
        """The name of the model."""
        self.boxes = dict(boxes)
        """What is drawn."""
        sizes = {key: size_of(box) for key, box in self.boxes.items()}
        self.layout: Layout = arrange(
            sizes, {key: box.sources for key, box in self.boxes.items()}, GAP
        )
        """Where boxes and lines are."""
        self._sizes = sizes

    def __repr__(self) -> str:
        return f"<Diagram of {self.name!r}: {len(self.boxes)} boxes>"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = self.layout.size
        return round(width) + 2 * MARGIN, round(height) + 2 * MARGIN

    @cached_property
    def svg(self) -> str:
        """The drawing as the text of an SVG file."""
        full, high = self.size
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{full}" height="{high}" '
            f'viewBox="{-MARGIN} {-MARGIN} {full} {high}" '
            'font-family="DejaVu Sans, Verdana, sans-serif">',
            f"<title>{escape(self.name)}</title>",
            f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{full}" height="{high}" fill="{PAPER}"/>',
        ]
        for points in self.layout.lines:
            path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
            for start, end in zip(points, [*points[1:-1], _tip(points)], strict=False):
                middle = (start[1] + end[1]) / 2
                path += (
                    f" C{start[0]:.1f} {middle:.1f} {end[0]:.1f} {middle:.1f} "
                    f"{end[0]:.1f} {end[1]:.1f}"
                )
            parts.append(f'<path d="{path}" fill="none" stroke="{BORDER}" stroke-width="1.5"/>')
            corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in _head(points))
            parts.append(f'<polygon points="{corners}" fill="{BORDER}"/>')
        for key, box in self.boxes.items():
            left, top, width, height = self._place(key)
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'rx="5" fill="{tint_of(box)}" stroke="{BORDER}"/>'
            )
            for x, y, text, size, colour in texts_of(box, left, top, width):
                parts.append(
                    f'<text x="{x:.1f}" y="{y + 0.36 * size:.1f}" font-size="{size}" '
                    f'fill="{colour}" textLength="{text_width(text, size):.1f}" '
                    f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
                )
        return "\n".join([*parts, "</svg>", ""])

    def image(self, scale: float = 2.0) -> Image:
        """Return the drawing as a PIL picture.

        Parameters
        ----------
        scale
            How many times as wide as `size` it is.
        """
        from PIL import Image

        try:
            wanted = [round(side * float(scale)) for side in self.size]
        except (TypeError, ValueError, OverflowError):
            wanted = [0, 0]
        if min(wanted) < 1 or wanted[0] * wanted[1] > LARGEST_PICTURE:
            raise InvalidArgumentError(
                f"scale must make a picture of 1 to {LARGEST_PICTURE:,} pixels out of "
                f"{self.size[0]} x {self.size[1]}; received {scale!r}. SVG has any size."
            )
        fine = 2 if 4 * wanted[0] * wanted[1] <= LARGEST_PICTURE else 1
        drawn = self._drawn(float(scale) * fine, (wanted[0] * fine, wanted[1] * fine))
        return drawn if fine == 1 else drawn.resize((wanted[0], wanted[1]), Image.Resampling.BOX)

    def plot(self) -> Figure:
        """Draw the network as a figure, to stand beside others.

        Returns
        -------
        matplotlib.figure.Figure
        """
        width, height = self.size
        figure = new_figure((width / 100, height / 100))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(self.image(self._fitting_scale()))
        axes.axis("off")
        return figure

    def save(self, path: str | os.PathLike[str], *, scale: float | None = None) -> Path:
        """Write the drawing to a file.

        Parameters
        ----------
        path
            Ends in ``.svg`` or ``.png``.
        scale
            As for `image`; by default 2, or less where the picture would be too large.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidArgumentError
            If the name ends otherwise.
        ModelFileError
            If the file can't be written; it is also an OSError.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix == ".svg":
            write_file(path, self.svg.encode())
        elif suffix == ".png":
            write_file(path, self._png(scale))
        else:
            raise InvalidArgumentError(
                f"A diagram is saved as .svg or .png; received {str(path)!r}."
            )
        return path

    def _repr_svg_(self) -> str:
        return self.svg

    def _fitting_scale(self) -> float:
        """Return 2, or less where the picture would be too large."""
        width, height = self.size
        return min(2.0, 0.99 * math.sqrt(LARGEST_PICTURE / (width * height)))

    def _png(self, scale: float | None) -> bytes:
        file = io.BytesIO()
        drawn = self.image(self._fitting_scale() if scale is None else scale)
        drawn.save(file, "PNG", optimize=True)
        return file.getvalue()

    def _drawn(self, scale: float, size: tuple[int, int]) -> Image:
        from PIL import Image, ImageDraw

        image = Image.new("RGB", size, PAPER)
        draw = ImageDraw.Draw(image)

        def there(points: Sequence[Point]) -> list[Point]:
            return [((x + MARGIN) * scale, (y + MARGIN) * scale) for x, y in points]

        for points in self.layout.lines:
            curve = there(_curve([*points[:-1], _tip(points)]))
            draw.line(curve, BORDER, max(1, round(1.5 * scale)), joint="curve")
            draw.polygon(there(_head(points)), BORDER)
        for key, box in self.boxes.items():
            left, top, width, height = self._place(key)
            (x0, y0), (x1, y1) = there([(left, top), (left + width, top + height)])
            draw.rounded_rectangle(
                (x0, y0, x1, y1), 5 * scale, tint_of(box), BORDER, max(1, round(scale))
            )
            for x, y, text, points_high, colour in texts_of(box, left, top, width):
                place = there([(x, y)])[0]
                draw.text(place, text, colour, font_of(round(points_high * scale)), anchor="lm")
        return image

    def _place(self, key: Call) -> tuple[float, float, float, float]:
        """Return left, top, width and height of a box."""
        (x, y), (width, height) = self.layout.centres[key], self._sizes[key]
        return x - width / 2, y - height / 2, width, height


def _tip(points: Sequence[Point]) -> Point:
    return points[-1][0], points[-1][1] - ARROW


def _head(points: Sequence[Point]) -> list[Point]:
    x, y = points[-1]
    return [(x, y), (x - 0.6 * ARROW, y - ARROW - 1), (x + 0.6 * ARROW, y - ARROW - 1)]


def _curve(points: Sequence[Point], steps: int = 16) -> list[Point]:
    """Return points on the curves that SVG draws."""
    result = [points[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 == x1:
            result.append((x1, y1))
            continue
        middle = (y0 + y1) / 2
        for step in range(1, steps + 1):
            t = step / steps
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            result.append(((a + b) * x0 + (c + d) * x1, a * y0 + (b + c) * middle + d * y1))
    return result
