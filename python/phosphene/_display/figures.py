"""What all drawings share: figures without global state, colours, panels, titles that fit."""

from __future__ import annotations

import io
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._sentences import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

SMALLEST_FONT = 6.0
GAP_INCHES = 0.2
NOT_FINITE = "#ff00c8"
"""The colour of NaN and infinity; no common colour map contains it."""

_WITHOUT_WINDOWS = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})


def new_figure(size: tuple[float, float]) -> Figure:
    """Return an empty figure, `size` inches.

    With windows on the screen the figure belongs to pyplot, so that ``plt.show()`` shows it.
    Otherwise it belongs to the caller alone: nothing piles up in pyplot's list, and a notebook
    shows it once, not twice.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        """A figure that notebooks display even where pyplot was never imported."""

        def _repr_png_(self) -> bytes:
            return figure_png(self)

    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        backend = str(pyplot.get_backend()).lower()
        if backend not in _WITHOUT_WINDOWS and "inline" not in backend:
            managed: Figure = pyplot.figure(figsize=size)
            return managed
    figure = NotebookFigure(figsize=size)
    FigureCanvasAgg(figure)
    return figure


def figure_png(figure: Figure) -> bytes:
    """Return the figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def drawing_map(cmap: str | Colormap) -> Colormap:
    """Return the colour map `cmap`, with gaps that show the paper."""
    import matplotlib as mpl
    from matplotlib.colors import Colormap

    if isinstance(cmap, Colormap):
        found = cmap
    elif cmap in list(mpl.colormaps):
        found = mpl.colormaps[cmap]
    else:
        close = nearest(str(cmap), mpl.colormaps, most=3)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
        raise InvalidArgumentError(
            f"cmap must be a colour map of matplotlib such as 'viridis', received {cmap!r}{hint}"
        )
    return found.with_extremes(bad=(0, 0, 0, 0))


