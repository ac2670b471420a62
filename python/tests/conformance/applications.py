"""The networks of `keras.applications`, with weights that keep a signal alive throughout."""

import numpy as np
from keras_side import scatter_weights

NAMES = (
    "ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge",
    "DenseNet121", "DenseNet169", "DenseNet201",
    "EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3", "EfficientNetB4",
    "EfficientNetB5", "EfficientNetB6", "EfficientNetB7",
    "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3",
    "EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L",
    "InceptionResNetV2", "InceptionV3",
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large",
    "NASNetMobile", "NASNetLarge",
    "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2",
    "VGG16", "VGG19", "Xception",
)  # fmt: skip
"""All that Keras 3.15 has, in alphabetical order of families."""


def build(name, side, **settings):
    """Return an application with random weights, its batch normalizations calibrated.

    What Keras starts with explodes or dies out on the way through a hundred layers, since the
    moving averages (0 and 1) are nothing like the signal's own. One pass in training mode with
    momentum 0 puts the signal's own in their place, as training would.
    """
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    network = getattr(keras.applications, name)(
        weights=None, input_shape=(side, side, 3), **settings
    )
    scatter_weights(network, seed=1)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # what Keras does when it loads weights
    norms = [
        layer
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        network(images(side, count=4, seed=2), training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    return network


def in_float64(network, name, side, **settings):
    """Return the same application with the same weights, computed in float64."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        twin = getattr(keras.applications, name)(
            weights=None, input_shape=(side, side, 3), **settings
        )
    finally:
        keras.config.set_dtype_policy(policy)
    twin.set_weights(network.get_weights())
    for layer in twin._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return twin


def images(side, count=1, seed=0):
    """Return smooth random pictures with values from 0 to 255."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(0, 255, (count, 8, 8, 3))
    rows = np.linspace(0, 7, side)
    low, part = np.floor(rows).astype(int), rows % 1
    high = np.minimum(low + 1, 7)
    for axis in (1, 2):
        weight = part.reshape((-1, 1, 1) if axis == 1 else (1, -1, 1))
        coarse = coarse.take(low, axis) * (1 - weight) + coarse.take(high, axis) * weight
    noise = random.normal(0, 10, coarse.shape)
    return np.clip(coarse + noise, 0, 255).astype(np.float32)
