"""Masking, and how masks go through a network, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, check, row, rows

pytestmark = pytest.mark.keras


def sequence(seed=0, value=0.0, shape=(3, 6, 4)):
    """Return sequences in which some steps are filled with one value."""
    random = np.random.default_rng(seed)
    x = random.normal(size=shape).astype(np.float32)
    x[random.random(shape[:2]) < 0.4] = value
    x[0, 0] = value
    x[1] = value
    return Given(x)


def chain(*builders, data=None):
    """Return a row of a Sequential model that begins with what masks."""
    return row(
        lambda keras: keras.Sequential(
            [keras.Input((6, 4))] + [build(keras.layers) for build in builders]
        ),
        data or sequence(),
    )


def masking(layers):
    return layers.Masking()


def lstm(layers):
    return layers.LSTM(5)


TABLE = {
    "Masking": {
        "alone": chain(masking),
        "value": chain(lambda layers: layers.Masking(-1.5), lstm, data=sequence(value=-1.5)),
        "an array": chain(
            lambda layers: layers.Masking(np.array([0, 0, 0, 0], np.float32)), lstm
        ),
    },
    "reaches": {
        "LSTM": chain(masking, lstm),
        "GRU": chain(masking, lambda layers: layers.GRU(5, return_sequences=True)),
        "SimpleRNN": chain(masking, lambda layers: layers.SimpleRNN(5)),
        "RNN": chain(masking, lambda layers: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])),
        "the second of two": chain(
            masking, lambda layers: layers.GRU(5, return_sequences=True), lstm
        ),
        "Bidirectional": chain(masking, lambda layers: layers.Bidirectional(layers.LSTM(5))),
        "behind Bidirectional": chain(
            masking,
            lambda layers: layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
            lstm,
        ),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
