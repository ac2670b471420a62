"""Convolutions of every kind against Keras."""

import numpy as np
import pytest
from conftest import relative_error
from layers.checking import Row, check, one_layer, refusal, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

FIRST = {"data_format": "channels_first"}


def layer(name, *inputs, on_jax=False, **settings):
    """Return a row of the layer `name`."""
    if on_jax:
        # JAX takes long to compile random numbers, and the rows exchange them anyway.
        settings["kernel_initializer"] = "zeros"
    return row(lambda keras: getattr(keras.layers, name)(**settings), *inputs, on_jax=on_jax)


def first(name, *inputs, **settings):
    """Return a row with channels first, which TensorFlow computes for some layers only."""
    on_jax = not name.startswith(("Depthwise", "Separable"))
    return layer(name, *inputs, on_jax=on_jax, **settings, **FIRST)


def with_softmax(keras):
    """Return a layer whose activation runs along the last axis, which isn't the channels'."""
    return keras.layers.Conv2D(4, 3, activation="softmax", kernel_initializer="zeros", **FIRST)


TABLE = {
    "Conv1D": {
        "plain": layer("Conv1D", (9, 3), filters=4, kernel_size=3),
        "without bias": layer("Conv1D", (9, 3), filters=4, kernel_size=3, use_bias=False),
        "strides": layer("Conv1D", (10, 3), filters=4, kernel_size=3, strides=2),
        "same": layer("Conv1D", (10, 3), filters=4, kernel_size=4, padding="same"),
        "same with strides": layer(
            "Conv1D", (10, 3), filters=4, kernel_size=4, strides=3, padding="same"
        ),
        "causal": layer("Conv1D", (10, 3), filters=4, kernel_size=3, padding="causal"),
        "causal with strides": layer(
            "Conv1D", (10, 3), filters=4, kernel_size=3, strides=2, padding="causal"
        ),
        "causal with dilation": layer(
            "Conv1D", (10, 3), filters=4, kernel_size=3, dilation_rate=2, padding="causal"
        ),
        "dilation": layer("Conv1D", (10, 3), filters=4, kernel_size=3, dilation_rate=3),
        "groups": layer("Conv1D", (10, 6), filters=4, kernel_size=3, groups=2),
        "activation": layer("Conv1D", (10, 3), filters=4, kernel_size=3, activation="tanh"),
        "softmax": layer("Conv1D", (10, 3), filters=4, kernel_size=3, activation="softmax"),
        "channels first": first("Conv1D", (3, 10), filters=4, kernel_size=3),
        "channels first, causal": first(
            "Conv1D", (3, 10), filters=4, kernel_size=3, padding="causal"
        ),
    },
    "Conv2D": {
        "plain": layer("Conv2D", (8, 7, 3), filters=4, kernel_size=3),
        "1 x 1": layer("Conv2D", (8, 7, 3), filters=4, kernel_size=1),
        "without bias": layer("Conv2D", (8, 7, 3), filters=4, kernel_size=3, use_bias=False),
        "oblong": layer("Conv2D", (8, 7, 3), filters=4, kernel_size=(2, 5)),
        "strides": layer("Conv2D", (8, 7, 3), filters=4, kernel_size=3, strides=(2, 3)),
        "same": layer("Conv2D", (8, 7, 3), filters=4, kernel_size=(4, 3), padding="same"),
        "same with strides": layer(
            "Conv2D", (8, 7, 3), filters=4, kernel_size=3, strides=2, padding="same"
        ),
        "dilation": layer("Conv2D", (8, 9, 3), filters=4, kernel_size=3, dilation_rate=(2, 3)),
        "same with dilation": layer(
            "Conv2D", (8, 9, 3), filters=4, kernel_size=3, dilation_rate=2, padding="same"
        ),
        "groups": layer("Conv2D", (8, 7, 6), filters=9, kernel_size=3, groups=3),
        "activation": layer("Conv2D", (8, 7, 3), filters=4, kernel_size=3, activation="relu"),
        "channels first": first("Conv2D", (3, 8, 7), filters=4, kernel_size=3),
        "channels first, everything": first(
            "Conv2D", (6, 8, 9), filters=4, kernel_size=(3, 2), strides=(2, 1), groups=2,
            padding="same", activation="relu",
        ),
        "channels first, dilation": first(
            "Conv2D", (3, 8, 9), filters=4, kernel_size=3, dilation_rate=(1, 2)
        ),
        "channels first, softmax": Row(
            with_softmax, first("Conv2D", (3, 8, 7)).inputs, on_jax=True
        ),
    },
    "Conv3D": {
        "plain": layer("Conv3D", (5, 6, 4, 3), filters=4, kernel_size=3),
        "oblong": layer("Conv3D", (5, 6, 4, 3), filters=4, kernel_size=(1, 2, 3)),
        "strides": layer("Conv3D", (5, 6, 4, 3), filters=4, kernel_size=2, strides=(2, 1, 2)),
        "same": layer(
            "Conv3D", (5, 6, 4, 3), filters=4, kernel_size=(2, 3, 4), padding="same"
        ),
        "same with strides": layer(
            "Conv3D", (5, 6, 4, 3), filters=4, kernel_size=3, strides=2, padding="same"
        ),
        "dilation": layer(
            "Conv3D", (5, 6, 7, 3), filters=4, kernel_size=2, dilation_rate=(2, 1, 3)
        ),
        "groups": layer("Conv3D", (5, 6, 4, 4), filters=6, kernel_size=2, groups=2),
        "channels first": first(
            "Conv3D", (3, 5, 6, 4), filters=4, kernel_size=3, padding="same", strides=2
        ),
    },
    "DepthwiseConv1D": {
        "plain": layer("DepthwiseConv1D", (9, 3), kernel_size=3),
        "multiplier": layer("DepthwiseConv1D", (9, 3), kernel_size=3, depth_multiplier=2),
        "strides": layer("DepthwiseConv1D", (9, 3), kernel_size=3, strides=2, padding="same"),
        "dilation": layer("DepthwiseConv1D", (9, 3), kernel_size=3, dilation_rate=2),
        "strides and dilation": layer(
            "DepthwiseConv1D", (9, 3), kernel_size=3, strides=2, dilation_rate=2, padding="same"
        ),
        "channels first": first(
            "DepthwiseConv1D", (3, 9), kernel_size=3, depth_multiplier=2, padding="same"
        ),
    },
    "DepthwiseConv2D": {
        "plain": layer("DepthwiseConv2D", (8, 7, 3), kernel_size=3),
        "16 channels": layer("DepthwiseConv2D", (8, 7, 16), kernel_size=3, padding="same"),
        "33 channels": layer("DepthwiseConv2D", (8, 7, 33), kernel_size=5, padding="same"),
        "without bias": layer("DepthwiseConv2D", (8, 7, 3), kernel_size=3, use_bias=False),
        "multiplier": layer("DepthwiseConv2D", (8, 7, 3), kernel_size=3, depth_multiplier=3),
        "multiplier with strides": layer(
            "DepthwiseConv2D", (8, 7, 8), kernel_size=3, depth_multiplier=2, strides=2,
            padding="same", activation="relu6",
        ),
        "strides": layer("DepthwiseConv2D", (8, 7, 3), kernel_size=3, strides=2),
        "same with strides": layer(
            "DepthwiseConv2D", (8, 7, 3), kernel_size=(3, 4), strides=2, padding="same"
        ),
        "dilation": layer("DepthwiseConv2D", (8, 9, 3), kernel_size=3, dilation_rate=(2, 3)),
        "strides and dilation": layer(
            "DepthwiseConv2D", (8, 9, 3), kernel_size=3, strides=2, dilation_rate=2
        ),
        "strides and dilation, same": layer(
            "DepthwiseConv2D", (8, 9, 3), kernel_size=3, strides=2, dilation_rate=2, padding="same"
        ),
        "activation": layer("DepthwiseConv2D", (8, 7, 3), kernel_size=3, activation="relu6"),
        "channels first": first("DepthwiseConv2D", (3, 8, 7), kernel_size=3),
        "channels first, multiplier": first(
            "DepthwiseConv2D", (3, 8, 7), kernel_size=3, depth_multiplier=2, strides=2,
            padding="same",
        ),
    },
    "SeparableConv1D": {
        "plain": layer("SeparableConv1D", (9, 3), filters=4, kernel_size=3),
        "everything": layer(
            "SeparableConv1D", (9, 3), filters=4, kernel_size=3, strides=2, padding="same",
            depth_multiplier=2, activation="tanh",
        ),
        "dilation": layer(
            "SeparableConv1D", (9, 3), filters=4, kernel_size=3, dilation_rate=2, use_bias=False
        ),
        "channels first": first(
            "SeparableConv1D", (3, 9), filters=4, kernel_size=3, depth_multiplier=2
        ),
    },
    "SeparableConv2D": {
        "plain": layer("SeparableConv2D", (8, 7, 3), filters=4, kernel_size=3),
        "multiplier": layer(
            "SeparableConv2D", (8, 7, 3), filters=4, kernel_size=3, depth_multiplier=2
        ),
        "same with strides": layer(
            "SeparableConv2D", (8, 7, 3), filters=4, kernel_size=3, strides=2, padding="same"
        ),
        "dilation": layer(
            "SeparableConv2D", (8, 9, 3), filters=4, kernel_size=3, dilation_rate=(2, 3)
        ),
        "strides and dilation": layer(
            "SeparableConv2D", (8, 9, 3), filters=4, kernel_size=3, strides=2, dilation_rate=2
        ),
        "without bias": layer(
            "SeparableConv2D", (8, 7, 3), filters=4, kernel_size=3, use_bias=False,
            activation="relu",
        ),
        "channels first": first(
            "SeparableConv2D", (3, 8, 7), filters=4, kernel_size=3, padding="same"
        ),
    },
    "Conv1DTranspose": {
        "plain": layer("Conv1DTranspose", (6, 3), filters=4, kernel_size=3),
        "without bias": layer(
            "Conv1DTranspose", (6, 3), filters=4, kernel_size=3, use_bias=False
        ),
        "strides": layer("Conv1DTranspose", (6, 3), filters=4, kernel_size=3, strides=2),
        "strides beyond the window": layer(
            "Conv1DTranspose", (6, 3), filters=4, kernel_size=2, strides=3
        ),
        "same": layer("Conv1DTranspose", (6, 3), filters=4, kernel_size=4, padding="same"),
        "same with strides": layer(
            "Conv1DTranspose", (6, 3), filters=4, kernel_size=4, strides=3, padding="same"
        ),
        "output padding": layer(
            "Conv1DTranspose", (6, 3), filters=4, kernel_size=3, strides=3, output_padding=2
        ),
        "same with output padding": layer(
            "Conv1DTranspose", (6, 3), filters=4, kernel_size=3, strides=3, output_padding=1,
            padding="same",
        ),
        "dilation": layer(
            "Conv1DTranspose", (6, 3), filters=4, kernel_size=3, dilation_rate=2, on_jax=True
        ),
        "channels first": first(
            "Conv1DTranspose", (3, 6), filters=4, kernel_size=3, strides=2, padding="same"
        ),
    },
    "Conv2DTranspose": {
        "plain": layer("Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=3),
        "strides": layer("Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=3, strides=(2, 3)),
        "2 x 2": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=2, strides=2, padding="same"
        ),
        "same": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=(3, 4), padding="same"
        ),
        "same with strides": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=(3, 4), strides=2, padding="same"
        ),
        "same with wide strides": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=2, strides=3, padding="same"
        ),
        "output padding": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=3, strides=(2, 3),
            output_padding=(1, 2),
        ),
        "output padding 0": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=3, strides=2, output_padding=0,
            padding="same",
        ),
        "output padding 0, even": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=4, strides=2, output_padding=0,
            padding="same", on_jax=True,
        ),
        "same with output padding": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=5, strides=2, output_padding=1,
            padding="same", activation="relu",
        ),
        "dilation": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=3, dilation_rate=(2, 3),
            on_jax=True,
        ),
        "same with dilation": layer(
            "Conv2DTranspose", (5, 4, 3), filters=4, kernel_size=(3, 2), dilation_rate=2,
            padding="same", on_jax=True,
        ),
        "channels first": first(
            "Conv2DTranspose", (3, 5, 4), filters=4, kernel_size=3, strides=2, padding="same"
        ),
    },
    "Conv3DTranspose": {
        "plain": layer("Conv3DTranspose", (3, 4, 2, 3), filters=4, kernel_size=3),
        "same with strides": layer(
            "Conv3DTranspose", (3, 4, 2, 3), filters=4, kernel_size=(2, 3, 4), strides=(2, 1, 3),
            padding="same",
        ),
        "output padding": layer(
            "Conv3DTranspose", (3, 4, 2, 3), filters=4, kernel_size=3, strides=2,
            output_padding=(1, 0, 1), use_bias=False,
        ),
        "dilation": layer(
            "Conv3DTranspose", (3, 4, 2, 3), filters=4, kernel_size=2, dilation_rate=2, on_jax=True
        ),
        "channels first": first(
            "Conv3DTranspose", (3, 3, 4, 2), filters=4, kernel_size=3, strides=2
        ),
    },
}  # fmt: skip


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


