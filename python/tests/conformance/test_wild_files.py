"""Trained networks as people have them: files of Keras 2.0 to 3, told from photos.

The files aren't part of this repository: PHOSPHENE_WEIGHTS names the folder that has them, with
photos/ and the lists of class names beside them.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import relative_error
from PIL import Image

import phosphene as ph

FOLDER = Path(os.environ.get("PHOSPHENE_WEIGHTS", "/nonexistent"))

pytestmark = [
    pytest.mark.keras,
    pytest.mark.conformance,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="PHOSPHENE_WEIGHTS names no folder"),
]

# What pixels from 0 to 255 are divided by, and what is subtracted after that.
CLASSIFIERS = {
    "mobilenet_v1_0.25_224_imagenet.h5": (127.5, 1),
    "mobilenetv2_dequant_imagenet.h5": (127.5, 1),
    "efficientnet_lite0_imagenet.h5": (128, 127 / 128),
    "tiny_darknet_imagenet.h5": (255, 0),
}

OTHERS = {
    "doodlenet_quickdraw345.h5": (28, 28, 1),
    "mlperf_tiny_resnet8_cifar10.h5": (32, 32, 3),
    "mlperf_tiny_resnet8_cifar10.keras": (32, 32, 3),
    "vgg16_notop_imagenet.h5": (96, 128, 3),
}

# The label that each classifier gives a photo and its probability, as Keras computed it when the
# files were collected.
LABELS = {
    "chelsea": ["Egyptian cat .49", "Egyptian cat .57", "tiger cat .38", "Egyptian cat .57"],
    "ccby_cat": ["tabby .51", "Egyptian cat .90", "Egyptian cat .48", "Egyptian cat .44"],
    "coffee": ["espresso .85", "espresso .81", "espresso .95", "espresso .88"],
    "ccby_macaw": ["macaw 1.00", "macaw .86", "macaw .93", "macaw .99"],
    "ccby_hot_dog": ["hotdog .90", "hotdog .75", "hotdog .98", "hotdog .81"],
    "ccby_dragonfly": ["dragonfly .48", "dragonfly .97", "dragonfly .95", "dragonfly .76"],
    "ccby_chickadee": ["chickadee .91", "chickadee .91", "chickadee .87", "chickadee .93"],
    "rocket": ["mosque .49", "missile .58", "missile .32", "obelisk .62"],
    "ccby_dog_labrador": [
        "clumber .41",
        "Great Pyrenees .36",
        "Great Pyrenees .32",
        "golden retriever .57",
    ],
}


def photos():
    """Return the photos that have labels: of each the middle, 7/8 of the shorter side wide."""
    pictures = []
    for name in LABELS:
        picture = Image.open(FOLDER / "photos" / f"{name}.jpg").convert("RGB")
        (width, height), side = picture.size, 0.875 * min(picture.size)
        box = [(width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2]
        picture = picture.resize((224, 224), Image.Resampling.BICUBIC, box)
        pictures.append(np.asarray(picture, np.float32))
    return np.stack(pictures)


def keras_values(keras, path, x):
    """Return what Keras computes; its DepthwiseConv2D refuses the setting `groups`."""

    class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
        def __init__(self, groups=1, **settings):
            assert groups == 1
            super().__init__(**settings)

    custom = {"DepthwiseConv2D": DepthwiseConv2D}
    network = keras.models.load_model(path, custom_objects=custom, compile=False)
    return network.predict(x, verbose=0)


@pytest.mark.parametrize("file", CLASSIFIERS)
def test_classifiers_tell_photos(keras, file):
    path = FOLDER / file
    divisor, shift = CLASSIFIERS[file]
    x = photos() / np.float32(divisor) - np.float32(shift)
    scores = ph.load(path)(x)
    assert relative_error(scores, keras_values(keras, path, x)) <= 1e-4
    darknet = "darknet" in file
    if darknet:
        scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
    names = FOLDER / ("tiny_darknet_classes_1000.txt" if darknet else "imagenet_classes_1000.txt")
    names = names.read_text().splitlines()
    column = list(CLASSIFIERS).index(file)
    for row, (photo, labels) in zip(scores, LABELS.items(), strict=True):
        label, probability = labels[column].rsplit(" ", 1)
        assert names[row.argmax()].split(",")[0].startswith(label), photo
        # The pictures were cut by another program: half a pixel changes that much.
        assert abs(row.max() - float(probability)) < 0.1, photo


@pytest.mark.filterwarnings("ignore:.*expects inputs from")  # numbers stand for pictures here
@pytest.mark.parametrize("file", OTHERS)
def test_the_numbers_are_those_of_keras(keras, file):
    path = FOLDER / file
    highest = 255 if "cifar" in file else 1
    x = np.random.default_rng(0).uniform(0, highest, (2, *OTHERS[file])).astype(np.float32)
    expected = keras_values(keras, path, x)
    assert relative_error(ph.load(path)(x), expected) <= 1e-4


def squeezenet(keras):
    """SqueezeNet 1.1 without its classifier; names have no slashes, which Keras 3 refuses."""
    layers = keras.layers

    def fire(x, number, narrow, wide):
        def conv(x, filters, size, name):
            name = f"fire{number}_{name}{size}x{size}"
            return layers.Conv2D(filters, size, padding="same", activation="relu", name=name)(x)

        x = conv(x, narrow, 1, "squeeze")
        return layers.Concatenate()([conv(x, wide, size, "expand") for size in (1, 3)])

    image = layers.Input((None, None, 3))
    x = layers.Conv2D(64, 3, 2, activation="relu", name="conv1")(image)
    for number, (narrow, wide) in enumerate(
        [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)], 2
    ):
        if number in (2, 4, 6):
            x = layers.MaxPooling2D(3, 2)(x)
        x = fire(x, number, narrow, wide)
    return keras.Model(image, x)


def test_weights_alone_whose_groups_have_slashes(keras):
    path = FOLDER / "squeezenet_v1.1_notop_imagenet.h5"
    network = squeezenet(keras)
    model = ph.load(path, config=network.to_json(), preprocessing="caffe")
    network.load_weights(path)
    x = model.prepare(list(photos().astype(np.uint8)))
    expected = np.asarray(network(x, training=False))
    assert relative_error(model(x), expected) <= 1e-4
