"""One layer in a network of its own: what Phosphene computes against what Keras computes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from conftest import relative_error
from conformance.keras_side import scatter_weights

import phosphene as ph

if TYPE_CHECKING:
    from collections.abc import Callable

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
    gradient to compare with.
    """

    build: Callable[[Any], Any]
    inputs: tuple[Any, ...]
    call: Callable[..., Any] | None = None
    smooth: bool = True
    batch: int = 2


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

    keras.utils.clear_session()
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
    symbols = symbols if len(symbols) > 1 else symbols[0]
    model = keras.Model(symbols, outputs, name="network")
    scatter_weights(model, zlib.crc32(name.encode()))
    return model, [each.draw(random, row.batch) for each in row.inputs]


def check(table: dict[str, dict[str, Row]], key: str) -> None:
    """Compare values and input gradients of one row with Keras'."""
    name, setting = key.split(":", 1)
    row = table[name][setting]
    keras_model, arrays = network(row, key)
    model = ph.load(keras_model)
    feed = arrays if len(arrays) > 1 else arrays[0]
    expected = flat(keras_model(feed, training=False))
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
        check_gradients(model, keras_model, arrays, feed, expected)


def check_gradients(
    model: ph.Model, keras_model: Any, arrays: list[Any], feed: Any, expected: list[Any]
) -> None:
    """Compare the gradients of each output, under random weights, with TensorFlow's."""
    import tensorflow as tf

    paths = [each["path"] for each in model.json["outputs"]]
    sources = [index for index, each in enumerate(arrays) if each.dtype.kind == "f"]
    if not sources:
        return
    random = np.random.default_rng(0)
    for number, path in enumerate(paths):
        cotangent = random.normal(size=np.shape(expected[number])).astype(np.float32)
        tensors = [tf.constant(each) for each in arrays]
        with tf.GradientTape() as tape:
            for index in sources:
                tape.watch(tensors[index])
            values = flat(keras_model(tensors if len(tensors) > 1 else tensors[0], training=False))
            total = tf.reduce_sum(tf.cast(values[number], tf.float32) * cotangent)
        theirs = tape.gradient(total, [tensors[index] for index in sources])
        ours = ph.gradient(model, feed, cotangent=(path, cotangent))
        ours = ours if isinstance(ours, list) else [ours]
        for index, their in zip(sources, theirs, strict=True):
            wanted = np.zeros_like(arrays[index]) if their is None else dense(their)
            error = relative_error(ours[index], wanted)
            assert error <= GRADIENT_TOLERANCE, f"d {path} / d input {index} is off by {error:.1e}"


def dense(gradient: Any) -> Any:
    """Return TensorFlow's gradient as an array, whether it is sparse or not."""
    import tensorflow as tf

    return np.asarray(tf.convert_to_tensor(gradient))


def flat(structure: Any) -> list[Any]:
    """Return the arrays of a network's outputs, in Keras' order."""
    import keras

    return list(keras.tree.flatten(structure))
