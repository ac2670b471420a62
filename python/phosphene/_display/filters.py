"""The weights of convolutions and dense layers as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import place
from phosphene._display.figures import (
    PanelGrid,
    draw_image,
    drawing_map,
    drawn_ratio,
    mosaic,
    value_range,
)
from phosphene._errors import InvalidArgumentError, UnsupportedError
from phosphene._sentences import counted, with_article

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from phosphene._models.layer import Layer

DEFAULT_MAP = "RdBu_r"
DIVERGING = (
    *("BrBG", "PRGn", "PiYG", "PuOr", "RdBu", "RdGy", "RdYlBu", "RdYlGn", "Spectral"),
    *("berlin", "bwr", "coolwarm", "managua", "seismic", "vanimo"),
)


def filters(
    model: Any,
    layers: Any,
    *,
    index: int | Sequence[int] | None = None,
    input_channel: int | None = None,
    cmap: str | Colormap | None = None,
) -> Figure:
    r"""Draw the kernels of layers as pictures.

    Each layer is a panel: a mosaic of its filters, all on one scale. Filters that look at three
    channels are shown in their colours, middle grey being zero; of others one sees the mean over
    the input channels, or the channel that is asked for. Filters of a 1-D convolution are matrices,
    input channels downwards and the window to the right. A dense layer is drawn as its matrix,
    inputs downwards and units to the right.

    Parameters
    ----------
    model
        A `Model`, or anything that `load` takes.
    layers
        The name of a layer, or several.
    index
        Show only this filter (a number), or these (a list); all by default.
    input_channel
        Show what the filters do to this input channel.
    cmap
        A colour map of matplotlib. By default blue is negative, white zero, red positive. Maps
        with two such ends are centred on zero; others span the smallest to the largest weight of
        the panel.

    Returns
    -------
    matplotlib.figure.Figure
        The panels in one row, up to five a row; the line below each states the range of weights.

    Raises
    ------
    InvalidArgumentError
        If a layer is unknown, or a filter or channel out of range.
    UnsupportedError
        If a layer has no kernel to show.

    Examples
    --------
    >>> import phosphene as ph
    >>> figure = ph.filters(ph.zoo.wardrobe(), "conv1")
    >>> figure.axes[0].get_title()
    'conv1\n(7, 7, 1, 24)'
    """
    from phosphene._models.model import as_model

    model = as_model(model)
    names = list(layers) if isinstance(layers, (list, tuple)) else [layers]
    if not names:
        raise InvalidArgumentError("layers must name a layer at least, received none.")
    reverse = bool(getattr(model.preprocessing, "reverse_channels", False))
    pictures = [_picture(model[name], index, input_channel, cmap, reverse) for name in names]
    page = PanelGrid([drawn_ratio(*picture.shape[:2]) for picture, _, _ in pictures], 5)
    for number, (picture, title, caption) in enumerate(pictures):
        if picture.ndim == 3:
            _draw_colours(page.axes[number], picture)
        else:
            colours = drawing_map(DEFAULT_MAP if cmap is None else cmap)
            low, high = value_range(picture)
            if colours.name.removesuffix("_r") in DIVERGING:
                high = max(abs(low), abs(high))
                low = -high
            draw_image(page.axes[number], picture, colours, (low, high))
        page.label(number, title, caption)
    return page.figure


def _picture(
    layer: Layer,
    index: int | Sequence[int] | None,
    input_channel: int | None,
    cmap: str | Colormap | None,
    reverse: bool,  # noqa: FBT001
) -> tuple[NDArray[Any], str, str]:
    """Return the drawing of a layer's weights, (height, width) or (height, width, 3), and texts."""
    kernel = _kernel(layer)
    title = f"{layer.path}\n{kernel.shape}"
    if kernel.ndim == 2:
        inputs, units = kernel.shape
        rows = (
            slice(None)
            if input_channel is None
            else [_within(layer, "input", input_channel, inputs)]
        )
        kernel = kernel[rows][:, _indices(layer, "unit", index, units)]
        return (
            kernel,
            title,
            _caption(
                kernel, f"{counted(kernel.shape[0], 'input')}, {counted(kernel.shape[1], 'unit')}"
            ),
        )
    is_signal = kernel.ndim == 3
    if is_signal:  # one row, to be drawn as any other
        kernel = kernel[np.newaxis]
    inputs, count = kernel.shape[2:]
    picked = _indices(layer, "filter", index, count)
    if len(picked) == 1:
        what = f"filter {picked[0]}"
    elif len(picked) < count:
        what = f"{len(picked)} of {count} filters"
    else:
        what = counted(count, "filter")
    if input_channel is not None:
        channel = _within(layer, "input channel", input_channel, inputs)
        kernel = kernel[:, :, channel]
        what += f", input channel {channel}"
    elif is_signal:
        kernel = np.moveaxis(kernel[0], 1, 0)
        what += f", {inputs} channels downwards" if inputs > 1 else ""
    elif inputs == 3 and cmap is None:
        kernel = kernel[:, :, ::-1] if reverse else kernel
        what += " in colour"
    else:
        kernel = kernel.mean(axis=2)
        what += f", mean of {inputs} channels" if inputs > 1 else ""
    tiles = [kernel[..., number] for number in picked]
    drawing = mosaic(tiles) if len(tiles) > 1 else tiles[0]
    return drawing, title, _caption(drawing, what)


