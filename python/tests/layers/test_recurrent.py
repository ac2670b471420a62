"""Recurrent layers and their cells, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, check, row, rows

pytestmark = pytest.mark.keras

STEPS = (5, 3)


def settings(name):
    """Return the rows that every recurrent layer has."""

    def make(**options):
        return row(lambda keras: getattr(keras.layers, name)(4, **options), STEPS)

    return {
        "plain": make(),
        "sequences": make(return_sequences=True),
        "states": make(return_state=True),
        "sequences and states": make(return_sequences=True, return_state=True),
        "backwards": make(return_sequences=True, return_state=True, go_backwards=True),
        "unrolled": make(return_sequences=True, unroll=True),
        "without bias": make(use_bias=False),
        "another activation": make(activation="relu", return_sequences=True),
        "no activation": make(activation=None),
        "dropout": make(dropout=0.5, recurrent_dropout=0.5),
        "one step": row(lambda keras: getattr(keras.layers, name)(4), (1, 3)),
        "one sample": row(
            lambda keras: getattr(keras.layers, name)(4, return_sequences=True), STEPS, batch=1
        ),
        "free length": row(
            lambda keras: getattr(keras.layers, name)(4, return_sequences=True),
            Free((None, 3), (2, 7, 3)),
        ),
        "mask": row(
            lambda keras: getattr(keras.layers, name)(4, return_sequences=True, return_state=True),
            STEPS,
            MASK,
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "mask, last output": row(
            lambda keras: getattr(keras.layers, name)(4),
            STEPS,
            MASK,
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "mask, backwards": row(
            lambda keras: getattr(keras.layers, name)(
                4, return_sequences=True, return_state=True, go_backwards=True
            ),
            STEPS,
            MASK,
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "mask and zeros": row(
            lambda keras: getattr(keras.layers, name)(
                4, return_sequences=True, zero_output_for_mask=True
            ),
            STEPS,
            MASK,
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
    }


class Free(Given):
    """An input whose symbolic shape has free lengths."""

    def __init__(self, symbolic, shape):
        super().__init__(np.random.default_rng(5).normal(size=shape).astype(np.float32))
        object.__setattr__(self, "symbolic", symbolic)

    @property
    def shape(self):
        return self.symbolic


MASK = Given(np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0]], bool))

TABLE = {
    "SimpleRNN": {
        **settings("SimpleRNN"),
        "initial state": row(
            lambda keras: keras.layers.SimpleRNN(4, return_state=True),
            STEPS,
            (4,),
            call=lambda layer, x, h: layer(x, initial_state=[h]),
        ),
    },
    "GRU": {
        **settings("GRU"),
        "reset before": row(
            lambda keras: keras.layers.GRU(4, reset_after=False, return_sequences=True), STEPS
        ),
        "reset before, without bias": row(
            lambda keras: keras.layers.GRU(4, reset_after=False, use_bias=False), STEPS
        ),
        "recurrent activation": row(
            lambda keras: keras.layers.GRU(4, recurrent_activation="softmax"), STEPS
        ),
        "initial state": row(
            lambda keras: keras.layers.GRU(4, return_state=True),
            STEPS,
            (4,),
            call=lambda layer, x, h: layer(x, initial_state=h),
        ),
    },
    "LSTM": {
        **settings("LSTM"),
        "no forget bias": row(lambda keras: keras.layers.LSTM(4, unit_forget_bias=False), STEPS),
        "recurrent activation": row(
            lambda keras: keras.layers.LSTM(4, recurrent_activation="relu"), STEPS
        ),
        "initial state": row(
            lambda keras: keras.layers.LSTM(4, return_sequences=True),
            STEPS,
            (4,),
            (4,),
            call=lambda layer, x, h, c: layer(x, initial_state=[h, c]),
        ),
        "initial state, positional": row(
            lambda keras: keras.layers.LSTM(4),
            STEPS,
            (4,),
            (4,),
            call=lambda layer, x, h, c: layer(x, [h, c]),
        ),
        "initial state and mask": row(
            lambda keras: keras.layers.LSTM(4, return_state=True),
            STEPS,
            (4,),
            (4,),
            MASK,
            call=lambda layer, x, h, c, mask: layer(x, initial_state=[h, c], mask=mask),
        ),
        "states handed on": row(
            lambda keras: (
                keras.layers.LSTM(4, return_state=True),
                keras.layers.LSTM(4, return_sequences=True),
            ),
            STEPS,
            (6, 3),
            call=lambda layers, x, y: layers[1](y, initial_state=layers[0](x)[1:]),
        ),
        "called twice": row(
            lambda keras: keras.layers.LSTM(4, return_sequences=True),
            STEPS,
            (3, 3),
            call=lambda layer, x, y: [layer(x), layer(y)],
        ),
    },
    "RNN": {
        "of a cell": row(
            lambda keras: keras.layers.RNN(keras.layers.GRUCell(4), return_sequences=True), STEPS
        ),
        "of a list": row(
            lambda keras: keras.layers.RNN(
                [
                    keras.layers.LSTMCell(4),
                    keras.layers.SimpleRNNCell(2),
                    keras.layers.LSTMCell(3),
                    keras.layers.GRUCell(5),
                ],
                return_sequences=True,
                return_state=True,
            ),
            STEPS,
        ),
        "of a list of one": row(
            lambda keras: keras.layers.RNN([keras.layers.LSTMCell(4)], return_state=True), STEPS
        ),
        "of stacks": row(
            lambda keras: keras.layers.RNN(
                keras.layers.StackedRNNCells(
                    [
                        keras.layers.StackedRNNCells(
                            [keras.layers.GRUCell(4), keras.layers.GRUCell(3)]
                        ),
                        keras.layers.LSTMCell(2),
                    ]
                ),
            ),
            STEPS,
        ),
        "of a list, masked": row(
            lambda keras: keras.layers.RNN(
                [keras.layers.LSTMCell(4), keras.layers.GRUCell(3)],
                return_sequences=True,
                return_state=True,
                go_backwards=True,
            ),
            STEPS,
            MASK,
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "of a list, from states": row(
            lambda keras: keras.layers.RNN([keras.layers.LSTMCell(4), keras.layers.GRUCell(3)]),
            STEPS,
            (4,),
            (4,),
            (3,),
            call=lambda layer, x, h, c, g: layer(x, initial_state=[[h, c], g]),
        ),
    },
    "cells": {
        "SimpleRNNCell": row(
            lambda keras: keras.layers.SimpleRNNCell(4),
            (3,),
            (4,),
            call=lambda cell, x, h: cell(x, h),
        ),
        "GRUCell": row(
            lambda keras: keras.layers.GRUCell(4),
            (3,),
            (4,),
            call=lambda cell, x, h: cell(x, [h]),
        ),
        "GRUCell, reset before": row(
            lambda keras: keras.layers.GRUCell(4, reset_after=False),
            (3,),
            (4,),
            call=lambda cell, x, h: cell(x, [h]),
        ),
        "LSTMCell": row(
            lambda keras: keras.layers.LSTMCell(4),
            (3,),
            (4,),
            (4,),
            call=lambda cell, x, h, c: cell(x, [h, c]),
        ),
        "LSTMCell, two steps": row(
            lambda keras: keras.layers.LSTMCell(4),
            (3,),
            (4,),
            (4,),
            call=lambda cell, x, h, c: cell(x, states=cell(x, states=[h, c])[1]),
        ),
        "StackedRNNCells": row(
            lambda keras: keras.layers.StackedRNNCells(
                [keras.layers.LSTMCell(4), keras.layers.GRUCell(2)]
            ),
            (3,),
            (4,),
            (4,),
            (2,),
            call=lambda cell, x, h, c, g: cell(x, [[h, c], [g]]),
        ),
    },
}


def convolutional(rank):
    """Return the rows of ConvLSTM1D to ConvLSTM3D."""
    spatial = (6, 5, 4)[:rank]

    def make(size=3, **options):
        return row(
            lambda keras: getattr(keras.layers, f"ConvLSTM{rank}D")(2, size, **options),
            (3, *spatial, 2),
        )

    return {
        "plain": make(),
        "same": make(padding="same", return_sequences=True, return_state=True),
        "strides": make(strides=2, padding="same", return_sequences=True),
        "dilation": make(2, dilation_rate=2, return_sequences=True),
        "backwards": make(go_backwards=True, return_sequences=True),
        "settings": make(
            tuple(range(1, rank + 1)),
            activation="relu",
            recurrent_activation="tanh",
            use_bias=False,
        ),
        "mask": row(
            lambda keras: getattr(keras.layers, f"ConvLSTM{rank}D")(
                2, 2, return_sequences=True, return_state=True
            ),
            (5, *spatial, 2),
            MASK,
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "initial state": row(
            lambda keras: getattr(keras.layers, f"ConvLSTM{rank}D")(2, 3, padding="same"),
            (3, *spatial, 2),
            (*spatial, 2),
            (*spatial, 2),
            call=lambda layer, x, h, c: layer(x, initial_state=[h, c]),
        ),
    }


TABLE |= {f"ConvLSTM{rank}D": convolutional(rank) for rank in (1, 2, 3)}
TABLE["ConvLSTM2D"] |= {
    "channels first": row(
        lambda keras: keras.layers.ConvLSTM2D(
            3,
            2,
            strides=2,
            data_format="channels_first",
            return_sequences=True,
            return_state=True,
        ),
        (3, 2, 6, 5),
        on_jax=True,
    ),
    "channels first, from states": row(
        lambda keras: keras.layers.ConvLSTM2D(3, 2, padding="same", data_format="channels_first"),
        (3, 2, 6, 5),
        (3, 6, 5),
        (3, 6, 5),
        call=lambda layer, x, h, c: layer(x, initial_state=[h, c]),
        on_jax=True,
    ),
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
