"""Functions of `keras.ops` that few networks hold, against Keras."""

import numpy as np
import pytest
from conftest import relative_error
from layers.checking import VALUE_TOLERANCE, Whole, check, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

KERNEL = np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float32)
"""(window, filters, channels), as transposed convolutions have it."""

TABLE = {
    "Angle": {
        "real numbers": row(lambda keras: lambda x: keras.ops.angle(x), (4, 6), smooth=False),
    },
    "BitwiseLeftShift": {
        "tensors": row(
            lambda keras: lambda pair: keras.ops.bitwise_left_shift(*pair),
            Whole((5,), 9),
            Whole((5,), 4),
            smooth=False,
        ),
    },
    "BitwiseRightShift": {
        "tensors": row(
            lambda keras: lambda pair: keras.ops.bitwise_right_shift(*pair),
            Whole((5,), 99),
            Whole((5,), 4),
            smooth=False,
        ),
    },
    "Full": {
        "of a tensor": row(lambda keras: lambda x: keras.ops.full((2, 3), x[0, 1]), (4,)),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_convolution(keras, padding):
    # Keras 3.15 exchanges two arguments when it runs the node; called with arrays it doesn't.
    settings = {"strides": 2, "padding": padding, "data_format": "channels_last"}
    x = keras.Input((6, 5))
    network = keras.Model(x, keras.ops.conv_transpose(x, KERNEL, **settings))
    values = np.random.default_rng(1).normal(size=(2, 6, 5)).astype(np.float32)
    expected = np.asarray(keras.ops.conv_transpose(values, KERNEL, **settings))
    assert relative_error(ph.load(network)(values), expected) <= VALUE_TOLERANCE


@pytest.mark.parametrize(
    ("pattern", "lengths"),
    [("b h w -> b w h", {}), ("b h w -> b (h w)", {}), ("b (h p) w -> b h (p w)", {"p": 2})],
)
def test_rearrange(keras, pattern, lengths):
    # Keras needs every length, that of the batch too.
    x = keras.Input(batch_shape=(2, 6, 4))
    network = keras.Model(x, keras.ops.rearrange(x, pattern, **lengths))
    values = np.random.default_rng(1).normal(size=(2, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(ph.load(network)(values), network(values))
