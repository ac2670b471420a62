"""Which numbers a network takes: said by the user, kept in its file, found in it, or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.fitted_range import fitted
from phosphene._models.front_layers import PASSING, leaves, numbers
from phosphene._models.measured_range import columns_of, measured
from phosphene._models.preprocessing import UNIT, Preprocessing, from_text

if TYPE_CHECKING:
    from phosphene._models.arrays import InputType
    from phosphene._models.measured_range import Weights

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_CAFFE = ("vgg16", "vgg19", "resnet50", "resnet101", "resnet152")
_TORCH = ("densenet121", "densenet169", "densenet201")
_TF_STARTS = (
    "resnet50v2", "resnet101v2", "resnet152v2", "mobilenet_", "mobilenetv2_", "inception_v3",
    "inception_resnet_v2", "xception", "nasnet",
)  # fmt: skip

_MODES = {
    "tf": Preprocessing((1 / 127.5,), (-1.0,), sentence="RGB, x / 127.5 - 1, so -1 to 1"),
    "torch": Preprocessing(
        tuple(1 / (255 * deviation) for deviation in _DEVIATION),
        tuple(-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)),
        sentence="RGB, (x / 255 - mean) / std of ImageNet",
    ),
    "caffe": Preprocessing(
        (1.0,),
        (-103.939, -116.779, -123.68),
        reverse_channels=True,
        sentence="BGR minus (103.939, 116.779, 123.68)",
    ),
}
_PIXELS = Preprocessing((1.0,), (0.0,), sentence="0 to 255")


def choose(
    given: Any,
    like: Any,
    stored: str | None,
    config: Mapping[str, Any],
    weight: Weights,
    wanted: InputType,
) -> Preprocessing:
    """Return the preprocessing of a network: given, stored, found or assumed, in this order.

    Parameters
    ----------
    given
        The argument ``preprocessing=`` of `phosphene.load`.
    like
        The argument ``like=``.
    stored
        What a model file keeps.
    config
        The Keras configuration of the network.
    weight
        Returns a weight of the network by its key.
    wanted
        The (first) input of the network.
    """
    if given is not None:
        return _given(given)
    if like is not None:
        return columns_of(like, wanted) or _from_examples(like)
    if stored is not None:
        return from_text(stored)
    if wanted.form == "picture":
        candidates = (UNIT, _PIXELS, *_MODES.values())
        found = (
            _found(config, weight) or _family(config) or fitted(config, weight, wanted, candidates)
        )
    else:
        found = measured(config, weight, wanted)
    return found or UNIT.known_from("assumed, nothing was found", assumed=True)


def _given(value: Any) -> Preprocessing:
    if isinstance(value, Preprocessing):
        return value
    if isinstance(value, str):
        if value not in _MODES:
            raise InvalidArgumentError(
                f"preprocessing is 'tf', 'caffe', 'torch' or a pair (scale, offset); "
                f"received {value!r}."
            )
        return _MODES[value].known_from(f"preprocessing={value!r}")
    try:
        scale, offset = (tuple(float(v) for v in np.ravel(part)) for part in value)
        sizes = {len(scale), len(offset)} - {1}
        if not all(np.isfinite(scale + offset)) or 0.0 in scale or len(sizes) > 1 or 0 in sizes:
            raise ValueError
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            "preprocessing is a pair (scale, offset) of finite numbers or one number a channel, "
            f"scale not 0, for input = scale * pixel + offset; received {value!r}."
        ) from None
    found = Preprocessing(scale, offset)
    low, high = found.value_range
    return replace(found, sentence=f"{low:g} to {high:g}").known_from("preprocessing=")


def _from_examples(like: Any) -> Preprocessing:
    """Conclude the range from some of the user's inputs."""
    if isinstance(like, Mapping):
        like = list(like.values())
    if isinstance(like, (list, tuple)) and any(np.ndim(each) > 1 for each in like):
        like = np.concatenate([np.ravel(each) for each in like])  # one array an input
    values = np.asarray(like)
    if values.size == 0 or values.dtype.kind not in "fiub":
        raise InvalidArgumentError("like= takes an array of some inputs; received no numbers.")
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low < -2 or (low < 0 and high > 2):
        centre, half = (low + high) / 2, (high - low) / 2
        return Preprocessing(
            (half / 127.5,), (centre - half,), sentence=f"{low:g} to {high:g} (like=)"
        )
    if low < 0:
        return Preprocessing((1 / 127.5,), (-1.0,), sentence="-1 to 1").known_from("like=")
    return (_PIXELS if high > 2 else UNIT).known_from("like=")


def _found(config: Mapping[str, Any], weight: Weights) -> Preprocessing | None:
    """Look at the first layers: a network that rescales takes plain pixels."""
    for path, entry in leaves(config):
        kind, settings = entry.get("class_name", ""), entry["config"]
        if kind == "Rescaling":
            scale = np.max(np.abs(numbers(settings.get("scale", 1))))
            offset = np.max(np.abs(numbers(settings.get("offset", 0))))
            is_wide = scale < 0.1 or offset > 2
            return (_PIXELS if is_wide else UNIT).known_from("Rescaling found")
        if kind == "Normalization":
            given = settings.get("mean")
            mean = weight(f"{path}/mean") if given is None else numbers(given)
            low, high = float(np.min(mean)), float(np.max(mean))
            # The mean of pixels lies between the smallest and the largest.
            if 0 <= low <= high <= 1:
                return UNIT.known_from("Normalization found")
            return _PIXELS.known_from("Normalization found") if high > 2 and low >= 0 else None
        if not kind.startswith(PASSING):
            return None
    return None


def _family(config: Mapping[str, Any]) -> Preprocessing | None:
    """Recognize the networks of keras.applications by the name of the model."""
    inner = config.get("config")
    name = str(inner.get("name", "")).lower() if isinstance(inner, Mapping) else ""
    if name in _CAFFE:
        mode = "caffe"
    elif name in _TORCH:
        mode = "torch"
    elif name.startswith(_TF_STARTS):
        mode = "tf"
    else:
        return None
    return _MODES[mode].known_from(f"as for {name!r} of keras.applications")
