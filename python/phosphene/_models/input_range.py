"""Which numbers a network takes: said by the user, kept in its file, found in it, or assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.columns import (
    DEVIATIONS,
    column_count,
    ends_of_rows,
    ends_of_statistics,
    scaling_of_ends,
)
from phosphene._models.config import entries, escaped, is_model, name_of
from phosphene._models.preprocessing import UNIT, Preprocessing, from_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.arrays import InputType

    _Weights = Callable[[str], NDArray[np.float32]]

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_CAFFE = ("vgg16", "vgg19", "resnet50", "resnet101", "resnet152")
_TORCH = ("densenet121", "densenet169", "densenet201")
_TF_STARTS = (
    "resnet50v2", "resnet101v2", "resnet152v2", "mobilenet_", "mobilenetv2_", "inception_v3",
    "inception_resnet_v2", "xception", "nasnet",
)  # fmt: skip

# Layers that may stand in front and don't change how large numbers are.
_PASSING = ("InputLayer", "Random", "Resizing", "CenterCrop", "ZeroPadding", "Cropping", "Identity")

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
    weight: _Weights,
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
        return _columns_of(like, wanted) or _from_examples(like)
    if stored is not None:
        return from_text(stored)
    if wanted.form == "picture":
        found = _found(config, weight) or _family(config)
    else:
        found = _measured(config, weight, wanted)
    return found or _said(UNIT, "assumed, nothing was found", assumed=True)


def _given(value: Any) -> Preprocessing:
    if isinstance(value, Preprocessing):
        return value
    if isinstance(value, str):
        if value not in _MODES:
            raise InvalidArgumentError(
                f"preprocessing is 'tf', 'caffe', 'torch' or a pair (scale, offset); "
                f"received {value!r}."
            )
        return _said(_MODES[value], f"preprocessing={value!r}")
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
    return _said(replace(found, sentence=f"{low:g} to {high:g}"), "preprocessing=")


def _columns_of(like: Any, wanted: InputType) -> Preprocessing | None:
    """Conclude a range for each column of some rows; None of what is none of several rows."""
    columns = column_count(wanted)
    rows = None if columns is None or isinstance(like, Mapping) else _array(like)
    if rows is None or len(rows) < 2 or rows.shape[1:] != wanted.shape[1:]:
        return None
    low, high = ends_of_rows(rows)
    if not np.isfinite(high - low).all():
        return None
    scale, offset = scaling_of_ends(low, high)
    return Preprocessing(
        tuple(scale), tuple(offset), sentence=f"{_each_of(low)} of {len(rows)} rows (like=)"
    )


def _array(like: Any) -> NDArray[Any] | None:
    """Return a user's inputs as one array of numbers, None of what is none."""
    try:
        values = np.asarray(like)
    except ValueError:
        return None
    return values if values.dtype.kind in "fiub" and values.ndim > 1 else None


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
        return _said(Preprocessing((1 / 127.5,), (-1.0,), sentence="-1 to 1"), "like=")
    return _said(_PIXELS if high > 2 else UNIT, "like=")


def _found(config: Mapping[str, Any], weight: _Weights) -> Preprocessing | None:
    """Look at the first layers: a network that rescales takes plain pixels."""
    for path, entry in _leaves(config):
        kind, settings = entry.get("class_name", ""), entry["config"]
        if kind == "Rescaling":
            scale = np.max(np.abs(_numbers(settings.get("scale", 1))))
            offset = np.max(np.abs(_numbers(settings.get("offset", 0))))
            is_wide = scale < 0.1 or offset > 2
            return _said(_PIXELS if is_wide else UNIT, "Rescaling found")
        if kind == "Normalization":
            given = settings.get("mean")
            mean = weight(f"{path}/mean") if given is None else _numbers(given)
            low, high = float(np.min(mean)), float(np.max(mean))
            # The mean of pixels lies between the smallest and the largest.
            if 0 <= low <= high <= 1:
                return _said(UNIT, "Normalization found")
            return _said(_PIXELS, "Normalization found") if high > 2 and low >= 0 else None
        if not kind.startswith(_PASSING):
            return None
    return None


