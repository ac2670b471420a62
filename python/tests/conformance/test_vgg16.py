"""VGG16 of keras.applications with random weights, and a smooth twin of it."""

import numpy as np
import pytest
from conftest import relative_error
from keras_side import input_gradient, layer_outputs, relative_l2

import phosphene as ph

pytestmark = pytest.mark.keras

UNIT = 385


@pytest.fixture(scope="module")
def vgg16(keras):
    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(weights=None)


@pytest.fixture(scope="module")
def scores(keras, vgg16):
    """VGG16 up to the scores before softmax, with the same weights."""
    last = vgg16.layers[-1]
    linear = keras.layers.Dense(last.units, name="scores")
    network = keras.Model(vgg16.input, linear(vgg16.layers[-2].output))
    linear.set_weights(last.get_weights())
    return network


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)


def one_score():
    cotangent = np.zeros((1, 1000), np.float32)
    cotangent[0, UNIT] = 1
    return cotangent


def test_every_layer(vgg16, image):
    trace = ph.trace(vgg16, image)
    expected = layer_outputs(vgg16, image)
    assert list(trace) == list(expected)
    for name, output in expected.items():
        # Each sum is of at most 25088 products: 1e-4 is a hundred times its rounding in float32.
        assert relative_error(trace[name], output) <= 1e-4, name


def test_the_gradient_of_a_score(vgg16, scores, image):
    # ReLU and max pooling flip where two numbers are equal but for rounding, so single pixels may
    # differ: the whole is compared.
    received = ph.gradient(vgg16, image, UNIT)
    assert relative_l2(received, input_gradient(scores, image, one_score())) <= 1e-2


def test_the_gradient_of_a_smooth_twin(keras, image):
    layers = keras.layers
    keras.utils.set_random_seed(1)
    network = keras.Sequential([layers.Input((112, 112, 3))], name="smooth")
    for count, filters in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]:
        for _ in range(count):
            network.add(layers.Conv2D(filters, 3, padding="same", activation="tanh"))
        network.add(layers.AveragePooling2D(2))
    network.add(layers.Flatten())
    network.add(layers.Dense(512, activation="tanh"))
    network.add(layers.Dense(1000))
    x = image[:, ::2, ::2]
    received = ph.gradient(network, x, UNIT)
    assert relative_error(received, input_gradient(network, x, one_score())) <= 1e-3
