"""The range of pictures that a first convolution's batch normalization fits.

Its moving means and variances are those of the convolution's outputs in training. What a
convolution makes of natural pictures is known well enough for each usual range of pixels, so the
range that the network was trained on is the one that fits them, if one does much better than all
others.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import PhospheneError
from phosphene._models.config import calls_of
from phosphene._models.front_layers import PASSING, leaves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType
    from phosphene._models.measured_range import Weights
    from phosphene._models.preprocessing import Preprocessing

LARGEST = 0.06
"""The largest distance (see `_distance`) that fits."""

CLEARLY = 2.0
"""How many times as far all other ranges must be."""

FEWEST, MOST = 8, 32
"""Channels that tell a range at least, and those that are looked at at most."""

LARGEST_KERNEL = 121
"""Positions of the largest kernel that is looked at, 11 by 11: the time grows with them."""

PICTURES, SMALLEST, LARGEST_SIDE, ROWS = 6, 16, 224, 20_000
"""How many pictures, their smallest and largest side, and how many patches of them are taken."""

_MEAN = (0.485, 0.456, 0.406)
"""The mean of ImageNet's pixels."""

_DEVIATION, _BETWEEN, _COLOUR = 0.25, 0.5, 0.3
"""Of the pixels of all pictures; its part that is between pictures; colour in parts of grey."""


