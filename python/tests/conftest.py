"""Networks to test with, made by Keras itself; what doesn't need Keras runs without it."""

from __future__ import annotations

import os
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import phosphene as ph

# A script of its own, which test_watch runs.
collect_ignore = ["watched_training.py"]

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TINY = {
    "class_name": "Sequential",
    "config": {
        "name": "tiny",
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"batch_shape": [None, 2], "dtype": "float32", "name": "x"},
            },
            {
                "class_name": "Dense",
                "config": {"name": "hidden", "units": 3, "activation": "relu", "use_bias": True},
            },
            {
                "class_name": "Dense",
                "config": {"name": "scores", "units": 2, "activation": "softmax"},
            },
        ],
    },
}
"""A network that was written by hand, so that it needs no Keras."""

TINY_WEIGHTS = {
    "hidden/kernel": np.float32([[1, 0, -1], [0, 1, -1]]),
    "hidden/bias": np.float32([0, 0, 1]),
    "scores/kernel": np.float32([[1, 0], [0, 1], [2, -2]]),
    "scores/bias": np.float32([0, 0.5]),
}


@pytest.fixture
def tiny():
    """Two dense layers with weights that can be followed by hand."""
    return ph.load((TINY, TINY_WEIGHTS))


@pytest.fixture(scope="session")
def keras():
    """Keras, with its warnings about itself off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras")


@pytest.fixture(scope="session")
def networks(keras):
    """Small networks with random weights, one for each way in which models are put together."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    made = SimpleNamespace()

    made.dense = keras.Sequential(
        [
            layers.Input((50, 50)),
            layers.Dense(75, activation="relu"),
            layers.Dense(50, activation="relu", name="my_dense"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(5, activation="softmax"),
        ],
        name="dense_net",
    )
    made.conv = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv_a"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, activation="tanh", name="conv_b"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax", name="scores"),
        ],
        name="conv_net",
    )

    image = layers.Input((8, 8, 3), name="image")
    conv = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    norm = layers.BatchNormalization()(conv)
    total = layers.Add(name="the_sum_of_both")([conv, norm])
    first = layers.Dense(8, name="first")(layers.Flatten()(total))
    shared = layers.Dense(8, name="shared", activation="tanh")
    made.branched = keras.Model(image, [total, shared(shared(first))], name="branched")

    vector = layers.Input((8,), name="vector")
    inner = keras.Sequential(
        [layers.Input((8,)), layers.Dense(6), layers.BatchNormalization(), layers.Dense(4)],
        name="inner",
    )
    frozen = keras.Sequential(
        [layers.Input((4,)), layers.BatchNormalization(name="norm"), layers.Dense(3, name="out")],
        name="frozen",
    )
    frozen.trainable = False
    made.nested = keras.Model(vector, frozen(inner(vector)), name="outer")

    pair = [layers.Input((3,), name="left"), layers.Input((4,), name="right")]
    joined = layers.Dense(2, name="sum")(layers.Concatenate()(pair))
    made.two_inputs = keras.Model(pair, joined, name="two_inputs")

    for network in vars(made).values():
        _shake(network)
    return made


def _shake(network):
    """Give every weight a value of its own: what Keras starts with hides mistakes (ones, zeros)."""
    random = np.random.default_rng(3)
    for weight in network.weights:
        values = random.normal(0, 0.3, weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)


def relative_error(received, expected):
    """Return the largest difference in units of the largest expected value, if that isn't 0."""
    expected = np.asarray(expected, np.float64)
    return float(np.max(np.abs(received - expected)) / (np.max(np.abs(expected)) or 1.0))


def outputs_of(network, x):
    """Return what Keras computes, as a list of arrays."""
    results = network(x, training=False)
    results = results if isinstance(results, (list, tuple)) else [results]
    return [np.asarray(each) for each in results]
