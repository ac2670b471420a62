"""One layer in a network of its own: what Phosphene computes against what Keras computes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conformance.keras_side import scatter_weights
from conftest import relative_error
from layers import on_jax

import phosphene as ph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Both compute in float32: the order of summation differs, and functions such as exp are rounded.
VALUE_TOLERANCE = 2e-5
GRADIENT_TOLERANCE = 2e-4


@dataclass(frozen=True)
class Numbers:
    """An input of normal random numbers, batch not counted."""

    shape: tuple[int, ...]
    scale: float = 1
    offset: float = 0
    dtype: str = "float32"

    def draw(self, random: np.random.Generator, batch: int) -> Any:
        values = random.normal(size=(batch, *self.shape)) * self.scale + self.offset
        return values.astype(self.dtype)


@dataclass(frozen=True)
class Whole:
    """An input of whole random numbers from `low` to below `high`, batch not counted."""

    shape: tuple[int, ...]
    high: int
    low: int = 0
    dtype: str = "int32"

    def draw(self, random: np.random.Generator, batch: int) -> Any:
        return random.integers(self.low, self.high, (batch, *self.shape)).astype(self.dtype)


@dataclass(frozen=True)
class Given:
    """An input that a row writes itself, batch included."""

    values: Any

    @property
    def dtype(self) -> str:
        return str(np.asarray(self.values).dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.values)[1:]

    def draw(self, random: np.random.Generator, batch: int) -> Any:
        return np.asarray(self.values)


@dataclass(frozen=True)
class Row:
    """One setting of a layer: how to build it and what to call it on.

    `build` gets the module ``keras`` and returns a layer, or a function of symbolic tensors;
    `inputs` are shapes (normal numbers), or one of the classes above. `call` says how the layer is
    called, where that isn't ``layer(x)`` or ``layer([x, y])``. `smooth` is false where Keras has no
    gradient to compare with; `on_jax` is true where TensorFlow can't compute the layer on a CPU.
    """

    build: Callable[[Any], Any]
    inputs: tuple[Any, ...]
    call: Callable[..., Any] | None = None
    smooth: bool = True
    batch: int = 2
    on_jax: bool = False


def row(build: Callable[[Any], Any], *inputs: Any, **settings: Any) -> Row:
    """Return a row; a plain tuple among the inputs is the shape of normal random numbers."""
    known = tuple(Numbers(each) if isinstance(each, tuple) else each for each in inputs)
    return Row(build, known, **settings)


def rows(table: dict[str, dict[str, Row]]) -> list[str]:
    """Return the ids of a table by class and setting, for `pytest.mark.parametrize`."""
    return [f"{name}:{setting}" for name, settings in table.items() for setting in settings]


def network(row: Row, name: str) -> tuple[Any, list[Any]]:
    """Return the Keras network of a row and the arrays to call it on."""
    import keras

    # Names begin anew; collecting garbage would take ten times as long as the rest.
    keras.utils.clear_session(free_memory=False)
    random = np.random.default_rng(zlib.crc32(name.encode()))
    symbols = [
        keras.Input(each.shape, dtype=each.dtype, name=f"input_{index}")
        for index, each in enumerate(row.inputs)
    ]
    layer = row.build(keras)
    if row.call is not None:
        outputs = row.call(layer, *symbols)
    else:
        outputs = layer(symbols if len(symbols) > 1 else symbols[0])
    # A gradient is asked for by a layer's name, which stands for its first output.
    several = flat(outputs)
    if len(several) > 1:
        outputs = [keras.layers.Identity()(each) for each in several]
    symbols = symbols if len(symbols) > 1 else symbols[0]
    model = keras.Model(symbols, outputs, name="network")
    scatter_weights(model, zlib.crc32(name.encode()))
    return model, [each.draw(random, row.batch) for each in row.inputs]


def one_layer(layer_class: str, shape: Sequence[int | None], **settings: Any) -> dict[str, Any]:
    """Return the configuration of a network of one layer called ``layer``, as a file has it."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "x"}},
        {"class_name": layer_class, "config": {"name": "layer", **settings}},
    ]
    return {"class_name": "Sequential", "config": {"name": "network", "layers": layers}}


