"""Small networks in the shape of known ones: every layer and the gradient as Keras has them."""

import numpy as np
import pytest
from conftest import relative_error
from keras_side import input_gradient, layer_outputs, scatter_weights

import phosphene as ph

pytestmark = pytest.mark.keras

# As for random networks: about twenty layers of sums of up to 300 numbers in float32.
OUTPUT_TOLERANCE = 2e-5
GRADIENT_TOLERANCE = 2e-4


def residual_network(activation, pooling):
    """ResNet: two convolutions with normalization around a short cut, three times."""
    import keras
    from keras import layers

    def unit(x, filters, stride, name):
        short = x
        if stride != 1 or x.shape[-1] != filters:
            short = layers.Conv2D(filters, 1, strides=stride, name=f"{name}_0_conv")(x)
            short = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_0_bn")(short)
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        x = layers.Conv2D(filters, 3, strides=stride, name=f"{name}_1_conv")(x)
        x = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_1_bn")(x)
        x = layers.Activation(activation, name=f"{name}_1_{activation}")(x)
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(x)
        x = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_2_bn")(x)
        x = layers.Add(name=f"{name}_add")([short, x])
        return layers.Activation(activation, name=f"{name}_out")(x)

    image = keras.Input((32, 32, 3), name="image")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(8, 7, strides=2, name="conv1_conv")(x)
    x = layers.BatchNormalization(epsilon=1.001e-5, name="conv1_bn")(x)
    x = layers.Activation(activation, name="conv1_out")(x)
    pool = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pooling]
    x = pool(3, strides=2, padding="same", name="pool1")(x)
    for index, (filters, stride) in enumerate([(8, 1), (16, 2), (16, 1)]):
        x = unit(x, filters, stride, f"conv{index + 2}")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    scores = layers.Dense(10, activation="softmax", name="predictions")(x)
    return keras.Model(image, scores, name="residual")


def separable_network(activation, pooling):
    """MobileNet: expand with 1 x 1, filter each channel by itself, project, add."""
    import keras
    from keras import layers

    image = keras.Input((24, 32, 3), name="image")
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="conv1_pad")(image)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(name="conv1_bn")(x)
    for index, (filters, stride) in enumerate([(8, 1), (12, 2), (12, 1)]):
        start = x
        x = layers.Conv2D(24, 1, use_bias=False, name=f"expand{index}")(x)
        x = layers.BatchNormalization(name=f"expand{index}_bn")(x)
        x = layers.Activation(activation, name=f"expand{index}_act")(x)
        x = layers.Conv2D(
            24, 3, strides=stride, padding="same", groups=24, name=f"depthwise{index}"
        )(x)
        if pooling == "max":
            x = layers.ReLU(6.0, name=f"depthwise{index}_relu")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"project{index}")(x)
        x = layers.BatchNormalization(name=f"project{index}_bn")(x)
        if x.shape == start.shape:
            x = layers.Add(name=f"add{index}")([start, x])
    x = layers.GlobalAveragePooling2D(name="global")(x)
    x = layers.Reshape((1, 1, 12), name="reshape_1")(x)
    x = layers.Dropout(0.001, name="dropout")(x)
    x = layers.Conv2D(10, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((10,), name="reshape_2")(x)
    return keras.Model(image, layers.Softmax(name="act")(x), name="separable")


def dense_network(activation, pooling):
    """DenseNet: each layer reads all earlier ones; normalization comes before convolution."""
    import keras
    from keras import layers

    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv1")(image)
    pool = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pooling]
    for block in range(2):
        for index in range(3):
            name = f"conv{block}_{index}"
            y = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_bn")(x)
            y = layers.Activation(activation, name=f"{name}_act")(y)
            y = layers.Conv2D(4, 3, padding="same", use_bias=False, name=name)(y)
            x = layers.Concatenate(axis=-1, name=f"{name}_concat")([x, y])
        x = pool(2, strides=2, name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    scores = layers.Dense(10, activation="softmax", name="predictions")(x)
    return keras.Model(image, scores, name="dense")


FAMILIES = [residual_network, separable_network, dense_network]


def inputs(network, seed):
    shape = (3, *network.input_shape[1:])
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer(keras, family):
    network = family("relu", "max")
    scatter_weights(network, 1)
    x = inputs(network, 2)
    trace = ph.trace(network, x)
    expected = layer_outputs(network, x)
    assert list(trace) == list(expected)
    for name, output in expected.items():
        assert relative_error(trace[name], output) <= OUTPUT_TOLERANCE, name


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_of_the_smooth_twin(keras, family):
    network = family("tanh", "average")
    scatter_weights(network, 3)
    x = inputs(network, 4)
    cotangent = np.random.default_rng(5).normal(size=(3, 10)).astype(np.float32)
    received = ph.gradient(network, x, cotangent=cotangent)
    assert relative_error(received, input_gradient(network, x, cotangent)) <= GRADIENT_TOLERANCE
