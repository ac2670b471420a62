"""The networks that are measured, built by Keras with random weights.

usage: subjects.py NAME IMAGE FILE    (IMAGE: the side of the input, 0 for the network's own)
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

APPLICATIONS = {
    "vgg16": "VGG16",
    "resnet50": "ResNet50",
    "mobilenetv2": "MobileNetV2",
    "inceptionv3": "InceptionV3",
    "densenet121": "DenseNet121",
    "efficientnetb0": "EfficientNetB0",
}
SIDES = {"inceptionv3": 299, "dense": 50, "digits": 28}
PLAIN_SIDE, PLAIN_CHANNELS = 56, 64


def input_shape(name: str, image: int | None, batch: int) -> tuple[int, ...]:
    """Return the shape of a network's input."""
    side = image or (PLAIN_SIDE if name.startswith("plain") else SIDES.get(name, 224))
    if name == "dense":
        return batch, side, side
    channels = 1 if name == "digits" else PLAIN_CHANNELS if name.startswith("plain") else 3
    return batch, side, side, channels


def inputs(name: str, image: int | None, batch: int) -> np.ndarray:
    """Return an input, the same in every process."""
    shape = input_shape(name, image, batch)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def build(name: str, image: int | None = None) -> Any:
    """Return a network as a Keras model with random weights.

    ``plainN`` is N convolutions of 3x3 one after the other. Statistics of BatchNormalization are
    those of the input, without which values would grow or fade from layer to layer.
    """
    import keras

    keras.utils.set_random_seed(0)
    shape = input_shape(name, image, 1)[1:]
    if name in APPLICATIONS:
        application = getattr(keras.applications, APPLICATIONS[name])
        model = application(weights=None, input_shape=shape if image else None)
    elif name == "dense":
        model = _dense(shape)
    elif name == "digits":
        model = _digits(shape)
    else:
        model = _plain(shape, int(name.removeprefix("plain")))
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    if norms:
        model(inputs(name, image, 1), training=True)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
    return model


def _dense(shape: tuple[int, ...]) -> Any:
    """Return the article's network: a pattern of 50 by 50 through six dense layers."""
    from keras import Input, Sequential, layers

    hidden = [layers.Dense(units, activation="relu") for units in (75, 50, 25, 10)]
    return Sequential(
        [Input(shape), *hidden, layers.Flatten(), layers.Dense(5, activation="softmax")]
    )


def _digits(shape: tuple[int, ...]) -> Any:
    """Return Keras' own example of a small convolutional network for MNIST."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input(shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _plain(shape: tuple[int, ...], depth: int) -> Any:
    """Return `depth` convolutions, their mean and ten classes."""
    from keras import Input, Sequential, layers

    def convolution() -> Any:
        return layers.Conv2D(
            shape[-1], 3, padding="same", activation="relu", kernel_initializer="he_normal"
        )

    return Sequential(
        [
            Input(shape),
            *(convolution() for _ in range(depth)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


if __name__ == "__main__":
    build(sys.argv[1], int(sys.argv[2]) or None).save(sys.argv[3])