def _measured(
    config: Mapping[str, Any], weight: _Weights, wanted: InputType
) -> Preprocessing | None:
    """Look for statistics that a first layer keeps of inputs that are no pictures."""
    for path, entry in _leaves(config):
        kind = entry.get("class_name", "")
        if kind == "BatchNormalization":
            mean, variance = weight(f"{path}/moving_mean"), weight(f"{path}/moving_variance")
        elif kind == "Normalization":
            stated = [entry["config"].get(name) for name in ("mean", "variance")]
            mean, variance = (  # type: ignore[assignment]
                weight(f"{path}/{name}") if value is None else _numbers(value)
                for name, value in zip(("mean", "variance"), stated, strict=True)
            )
        elif kind == "Rescaling":
            return _found(config, weight)
        elif kind.startswith(_PASSING):
            continue
        else:
            return None
        return _around(np.ravel(mean), np.sqrt(np.maximum(np.ravel(variance), 0)), kind, wanted)
    return None


def _around(
    mean: NDArray[Any], deviation: NDArray[Any], kind: str, wanted: InputType
) -> Preprocessing | None:
    """Return a range around the mean of each channel, or of each column of a row."""
    if mean.shape != deviation.shape:
        return None
    columns = column_count(wanted)
    if columns is not None:
        # Statistics of the last of several axes are repeated along the others.
        if columns % len(mean) or len(mean) not in (1, columns, wanted.shape[-1]):
            return None
        low, high = ends_of_statistics(mean, deviation)
        if not np.isfinite(high - low).all():
            return None
        times = 1 if len(mean) == 1 else columns // len(mean)
        scale, offset = scaling_of_ends(np.tile(low, times), np.tile(high, times))
        sentence = (
            f"{_each_of(offset)}, {DEVIATIONS} deviations around its mean"
            if len(offset) > 1
            else f"{low[0]:g} to {high[0]:g}, {DEVIATIONS} deviations around the mean"
        )
    else:
        low, high = mean - 3 * deviation, mean + 3 * deviation
        if not np.isfinite(high - low).all() or (high <= low).any():
            return None
        if wanted.shape[wanted.channel_axis] != len(mean):
            # One range for all numbers is none where some are far larger than others.
            if (high - low).max() > 10 * (high - low).min():
                return None
            low, high = low.min(keepdims=True), high.max(keepdims=True)
        scale, offset = ((high - low) / 255).tolist(), low.tolist()
        smallest, largest = float(low.min()), float(high.max())
        sentence = f"{smallest:g} to {largest:g}, three deviations around the mean"
    found = Preprocessing(tuple(scale), tuple(offset), sentence=sentence, measured=True)
    return _said(found, f"{kind} found")


def _each_of(columns: Sized) -> str:
    """Return what is said of columns that have ranges of their own."""
    return f"a range for each of {len(columns)} columns"


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the layers of a network and of those nested in it, in order, with their paths."""
    for entry in entries(config):
        path = prefix + escaped(name_of(entry))
        if is_model(entry):
            yield from _leaves(entry, path + "/")
        else:
            yield path, entry


def _numbers(setting: Any) -> NDArray[np.float64]:
    """Return a setting that Keras wrote as a number, a list, a tuple or an array."""
    if isinstance(setting, Mapping):
        inner = setting.get("config")
        setting = inner.get("value") if isinstance(inner, Mapping) else inner
    return np.asarray(setting, float)


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
    return _said(_MODES[mode], f"as for {name!r} of keras.applications")


def _said(preprocessing: Preprocessing, reason: str, *, assumed: bool = False) -> Preprocessing:
    return Preprocessing(
        preprocessing.scale,
        preprocessing.offset,
        preprocessing.reverse_channels,
        f"{preprocessing.sentence} ({reason})",
        assumed,
        preprocessing.measured,
    )