def value_range(values: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and largest finite value; (0, 0) where there is none."""
    values = np.ma.compressed(values)
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def mosaic(
    tiles: Sequence[NDArray[Any]], columns: int | None = None
) -> np.ma.MaskedArray[Any, Any]:
    """Return equally large tiles side by side, with masked gaps about a twentieth as wide.

    Parameters
    ----------
    tiles : sequence of (height, width, ...) ndarray
        In reading order.
    columns
        Tiles in a row; by default such that the mosaic comes out about square.
    """
    height, width = tiles[0].shape[:2]
    rest = tiles[0].shape[2:]
    columns = min(columns or _columns(len(tiles), height / width), len(tiles))
    rows = -(-len(tiles) // columns)
    gap = max(1, round(min(height, width) / 20))
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *rest)
    sheet = np.ma.masked_array(np.zeros(shape, np.float32), mask=True)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _columns(count: int, ratio: float) -> int:
    """Return how many tiles go in a row: about square, and without a gap at the end if possible."""
    about = math.ceil(math.sqrt(count * ratio))
    return next(
        (near for near in (about, about + 1, about - 1) if near and count % near == 0), about
    )


def drawn_ratio(height: int, width: int) -> float:
    """Return height / width of the drawing of a matrix; very long ones come out stretched."""
    if width > 4 * height:
        return 0.4
    return 1.3 if height > 4 * width else height / width


def draw_image(
    axes: Axes, values: NDArray[Any], cmap: Colormap, limits: tuple[float, float]
) -> Any:
    """Fill the panel with a matrix or a mosaic; NaN and infinity come out in pink."""
    from matplotlib.colors import ListedColormap

    low, high = limits
    finite = np.isfinite(np.ma.getdata(values))
    image = axes.imshow(
        np.ma.masked_where(~finite, values),
        cmap=cmap,
        vmin=low,
        vmax=high if high > low else low + 1,
        aspect="auto",
    )
    if not finite.all():
        pink = np.ma.masked_where(finite, np.ones(values.shape, np.float32))
        axes.imshow(pink, cmap=ListedColormap([NOT_FINITE]), aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


class PanelGrid:
    """A figure with panels of given shapes, placed in inches so that nothing is cut off.

    Parameters
    ----------
    ratios
        Height / width of each panel's drawing, in reading order.
    columns
        Panels in a row.
    left
        Inches kept free at the left of each panel, for tick labels.
    right
        Inches kept free at the right of the figure, for a colour bar.
    heading
        A line above all panels.
    """

    def __init__(
        self,
        ratios: Sequence[float],
        columns: int,
        *,
        left: float = 0,
        right: float = 0,
        heading: str | None = None,
    ) -> None:
        import matplotlib as mpl
        from matplotlib.font_manager import FontProperties

        base = FontProperties(size=mpl.rcParams["axes.titlesize"]).get_size_in_points()
        self.title_size, self.caption_size = 0.85 * base, 0.7 * base
        above = (2 * 1.25 * self.title_size + 6) / 72
        below = (1.25 * self.caption_size + 6) / 72
        columns = min(columns, len(ratios))
        width = panel_width(columns, left=left, right=right)
        room = width + GAP_INCHES + left
        rows = [
            max(_box(ratio, width)[1] for ratio in ratios[start : start + columns])
            for start in range(0, len(ratios), columns)
        ]
        over = 0.0 if heading is None else 2 * base / 72
        size = (room * columns + right, over + sum(rows) + len(rows) * (above + below + GAP_INCHES))
        self.figure = new_figure(size)
        self.axes: list[Axes] = []
        if heading is not None:
            place = (GAP_INCHES / 2 / size[0], 1 - 0.8 * over / size[1])
            text = self.figure.text(*place, heading, fontsize=base, va="center")
            fit_text(text, (size[0] - GAP_INCHES) * self.figure.dpi)
        top = size[1] - over - GAP_INCHES / 2
        for number, ratio in enumerate(ratios):
            row, column = divmod(number, columns)
            box = _box(ratio, width)
            missing = columns - min(columns, len(ratios) - row * columns)  # in the last row
            x = room * (column + missing / 2) + GAP_INCHES / 2 + left + (width - box[0]) / 2
            y = top - above - box[1]
            self.axes.append(
                self.figure.add_axes((x / size[0], y / size[1], box[0] / size[0], box[1] / size[1]))
            )
            if column == columns - 1:
                top -= above + rows[row] + below + GAP_INCHES
        self._room = width + GAP_INCHES / 2  # to both sides of the middle of a drawing
        self._right = right

    def label(self, number: int, title: str, *captions: str) -> None:
        """Write above and below a panel, smaller or shortened where the text is too wide.

        Of several captions the first is taken that fits.
        """
        axes = self.axes[number]
        axes.set_title(title, fontsize=self.title_size, pad=5)
        fit_text(axes.title, self._room * self.figure.dpi)
        for caption in captions:
            axes.set_xlabel(caption, fontsize=self.caption_size, alpha=0.7, labelpad=4)
            fit_text(axes.xaxis.label, self._room * self.figure.dpi)
            if axes.xaxis.label.get_text() == caption:
                break

    def colour_bar(self, image: Any) -> None:
        """Draw what the colours of `image` stand for at the right edge."""
        width, height = self.figure.get_size_inches()
        boxes = [axes.get_position() for axes in self.axes]
        bottom, top = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
        tall = min(top - bottom, 4 / height)
        middle = (top + bottom) / 2
        place = (1 - self._right / width, middle - tall / 2, 0.12 / width, tall)
        self.figure.colorbar(image, cax=self.figure.add_axes(place))


def panel_width(columns: int, *, left: float = 0, right: float = 0) -> float:
    """Return how many inches a panel of a `PanelGrid` of so many columns is wide."""
    import matplotlib as mpl

    room = {1: 4.8, 2: 3.6}.get(columns, 2.75)
    wanted = mpl.rcParams["figure.figsize"]
    if list(wanted) != list(mpl.rcParamsDefault["figure.figsize"]):
        room = max(1.0, (wanted[0] - right) / columns)  # the height follows from the content
    return float(max(0.25, room - GAP_INCHES - left))


def _box(ratio: float, width: float) -> tuple[float, float]:
    """Return width and height of a drawing that is at most `width` wide and 1.3 times as high."""
    return (width, width * ratio) if ratio <= 1.3 else (1.3 * width / ratio, 1.3 * width)


def fit_text(text: Any, room: float) -> None:
    """Make a text at most `room` pixels wide: smaller by a quarter first, then shortened."""
    width = text.get_window_extent().width
    if width <= room:
        return
    text.set_fontsize(max(SMALLEST_FONT, text.get_fontsize() * max(room / width, 0.75)))
    width = text.get_window_extent().width
    if width <= room:
        return
    lines = text.get_text().split("\n")
    keep = max(5, int(max(map(len, lines)) * room / width) - 1)
    text.set_text("\n".join(line if len(line) <= keep else _middle(line, keep) for line in lines))


def _middle(line: str, keep: int) -> str:
    """Return the two ends of a line with an ellipsis between them."""
    head = (keep - 1) // 2
    return f"{line[:head]}…{line[len(line) - (keep - 1 - head) :]}"
