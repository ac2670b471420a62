"""Layers that Keras 3 adapted: LoRA is merged, quantized numbers are turned back or refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from conftest import relative_error

import phosphene as ph

pytestmark = pytest.mark.keras

KINDS = ["live", "keras", "h5", "weights.h5"]


def shaken(network, seed=0):
    """Give every trained variable numbers of its own; scales and groups stay as they are."""
    random = np.random.default_rng(seed)
    for weight in network.weights:
        name = weight.path.rsplit("/", 1)[-1]
        if name in ("kernel", "bias", "embeddings") or name.startswith("lora"):
            values = random.normal(size=weight.shape)
            weight.assign(values if weight.dtype == "float32" else weight.numpy())
    return network


def quantize(network, mode, **settings):
    """Quantize every layer that can be, without Keras' warnings about those that can't."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.quantize(mode, **settings)


def load(network, kind, folder):
    """Load a network as it is or by way of a file."""
    if kind == "live":
        return ph.load(network)
    path = folder / f"network.{kind}"
    (network.save_weights if kind == "weights.h5" else network.save)(path)
    return ph.load(path, config=network.to_json() if kind == "weights.h5" else None)


def check(network, x, kind, folder):
    expected = np.asarray(network(x, training=False))
    assert relative_error(load(network, kind, folder)(x), expected) < 2e-6


@pytest.mark.parametrize("kind", KINDS)
def test_lora_is_merged(keras, kind, tmp_path):
    layers = keras.layers
    inner = keras.Sequential([layers.Input((5,)), layers.Dense(4), layers.Dense(3)], name="inner")
    network = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3),
            layers.Flatten(),
            layers.Dense(5, activation="relu"),
            inner,
        ]
    )
    shaken(network)
    network.layers[0].enable_lora(2, lora_alpha=5)
    network.layers[2].enable_lora(3)
    inner.layers[1].enable_lora(1, lora_alpha=0.5)
    shaken(network, 1)
    check(network, np.random.default_rng(2).normal(size=(3, 8, 8, 3)).astype("f"), kind, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block_size", [None, 2, 128])
def test_weights_of_four_bits_are_turned_back(keras, kind, block_size, tmp_path):
    """Keras multiplies plain inputs with them."""
    layers = keras.layers
    network = shaken(
        keras.Sequential([layers.Input((8,)), layers.Dense(5, "relu"), layers.Dense(3)])
    )
    config = keras.quantizers.Int4QuantizationConfig(block_size=block_size)
    quantize(network, "int4", config=config)
    check(network, np.random.default_rng(2).normal(size=(3, 8)).astype("f"), kind, tmp_path)


def test_a_merged_network_keeps_no_trace(keras, tmp_path):
    layers = keras.layers
    network = shaken(keras.Sequential([layers.Input((8,)), layers.Dense(5, name="dense")]))
    network.layers[0].enable_lora(2)
    model = ph.load(network)
    assert "lora_rank" not in model["dense"].get_config()
    again = ph.load(model.save(tmp_path / "merged.safetensors"))
    assert again.digest == model.digest
    network.layers[0].lora_kernel_b.assign(np.ones((2, 5)))
    x = np.ones((1, 8), np.float32)
    assert relative_error(model.refresh(network)(x), np.asarray(network(x))) < 2e-6


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_eight_bits_meet_rounded_inputs(keras, kind, tmp_path):
    """As in Keras, whose gradient passes the rounding as if it weren't there."""
    import tensorflow as tf

    layers = keras.layers
    words = layers.Input((5,), dtype="int32")
    x = layers.Embedding(11, 6)(words)
    x = layers.Dense(4, activation="tanh", name="dense")(x)
    x = layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de")(x)
    x = layers.EinsumDense("abde,def->abf", (None, 4))(x)
    network = shaken(keras.Model(words, layers.Dense(2)(x)))
    quantize(network, "int8")
    ids = np.random.default_rng(2).integers(0, 11, (3, 5))
    model = load(network, kind, tmp_path)
    # The rounding would show: a step of the inputs is 1/127 of the largest.
    expected = np.asarray(network(ids, training=False))
    assert relative_error(model(ids), expected) < 2e-6

    tail = keras.Model(network.layers[2].output, network.output)
    inner = tf.constant(np.random.default_rng(3).normal(size=(3, 5, 4)).astype("f"))
    with tf.GradientTape() as tape:
        tape.watch(inner)
        total = tf.reduce_sum(tail(inner)[..., 0])
    gradient = np.asarray(tape.gradient(total, inner))
    cotangent = np.zeros((3, 5, 2), np.float32)
    cotangent[..., 0] = 1
    ours = ph.load(tail)
    received = ph.gradient(
        ours, inner.numpy(), cotangent=(list(ph.trace(ours, inner.numpy()))[-1], cotangent)
    )
    assert relative_error(received, gradient) < 2e-6


def test_activations_are_rounded_or_refused_as_the_configuration_says(keras, tmp_path):
    layers = keras.layers
    plain = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    wide = keras.quantizers.Int4QuantizationConfig(
        block_size=None, activation_quantizer=keras.quantizers.AbsMaxQuantizer(axis=-1)
    )
    x = np.random.default_rng(2).normal(size=(3, 8)).astype("f")
    for mode, config in (("int8", plain), ("int4", wide)):
        network = shaken(keras.Sequential([layers.Input((8,)), layers.Dense(5)]))
        quantize(network, mode, config=config)
        check(network, x, "live", tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_turned_back_is_named(keras, kind, tmp_path):
    layers = keras.layers
    network = keras.Sequential([layers.Input((8,)), layers.Dense(5, name="head")])
    quantize(network, "float8")
    with pytest.raises(ph.UnsupportedError, match=r"'head' \(Dense\).*float8"):
        load(network, kind, tmp_path)
    steps = layers.Input((5, 4))
    for name, network in (
        # Keras leaves the scale out of account there: its own numbers are those of no network.
        (
            "wrapped",
            keras.Model(steps, layers.TimeDistributed(layers.Dense(2), name="wrapped")(steps)),
        ),
        # The configuration doesn't say it; Keras can't load such a file.
        ("heads", keras.Model(steps, layers.MultiHeadAttention(2, 3, name="heads")(steps, steps))),
    ):
        quantize(network, "int8")
        with pytest.raises(ph.UnsupportedError, match=f"{name}.*a quantized layer inside another"):
            load(network, kind, tmp_path)
