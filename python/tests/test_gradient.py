"""Gradients against TensorFlow's and against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import relative_error

import phosphene as ph

X = np.float32([[1, 2], [-1, 3]])
"""Only the second unit of "hidden" is positive for both samples, the first one for sample 0."""


def test_logit_by_hand(tiny):
    # scores = [h0 + 2 h2, h1 - 2 h2 + 0.5] with h0 = x0 if positive, h1 = x1, h2 = 0.
    np.testing.assert_array_equal(ph.gradient(tiny, X, 0), [[1, 0], [0, 0]])
    np.testing.assert_array_equal(ph.gradient(tiny, X, 1), [[0, 1], [0, 1]])


def test_one_class_a_sample(tiny):
    np.testing.assert_array_equal(ph.gradient(tiny, X, np.array([0, 1])), [[1, 0], [0, 1]])


def test_sums_and_factors(tiny):
    objective = 2 * ph.logit(0) - ph.logit(1) / 2
    np.testing.assert_array_equal(ph.gradient(tiny, X, objective), [[2, -0.5], [0, -0.5]])


def test_the_default_is_the_top_class(tiny):
    np.testing.assert_array_equal(ph.gradient(tiny, X), ph.gradient(tiny, X, 1))
    mixed = np.float32([[5, 1], [1, 5]])
    np.testing.assert_array_equal(ph.gradient(tiny, mixed), [[1, 0], [0, 1]])


def test_probability_by_hand(tiny):
    # d p0 / d x = p0 p1 (d logit0 - d logit1)
    logits = np.array([[1, 2.5]])
    p = np.exp(logits) / np.exp(logits).sum()
    expected = p[0, 0] * p[0, 1] * np.array([[1, -1]])
    np.testing.assert_allclose(ph.gradient(tiny, X[:1], ph.probability(0)), expected, rtol=1e-5)


def test_at_a_layer(tiny):
    np.testing.assert_array_equal(ph.gradient(tiny, X, 1, at="hidden"), [[0, 1, -2], [0, 1, -2]])


def test_energy_by_hand(tiny):
    # mean of the squares of [x0, x1, 0] is (x0² + x1²) / 3 where x0 is positive
    np.testing.assert_allclose(
        ph.gradient(tiny, X, ph.energy("hidden")), [[2 / 3, 4 / 3], [0, 2]], rtol=1e-6
    )


def test_the_callers_own_cotangent(tiny):
    given = np.float32([[1, 0, 0], [0, 3, 0]])
    expected = [[1, 0], [0, 3]]
    np.testing.assert_array_equal(ph.gradient(tiny, X, cotangent=("hidden", given)), expected)
    both = np.float32([[1, 1], [1, 1]])
    np.testing.assert_allclose(ph.gradient(tiny, X, cotangent=both), np.zeros((2, 2)), atol=1e-6)


@pytest.mark.keras
@pytest.mark.parametrize("network", ["conv", "dense"])
def test_against_tensorflow(networks, network):
    tf = pytest.importorskip("tensorflow")
    network = getattr(networks, network)
    shape = (3, *network.input_shape[1:])
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    picked = np.array([4, 0, 2])
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        outputs = network(tensor, training=False)
        chosen = tf.gather(outputs, picked, axis=1, batch_dims=1)
    expected = tape.gradient(chosen, tensor).numpy()
    received = ph.gradient(network, x, ph.probability(picked))
    # 1e-4 of the largest value: kinks of ReLU may flip single pixels by more than rounding.
    assert relative_error(received, expected) < 1e-4


@pytest.mark.keras
def test_a_single_sigmoid_and_a_single_value(keras):
    layers = keras.layers
    kernel = np.float32([[2.0], [-3.0]])
    results = {}
    for activation in ("sigmoid", "linear"):
        network = keras.Sequential([layers.Input((2,)), layers.Dense(1, activation=activation)])
        network.layers[0].set_weights([kernel, np.zeros(1, np.float32)])
        results[activation] = ph.gradient(network, [[1.0, 0.0], [0.0, 1.0]])
    # The second sample is below one half: the gradient is towards the side that is predicted.
    np.testing.assert_array_equal(results["sigmoid"], [[2, -3], [-2, 3]])
    np.testing.assert_array_equal(results["linear"], [[2, -3], [2, -3]])


@pytest.mark.keras
def test_structure_of_several_inputs(networks):
    x = [np.ones((2, 3)), np.ones((2, 4))]
    left, right = ph.gradient(networks.two_inputs, x, 0)
    kernel = networks.two_inputs.get_layer("sum").get_weights()[0]
    np.testing.assert_allclose(left, np.tile(kernel[:3, 0], (2, 1)), rtol=1e-6)
    np.testing.assert_allclose(right, np.tile(kernel[3:, 0], (2, 1)), rtol=1e-6)


@pytest.mark.keras
def test_maps_and_several_outputs_need_an_objective(networks, keras):
    with pytest.raises(ph.InvalidArgumentError, match=r"2 outputs.*output='the_sum_of_both'"):
        ph.gradient(networks.branched, np.zeros((1, 8, 8, 3)))
    layers = keras.layers
    network = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(2, 3, name="map")])
    with pytest.raises(ph.InvalidArgumentError, match="position="):
        ph.gradient(network, np.zeros((1, 8, 8, 3)))
    assert ph.gradient(network, np.zeros((1, 8, 8, 3)), ph.neuron("map", 0)).shape == (1, 8, 8, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": 7}, "7"),
        ({"objective": np.array([0, 1, 0])}, "3"),
        ({"objective": ph.channel("hidden", 99)}, "99"),
        ({"objective": "bag"}, "no class names"),
        ({"objective": 0, "at": "hiden"}, "closest names"),
        ({"objective": 0, "rule": "lrp"}, "rule must be 'plain', 'guided', 'deconvolution' or"),
        ({"objective": 0, "cotangent": np.zeros((2, 2))}, "not both"),
        ({"cotangent": np.zeros((2, 5))}, r"shape \(2, 2\), received \(2, 5\)"),
        ({"cotangent": ("hidden", np.zeros((1, 3)))}, r"shape \(2, 3\), received \(1, 3\)"),
    ],
)
def test_refusals(tiny, options, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.gradient(tiny, X, **options)


def test_nothing_is_changed(tiny):
    x, before = X.copy(), tiny.digest
    ph.gradient(tiny, x, 0)
    np.testing.assert_array_equal(x, X)
    assert tiny.digest == before


@pytest.mark.parametrize("position", [None, (0, 0), (4, 6), (2, 3)])
def test_a_unit_alone_has_the_gradient_of_its_place_in_the_layer(position):
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"batch_shape": [None, 30, 41, 3], "name": "x"},
        },
        *(
            {
                "class_name": "Conv2D",
                "config": {
                    "name": f"conv{number}",
                    "filters": 4,
                    "kernel_size": [3, 3],
                    "strides": [2, 2] if number == 1 else [1, 1],
                    "padding": "same",
                    "activation": "tanh",
                },
            }
            for number in range(2)
        ),
        {"class_name": "AveragePooling2D", "config": {"name": "pool", "pool_size": [3, 3]}},
    ]
    random = np.random.default_rng(3)
    weights = [random.normal(size=shape) for shape in ((3, 3, 3, 4), (4,), (3, 3, 4, 4), (4,))]
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    model = ph.load((config, weights))
    x = random.normal(size=(2, 30, 41, 3)).astype(np.float32)
    shape = model.shapes["pool"][1:]
    row, column = position or (shape[0] // 2, shape[1] // 2)
    cotangent = np.zeros((2, *shape), np.float32)
    cotangent[:, row, column, 1] = 1
    whole = ph.gradient(model, x, cotangent=("pool", cotangent))
    alone = ph.gradient(model, x, ph.neuron("pool", 1, position=position))
    assert relative_error(alone, whole) < 1e-6
    assert 0 < np.count_nonzero(alone) < alone.size / 4


def rectified_network(kernels, biases):
    """Return a network of rectified dense layers."""
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "x"}}]
    for index, kernel in enumerate(kernels):
        config = {"name": f"dense{index}", "units": kernel.shape[1], "activation": "relu"}
        layers.append({"class_name": "Dense", "config": config})
    weights = [each for pair in zip(kernels, biases, strict=True) for each in pair]
    return {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}, weights


def passed(rule, x, gradient):
    """Return what comes back through a rectifier, by the formulas of the papers and of lucid."""
    plain = np.where(x > 0, gradient, 0)
    if rule == "plain":
        return plain
    if rule == "guided":
        return np.where(gradient > 0, plain, 0)
    if rule == "deconvolution":
        return np.where(gradient > 0, gradient, 0)
    # lucid's redirected_relu_grad, which descends a loss: its gradients have the other sign.
    loss = -gradient
    pushes_lower = (x < 0) & (loss > 0)
    redirected = -np.where(pushes_lower, 0, loss)
    got_through = np.linalg.norm(plain, axis=1, keepdims=True) > 0
    return np.where(got_through, plain, redirected)


@pytest.mark.parametrize("rule", ["plain", "guided", "deconvolution", "redirected"])
def test_rules_of_rectifiers(rule):
    random = np.random.default_rng(5)
    kernels = [random.normal(size=shape).astype(np.float32) for shape in ((3, 5), (5, 4), (4, 2))]
    # Some of 24 samples are off as a whole in one layer or another.
    biases = [random.normal(size=each.shape[1]).astype(np.float32) / 4 for each in kernels]
    x = random.normal(size=(24, 3)).astype(np.float32)

    before, values = [], [x]
    for kernel, bias in zip(kernels, biases, strict=True):
        before.append(values[-1] @ kernel + bias)
        values.append(np.maximum(before[-1], 0))
    gradient = np.tile([1.0, 0.0], (24, 1))
    for kernel, inner in zip(kernels[::-1], before[::-1], strict=True):
        gradient = passed(rule, inner, gradient) @ kernel.T

    model = rectified_network(kernels, biases)
    received = ph.gradient(model, x, ph.neuron("dense2", 0), rule=rule)
    np.testing.assert_allclose(received, gradient, rtol=1e-4, atol=1e-5)
    if rule == "plain":  # otherwise redirection would have nothing to do, or everything
        assert 0 < (received == 0).all(axis=1).sum() < 24


def test_redirection_at_both_ends_of_relu6():
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "x"}},
        {"class_name": "ReLU", "config": {"name": "relu6", "max_value": 6.0}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 1}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    kernel = np.array([[2.0], [-3.0]], np.float32)
    # Below, above, and one of two in between, where the plain derivative is left alone.
    x = [[-1.0, -1.0], [7.0, 7.0], [3.0, 7.0]]
    model = (config, [kernel, np.zeros(1, np.float32)])
    received = ph.gradient(model, x, 0, rule="redirected")
    np.testing.assert_array_equal(received, [[2, 0], [0, -3], [2, 0]])
    np.testing.assert_array_equal(ph.gradient(model, x, 0), [[0, 0], [0, 0], [2, 0]])


def test_rules_for_cotangents():
    kernels = [np.array([[1.0], [2.0], [-1.0]], np.float32)]
    model = rectified_network(kernels, [np.zeros(1, np.float32)])
    x = np.array([[1, 0, 0], [-1, 0, 0]], np.float32)
    for rule, expected in (("plain", [1, 0]), ("deconvolution", [1, 1]), ("redirected", [1, 1])):
        received = ph.gradient(model, x, cotangent=np.ones((2, 1)), rule=rule)
        np.testing.assert_array_equal(received, np.outer(expected, kernels[0][:, 0]))
