"""Custom layers whose ``call`` counts on lengths: of the batch, of sequences, of pictures."""

from __future__ import annotations

import keras
import numpy as np
from intake.custom import case, numbers, tokens
from keras import layers, ops


class Attention(layers.Layer):
    """Attention written by hand, with the heads in an axis of their own."""

    def __init__(self, heads, **settings):
        super().__init__(**settings)
        self.heads = heads

    def build(self, shape):
        self.projections = [
            self.add_weight(shape=(shape[-1], 3 * shape[-1]), name="projection"),
            self.add_weight(shape=(shape[-1], shape[-1]), name="projection"),
        ]

    def call(self, x):
        batch, length, width = ops.shape(x)
        q, k, v = ops.split(ops.matmul(x, self.projections[0]), 3, axis=-1)
        q, k, v = (
            ops.transpose(
                ops.reshape(each, (batch, -1, self.heads, width // self.heads)), (0, 2, 1, 3)
            )
            for each in (q, k, v)
        )
        scores = ops.softmax(q @ ops.transpose(k, (0, 1, 3, 2)) / np.sqrt(width / self.heads))
        joined = ops.reshape(ops.transpose(scores @ v, (0, 2, 1, 3)), (batch, length, width))
        return ops.matmul(joined, self.projections[1])


@case
def attention():
    x = layers.Input((5, 8))
    return keras.Model(x, Attention(2, name="attention")(x)), numbers(3, 5, 8)


@case
def attention_of_any_length():
    x = layers.Input((None, 8))
    return keras.Model(x, Attention(4, name="attention")(x)), numbers(2, 7, 8)


class Patches(layers.Layer):
    """Pictures cut up as vision transformers do."""

    def call(self, images):
        batch, height, width, channels = ops.shape(images)
        x = ops.reshape(images, (batch, height // 2, 2, width // 2, 2, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (batch, (height // 2) * (width // 2), 4 * channels))


class ClassToken(layers.Layer):
    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")
        self.positions = self.add_weight(shape=(1, shape[1] + 1, shape[-1]), name="positions")

    def call(self, x):
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, ops.shape(x)[2]))
        return ops.concatenate([token, x], axis=1) + self.positions


@case
def vision_transformer():
    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="vit")
            self.patches, self.embed = Patches(name="patches"), layers.Dense(8, name="embed")
            self.token = ClassToken(name="token")
            self.norm = layers.LayerNormalization(name="norm")
            self.attention = layers.MultiHeadAttention(2, 4, name="mha")
            self.head = layers.Dense(3, name="head")

        def call(self, images, training=None):
            x = self.token(self.embed(self.patches(images)))
            y = self.norm(x)
            x = x + self.attention(y, y, training=training)
            return self.head(x[:, 0])

    model = Net()
    model(numbers(1, 6, 6, 3))
    return model, numbers(3, 6, 6, 3)


@case
def pictures_of_any_size():
    class Halved(layers.Layer):
        def call(self, x):
            height = ops.shape(x)[1]
            total = ops.sum(x[:, ::2, ::2], axis=(1, 2)) / ops.cast(2 * height, "float32")
            return total + ops.zeros((ops.shape(x)[0], 1)) + x[:, -1, 0] + x[:, -2, 1]

    image = layers.Input((None, None, 3))
    y = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    return keras.Model(image, Halved(name="halved")(y)), numbers(2, 8, 6, 3)


@case
def batches_stretched():
    class Stretched(layers.Layer):
        def build(self, shape):
            self.state = self.add_weight(shape=(1, shape[-1]), name="state")

        def call(self, x):
            batch = ops.shape(x)[0]
            tiled = ops.tile(self.state, (batch, 2))
            repeated = ops.repeat(self.state, batch, axis=0)
            filled = ops.full((batch, 2), 3.0)
            mean = ops.sum(x, axis=0, keepdims=True) / ops.cast(batch, "float32")
            return ops.concatenate([tiled, x * repeated, filled, x - mean], axis=-1)

    x = layers.Input((4,))
    return keras.Model(x, Stretched(name="stretched")(x)), numbers(5, 4)


@case
def merged_batch():
    class PerStep(layers.Layer):
        """A layer for single steps, on all steps at once."""

        def __init__(self, **settings):
            super().__init__(**settings)
            self.dense = layers.Dense(3, name="dense")

        def call(self, x):
            _, steps, width = x.shape
            y = self.dense(ops.reshape(x, (-1, width)))
            return ops.reshape(y, (-1, steps, 3))

    x = layers.Input((4, 6))
    return keras.Model(x, PerStep(name="per_step")(x)), numbers(2, 4, 6)


@case
def tied_weights():
    class Language(keras.Model):
        def __init__(self):
            super().__init__(name="language")
            self.embedding = layers.Embedding(9, 4, name="embedding")
            self.positions = layers.Embedding(6, 4, name="positions")

        def call(self, ids):
            x = self.embedding(ids) + self.positions(ops.arange(ops.shape(ids)[1]))
            return ops.matmul(x, ops.transpose(self.embedding.embeddings))

    model = Language()
    model(tokens(2, 6))
    return model, tokens(3, 6)


@case
def wrapped():
    class Gated(layers.Layer):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.dense = layers.Dense(3, name="dense")

        def build(self, shape):
            self.dense.build(shape)

        def compute_output_shape(self, shape):
            return (*shape[:-1], 3)

        def call(self, x):
            return self.dense(x) * ops.tanh(x[:, :3])

    x = layers.Input((4, 5))
    return keras.Model(x, layers.TimeDistributed(Gated(), name="wrapped")(x)), numbers(2, 4, 5)


@case
def unpacked():
    class Unpacked(keras.Model):
        def call(self, x):
            first, second, third = ops.transpose(x, (1, 0, 2))
            flags = ops.cast(first == second, "float32") + ops.cast(x[:, 0] != 0.0, "float32")
            index = ops.arange(4, dtype="float32") % 2
            scaled = 2.0 * third - ops.linspace(0.0, 1.0, 4) * first
            return scaled + index + flags + ops.ones((4,)) * second + len(x.shape)

    model = Unpacked(name="unpacked")
    model(numbers(2, 3, 4))
    return model, numbers(5, 3, 4)
