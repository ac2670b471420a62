"""What some pictures have in common: mean colour, colours that go together, strengths of waves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array, is_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.model import Model

FAINTEST = 1e-3
"""The shortest axis of colours, measured by the longest one: grey pictures have colours too."""


def as_prior(model: Model, images: Any, scaling: dict[str, Any]) -> dict[str, Any]:
    """Return the prior of a recipe, estimated from inputs of a network, or from pictures.

    Parameters
    ----------
    model
        The network.
    images
        An array of inputs, (n, height, width, channels), in the network's range; or a picture or a
        list of pictures or paths, see `Model.prepare`.
    scaling
        How pixels become the network's input, as the recipe states it.
    """
    each = images if isinstance(images, (list, tuple)) else [images]
    pictures = bool(each) and all(is_picture(one) for one in each)
    if pictures:
        array = np.concatenate([np.asarray(model.prepare(one), np.float32) for one in each])
    else:
        array = np.asarray(as_array(images, "prior"), np.float32)
    wanted = len(model.input_shape) if isinstance(model.input_shape, tuple) else 4
    if array.ndim == 3 and wanted in (3, 4):
        array = array[..., None] if wanted == 3 else array[None]
    axis = model.input_channel_axis
    if array.ndim == wanted == 4 and axis == 1 and array.shape[1] == model.input_shape[1]:
        array = np.moveaxis(array, 1, -1)
    if array.ndim != 4 or min(array.shape) < 1 or min(array.shape[1:3]) < 8:
        raise InvalidArgumentError(
            "prior must be pictures of 8 by 8 pixels or more, (n, height, width, channels) in the "
            f"range of the network's input; received an array of shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise InvalidArgumentError("prior holds NaN or infinity.")
    scale = np.asarray(scaling["scale"], np.float64)
    pixels = (array - np.asarray(scaling["offset"])) / (255 * scale)
    if pixels.min() < -0.1 or pixels.max() > 1.1:
        raise InvalidArgumentError(
            "prior must lie in the range of the network's input, where black and white are "
            f"{np.ravel(scaling['offset'])[0]:.4g} and "
            f"{np.ravel(255 * scale + scaling['offset'])[0]:.4g}; received "
            f"{array.min():.4g} to {array.max():.4g}."
        )
    return estimated(pixels[..., ::-1] if scaling.get("reverse_channels") else pixels)


def estimated(pixels: NDArray[Any]) -> dict[str, Any]:
    """Return the prior of pictures between 0 and 1, (n, height, width, channels)."""
    pixels = np.clip(np.asarray(pixels, np.float64), 0, 1)
    mean = pixels.mean(axis=(0, 1, 2))
    centred = pixels - mean
    flat = centred.reshape(-1, pixels.shape[-1])
    variances, directions = np.linalg.eigh(flat.T @ flat / len(flat))
    order = np.argsort(variances)[::-1]
    variances, directions = variances[order], directions[:, order]
    if variances[0] < 1e-8:
        raise InvalidArgumentError("prior holds pictures of one colour, which say nothing.")
    # The sign of an axis means nothing: most channels go up.
    directions = directions * np.where(directions.sum(axis=0) < 0, -1, 1)
    lengths = np.sqrt(np.maximum(variances, FAINTEST**2 * variances[0]))
    axes = (directions * lengths / lengths[0]).T
    along = centred @ directions / lengths
    return {
        "mean": [float(each) for each in mean],
        "axes": [[float(each) for each in axis] for axis in axes],
        "spectrum": [_coefficients(along[..., axis]) for axis in range(len(axes))],
    }


def _coefficients(planes: NDArray[np.float64]) -> list[float]:
    """Return the five coefficients of the logarithm of the mean magnitude, as recipes have them."""
    _, height, width = planes.shape
    magnitudes = np.abs(np.fft.rfft2(planes)).mean(axis=0).ravel()
    y, x = np.meshgrid(np.fft.fftfreq(height) ** 2, np.fft.rfftfreq(width) ** 2, indexing="ij")
    y, x = y.ravel()[1:], x.ravel()[1:]
    magnitudes = np.maximum(magnitudes[1:], 1e-6 * magnitudes[1:].max() + 1e-12)
    terms = np.stack([np.ones_like(y), np.log(y + x) / 2, y + x, y**2 + x**2, y * x], axis=1)
    return [float(each) for each in np.linalg.lstsq(terms, np.log(magnitudes), rcond=None)[0]]
