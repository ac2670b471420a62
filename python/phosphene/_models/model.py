"""Loading: from whatever holds a Keras network to a `Model`."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from phosphene._errors import ModelFileError
from phosphene._models.intake import is_live_model, read
from phosphene._models.network import Model

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from phosphene._models.precision import Precision

__all__ = ["Model", "as_model", "load"]


def load(
    source: Any,
    *,
    config: Any = None,
    preprocessing: str | tuple[ArrayLike, ArrayLike] | None = None,
    classes: Sequence[str] | str | os.PathLike[str] | None = None,
    like: ArrayLike | None = None,
    handlers: Mapping[str | type, Callable[..., Any]] | None = None,
    exact: bool = False,
    precision: Precision = "float32",
) -> Model:
    """Load a Keras network.

    Files are read without Keras, and nothing in them is executed. A live model is copied: later
    training doesn't change what was loaded until `Model.refresh`. Subclassed live models, custom
    layers and Lambda (Keras 3, any backend) are expanded: called on symbolic tensors, they become
    networks of built-in layers and functions of ``keras.ops``, and the live model stays as it was.

    Parameters
    ----------
    source
        A live Keras model (Keras 3 with any backend, or tf_keras); the path of a ``.keras``,
        ``.h5``, ``.hdf5`` or ``.safetensors`` file, or of a ``.weights.h5`` file with `config`; or
        a pair of a configuration and the weights, a dict ``{"layer/kernel": array}`` or a list in
        the order of ``get_weights()``.
    config
        For a file that has weights only: the model's ``to_json()`` as text, dict or path.
    preprocessing
        How pixels (0 to 255) become the network's input: ``"tf"`` (x / 127.5 - 1), ``"torch"``
        ((x / 255 - mean) / std of ImageNet), ``"caffe"`` (BGR minus the mean of ImageNet), or
        ``(scale, offset)`` for ``scale * pixel + offset``. By default it is found in the network
        (by a Rescaling or Normalization, by the name of a network of keras.applications, by the
        range that fits what a BatchNormalization keeps of the first convolution; of inputs that are
        no pictures by what a first Normalization or BatchNormalization knows of them) or assumed to
        be 0 to 1; the summary says which.
    classes
        The names of the outputs, in order, or the path of a text file with one a line.
    like
        Some inputs that the network is used with; their range stands in for `preprocessing`, and
        their shapes for those that a subclassed live model doesn't keep.
    handlers
        For layers that hold code in a file, or that can't be expanded or aren't known: ``{class or
        class name: function}``. The function gets a `phosphene.ops.HandledLayer` and the values
        that the layer is called on, and returns what it computes of them, as a value or a list or
        dict of values; see `phosphene.ops`.
    exact
        Compute every convolution directly. By default those of 3x3 pixels are computed by
        Winograd's method where that is faster: two to three times as fast, with errors of about
        1e-5 of the largest value instead of 1e-6. A NaN in a layer's input then spreads over tiles
        of 4x4 pixels, and an infinity becomes NaN there: look for their source with ``exact=True``.
    precision
        How large weights (two axes or more, at least 65,536 elements) are stored: ``"float32"`` as
        they came, or ``"bfloat16"``, rounded to the nearest number with 8 significant bits. That
        halves their memory and the time that dense layers take to read them; everything is still
        computed in float32. On VGG16 (convolutions trained on ImageNet, random dense layers) and
        six photos, outputs before the softmax were off by 0.3 to 0.5 % of the largest, the gradient
        of one of them with respect to the picture by 10 to 17 % (relative L2), that of a channel of
        ``block5_conv1`` by 5 to 21 %: rectifiers and poolings switch elsewhere.

    Returns
    -------
    Model

    Raises
    ------
    ModelFileError
        If a file can't be read, is damaged, or lacks weights.
    UnsupportedError
        If the network has a layer or setting that the engine doesn't know; it is named.
    InvalidArgumentError
        If an argument doesn't fit.

    Examples
    --------
    >>> import numpy as np
    >>> config = {"class_name": "Sequential", "config": {"name": "tiny", "layers": [
    ...     {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "x"}},
    ...     {"class_name": "Dense", "config": {"name": "dense", "units": 1}}]}}
    >>> model = load((config, {"dense/kernel": np.ones((2, 1)), "dense/bias": [0.5]}))
    >>> model([[1.0, 2.0]])
    array([[3.5]], dtype=float32)
    """
    return Model(
        read(source, config, handlers, like),
        preprocessing=preprocessing,
        classes=classes,
        like=like,
        exact=exact,
        precision=precision,
        arguments={
            "config": config,
            "preprocessing": preprocessing,
            "classes": classes,
            "handlers": handlers,
            "exact": exact,
            "precision": precision,
        },
    )


def as_model(source: Any) -> Model:
    """Return what `load` accepts as a `Model`.

    A live Keras model is read at each call: its structure and plans are kept, never its weights.
    """
    if isinstance(source, Model):
        return source
    if not is_live_model(source):
        return load(source)
    from phosphene._models.intake.live import live_signature

    signature = live_signature(source)
    known = _LIVE.get(source)
    if known is not None and known[0] == signature:
        return known[1].refresh(source)
    model = load(source)
    _LIVE[source] = (signature, model)
    return model


_LIVE: weakref.WeakKeyDictionary[Any, tuple[Any, Model]] = weakref.WeakKeyDictionary()
"""The models that were made from live ones, as long as those live."""


def reopened(path: str, digest: str, arguments: dict[str, Any]) -> Model:
    """Return the model of a file if it is still the one that was pickled."""
    model = load(path, **arguments)
    if model.digest != digest:
        raise ModelFileError(f"{path} has changed since the model was pickled.")
    return model