def _kernel(layer: Layer) -> NDArray[Any]:
    """Return a layer's kernel: (inputs, units) or ([height,] width, input channels, filters)."""
    weights = layer.get_weights()
    kernel = np.asarray(weights[0]) if weights else np.empty(0)
    if kernel.ndim > 2 and ("3D" in layer.kind or "Conv" not in layer.kind):
        raise UnsupportedError(
            f"{layer.path!r} is {with_article(layer.kind)}, whose weights of shape "
            f"{kernel.shape} aren't drawn; choose a 1-D or 2-D convolution or a dense layer, or "
            "draw what layer.get_weights() returns."
        )
    if kernel.ndim not in (2, 3, 4) or 0 in kernel.shape:
        raise UnsupportedError(
            f"{layer.path!r} is {with_article(layer.kind)}, which has no kernel to show; choose a "
            "convolution or a dense layer."
        )
    return kernel


def _indices(layer: Layer, what: str, index: int | Sequence[int] | None, count: int) -> list[int]:
    if index is None:
        return list(range(count))
    several = isinstance(index, (list, tuple, range, np.ndarray))
    wanted: list[Any] = list(index) if several else [index]  # type: ignore[arg-type]
    if not wanted:
        raise InvalidArgumentError("index must name a filter at least, received none.")
    return [_within(layer, what, number, count) for number in wanted]


def _within(layer: Layer, what: str, number: int, count: int) -> int:
    """Return an index counted from 0, or say what there is."""
    found = place(number, count)
    if found is None:
        raise InvalidArgumentError(
            f"{layer.path!r} has {count} {what}s, 0 to {count - 1}; received {number!r}."
        )
    return found


def _caption(values: NDArray[Any], what: str) -> str:
    low, high = value_range(values)
    return f"{what}, {low:.2g} … {high:.2g}"


def _draw_colours(axes: Any, values: NDArray[Any]) -> None:
    """Draw kernels over three channels in their colours, zero as middle grey."""
    gaps = np.ma.getmaskarray(values)[..., :1]
    numbers = np.nan_to_num(np.ma.getdata(values), posinf=0, neginf=0)
    largest = float(np.abs(np.where(gaps, 0, numbers)).max()) or 1.0
    colours = np.clip(0.5 + numbers / (2 * largest), 0, 1)
    axes.imshow(np.concatenate([colours, ~gaps], axis=-1, dtype=np.float64), aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
