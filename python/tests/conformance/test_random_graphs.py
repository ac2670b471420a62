"""Random networks of the supported layers: the same numbers as Keras."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from keras_side import input_gradient, scatter_weights
from random_graphs import build_network

import phosphene as ph

pytestmark = [
    pytest.mark.keras,
    # Keras finds a softmax over one number strange; here it is an edge case.
    pytest.mark.filterwarnings("ignore:(?s).*softmax over axis:UserWarning"),
]

# float32 carries 6e-8; sums of up to 600 numbers in another order, through about ten layers, some
# of which (a softmax over few, a normalization with a small variance) enlarge what they are given.
OUTPUT_TOLERANCE = 2e-5
GRADIENT_TOLERANCE = 2e-4
# The mean of what was normalized to mean zero is what rounding leaves of numbers around one.
CANCELLED = 1e-6
# The slope 1 - y**2 of a saturated tanh is what is left of two numbers that agree in most digits:
# one rounding of y (6e-8) is an error of 1e-7 in a slope, however small that is.
SLOPE_ROUNDING = 1e-6


def repeated(examples):
    """Return settings: the same examples in each run, without a clock."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def trace_agrees(network, seed):
    """Compare the output of each call of each layer, in the order of execution."""
    scatter_weights(network, seed)
    x = np.random.default_rng(seed).normal(size=(2, *network.input_shape[1:])).astype(np.float32)
    note(described(network))
    trace = ph.trace(network, x)
    expected = every_output(network, x)
    assert [path for path in trace if "/" not in path] == list(expected)
    for path, output in expected.items():
        error, largest = np.max(np.abs(trace[path] - output)), np.max(np.abs(output))
        assert error <= OUTPUT_TOLERANCE * largest + CANCELLED, path


def described(network):
    """Return the layers with the settings that the strategy chooses, for a failure's report."""
    lines = []
    for layer in network.layers:
        settings = {key: value for key, value in layer.get_config().items() if key in SETTINGS}
        source = getattr(layer, "output", None)
        lines.append(f"{layer.name} {settings} -> {getattr(source, 'shape', None)}")
    return "\n".join(lines)


SETTINGS = {
    "activation", "axis", "dilation_rate", "epsilon", "groups", "kernel_size", "max_value",
    "padding", "pool_size", "strides", "target_shape", "use_bias",
}  # fmt: skip


def every_output(network, x):
    """Return what Keras computes at each call of each layer, by the path in a trace."""
    import keras

    outputs = {}
    for layer in network.layers[1:]:
        for call, node in enumerate(layer._inbound_nodes):
            path = layer.name if call == 0 else f"{layer.name}#{call}"
            outputs[path] = node.output_tensors[0]
    values = keras.Model(network.input, list(outputs.values()))(x, training=False)
    return dict(zip(outputs, map(np.asarray, values), strict=True))


def gradient_agrees(network, seed):
    """Compare the gradient of a random combination of the outputs."""
    scatter_weights(network, seed)
    random = np.random.default_rng(seed)
    x = random.normal(size=(2, *network.input_shape[1:])).astype(np.float32)
    cotangent = random.normal(size=(2, *network.output_shape[1:])).astype(np.float32)
    note(described(network))
    expected = input_gradient(network, x, cotangent)
    received = ph.gradient(network, x, cotangent=cotangent)
    assert received.shape == expected.shape
    error, largest = np.max(np.abs(received - expected)), np.max(np.abs(expected))
    assert error <= GRADIENT_TOLERANCE * largest + SLOPE_ROUNDING


seeds = st.integers(0, 1000)


@repeated(25)
@given(st.data(), seeds)
def test_every_layer_of_random_networks(data, seed):
    trace_agrees(build_network(data.draw, smooth=False), seed)


@repeated(25)
@given(st.data(), seeds)
def test_gradients_of_random_smooth_networks(data, seed):
    gradient_agrees(build_network(data.draw, smooth=True), seed)


@pytest.mark.conformance
@repeated(400)
@given(st.data(), seeds)
def test_every_layer_of_many_random_networks(data, seed):
    trace_agrees(build_network(data.draw, smooth=False), seed)


@pytest.mark.conformance
@repeated(400)
@given(st.data(), seeds)
def test_gradients_of_many_random_smooth_networks(data, seed):
    gradient_agrees(build_network(data.draw, smooth=True), seed)
