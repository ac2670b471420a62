"""Custom layers that pass masks on, use them, or make them inside."""

from __future__ import annotations

import keras
from intake.custom import case, tokens
from keras import layers, ops


@case
def masks():
    class Doubled(layers.Layer):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.supports_masking = True

        def call(self, x):
            return x * 2.0

    class Zeroed(layers.Layer):
        def call(self, x, mask=None):
            return x * ops.expand_dims(ops.cast(mask, "float32"), -1)

        def compute_mask(self, x, mask=None):
            return None

    x = layers.Input((5,), dtype="int32")
    y = layers.Embedding(9, 4, mask_zero=True, name="embedding")(x)
    y = Doubled(name="doubled")(y)
    z = layers.LSTM(3, name="lstm")(y)
    total = layers.GlobalAveragePooling1D()(Zeroed(name="zeroed")(y))
    return keras.Model(x, [z, total]), tokens(3, 5, high=3)


@case
def masks_inside():
    class Embedded(layers.Layer):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.embedding = layers.Embedding(9, 4, mask_zero=True, name="embedding")

        def call(self, x):
            return self.embedding(x)

    x = layers.Input((5,), dtype="int32")
    y = layers.LSTM(3, return_sequences=True)(Embedded(name="embedded")(x))
    return keras.Model(x, layers.LSTM(2)(y)), tokens(3, 5, high=3)
