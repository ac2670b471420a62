"""Networks that Keras 2 and Keras 3 can both build, as files of every kind.

Run as a program, it writes them with the Keras that is named, which then is the only one in the
process::

    python networks.py tf_keras FOLDER
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

KINDS = ("keras", "h5", "weights.h5", "legacy.h5")
"""Whole models in both formats, and weights alone in both layouts (the second by Keras 2 only)."""


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


def without_input(keras):
    """The first layer says what goes in, as people wrote in the days of Keras 2."""
    layers = keras.layers
    return keras.Sequential([layers.Dense(5, input_shape=(6,)), layers.Dense(3)])


def trained(keras):
    """Beside the weights lie those of an optimizer."""
    network = dense(keras)
    network.compile("adam", "mse")
    network.fit(np.ones((4, 6)), np.zeros((4, 3)), verbose=0)
    return network


def long_names(keras):
    """More names than an attribute of HDF5 holds: Keras keeps them in pieces."""
    layers = keras.layers
    inner = keras.Sequential(
        [layers.Input((2,))] + [layers.Dense(2, name=f"{n:02}{'x' * 900}") for n in range(40)]
    )
    return keras.Sequential([layers.Input((2,)), inner])


def frozen_parts(keras):
    """Layers of which a part is trained: Keras lists what is trained first."""
    layers = keras.layers
    steps = layers.Input((5, 4))
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    x = both(steps)
    both.forward_layer.trainable = False
    part = keras.Sequential(
        [layers.Input((6,)), layers.Dense(6), layers.BatchNormalization(), layers.Dense(6)]
    )
    part.layers[0].trainable = False
    return keras.Model(steps, layers.TimeDistributed(part)(x))


def handed_states(keras):
    """Recurrent layers that begin with the states of another: Keras 2 writes these as inputs."""
    layers = keras.layers
    steps = layers.Input((5, 4))
    x, h, c = layers.LSTM(3, return_sequences=True, return_state=True)(layers.Masking()(steps))
    y = layers.Bidirectional(layers.GRU(3))(x, initial_state=[h, c])
    return keras.Model(steps, [y, layers.LSTM(3)(x, initial_state=[c, h])])


def words(keras):
    """Sentences of words of which 0 is none: Keras 2 makes other masks of it than Keras 3."""
    layers = keras.layers
    ids = layers.Input((2, 3), dtype="int32")
    sentences = layers.TimeDistributed(layers.LSTM(3))(layers.Embedding(7, 4, mask_zero=True)(ids))
    return keras.Model(ids, layers.GRU(3)(sentences))


def masks_inside(keras):
    """A model that masks, applied to each step."""
    layers = keras.layers
    word = layers.Input((3,), dtype="int32")
    embedded = layers.Embedding(7, 4, mask_zero=True)(word)
    part = keras.Model(word, layers.LSTM(3, return_sequences=True)(embedded))
    ids = layers.Input((2, 3), dtype="int32")
    sentences = layers.TimeDistributed(layers.GRU(2))(layers.TimeDistributed(part)(ids))
    return keras.Model(ids, layers.GRU(3)(sentences))


SEQUENCE, IMAGE, FILM, NUMBERS = (5, 4), (6, 6, 4), (3, 6, 6, 4), (5,)

LAYERS = {
    "einsum_dense": (
        SEQUENCE,
        lambda layers: layers.EinsumDense("abc,cd->abd", output_shape=(None, 6), bias_axes="d"),
    ),
    "depthwise": (IMAGE, lambda layers: layers.DepthwiseConv2D(2, depth_multiplier=2)),
    "depthwise_1d": (SEQUENCE, lambda layers: layers.DepthwiseConv1D(2)),
    "separable": (IMAGE, lambda layers: layers.SeparableConv2D(3, 2)),
    "separable_1d": (SEQUENCE, lambda layers: layers.SeparableConv1D(3, 2)),
    "transposed": (IMAGE, lambda layers: layers.Conv2DTranspose(3, 2)),
    "layer_norm": (SEQUENCE, lambda layers: layers.LayerNormalization()),
    "group_norm": (IMAGE, lambda layers: layers.GroupNormalization(2)),
    "prelu": (IMAGE, lambda layers: layers.PReLU(shared_axes=[1, 2])),
    "normalization": (SEQUENCE, lambda layers: layers.Normalization()),
    "leaky_relu": (IMAGE, lambda layers: layers.LeakyReLU(0.1)),
    "embedding": (NUMBERS, lambda layers: layers.Embedding(7, 3)),
    "masking": (SEQUENCE, lambda layers: layers.Masking()),
    "simple_rnn": (SEQUENCE, lambda layers: layers.SimpleRNN(3)),
    "lstm": (SEQUENCE, lambda layers: layers.LSTM(3, return_sequences=True)),
    "lstm_without_bias": (SEQUENCE, lambda layers: layers.LSTM(3, use_bias=False)),
    "gru": (SEQUENCE, lambda layers: layers.GRU(3)),
    "gru_of_keras_1": (SEQUENCE, lambda layers: layers.GRU(3, reset_after=False)),
    "rnn": (SEQUENCE, lambda layers: layers.RNN(layers.LSTMCell(3))),
    "stacked_rnn": (
        SEQUENCE,
        lambda layers: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2), layers.LSTMCell(2)]),
    ),
    "bidirectional": (SEQUENCE, lambda layers: layers.Bidirectional(layers.LSTM(3))),
    "two_directions": (
        SEQUENCE,
        lambda layers: layers.Bidirectional(
            layers.GRU(3), backward_layer=layers.GRU(3, go_backwards=True)
        ),
    ),
    "time_distributed": (SEQUENCE, lambda layers: layers.TimeDistributed(layers.Dense(3))),
    "distributed_twice": (
        FILM,
        lambda layers: layers.TimeDistributed(layers.TimeDistributed(layers.Conv1D(2, 2))),
    ),
    "attention": (
        SEQUENCE,
        lambda layers: lambda x: layers.MultiHeadAttention(2, 3, value_dim=2)(x, x),
    ),
    "attention_without_bias": (
        SEQUENCE,
        lambda layers: lambda x: layers.MultiHeadAttention(2, 3, use_bias=False)(x, x),
    ),
    "dot_attention": (
        SEQUENCE,
        lambda layers: lambda x: layers.Attention(use_scale=True, score_mode="concat")([x, x]),
    ),
    "additive_attention": (SEQUENCE, lambda layers: lambda x: layers.AdditiveAttention()([x, x])),
    "conv_lstm": (FILM, lambda layers: layers.ConvLSTM2D(3, 2)),
    "conv_lstm_1d": ((3, 6, 4), lambda layers: layers.ConvLSTM1D(3, 2)),
}
"""Layers in a network of their own: the shape of the input, and how to build the layer."""

NEW_LAYERS = {
    "spectral_norm": (
        IMAGE,
        lambda layers: layers.SpectralNormalization(layers.Conv2D(3, 2)),
    ),
    "spectral_norm_of_dense": (
        SEQUENCE,
        lambda layers: layers.TimeDistributed(layers.SpectralNormalization(layers.Dense(3))),
    ),
    "rms_norm": (SEQUENCE, lambda layers: layers.RMSNormalization()),
    "reversible_embedding": (
        NUMBERS,
        lambda layers: layers.ReversibleEmbedding(7, 3, tie_weights=False),
    ),
    "grouped_attention": (
        SEQUENCE,
        lambda layers: lambda x: layers.GroupQueryAttention(2, 4, 2)(x, x),
    ),
}
"""Those that only Keras 3 has, or can write."""


def of_one_layer(name):
    def build(keras):
        shape, make = (LAYERS | NEW_LAYERS)[name]
        x = keras.layers.Input(shape, dtype="int32" if shape == NUMBERS else "float32")
        return keras.Model(x, make(keras.layers)(x))

    return build


STRUCTURES = {
    each.__name__: each
    for each in (
        dense,
        conv,
        branched,
        two_inputs,
        nested,
        shared,
        same_names,
        without_input,
        trained,
        long_names,
        frozen_parts,
        handed_states,
        words,
        masks_inside,
    )
}

NETWORKS = STRUCTURES | {name: of_one_layer(name) for name in LAYERS | NEW_LAYERS}


def scatter(network, seed):
    """Give every variable numbers of its own: what Keras starts with hides mistakes."""
    random = np.random.default_rng(seed)
    values = []
    for variable, shape in zip(network.weights, map(np.shape, network.get_weights()), strict=True):
        name = getattr(variable, "path", variable.name).rsplit("/", 1)[-1]
        numbers = random.normal(0, 0.4, shape)
        values.append(np.abs(numbers) + 0.5 if "variance" in name else numbers)
    network.set_weights(values)
    for layer in network.layers:
        if type(layer).__name__ == "Normalization":  # it computes with a copy
            layer.finalize_state()


def inputs_of(network, count=3):
    """Return numbers to call a network on."""
    random = np.random.default_rng(0)
    return [
        random.integers(0, 7, (count, *each.shape[1:]))
        if "int" in str(each.dtype)
        else random.normal(size=(count, *each.shape[1:])).astype("f")
        for each in network.inputs
    ]


def write(keras, folder):
    """Write every network as a file of every kind, with its configuration, inputs and outputs."""
    for seed, (name, build) in enumerate(NETWORKS.items()):
        if name in NEW_LAYERS and keras.__name__ == "tf_keras":
            continue
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
        if name in STRUCTURES:
            network.save_weights(folder / f"{name}.weights.h5")
        if name in STRUCTURES and keras.__name__ == "tf_keras":
            network.save_weights(folder / f"{name}.legacy.h5")


def write_as_cudnn(folder, name):
    """Write a recurrent network once more, as if it had been trained on a GPU with Keras 2."""
    import h5py
    from tf_keras.src.saving.legacy.hdf5_format import _convert_rnn_weights as converted

    kind = f"CuDNN{name.upper()}"
    with h5py.File(folder / f"{name}.h5") as plain, h5py.File(folder / f"{kind}.h5", "w") as file:
        config = json.loads(plain.attrs["model_config"])
        layer = config["config"]["layers"][1]
        layer["class_name"] = kind
        for setting in ("activation", "recurrent_activation", "reset_after", "use_bias"):
            layer["config"].pop(setting, None)
        plain.copy("model_weights", file)
        file.attrs.update({"model_config": json.dumps(config), "keras_version": "2.2.4"})
        group = file[f"model_weights/{layer['name']}"]
        names = group.attrs["weight_names"]
        arrays = converted(type(kind, (), {})(), [group[each][()] for each in names])
        for each, array in zip(names, arrays, strict=True):
            del group[each]
            group[each] = array


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    write(importlib.import_module(sys.argv[1]), Path(sys.argv[2]))
    if sys.argv[1] == "tf_keras":
        write_as_cudnn(Path(sys.argv[2]), "lstm")
        write_as_cudnn(Path(sys.argv[2]), "gru")