def test_lengths_that_an_input_leaves_open(keras):
    network = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same"),
            keras.layers.SeparableConv2D(4, 3),
            keras.layers.Conv2DTranspose(2, 3, strides=2),
        ]
    )
    model = ph.load(network)
    assert [layer.output_shape for layer in model.layers] == [(None, None, None, 4)] * 2 + [
        (None, None, None, 2)
    ]
    for size in [(9, 8), (12, 17)]:
        x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
        assert relative_error(model(x), network(x)) <= 2e-5


def test_groups_that_keras_2_wrote_for_depthwise_convolutions():
    config = one_layer("DepthwiseConv2D", (5, 5, 2), kernel_size=[1, 1], groups=1)
    weights = {"layer/kernel": np.float32([2, 3]).reshape(1, 1, 2, 1), "layer/bias": np.ones(2)}
    x = np.random.default_rng(0).normal(size=(1, 5, 5, 2)).astype(np.float32)
    assert np.allclose(ph.load((config, weights))(x), x * [2, 3] + 1)


def test_causal_separable_convolutions_of_keras_2():
    config = one_layer(
        "SeparableConv1D", (6, 1), filters=1, kernel_size=2, padding="causal", use_bias=False
    )
    weights = {
        "layer/depthwise_kernel": np.float32([10, 1]).reshape(2, 1, 1),
        "layer/pointwise_kernel": np.ones((1, 1, 1), np.float32),
    }
    x = np.arange(1, 7, dtype=np.float32)
    values = ph.load((config, weights))(x[None, :, None])
    assert np.array_equal(values[0, :, 0], 10 * np.r_[0, x[:-1]] + x)


