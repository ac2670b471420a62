"""Every network of `keras.applications`: layer outputs and input gradients are Keras'."""

import gc

import numpy as np
import pytest
from applications import NAMES, build, images, in_float64
from conftest import relative_error
from keras_side import input_gradient, relative_l2

import phosphene as ph

pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:(?s).*softmax over axis:UserWarning"),
]

# One of each kind of block, small enough for every run of the tests.
SPREAD = {
    "MobileNet": {"alpha": 0.25},
    "MobileNetV3Small": {"alpha": 0.75, "minimalistic": False},
    "EfficientNetV2B0": {},
    "ConvNeXtTiny": {},
}

VALUE_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-2


def agrees(name, side, **settings):
    # The scores: softmax would multiply the noise of float32 in them.
    settings = {**settings, "classifier_activation": None}
    network = build(name, side, **settings)
    x = ph.load(network).prepare(images(side))
    compare_layers(network, x)
    # One picture may sit beside a jump of ReLU's derivative; three seldom do.
    x = ph.load(network).prepare(images(side, count=3))
    compare_gradients(network, x, lambda: in_float64(network, name, side, **settings))


def compare_layers(network, x):
    """Compare the output of each call of each layer, in parts: all at once need gigabytes."""
    import keras

    outputs = {}
    for layer in network.layers[1:]:
        for call, node in enumerate(layer._inbound_nodes):
            outputs[layer.name if call == 0 else f"{layer.name}#{call}"] = node.output_tensors[0]
    trace = ph.trace(network, x)
    assert [path for path in trace if "/" not in path] == list(outputs)
    for start in range(0, len(outputs), 200):
        part = dict(list(outputs.items())[start : start + 200])
        values = keras.Model(network.input, list(part.values()))(x, training=False)
        for path, value in zip(part, values, strict=True):
            error = relative_error(trace[path], np.asarray(value))
            assert error <= VALUE_TOLERANCE, f"{path} is off by {error:.1e}"


def compare_gradients(network, x, exact_twin):
    """Compare the gradient by relative L2.

    Signs of ReLU and winners of pooling flip in float32, in Keras as here: a deep network's
    gradient is off by a percent from the same network's in float64. Where that makes the two
    differ by more than the tolerance, float64 is the judge, and three times Keras' own error the
    limit.
    """
    shape = (len(x), *network.output_shape[1:])
    cotangent = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    expected = input_gradient(network, x, cotangent)
    received = ph.gradient(network, x, cotangent=cotangent)
    error = relative_l2(received, expected)
    if error > GRADIENT_TOLERANCE:
        exact = input_gradient(exact_twin(), np.float64(x), np.float64(cotangent))
        error, of_keras = relative_l2(received, exact), relative_l2(expected, exact)
        limit = max(GRADIENT_TOLERANCE, 3 * of_keras)
        assert error <= limit, f"off by {error:.1e}, where Keras in float32 is by {of_keras:.1e}"


@pytest.mark.parametrize("name", SPREAD)
def test_a_spread_of_applications_agrees_with_keras(name):
    agrees(name, 64, **SPREAD[name])


@pytest.mark.conformance
@pytest.mark.parametrize("name", NAMES)
def test_every_application_agrees_with_keras(name):
    agrees(name, 128)
    gc.collect()


@pytest.mark.conformance
def test_the_list_is_complete():
    import keras

    public = {
        name
        for name, value in vars(keras.applications).items()
        if callable(value) and name[0].isupper()
    }
    assert set(NAMES) == public