def refusal(layer_class: str, shape: Sequence[int | None], **settings: Any) -> str:
    """Return the sentence with which a network of one layer is refused."""
    with pytest.raises(ph.PhospheneError) as error:
        ph.load((one_layer(layer_class, shape, **settings), {}))
    sentence = str(error.value)
    assert f"layer 'layer' ({layer_class})" in sentence
    return sentence


def check(table: dict[str, dict[str, Row]], key: str) -> None:
    """Compare values and input gradients of one row with Keras'."""
    name, setting = key.split(":", 1)
    row = table[name][setting]
    keras_model, arrays = network(row, key)
    model = ph.load(keras_model)
    feed = arrays if len(arrays) > 1 else arrays[0]
    if row.on_jax:
        expected, gradients = on_jax.reference(row, key)
    else:
        expected, gradients = flat(keras_model(feed, training=False)), None
    received = flat(model(feed))
    assert len(received) == len(expected)
    for index, (ours, theirs) in enumerate(zip(received, expected, strict=True)):
        theirs = np.asarray(theirs, np.float32)
        assert ours.shape == theirs.shape, f"output {index}"
        finite = np.isfinite(theirs)
        assert np.array_equal(np.isfinite(ours), finite), f"output {index}"
        error = relative_error(np.where(finite, ours, 0), np.where(finite, theirs, 0))
        assert error <= VALUE_TOLERANCE, f"output {index} is off by {error:.1e}"
    if row.smooth:
        gradients = gradients or gradients_on_tensorflow(keras_model, arrays, expected)
        check_gradients(model, arrays, feed, gradients)


def check_gradients(
    model: ph.Model, arrays: list[Any], feed: Any, expected: list[list[Any]]
) -> None:
    """Compare the gradients of each output, under random weights, with Keras'."""
    sources = [index for index, each in enumerate(arrays) if each.dtype.kind == "f"]
    if not sources:
        return
    random = np.random.default_rng(0)
    outputs = zip(model.json["outputs"], flat(model(feed)), expected, strict=True)
    for output, values, wanted in outputs:
        path = output["path"]
        cotangent = random.normal(size=values.shape).astype(np.float32)
        ours = ph.gradient(model, feed, cotangent=(path, cotangent))
        ours = ours if isinstance(ours, list) else [ours]
        for index, their in zip(sources, wanted, strict=True):
            error = relative_error(ours[index], their)
            assert error <= GRADIENT_TOLERANCE, f"d {path} / d input {index} is off by {error:.1e}"


def gradients_on_tensorflow(
    keras_model: Any, arrays: list[Any], expected: list[Any]
) -> list[list[Any]]:
    """Return the gradients of each output, under random weights, for the inputs that are floats."""
    import tensorflow as tf

    tensors = [tf.constant(each) for each in arrays]
    sources = [each for each in tensors if each.dtype.is_floating]
    random = np.random.default_rng(0)
    gradients = []
    for number, value in enumerate(expected):
        cotangent = random.normal(size=np.shape(value)).astype(np.float32)
        with tf.GradientTape() as tape:
            for source in sources:
                tape.watch(source)
            values = flat(keras_model(tensors if len(tensors) > 1 else tensors[0], training=False))
            total = tf.reduce_sum(tf.cast(values[number], tf.float32) * cotangent)
        found = tape.gradient(total, sources)
        gradients.append(
            [
                np.zeros(source.shape, np.float32) if each is None else dense(each)
                for source, each in zip(sources, found, strict=True)
            ]
        )
    return gradients


def dense(gradient: Any) -> Any:
    """Return TensorFlow's gradient as an array, whether it is sparse or not."""
    import tensorflow as tf

    return np.asarray(tf.convert_to_tensor(gradient))


def flat(structure: Any) -> list[Any]:
    """Return the arrays of a network's outputs, in Keras' order."""
    import keras

    return list(keras.tree.flatten(structure))
