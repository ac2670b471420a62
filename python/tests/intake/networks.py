"""Networks that Keras 2 and Keras 3 can both build, as files of every kind.

Run as a program, it writes them with the Keras that is named, which then is the only one in the
process::

    python networks.py tf_keras FOLDER
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path

import numpy as np

KINDS = ("keras", "h5", "weights.h5", "legacy.h5")
"""Whole models in both formats, and weights alone in both layouts."""


def dense(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(5, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(4, use_bias=False),
            layers.Dense(3, activation="softmax"),
        ],
        name="dense_net",
    )


def conv(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv_a"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, activation="tanh", name="conv_b"),
            layers.BatchNormalization(scale=False),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax", name="scores"),
        ],
        name="conv_net",
    )


def branched(keras):
    layers = keras.layers
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    total = layers.Add(name="the_sum_of_both")([x, layers.BatchNormalization()(x)])
    first = layers.Dense(8, name="first")(layers.Flatten()(total))
    shared = layers.Dense(8, name="shared", activation="tanh")
    return keras.Model(image, [total, shared(shared(first))], name="branched")


def two_inputs(keras):
    layers = keras.layers
    pair = [layers.Input((3,), name="left"), layers.Input((4,), name="right")]
    return keras.Model(pair, layers.Dense(2)(layers.Concatenate()(pair)), name="two_inputs")


def nested(keras):
    """Models in models; one of them frozen as a whole, one in parts.

    Keras 2 can't write names that occur twice in a nested model as .h5.
    """
    layers = keras.layers

    def part(name, units):
        return keras.Sequential(
            [
                layers.Input((4,)),
                layers.Dense(units, name=f"{name}_dense_in"),
                layers.BatchNormalization(name=f"{name}_norm"),
                layers.Dense(4, name=f"{name}_dense_out"),
                layers.BatchNormalization(name=f"{name}_norm_out"),
            ],
            name=name,
        )

    frozen, in_parts = part("frozen", 4), part("in_parts", 4)
    frozen.trainable = False
    in_parts.layers[0].trainable = in_parts.layers[3].trainable = False
    vector = layers.Input((4,))
    x = layers.Dense(4, name="dense_in")(vector)
    around = keras.Model(vector, layers.Dense(4, name="last")(frozen(in_parts(x))), name="around")
    outer = layers.Input((4,))
    return keras.Model(outer, layers.Dense(2)(around(outer)), name="outer")


def shared(keras):
    """A layer that is called in a nested model and around it: it is stored once."""
    layers = keras.layers
    twice = layers.Dense(4, name="twice")
    inner_input = layers.Input((4,))
    inner = keras.Model(inner_input, layers.Dense(4, name="own")(twice(inner_input)), name="inner")
    x = layers.Input((4,))
    y = twice(layers.Dense(4, name="first")(x))
    return keras.Model(x, layers.Dense(2, name="last")(inner(layers.ReLU()(y))))


def same_names(keras):
    """Two nested models with layers of the same names and shapes, which aren't shared."""
    layers = keras.layers

    def part(name):
        return keras.Sequential([layers.Input((4,)), layers.Dense(4, name="dense")], name=name)

    return keras.Sequential([layers.Input((4,)), part("a"), part("b"), layers.Dense(4)])


NETWORKS = {
    each.__name__: each for each in (dense, conv, branched, two_inputs, nested, shared, same_names)
}


def scatter(network, seed):
    """Give every variable numbers of its own: what Keras starts with hides mistakes."""
    random = np.random.default_rng(seed)
    values = []
    for variable, shape in zip(network.weights, map(np.shape, network.get_weights()), strict=True):
        name = getattr(variable, "path", variable.name).rsplit("/", 1)[-1]
        numbers = random.normal(0, 0.4, shape)
        values.append(np.abs(numbers) + 0.5 if "variance" in name else numbers)
    network.set_weights(values)


def inputs_of(network, count=3):
    """Return numbers to call a network on."""
    random = np.random.default_rng(0)
    return [random.normal(size=(count, *each.shape[1:])).astype("f") for each in network.inputs]


def write(keras, folder):
    """Write every network as a file of every kind, with its configuration, inputs and outputs."""
    for seed, (name, build) in enumerate(NETWORKS.items()):
        keras.backend.clear_session()
        network = build(keras)
        scatter(network, seed)
        inputs = inputs_of(network)
        outputs = network(inputs if len(inputs) > 1 else inputs[0], training=False)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        arrays = {f"input_{index}": each for index, each in enumerate(inputs)}
        arrays |= {f"output_{index}": np.asarray(each) for index, each in enumerate(outputs)}
        np.savez(folder / f"{name}.npz", **arrays)
        (folder / f"{name}.json").write_text(network.to_json())
        network.save(folder / f"{name}.keras")
        network.save(folder / f"{name}.h5")
        network.save_weights(folder / f"{name}.weights.h5")
        if keras.__name__ == "tf_keras":  # Keras 3 writes this layout in whole models only
            network.save_weights(folder / f"{name}.legacy.h5")


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    write(importlib.import_module(sys.argv[1]), Path(sys.argv[2]))
