"""Custom layers that loop and branch: recurrent cells, and functions of functions."""

from __future__ import annotations

import keras
from intake.custom import case, numbers, tokens
from keras import layers, ops


@keras.saving.register_keras_serializable()
class Cell(layers.Layer):
    """A recurrent cell with two states, one of them a running mean."""

    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.units = units
        self.state_size, self.output_size = [units, units], units

    def get_config(self):
        return {**super().get_config(), "units": self.units}

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

    def call(self, x, states):
        before, mean = states
        now = ops.tanh(ops.matmul(x, self.kernel) + ops.matmul(before, self.recurrent))
        return now + mean, [now, 0.5 * (mean + now)]


@case
def cells():
    x = layers.Input((4, 3))
    y = layers.RNN(Cell(5, name="cell"), return_sequences=True, name="rnn")(x)
    last = layers.RNN(Cell(2), return_state=True, go_backwards=True, name="last")(y)
    return keras.Model(x, [y, *last]), numbers(2, 4, 3)


@case
def masked_cells():
    x = layers.Input((4,), dtype="int32")
    y = layers.Embedding(9, 3, mask_zero=True)(x)
    y = layers.RNN(Cell(5), return_sequences=True, name="rnn")(y)
    wrapped = layers.Bidirectional(layers.RNN(Cell(2)), name="both")(y)
    return keras.Model(x, wrapped), tokens(3, 4, high=3)


@case
def states_passed_on():
    class Coder(keras.Model):
        def __init__(self):
            super().__init__(name="coder")
            self.encoder = layers.GRU(3, return_state=True, name="encoder")
            self.decoder = layers.RNN(Cell(3), name="decoder")

        def call(self, x):
            out, state = self.encoder(x)
            return self.decoder(x, initial_state=[state, out])

    model = Coder()
    model(numbers(2, 4, 3))
    return model, numbers(5, 4, 3)


@case
def functions_of_functions():
    class Looping(layers.Layer):
        def call(self, x):
            x = ops.fori_loop(0, 3, lambda i, y: y * 0.5 + ops.cast(i, "float32"), x)
            carry, all_of_it = ops.scan(
                lambda c, now: (c * 0.5 + now, c), x[:, 0], ops.transpose(x, (1, 0, 2))
            )
            both = carry + ops.sum(all_of_it, axis=0)
            return ops.cond(ops.max(both) > 0.0, lambda: both * 2.0, lambda: both - 1.0)

    x = layers.Input((3, 4))
    return keras.Model(x, Looping(name="looping")(x)), numbers(2, 3, 4)