def fitted(
    config: Mapping[str, Any],
    weight: Weights,
    wanted: InputType,
    candidates: Sequence[Preprocessing],
) -> Preprocessing | None:
    """Return the candidate that fits the first convolution's normalization, None if none does.

    Parameters
    ----------
    config
        The Keras configuration of the network.
    weight
        Returns a weight of the network by its key.
    wanted
        The input of the network.
    candidates
        Ranges of pictures.
    """
    found = _front(config)
    if found is None:
        return None
    convolution, normalization, has_bias = found
    try:
        kernel = weight(f"{convolution}/kernel").astype(np.float64)
        bias = weight(f"{convolution}/bias") if has_bias else np.zeros(kernel.shape[-1])
        mean, variance = (weight(f"{normalization}/moving_{n}") for n in ("mean", "variance"))
    except (PhospheneError, KeyError):
        return None
    channels = wanted.shape[wanted.channel_axis]
    if kernel.ndim != 4 or kernel.shape[2] != channels or channels not in (1, 3):
        return None
    height, width, _, filters = kernel.shape
    if height * width > LARGEST_KERNEL or mean.shape != (filters,):
        return None
    if not _is_trained(mean, variance):
        return None
    alive = np.flatnonzero(variance > 1e-6 * variance.max())
    if len(alive) < FEWEST:
        return None
    alive = alive[:: -(-len(alive) // MOST)]
    kernel, bias, mean, variance = kernel[..., alive], bias[alive], mean[alive], variance[alive]
    sides = [each for axis, each in enumerate(wanted.shape) if axis not in (0, wanted.channel_axis)]
    side = min(LARGEST_SIDE, *(each or LARGEST_SIDE for each in sides))
    pictures = _pictures(max(side, SMALLEST, 2 * height, 2 * width))[..., :channels]
    # A network that takes blue first has its weights of blue first.
    both = _moments(pictures, np.concatenate([kernel, kernel[:, :, ::-1]], axis=-1))
    means, covariances = (np.split(part, 2, axis=-1) for part in both)
    distances = []
    for each in candidates:
        if channels == 1 and (len(each.scale) > 1 or len(each.offset) > 1):
            distances.append(np.inf)
            continue
        reverse = int(each.reverse_channels)
        expected = _through(kernel, bias, (means[reverse], covariances[reverse]), each)
        distances.append(_distance(expected, (mean, variance)))
    best, second = np.argsort(distances, kind="stable")[:2]
    clearly = distances[second] / max(distances[best], 1e-6)
    # NaN is no distance, and compares as such.
    if not (distances[best] <= LARGEST and clearly >= CLEARLY):
        return None
    chosen: Preprocessing = candidates[best]
    reason = (
        f"what {normalization!r} keeps of {convolution!r} fits, {clearly:.1f} times as well as "
        "with any other range"
    )
    if len(chosen.offset) == 1:
        return chosen.known_from(reason)
    # A mean and a deviation of its own make the same numbers of any set of pictures.
    return chosen.known_from(
        f"{reason}, as pictures less the mean of their own set also would", assumed=True
    )


def _front(config: Mapping[str, Any]) -> tuple[str, str, bool] | None:
    """Return the paths of a first convolution and of its normalization, and whether it has a bias.

    None unless one input goes through nothing but layers that don't change its numbers.
    """
    convolution: tuple[str, str, bool] | None = None
    inputs = 0
    for path, entry in leaves(config):
        kind, settings = str(entry.get("class_name", "")), entry["config"]
        inputs += kind == "InputLayer" and "/" not in path
        if convolution is None:
            if kind.startswith(PASSING):
                continue
            plain = kind == "Conv2D" and settings.get("activation") in (None, "linear")
            single = np.all(np.ravel(settings.get("dilation_rate", 1)) == 1)
            if not plain or not single or settings.get("groups", 1) != 1 or inputs > 1:
                return None
            convolution = path, path.rpartition("/")[2], bool(settings.get("use_bias", True))
            continue
        known, name, has_bias = convolution
        # In a Sequential network nothing says what a layer reads: the layer before it.
        reads = {source for call in calls_of(entry) for source, _, _ in call} or {name}
        if name in reads and path.rpartition("/")[0] == known.rpartition("/")[0]:
            # The normalization is the only reader if it is the first, in the order of Keras.
            return (known, path, has_bias) if kind == "BatchNormalization" else None
        if not entry.get("inbound_nodes"):
            return None
    return None


def _is_trained(mean: NDArray[Any], variance: NDArray[Any]) -> bool:
    """Return whether statistics aren't those of a new layer, or of one that was folded away."""
    finite = bool(np.isfinite(mean).all() and np.isfinite(variance).all())
    return finite and bool(variance.min() >= 0 and np.ptp(variance) > 1e-3 * variance.max())


def _distance(
    expected: tuple[NDArray[Any], NDArray[Any]], kept: tuple[NDArray[Any], NDArray[Any]]
) -> float:
    """Return Bhattacharyya's distance of normal distributions, the mean over channels."""
    (mean, variance), (kept_mean, kept_variance) = expected, kept
    ratio = (variance + 1e-12) / kept_variance
    offset = np.square(mean - kept_mean) / kept_variance
    each = offset / (4 * (1 + ratio)) + 0.5 * np.log((1 + ratio) / (2 * np.sqrt(ratio)))
    return float(np.mean(each))


def _through(
    kernel: NDArray[Any],
    bias: NDArray[Any],
    moments: tuple[NDArray[Any], NDArray[Any]],
    candidate: Preprocessing,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and variance of a convolution's outputs for pictures in some range.

    Parameters
    ----------
    kernel, bias
        Of the convolution.
    moments
        See `_moments`.
    candidate
        The range.
    """
    means, covariances = moments
    scale, offset = (
        np.resize(np.asarray(part), len(means)) for part in (candidate.scale, candidate.offset)
    )
    constant = offset @ kernel.sum(axis=(0, 1)) + bias
    if candidate.reverse_channels:
        scale = scale[::-1]
    variance = np.einsum("c,cdf,d->f", scale, covariances, scale)
    return scale @ means + constant, np.maximum(variance, 0)


def _moments(
    pictures: NDArray[np.float64], kernel: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a kernel makes of each channel of pictures alone, pixels 0 to 255.

    Returns
    -------
    (channels, filters) ndarray
        The mean.
    (channels, channels, filters) ndarray
        The covariances: that of whole patches would take time and memory as the fourth power of the
        kernel's side.
    """
    height, width, channels, filters = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (height, width), axis=(1, 2))
    step = int(np.ceil(np.sqrt(np.prod(windows.shape[:3]) / ROWS)))
    windows = windows[:, ::step, ::step]
    outputs = np.stack([
        windows[..., channel, :, :].reshape(-1, height * width)
        @ kernel[:, :, channel].reshape(height * width, filters)
        for channel in range(channels)
    ])  # fmt: skip
    outputs *= 255
    means = outputs.mean(axis=1)
    outputs -= means[:, np.newaxis]
    covariances = np.array([[np.mean(a * b, axis=0) for b in outputs] for a in outputs])
    return means, covariances


@functools.lru_cache(maxsize=2)
def _pictures(side: int) -> NDArray[np.float64]:
    """Return noise with the spectrum, contrast and colours of natural pictures, 0 to 1.

    Source: Field, Relations between the statistics of natural images and the response properties
    of cortical cells, 1987: amplitudes fall as 1 / frequency.
    """
    random = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    # Grey, and the opponents red and blue, green and both.
    colours = np.array(
        [[1, _COLOUR, _COLOUR / 2], [1, 0, -_COLOUR / 2], [1, -_COLOUR, _COLOUR / 2]]
    )
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    shape = (PICTURES, 3, side, side // 2 + 1)
    spectra = random.normal(size=shape) + 1j * random.normal(size=shape)
    planes = np.fft.irfft2(spectra / frequency, s=(side, side))
    planes /= planes.std(axis=(2, 3), keepdims=True)
    means = _BETWEEN * random.normal(size=(PICTURES, 3, 1, 1))
    planes = np.sqrt(1 - _BETWEEN**2) * planes + means
    pictures: NDArray[np.float64] = np.einsum("kc,ncyx->nyxk", colours, planes)
    return np.clip(pictures * _DEVIATION + _MEAN, 0, 1)
