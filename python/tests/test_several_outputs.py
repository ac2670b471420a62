"""Layers that return several tensors, seen by their paths: ``lstm``, ``lstm:1``, ``lstm:2``."""

import json

import numpy as np
import pytest
from conformance.keras_side import scatter_weights
from conftest import relative_error

import phosphene as ph

pytestmark = pytest.mark.keras

STATES = ["lstm", "lstm:1", "lstm:2"]


@pytest.fixture(scope="module")
def network(keras):
    """A decoder that begins with the states of an encoder."""
    keras.utils.clear_session()
    x = keras.Input((6, 3), name="x")
    sequence, h, c = keras.layers.LSTM(4, return_sequences=True, return_state=True)(x)
    y = keras.layers.LSTM(4, name="decoder")(sequence, initial_state=[h, c])
    network = keras.Model(x, [keras.layers.Dense(2)(y), h])
    scatter_weights(network, 7)
    return network


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(2, 6, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def states(keras, network, x):
    """What Keras computes for the three outputs of the encoder."""
    inner = keras.Model(network.input, network.get_layer("lstm").output)
    return [np.asarray(each) for each in inner(x)]


def test_shapes_are_those_of_keras(network):
    model = ph.load(network)
    assert model["lstm"].output_shape == [(None, 6, 4), (None, 4), (None, 4)]
    assert model["lstm:2"].output_shape == (None, 4)
    assert model["lstm:2"].kind == "LSTM"
    assert model.output_shape == [(None, 2), (None, 4)]
    with pytest.raises(ph.InvalidArgumentError):
        model["lstm:3"]


def test_a_trace_holds_every_output(network, x, states):
    seen = ph.trace(network, x)
    assert list(seen) == [*STATES, "decoder", "dense"]
    for path, expected in zip(STATES, states, strict=True):
        assert relative_error(seen[path], expected) < 2e-5
    assert list(ph.trace(network, x, "lstm*")) == STATES
    assert list(ph.trace(network, x, "lstm:1")) == ["lstm:1"]


@pytest.mark.parametrize("number", range(3))
def test_gradients_at_an_output_and_of_one(network, x, states, number):
    import tensorflow as tf

    path = STATES[number]
    layer, decoder, dense = (network.get_layer(name) for name in ("lstm", "decoder", "dense"))
    given = [tf.constant(each) for each in states]
    with tf.GradientTape() as tape:
        tape.watch(given)
        score = dense(decoder(given[0], initial_state=given[1:]))[:, 1]
    expected = tape.gradient(score, given[number])
    received = ph.gradient(network, x, ph.logit(1, output="dense"), at=path)
    assert relative_error(received, expected) < 2e-4

    cotangent = np.random.default_rng(number).normal(size=states[number].shape).astype("f")
    source = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(source)
        total = tf.reduce_sum(layer(source)[number] * cotangent)
    received = ph.gradient(network, x, cotangent=(path, cotangent))
    assert relative_error(received, tape.gradient(total, source)) < 2e-4


def test_a_submodel_may_end_and_begin_at_outputs(network, x, states):
    model = ph.load(network)
    last = model.submodel(["lstm:2", "lstm:1"])(x)
    assert relative_error(last[0], states[2]) < 2e-5
    assert relative_error(last[1], states[1]) < 2e-5
    decoder = model.submodel("dense", inputs=STATES)
    assert relative_error(decoder(states), model(x)[0]) < 2e-5
    with pytest.raises(ph.InvalidArgumentError, match=r"output 2 .* feed 'lstm:2'"):
        model.submodel("dense", inputs=STATES[:2])(states[:2])
    with pytest.raises(ph.InvalidArgumentError, match=r"'lstm:1' has outputs of shape \(None, 4\)"):
        decoder([states[0], states[0], states[2]])


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_summary_is_that_of_keras(keras, network, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    lines = []
    network.summary(print_fn=lines.append)
    table, _, _ = str(ph.load(network).summary()).rpartition("\n")
    assert table == "\n".join(lines).rstrip("\n")


def test_an_inner_models_weights_are_listed_as_keras_lists_them(keras):
    """A layer that is called again behind a later one: the order of calls isn't that of layers."""
    x = keras.Input((4, 3))
    a, b, c, d = (keras.layers.Dense(3, name=name, use_bias=False) for name in "abcd")
    y = a(x)
    inner = keras.Model(x, keras.layers.Add()([d(c(y)), a(b(y))]))
    z = keras.Input((5, 4, 3))
    outer = keras.Model(z, keras.layers.TimeDistributed(inner)(z))
    data = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    model = ph.load((json.loads(outer.to_json()), outer.get_weights()))
    assert relative_error(model(data), outer(data)) < 2e-5


REFUSED = {
    "stateful": (
        {"class_name": "LSTM", "config": {"units": 2, "stateful": True}},
        r"'layer' \(LSTM\): stateful=True .* use stateful=False and pass states as initial_state",
    ),
    "time major": (
        {"class_name": "GRU", "config": {"units": 2, "time_major": True}},
        r"time_major=True .* must be \(batch, steps, \.\.\.\)",
    ),
    "no units": (
        {"class_name": "GRU", "config": {"units": 0}},
        r"units must be positive, received 0",
    ),
    "a layer as a cell": (
        {
            "class_name": "RNN",
            "config": {"cell": {"class_name": "Dense", "config": {"units": 2}}},
        },
        r"a cell of class 'Dense' isn't supported; known are GRUCell",
    ),
    "a cell of one's own": (
        {
            "class_name": "RNN",
            "config": {
                "cell": {
                    "class_name": "StackedRNNCells",
                    "config": {"cells": [{"class_name": "Mine", "config": {"name": "mine"}}]},
                },
            },
        },
        r"a cell of class 'Mine' isn't supported; known are GRUCell",
    ),
    "no cells": (
        {
            "class_name": "RNN",
            "config": {"cell": {"class_name": "StackedRNNCells", "config": {"cells": []}}},
        },
        r"cells needs at least one cell",
    ),
    "an inner layer that doesn't recur": (
        {
            "class_name": "Bidirectional",
            "config": {"layer": {"class_name": "Dense", "config": {"units": 2}}},
        },
        r"must be a recurrent one of Keras, received Dense",
    ),
    "an unknown way to merge": (
        {
            "class_name": "Bidirectional",
            "config": {
                "layer": {"class_name": "LSTM", "config": {"units": 2}},
                "merge_mode": "max",
            },
        },
        r"merge_mode must be 'sum', 'mul', 'ave', 'concat' or None, received 'max'",
    ),
    "two directions that are one": (
        {
            "class_name": "Bidirectional",
            "config": {
                "layer": {"class_name": "LSTM", "config": {"units": 2}},
                "backward_layer": {"class_name": "LSTM", "config": {"units": 2}},
            },
        },
        r"must differ in go_backwards and agree in return_sequences and return_state",
    ),
    "an inner layer that isn't known": (
        {
            "class_name": "TimeDistributed",
            "config": {"layer": {"class_name": "Mine", "config": {"name": "mine"}}},
        },
        r"layer 'layer' \(TimeDistributed\): layer 'mine' \(Mine\): the layer class isn't",
    ),
    "a mask of text": (
        {"class_name": "Masking", "config": {"mask_value": "zero"}},
        r"mask_value must be a number or an array of numbers",
    ),
    "data format": (
        {
            "class_name": "ConvLSTM1D",
            "config": {"filters": 2, "kernel_size": 2, "data_format": "middle"},
        },
        r"data_format must be 'channels_last' or 'channels_first', received 'middle'",
    ),
}


@pytest.mark.parametrize("key", REFUSED)
def test_refusals(key):
    entry, message = REFUSED[key]
    entry["config"].setdefault("name", "layer")
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 5, 3], "name": "x"}}
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [first, entry]}}
    with pytest.raises(ph.PhospheneError, match=message):
        ph.load((config, {}))
