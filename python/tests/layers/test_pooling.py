"""Pooling of every kind against Keras."""

import numpy as np
import pytest
from conftest import relative_error
from layers.checking import Given, check, refusal, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

FIRST = {"data_format": "channels_first"}
SIZES = {1: (11,), 2: (8, 7), 3: (5, 6, 4)}


def layer(name, *inputs, smooth=True, **settings):
    """Return a row of the layer `name`."""
    return row(lambda keras: getattr(keras.layers, name)(**settings), *inputs, smooth=smooth)


def windows(name, rank):
    """Return the rows of a pooling layer over `rank` axes."""
    last, first = (*SIZES[rank], 3), (3, *SIZES[rank])
    oblong, steps = (2, 3, 2)[:rank], (1, 2, 3)[:rank]
    return {
        "plain": layer(name, last, pool_size=2),
        "oblong": layer(name, last, pool_size=oblong, strides=steps),
        "overlapping": layer(name, last, pool_size=3, strides=1),
        "gaps": layer(name, last, pool_size=1, strides=2),
        "same": layer(name, last, pool_size=3, strides=2, padding="same"),
        "same, oblong": layer(name, last, pool_size=oblong, strides=1, padding="same"),
        "channels first": layer(name, first, pool_size=oblong, **FIRST),
        "channels first, same": layer(name, first, pool_size=3, strides=2, padding="same", **FIRST),
    }


def whole(name, rank):
    """Return the rows of a global pooling layer over `rank` axes."""
    last, first = (*SIZES[rank], 3), (3, *SIZES[rank])
    return {
        "plain": layer(name, last),
        "keepdims": layer(name, last, keepdims=True),
        "channels first": layer(name, first, **FIRST),
        "channels first, keepdims": layer(name, first, keepdims=True, **FIRST),
    }


def adaptive(name, rank):
    """Return the rows of an adaptive pooling layer over `rank` axes."""
    last, first = (*SIZES[rank], 3), (3, *SIZES[rank])
    divisors = tuple(size // 2 if size % 2 == 0 else size for size in SIZES[rank])
    return {
        # TensorFlow's gradient of the largest of all reads outside of arrays.
        "one part": layer(name, last, output_size=1, smooth="Average" in name),
        "parts of equal length": layer(name, last, output_size=divisors),
        "overlapping parts": layer(name, last, output_size=3),
        "more parts than elements": layer(name, last, output_size=(13, 9, 5)[:rank]),
        "channels first": layer(name, first, output_size=(4, 3, 2)[:rank], **FIRST),
    }


TABLE = {}
for rank in (1, 2, 3):
    for kind in ("Max", "Average"):
        TABLE[f"{kind}Pooling{rank}D"] = windows(f"{kind}Pooling{rank}D", rank)
        TABLE[f"Global{kind}Pooling{rank}D"] = whole(f"Global{kind}Pooling{rank}D", rank)
        TABLE[f"Adaptive{kind}Pooling{rank}D"] = adaptive(f"Adaptive{kind}Pooling{rank}D", rank)

STEPS = np.float32([[[1, 2], [3, 4], [0, 0], [5, 6]], [[0, 0], [1, 9], [0, 0], [0, 0]]])
KEPT = np.array([[True, False, True, True], [True, False, False, True]])

TABLE["GlobalAveragePooling1D"] |= {
    "mask of the layer before": row(
        lambda keras: lambda x: keras.layers.GlobalAveragePooling1D()(keras.layers.Masking(0.0)(x)),
        Given(STEPS),
    ),
    "mask, keepdims": row(
        lambda keras: (
            lambda x: keras.layers.GlobalAveragePooling1D(keepdims=True)(
                keras.layers.Masking(0.0)(x)
            )
        ),
        Given(STEPS),
    ),
    "mask among the arguments": row(
        lambda keras: keras.layers.GlobalAveragePooling1D(),
        Given(STEPS),
        Given(KEPT),
        call=lambda layer, x, mask: layer(x, mask=mask),
    ),
    "mask, channels first": row(
        lambda keras: keras.layers.GlobalAveragePooling1D(**FIRST),
        Given(STEPS.swapaxes(1, 2).copy()),
        Given(KEPT),
        call=lambda layer, x, mask: layer(x, mask=mask),
    ),
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


def test_lengths_that_an_input_leaves_open(keras):
    network = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.AveragePooling2D(3, strides=2, padding="same"),
            keras.layers.MaxPool2D(),
            keras.layers.GlobalAvgPool2D(),
        ]
    )
    model = ph.load(network)
    shapes = [layer.output_shape for layer in model.layers]
    assert shapes == [(None, None, None, 3)] * 2 + [(None, 3)]
    for size in [(9, 8), (12, 17)]:
        x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
        assert relative_error(model(x), network(x)) <= 2e-5


@pytest.mark.parametrize(
    ("layer_class", "settings", "sentence"),
    [
        ("MaxPooling2D", {"padding": "full"}, "padding must be one of 'valid', 'same'"),
        ("MaxPooling2D", {"pool_size": 0}, "pool_size needs 2 positive numbers"),
        ("AveragePooling2D", {"strides": [1, 2, 3]}, "strides needs 2 positive numbers"),
        ("MaxPooling1D", {}, "MaxPooling1D needs an input (batch, length, channels)"),
        ("GlobalMaxPooling2D", {"data_format": "last"}, "data_format must be one of"),
        ("AdaptiveMaxPooling2D", {"output_size": 0}, "output_size needs 2 positive numbers"),
        ("AdaptiveMaxPooling2D", {}, "the configuration has no 'output_size'"),
    ],
)
def test_settings_that_are_refused(layer_class, settings, sentence):
    assert sentence in refusal(layer_class, (9, 9, 2), **settings)
