"""Pictures to a network's input, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array, is_picture, open_picture
from phosphene._warnings import warn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.network import Model

_OF_PIXELS = 50
"""What only pixels that count to 255 are beyond."""

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def prepare(model: Model, images: Any) -> NDArray[np.float32]:
    """Return pictures as the input of a network; see `Model.prepare`."""
    (height, width, channels), channels_first = _layout(model)
    pixels = [_pixels(image, channels) for image in _each(images, channels)]
    shapes = {image.shape for image in pixels}
    if (height is None or width is None) and len(shapes) > 1:
        raise InvalidArgumentError(
            f"{model.name!r} takes pictures of any size, but those of one batch must have the "
            f"same; received {', '.join(map(str, sorted(shapes)))}."
        )
    sized = [_resized(image, height, width) for image in pixels]
    batch = model.preprocessing.apply(np.stack(sized))
    return np.ascontiguousarray(np.moveaxis(batch, -1, 1)) if channels_first else batch


def picture(model: Model, x: Any) -> NDArray[np.uint8]:
    """Return a network's input as pictures; see `Model.picture`."""
    _, channels_first = _layout(model)
    values = as_array(x, "The input")
    if values.ndim == 3:
        values = values[np.newaxis]
    if values.ndim != 4:
        raise InvalidArgumentError(
            f"Pictures have shape (batch, height, width, channels); received {values.shape}."
        )
    return model.preprocessing.invert(np.moveaxis(values, 1, -1) if channels_first else values)


def warn_about_range(model: Model, array: NDArray[Any]) -> None:
    """Warn of inputs that aren't in the range that is known of a network of pictures, or assumed.

    Parameters
    ----------
    model
        The network.
    array
        Some inputs.
    """
    if not array.size:
        return
    low, high = model.preprocessing.value_range
    smallest, largest = float(np.min(array)), float(np.max(array))
    received = f"received {smallest:.4g} to {largest:.4g}"
    if model.preprocessing.assumed:
        if max(-smallest, largest) > _OF_PIXELS:
            warn(
                f"Nothing says which numbers black and white are for {model.name!r}, so that "
                f"{low:.4g} to {high:.4g} is assumed; {received}: say what it takes by "
                "preprocessing= or like= of ph.load, such as preprocessing=(1, 0) for 0 to 255."
            )
        return
    margin = high - low
    consequence = unused(low, high, smallest, largest)
    if smallest < low - margin or largest > high + margin or consequence:
        warn(
            f"{model.name!r} expects inputs from {model.preprocessing.stated_range}; {received}"
            f"{consequence}. model.prepare(images) makes inputs from pictures."
        )


def unused(low: float, high: float, smallest: float, largest: float) -> str:
    """Return what becomes of pictures from 0 to 1 in another range; nothing of others.

    Parameters
    ----------
    low, high
        Black and white.
    smallest, largest
        The ends of what was handed over.
    """
    if smallest < 0 or not 0 < largest <= 1:
        return ""
    if high - low > _OF_PIXELS:
        return f", which is {'black' if low == 0 else 'one grey'} to the eye"
    if -3 <= low <= -0.9 and largest - smallest >= 0.5:
        return ", of which nothing is darker than grey"
    return ""


def _layout(model: Model) -> tuple[tuple[int | None, int | None, int], bool]:
    """Return height, width and channels of the input, and whether channels come first."""
    shape = model.input_shape
    if isinstance(shape, tuple) and len(shape) == 4:
        sides = list(shape[1:])
        axis = model.input_channel_axis - 1
        channels = sides.pop(axis)
        if channels in _MODES:
            return (sides[0], sides[1], int(channels)), axis == 0
    raise InvalidArgumentError(
        f"{model.name!r} takes no pictures: its input has shape {shape}; pass arrays."
    )


def _each(images: Any, channels: int) -> list[Any]:
    """Return single pictures."""
    if is_picture(images):
        return [images]
    if isinstance(images, (list, tuple)) and any(
        is_picture(image) or getattr(image, "ndim", 0) > 1 for image in images
    ):
        return list(images)
    array = as_array(images, "The picture")
    if array.ndim == 4:
        return list(array)
    # (n, height, width) of gray pictures, unless the last axis is one of channels.
    if array.ndim == 3 and array.shape[-1] not in _MODES and channels == 1:
        return list(array)
    return [array]


def _pixels(image: Any, channels: int) -> NDArray[Any]:
    """Return one picture as (height, width, channels) with values from 0 to 255."""
    if is_picture(image):
        array = np.asarray(open_picture(image, _MODES[channels]))
    else:
        array = as_array(image, "The picture")
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[-1] not in _MODES:
        raise InvalidArgumentError(
            "A picture has shape (height, width) or (height, width, channels) with 1, 3 or 4 "
            f"channels; received {array.shape}."
        )
    if array.shape[-1] == 4 and channels != 4:
        array = array[..., :3]
    if array.shape[-1] == 1 and channels != 1:
        return np.repeat(array, channels, axis=-1)
    if array.shape[-1] != channels:
        # The weights of ITU-R BT.601, which Pillow's conversion to gray uses too.
        gray = array[..., :3] @ np.array([0.299, 0.587, 0.114])
        return np.asarray(gray)[..., np.newaxis]
    return array


def _resized(image: NDArray[Any], height: int | None, width: int | None) -> NDArray[Any]:
    """Return a picture in the size that the network takes, resized bilinearly."""
    size = (height or image.shape[0], width or image.shape[1])
    if image.shape[:2] == size:
        return image
    from PIL import Image

    planes = [
        np.asarray(
            Image.fromarray(np.asarray(image[..., channel], np.float32)).resize(
                (size[1], size[0]), Image.Resampling.BILINEAR
            )
        )
        for channel in range(image.shape[-1])
    ]
    return np.stack(planes, axis=-1)
