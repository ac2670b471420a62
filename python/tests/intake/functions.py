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
    "lengths": lambda tf, x, y: [
        tf.reshape(x, (tf.shape(x)[0], -1)),
        tf.reshape(x, tf.stack([tf.shape(x)[0], tf.shape(x)[1] * 6])),
        tf.reshape(x, tf.concat([tf.shape(x)[:2], [3, 2]], axis=0)),
        tf.concat([x, tf.zeros((tf.shape(x)[0], 4, 2))], -1),
        tf.concat([x, tf.ones([tf.shape(x)[0], 4, 2])], -1),
        tf.concat([x, tf.fill([tf.shape(x)[0], 4, 2], 3.0)], -1),
        x + tf.cast(tf.range(tf.shape(x)[2]), "float32"),
        x / tf.cast(tf.size(x), "float32"),
        x * tf.cast(tf.rank(x), "float32"),
        tf.image.resize(tf.expand_dims(x, -1), tf.shape(x)[1:3] * 2),
        tf.broadcast_to(x[:, :1], tf.shape(x)),
    ],
    "orders": lambda tf, x, y: [
        tf.cumsum(x, axis=1),
        tf.cumsum(x, axis=1, reverse=True),
        tf.math.cumprod(x, axis=-1),
        tf.math.top_k(x, k=2)[0],
        tf.sort(x, axis=1),
        tf.sort(x, direction="DESCENDING"),
        tf.cast(tf.argsort(x), "float32"),
        tf.cast(tf.argmin(x, axis=1), "float32"),
        tf.one_hot(tf.argmax(x, -1), 6),
        tf.roll(x, 1, axis=2),
        tf.linalg.band_part(x, 1, 0),
    ],
    "sums": lambda tf, x, y: [
        tf.norm(x, axis=-1),
        tf.norm(x, ord=1, axis=1, keepdims=True),
        tf.math.reduce_euclidean_norm(x, axis=1),
        tf.cast(tf.math.count_nonzero(tf.nn.relu(x), axis=1), "float32"),
        tf.add_n([x, y, 2 * x]),
        tf.tensordot(x, tf.ones((6, 2)), axes=1),
        tf.math.scalar_mul(3.0, x),
        tf.math.xlogy(tf.abs(x), tf.abs(y)),
        tf.nn.bias_add(x, [1.0, 2, 3, 4, 5, 6]),
        tf.math.log_sigmoid(x),
        tf.cast(tf.math.logical_xor(x > 0.0, y > 0.0), "float32"),
        tf.math.atan(x),
    ],
    "parts": lambda tf, x, y: [
        x[:, 0],
        x[:, 1:3, ::2],
        x[:, -1],
        tf.gather(x, [0, 2], axis=1),
        *tf.split(x, 2, axis=-1),
        *tf.split(x, [1, 3], axis=1),
        *tf.unstack(x, axis=1),
        tf.slice(x, [0, 1, 0], [-1, 2, 3]),
        tf.gather_nd(x, [[0, 1], [1, 3]]),
    ],
    "ellipsis": lambda tf, x, y: [x[..., tf.newaxis], x[..., 1]],
    "products": lambda tf, x, y: [
        tf.matmul(x, y, transpose_b=True),
        tf.matmul(x, y, transpose_a=True),
    ],
    "images": lambda tf, x, y: [
        tf.image.resize(tf.expand_dims(x, -1), (8, 9)),
        tf.image.resize(tf.expand_dims(x, -1), (3, 4), method="nearest"),
        tf.image.rgb_to_grayscale(tf.reshape(x, (-1, 4, 2, 3))),
        tf.image.flip_left_right(tf.expand_dims(x, -1)),
        tf.image.flip_up_down(tf.expand_dims(x, -1)),
        tf.image.per_image_standardization(tf.expand_dims(x, -1)),
        tf.image.crop_to_bounding_box(tf.expand_dims(x, -1), 1, 2, 2, 3),
        tf.image.pad_to_bounding_box(tf.expand_dims(x, -1), 1, 2, 8, 9),
        tf.image.central_crop(tf.expand_dims(x, -1), 0.5),
    ],
    "windows": lambda tf, x, y: [
        tf.nn.avg_pool2d(tf.expand_dims(x, -1), 2, 2, "SAME"),
        tf.nn.max_pool2d(tf.expand_dims(x, -1), [1, 2, 2, 1], [1, 2, 2, 1], "VALID"),
        tf.nn.avg_pool(tf.expand_dims(x, -1), 2, 1, "VALID"),
        tf.nn.max_pool(tf.expand_dims(x, -1), 2, 1, "VALID"),
        tf.nn.depth_to_space(tf.reshape(x, (-1, 2, 3, 4)), 2),
        tf.nn.space_to_depth(tf.expand_dims(x, -1), 2),
        tf.nn.conv2d(tf.expand_dims(x, -1), tf.ones((3, 3, 1, 2)), 2, "SAME"),
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
