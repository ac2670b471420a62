"""What Keras itself says about a network, on whichever backend the tests run."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# With oneDNN on both sides the bits are the same, mistakes of oneDNN included: TensorFlow uses its
# own kernels here.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np


def scatter_weights(network, seed):
    """Give every weight values of its own; what Keras starts with (ones, zeros) hides mistakes.

    Kernels keep the size that lets a signal pass many layers unchanged.
    """
    random = np.random.default_rng(seed)
    for weight in network.weights:
        name = weight.path.rsplit("/", 1)[-1]
        values = random.normal(size=weight.shape)
        if "kernel" in name:
            values *= np.sqrt(1 / np.prod(weight.shape[:-1]))
        elif name == "gamma":
            values = 1 + 0.2 * values
        elif name.endswith("variance"):
            values = 0.5 + np.abs(values)
        else:
            values *= 0.2
        weight.assign(values)


def layer_outputs(network, x):
    """Return each layer's output by the layer's name, for a network without nested models."""
    import keras

    layers = [layer for layer in network.layers if type(layer).__name__ != "InputLayer"]
    values = keras.Model(network.input, [layer.output for layer in layers])(x, training=False)
    values = values if isinstance(values, (list, tuple)) else [values]
    return {layer.name: np.asarray(value) for layer, value in zip(layers, values, strict=True)}


def input_gradient(network, x, cotangent):
    """Return the gradient of ``sum(cotangent * network(x))`` with respect to `x`.

    A cotangent that fits only one class's column asks for one of the scores.
    """
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(network(x, training=False) * cotangent)
    return tape.gradient(total, x).numpy()


def relative_l2(received, expected):
    """Return the length of the difference in units of the length of what is expected."""
    expected = np.asarray(expected, np.float64)
    return float(np.linalg.norm(received - expected) / np.linalg.norm(expected))
