"""Functional models of Keras 2 that call TensorFlow's functions; run as `functions.py FOLDER`.

Each function is an output of one network, so that one file tells of all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

FUNCTIONS = {
    "arithmetic": lambda tf, x, y: [
        x * 2 + 1,
        1 - x,
        x / (y * y + 1),
        x - y,
        -x,
        x**2,
        2 / (x * x + 1),
    ],
    "constants": lambda tf, x, y: [tf.constant([1.0, 2, 3, 4, 5, 6]) * x, x // 2.0, x % 2.0],
    "elementwise": lambda tf, x, y: [
        tf.maximum(x, y),
        tf.minimum(x, 0.5),
        tf.sqrt(tf.abs(x)),
        tf.square(x),
        tf.exp(x),
        tf.math.log1p(tf.abs(x)),
        tf.math.squared_difference(x, y),
        tf.sign(x),
        tf.floor(x),
        tf.sin(x),
        tf.math.erf(x),
        tf.clip_by_value(x, 0.0, 1.0),
        tf.identity(x) * 1.0,
    ],
    "comparisons": lambda tf, x, y: [
        tf.where(x > 0.0, x, y),
        tf.cast(x > y, "float32"),
        tf.cast(tf.equal(x, x), "float32"),
    ],
    "activations": lambda tf, x, y: [
        tf.nn.relu(x),
        tf.nn.relu6(x + 3.0),
        tf.nn.softmax(x),
        tf.nn.softmax(x, axis=1),
        tf.math.sigmoid(x),
        tf.nn.swish(x),
        tf.nn.gelu(x),
        tf.nn.gelu(x, approximate=True),
        tf.nn.leaky_relu(x),
        tf.nn.leaky_relu(x, 0.1),
        tf.tanh(x),
        tf.nn.elu(x),
        tf.nn.softplus(x),
        tf.nn.log_softmax(x),
    ],
    "reductions": lambda tf, x, y: [
        tf.reduce_mean(x, axis=[1], keepdims=True),
        tf.reduce_sum(x, -1),
        tf.reduce_max(x, axis=1),
        tf.reduce_min(x, axis=(1, 2)),
        tf.math.reduce_std(x, axis=1),
        tf.reduce_prod(x, axis=1),
        tf.math.reduce_variance(x, axis=-1),
        tf.math.l2_normalize(x, axis=-1),
        tf.cast(tf.argmax(x, axis=-1), "float32"),
        tf.math.reduce_logsumexp(x, axis=1),
    ],
    "shapes": lambda tf, x, y: [
        tf.reshape(x, (-1, 24)),
        tf.expand_dims(x, 1),
        tf.transpose(x, [0, 2, 1]),
        tf.squeeze(x[:, :1], axis=1),
        tf.concat([x, y], axis=-1),
        tf.stack([x, y], axis=1),
        tf.tile(x, [1, 2, 1]),
        tf.pad(x, [[0, 0], [1, 1], [0, 2]]),
        tf.reverse(x, [1]),
        tf.pad(x, [[0, 0], [1, 1], [0, 0]], mode="REFLECT"),
        tf.repeat(x, 2, axis=1),
    ],
    "parts": lambda tf, x, y: [
        x[:, 0],
        x[:, 1:3, ::2],
        x[:, -1],
        tf.gather(x, [0, 2], axis=1),
        *tf.split(x, 2, axis=-1),
        *tf.split(x, [1, 3], axis=1),
        *tf.unstack(x, axis=1),
    ],
    "ellipsis": lambda tf, x, y: [x[..., tf.newaxis], x[..., 1]],
    "products": lambda tf, x, y: [
        tf.matmul(x, y, transpose_b=True),
        tf.matmul(x, y, transpose_a=True),
    ],
    "images": lambda tf, x, y: [
        tf.image.resize(tf.expand_dims(x, -1), (8, 9)),
        tf.image.resize(tf.expand_dims(x, -1), (3, 4), method="nearest"),
    ],
}


def write(folder):
    import tensorflow as tf
    import tf_keras as keras

    random = np.random.default_rng(0)
    arrays = [random.normal(size=(2, 4, 6)).astype("f") for _ in range(2)]
    for name, build in FUNCTIONS.items():
        keras.backend.clear_session()
        inputs = [keras.layers.Input((4, 6)), keras.layers.Input((4, 6))]
        # A layer between, because Keras 2 can't load a model whose first layers are functions.
        hidden = [keras.layers.Activation("linear")(each) for each in inputs]
        network = keras.Model(inputs, build(tf, *hidden))
        if name != "ellipsis":  # of which Keras 2 can't tell in this format
            network.save(folder / f"{name}.keras")
        network.save(folder / f"{name}.h5")
        results = [np.asarray(each) for each in network(arrays)]
        np.savez(folder / f"{name}.npz", *results, **dict(zip("xy", arrays, strict=True)))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
