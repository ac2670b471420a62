"""Bidirectional and TimeDistributed, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, check, row, rows

pytestmark = pytest.mark.keras

STEPS = (5, 3)
MASK = Given(np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0]], bool))


def bidirectional(inner, options=None, **settings):
    """Return a row of a Bidirectional around a layer of that class."""
    return row(
        lambda keras: keras.layers.Bidirectional(
            getattr(keras.layers, inner)(4, **(options or {})), **settings
        ),
        STEPS,
    )


def masked_bidirectional(inner, options=None, **settings):
    """Return the same with a mask."""
    return row(
        lambda keras: keras.layers.Bidirectional(
            getattr(keras.layers, inner)(4, **(options or {})), **settings
        ),
        STEPS,
        MASK,
        call=lambda layer, x, mask: layer(x, mask=mask),
    )


def distributed(inner, *shapes):
    """Return a row of a TimeDistributed around what `inner` builds."""
    return row(lambda keras: keras.layers.TimeDistributed(inner(keras)), *shapes)


def encoder(keras):
    """Return a model with a BatchNormalization between two layers."""
    x = keras.Input((4, 3))
    y = keras.layers.Dense(5, activation="tanh")(x)
    y = keras.layers.BatchNormalization()(y)
    return keras.Model(x, keras.layers.LSTM(4)(y))


def recurrent(keras):
    """Return a model that hands its mask to an LSTM."""
    x = keras.Input((5, 3))
    return keras.Model(x, keras.layers.LSTM(4)(x))


def functions(keras):
    """Return a model with functions of keras.ops."""
    x = keras.Input((3,))
    return keras.Model(x, keras.ops.subtract(keras.ops.add(x, 1), keras.ops.maximum(x, 0)))


SEQUENCES = {"return_sequences": True}
BOTH = {"return_sequences": True, "return_state": True}

TABLE = {
    "Bidirectional": {
        "LSTM": bidirectional("LSTM"),
        "GRU": bidirectional("GRU", SEQUENCES),
        "SimpleRNN": bidirectional("SimpleRNN", SEQUENCES),
        "RNN": row(
            lambda keras: keras.layers.Bidirectional(
                keras.layers.RNN([keras.layers.LSTMCell(4), keras.layers.GRUCell(3)])
            ),
            STEPS,
        ),
        "ConvLSTM2D": row(
            lambda keras: keras.layers.Bidirectional(
                keras.layers.ConvLSTM2D(2, 2, return_sequences=True)
            ),
            (3, 4, 5, 2),
        ),
        "sum": bidirectional("LSTM", SEQUENCES, merge_mode="sum"),
        "mul": bidirectional("LSTM", SEQUENCES, merge_mode="mul"),
        "ave": bidirectional("LSTM", SEQUENCES, merge_mode="ave"),
        "concat": bidirectional("LSTM", SEQUENCES, merge_mode="concat"),
        "apart": bidirectional("LSTM", SEQUENCES, merge_mode=None),
        "apart, with states": bidirectional("LSTM", BOTH, merge_mode=None),
        "states": bidirectional("LSTM", {"return_state": True}),
        "backwards first": row(
            lambda keras: keras.layers.Bidirectional(
                keras.layers.GRU(4, go_backwards=True, return_sequences=True),
                backward_layer=keras.layers.GRU(4, return_sequences=True),
            ),
            STEPS,
        ),
        "two layers": row(
            lambda keras: keras.layers.Bidirectional(
                keras.layers.LSTM(4, return_sequences=True),
                backward_layer=keras.layers.GRU(
                    2, return_sequences=True, go_backwards=True, activation="relu"
                ),
            ),
            STEPS,
        ),
        "initial state": row(
            lambda keras: keras.layers.Bidirectional(
                keras.layers.LSTM(4, return_sequences=True, return_state=True)
            ),
            STEPS,
            (4,),
            (4,),
            (4,),
            (4,),
            call=lambda layer, x, *states: layer(x, initial_state=list(states)),
        ),
        "mask": masked_bidirectional("LSTM"),
        "mask, sequences": masked_bidirectional("LSTM", BOTH),
        "mask, apart": masked_bidirectional("GRU", SEQUENCES, merge_mode=None),
        "one sample": row(
            lambda keras: keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
            STEPS,
            batch=1,
        ),
    },
    "TimeDistributed": {
        "Dense": distributed(lambda keras: keras.layers.Dense(4, activation="relu"), (5, 3)),
        "Conv2D": distributed(lambda keras: keras.layers.Conv2D(3, 2), (4, 6, 5, 2)),
        "BatchNormalization": distributed(
            lambda keras: keras.layers.BatchNormalization(), (4, 6, 3)
        ),
        "Flatten": distributed(lambda keras: keras.layers.Flatten(), (4, 2, 3)),
        "Dropout": distributed(lambda keras: keras.layers.Dropout(0.5), (4, 3)),
        "LSTM": distributed(lambda keras: keras.layers.LSTM(4), (3, 5, 2)),
        "Bidirectional": distributed(
            lambda keras: keras.layers.Bidirectional(keras.layers.GRU(4)), (3, 5, 2)
        ),
        "TimeDistributed": distributed(
            lambda keras: keras.layers.TimeDistributed(keras.layers.Dense(4)), (3, 5, 2)
        ),
        "a model": distributed(encoder, (6, 4, 3)),
        "a model of functions": distributed(functions, (6, 3)),
        "a Sequential": distributed(
            lambda keras: keras.Sequential(
                [
                    keras.Input((6, 5, 2)),
                    keras.layers.Conv2D(3, 3, activation="relu"),
                    keras.layers.GlobalAveragePooling2D(),
                ]
            ),
            (4, 6, 5, 2),
        ),
        "mask": row(
            lambda keras: keras.layers.TimeDistributed(keras.layers.Dense(4)),
            STEPS,
            MASK,
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "mask for the inner layer": row(
            lambda keras: keras.layers.TimeDistributed(keras.layers.LSTM(4)),
            (2, 5, 3),
            Given(np.random.default_rng(3).random((2, 2, 5)) > 0.4),
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "mask for the inner model": row(
            lambda keras: keras.layers.TimeDistributed(recurrent(keras)),
            (2, 5, 3),
            Given(np.random.default_rng(3).random((2, 2, 5)) > 0.4),
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