@pytest.mark.parametrize(
    ("layer_class", "settings", "sentence"),
    [
        ("Conv2D", {"padding": "full"}, "padding must be one of 'valid', 'same'"),
        ("Conv2D", {"padding": "causal"}, "padding must be 'valid' or 'same'"),
        ("Conv2D", {"data_format": "first"}, "data_format must be one of 'channels_last'"),
        ("Conv2D", {"filters": 0}, "filters must be a positive whole number, received 0"),
        ("Conv2D", {"groups": 3}, "filters must be a multiple of groups, received 4 and 3"),
        ("Conv2D", {"kernel_size": [3, 3, 3]}, "kernel_size needs 2 positive numbers"),
        ("Conv2D", {"strides": 0}, "strides needs 2 positive numbers"),
        ("Conv2D", {"strides": 2, "dilation_rate": 2}, "can't both exceed 1"),
        ("Conv3D", {}, "Conv3D needs an input (batch, depth, height, width, channels)"),
        ("Conv2D", {"data_format": "channels_first", "groups": 4}, "channels in 4 groups"),
        ("Conv1D", {"data_format": "channels_first"}, "an input (batch, channels, length)"),
        ("DepthwiseConv2D", {"depth_multiplier": 0}, "depth_multiplier must be a positive"),
        ("DepthwiseConv2D", {"groups": 2}, "groups must be 1"),
        ("SeparableConv2D", {"padding": "causal"}, "padding must be 'valid' or 'same'"),
        ("Conv2DTranspose", {"output_padding": 2, "strides": 2}, "a number below the stride"),
        ("Conv2DTranspose", {"output_padding": [1, 1, 1], "strides": 2}, "for each of 2 axes"),
        ("Conv2DTranspose", {"strides": 1 << 20, "kernel_size": 1 << 20}, "too large"),
    ],
)
def test_settings_that_are_refused(layer_class, settings, sentence):
    settings = {"filters": 4, "kernel_size": 3} | settings
    assert sentence in refusal(layer_class, (50, 50, 6), **settings)
