"""Masking, and how masks go through a network, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, check, row, rows

pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:Layer .* does not support masking"),
]


def sequence(value=0.0, shape=(3, 6, 4)):
    """Return sequences in which some steps are filled with one value: one sequence completely."""
    random = np.random.default_rng(0)
    x = random.normal(size=shape).astype(np.float32)
    x[random.random(shape[:2]) < 0.4] = value
    x[0, [0, -1]] = value
    x[1] = value
    x[2, -1] = 1
    return Given(x)


IDS = Given(np.array([[1, 2, 0, 3, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 4]], np.int32))
PAIRS = Given(IDS.values.reshape(3, 2, 3))


def chain(build, data=None):
    """Return two rows: what masks, some layers and what heeds masks, in a line.

    A Functional model has the mask's computation among its layers, a Sequential doesn't.
    """

    def functional(keras):
        def call(x):
            for layer in build(keras.layers):
                x = layer(x)
            return x

        return call

    def sequential(keras):
        return keras.Sequential([keras.Input((6, 4)), *build(keras.layers)])

    return row(functional, data or sequence()), row(sequential, data or sequence())


def passing(build):
    """Return the rows of a layer between what masks and what heeds masks."""
    return chain(lambda layers: [layers.Masking(), build(layers), layers.GRU(3)])


BETWEEN = {
    "Activation": lambda layers: layers.Activation("tanh"),
    "ActivityRegularization": lambda layers: layers.ActivityRegularization(0.1),
    "AlphaDropout": lambda layers: layers.AlphaDropout(0.5),
    "BatchNormalization": lambda layers: layers.BatchNormalization(),
    "Bidirectional": lambda layers: layers.Bidirectional(layers.GRU(2, return_sequences=True)),
    "Conv1D": lambda layers: layers.Conv1D(4, 3, padding="same"),
    "Dense": lambda layers: layers.Dense(4),
    "Dropout": lambda layers: layers.Dropout(0.5),
    "EinsumDense": lambda layers: layers.EinsumDense("abc,cd->abd", (None, 4)),
    "ELU": lambda layers: layers.ELU(),
    "GaussianDropout": lambda layers: layers.GaussianDropout(0.5),
    "GaussianNoise": lambda layers: layers.GaussianNoise(0.5),
    "GroupNormalization": lambda layers: layers.GroupNormalization(2),
    "GRU": lambda layers: layers.GRU(4, return_sequences=True),
    "GRU backwards": lambda layers: layers.GRU(4, return_sequences=True, go_backwards=True),
    "Identity": lambda layers: layers.Identity(),
    "LayerNormalization": lambda layers: layers.LayerNormalization(),
    "LeakyReLU": lambda layers: layers.LeakyReLU(),
    "LSTM": lambda layers: layers.LSTM(4, return_sequences=True),
    "MaxPooling1D": lambda layers: layers.MaxPooling1D(1),
    "Permute": lambda layers: layers.Permute((1, 2)),
    "PReLU": lambda layers: layers.PReLU(),
    "ReLU": lambda layers: layers.ReLU(),
    "Rescaling": lambda layers: layers.Rescaling(2.0, 1.0),
    "Reshape": lambda layers: layers.Reshape((-1, 4)),
    "RMSNormalization": lambda layers: layers.RMSNormalization(),
    "RNN": lambda layers: layers.RNN(layers.LSTMCell(3), return_sequences=True),
    "SpatialDropout1D": lambda layers: layers.SpatialDropout1D(0.5),
    "TimeDistributed": lambda layers: layers.TimeDistributed(layers.Dense(4)),
    "UnitNormalization": lambda layers: layers.UnitNormalization(),
    "UpSampling1D": lambda layers: layers.UpSampling1D(1),
    "ZeroPadding1D": lambda layers: layers.ZeroPadding1D(0),
}

HEEDING = {
    "Bidirectional": lambda layers: layers.Bidirectional(layers.LSTM(3)),
    "GlobalAveragePooling1D": lambda layers: layers.GlobalAveragePooling1D(),
    "GlobalMaxPooling1D": lambda layers: layers.GlobalMaxPooling1D(),
    "LSTM": lambda layers: layers.LSTM(3),
    "LSTM backwards": lambda layers: layers.LSTM(3, go_backwards=True),
    "RNN": lambda layers: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]),
    "SimpleRNN": lambda layers: layers.SimpleRNN(3),
}


def both_ways(table):
    """Return the two rows of each entry under names of their own."""
    return {
        f"{name}{way}": each
        for name, pair in table.items()
        for way, each in zip(("", ", in a line"), pair, strict=True)
    }


def merging(name):
    """Return a row of a merging layer with different masks on its two inputs."""

    def build(keras):
        layers = keras.layers

        def call(x):
            parts = [layers.Dense(4)(layers.Masking()(x)), layers.Dense(4)(layers.Masking(1)(x))]
            return layers.GRU(3)(getattr(layers, name)()(parts))

        return call

    return row(build, sequence())


def inner_model(keras):
    """A model that hands the mask of its input on, called on what is masked."""
    x = keras.Input((6, 4))
    inner = keras.Model(x, keras.layers.LSTM(4, return_sequences=True)(keras.layers.Dense(4)(x)))
    return lambda y: keras.layers.GRU(3)(inner(keras.layers.Masking()(y)))


def inner_model_with_mask(keras):
    """The same with a mask that the call names."""
    x = keras.Input((6, 4))
    inner = keras.Model(x, keras.layers.LSTM(4, return_sequences=True)(keras.layers.Dense(4)(x)))
    return lambda y, mask: keras.layers.GRU(3)(inner(y, mask=mask))


def sentences(keras):
    """Words that are masked inside each of several sentences."""
    layers = keras.layers
    words = keras.Input((3,), dtype="int32")
    sentence = keras.Model(words, layers.LSTM(3)(layers.Embedding(5, 4, mask_zero=True)(words)))
    return lambda x: layers.GRU(3)(layers.TimeDistributed(sentence)(x))


TABLE = {
    "Masking": {
        "alone": chain(lambda layers: [layers.Masking()])[0],
        "a value": chain(
            lambda layers: [layers.Masking(-1.5), layers.LSTM(3)], sequence(value=-1.5)
        )[0],
        "an array": chain(lambda layers: [layers.Masking(np.zeros(4, np.float32)), layers.LSTM(3)])[
            1
        ],
    },
    "heeded by": both_ways(
        {
            name: chain(lambda layers, build=build: [layers.Masking(), build(layers)])
            for name, build in HEEDING.items()
        }
    ),
    "through": both_ways({name: passing(build) for name, build in BETWEEN.items()}),
    "merged by": {
        name: merging(name)
        for name in (
            "Add",
            "Average",
            "Concatenate",
            "Maximum",
            "Minimum",
            "Multiply",
            "Subtract",
        )
    },
    "models": {
        "inner": row(inner_model, sequence()),
        "inner, mask named": row(
            inner_model_with_mask,
            (6, 4),
            Given(np.random.default_rng(2).random((2, 6)) > 0.4),
            call=lambda function, x, mask: function(x, mask),
        ),
        "initial state": row(
            # Keras gives a layer with a second argument of tensors no mask.
            lambda keras: (
                lambda x, h: keras.layers.GRU(4, return_sequences=True)(
                    keras.layers.Masking()(x), initial_state=h
                )
            ),
            sequence(),
            (4,),
            call=lambda function, x, h: function(x, h),
            batch=3,
        ),
        "behind an initial state": row(
            lambda keras: (
                lambda x, h: keras.layers.GRU(3)(
                    keras.layers.GRU(4, return_sequences=True)(
                        keras.layers.Masking()(x), initial_state=h
                    )
                )
            ),
            sequence(),
            (4,),
            call=lambda function, x, h: function(x, h),
            batch=3,
        ),
        "ids": row(
            lambda keras: (
                lambda x: keras.layers.Bidirectional(keras.layers.LSTM(3))(
                    keras.layers.Embedding(5, 4, mask_zero=True)(x)
                )
            ),
            IDS,
        ),
        "sentences": row(sentences, PAIRS),
        "a mask for each unit": row(
            lambda keras: (
                lambda x: keras.layers.GRU(3)(
                    keras.layers.TimeDistributed(keras.layers.LSTM(3))(
                        keras.layers.Embedding(5, 4, mask_zero=True)(x)
                    )
                )
            ),
            PAIRS,
        ),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
