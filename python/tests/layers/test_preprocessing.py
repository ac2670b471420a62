"""Layers that prepare inputs, against Keras: scaling, sizes, categories, augmentation."""

import numpy as np
import pytest
from conftest import relative_error
from layers.checking import Given, Numbers, Whole, check, one_layer, refusal, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

FIRST = {"data_format": "channels_first"}
PIXELS = Numbers((8, 7, 3), scale=60, offset=128)
BYTES = Whole((8, 7, 3), 256, dtype="uint8")


def layer(name, *inputs, smooth=True, **settings):
    """Return a row of the layer `name`."""
    return row(lambda keras: getattr(keras.layers, name)(**settings), *inputs, smooth=smooth)


def resizings(method):
    """Return the rows of resizing by one method."""
    # TensorFlow has no gradient of "area".
    smooth = {"smooth": method != "area", "interpolation": method}
    return {
        f"{method}, larger": layer("Resizing", (6, 5, 2), height=13, width=11, **smooth),
        f"{method}, smaller": layer("Resizing", (13, 17, 2), height=5, width=7, **smooth),
        f"{method}, both": layer("Resizing", (13, 5, 2), height=6, width=12, **smooth),
        f"{method}, smoothed": layer(
            "Resizing", (13, 17, 2), height=5, width=20, antialias=True, **smooth
        ),
        f"{method}, a third": layer("Resizing", (12, 9, 2), height=4, width=3, **smooth),
        f"{method}, to one pixel": layer("Resizing", (6, 5, 2), height=1, width=1, **smooth),
    }


def equalization(*inputs, **settings):
    """Return a row of the equalization in tiles, which has no gradient."""
    if isinstance(settings.get("tile_grid_size"), int):
        settings["tile_grid_size"] = (settings["tile_grid_size"],) * 2
    name = "ContrastLimitedAdaptiveHistogramEqualization"
    return layer(name, *inputs, smooth=False, **settings)


def identities():
    """Return a row for each layer that changes nothing at inference."""
    settings = {
        "AugMix": {},
        "CutMix": {},
        "MaxNumBoundingBoxes": {"max_number": 3},
        "MixUp": {},
        "RandAugment": {},
        "RandomBrightness": {"factor": 0.5},
        "RandomColorDegeneration": {"factor": 0.5},
        "RandomColorJitter": {"brightness_factor": 0.5, "hue_factor": 0.2},
        "RandomContrast": {"factor": 0.5},
        "RandomCrop": {"height": 8, "width": 7},
        "RandomElasticTransform": {"factor": 1.0, "scale": 1.0},
        "RandomErasing": {"factor": 1.0},
        "RandomFlip": {"mode": "horizontal"},
        "RandomGaussianBlur": {"factor": 1.0},
        "RandomGrayscale": {"factor": 1.0},
        "RandomHue": {"factor": 0.5},
        "RandomInvert": {"factor": 1.0},
        "RandomPerspective": {"factor": 1.0},
        "RandomPosterization": {"factor": 4},
        "RandomRotation": {"factor": 0.2},
        "RandomSaturation": {"factor": 0.5},
        "RandomSharpness": {"factor": 0.5},
        "RandomShear": {"x_factor": 0.3, "y_factor": 0.3},
        "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
        "RandomZoom": {"height_factor": 0.2},
        "Solarization": {"addition_factor": 0.5, "threshold_factor": 0.5},
    }
    return {name: {"plain": layer(name, PIXELS, **each)} for name, each in settings.items()}


TABLE = {
    "Rescaling": {
        "numbers": layer("Rescaling", PIXELS, scale=1 / 127.5, offset=-1),
        "scale alone": layer("Rescaling", PIXELS, scale=1 / 255),
        "a number a channel": layer(
            "Rescaling", PIXELS, scale=[0.01, 0.02, 0.03], offset=[1.0, 2.0, 3.0]
        ),
        "tuple": layer("Rescaling", PIXELS, scale=(0.01, 0.02, 0.03), offset=-1.0),
        "array": layer("Rescaling", PIXELS, scale=0.02, offset=np.float32([1, 2, 3])),
        "whole numbers": layer("Rescaling", Whole((4, 4, 3), 256), scale=1 / 255),
    },
    "Normalization": {
        "given": layer(
            "Normalization", PIXELS, mean=[120.0, 110.0, 100.0], variance=[9.0, 16.0, 25.0]
        ),
        "given, one number": layer("Normalization", PIXELS, mean=120.0, variance=9.0),
        "given, no axis": layer("Normalization", PIXELS, mean=120.0, variance=9.0, axis=None),
        "given, first axis": layer(
            "Normalization", (2, 3, 4), mean=[1.0, 2.0], variance=[9.0, 16.0], axis=1
        ),
        "given, two axes": layer(
            "Normalization", (2, 4, 3), mean=np.full((2, 3), -1.0).tolist(),
            variance=np.arange(1.0, 7).reshape(2, 3).tolist(), axis=(1, 3),
        ),
        "given, last of two axes": layer(
            "Normalization", (2, 4, 3), mean=[1.0, 2, 3], variance=[1.0, 4, 9], axis=(1, 3)
        ),
        "no variance": layer("Normalization", (2,), mean=[1.0, 2], variance=[0.0, 4]),
        "inverse": layer(
            "Normalization", (2,), mean=[1.0, 2], variance=[0.0, 4], invert=True
        ),
    },
    "Resizing": {
        "standard": layer("Resizing", (9, 6, 3), height=5, width=8),
        "bytes": layer("Resizing", BYTES, height=13, width=8),
        "bytes, bicubic": layer(
            "Resizing", BYTES, height=13, width=8, interpolation="bicubic"
        ),
        "reshaped bytes": row(
            lambda keras: lambda x: keras.layers.Resizing(9, 9, interpolation="nearest")(
                keras.layers.Cropping2D(1)(keras.layers.Permute((2, 1, 3))(x))
            ),
            BYTES,
        ),
        "bytes made fractions": row(
            lambda keras: lambda x: keras.layers.Resizing(9, 9)(
                keras.layers.Rescaling(1 / 255)(x)
            ),
            BYTES,
        ),
        "upsampled bytes": layer("UpSampling2D", BYTES, interpolation="bilinear"),
        "same size": layer("Resizing", (9, 6, 3), height=9, width=6),
        "channels first": layer("Resizing", (3, 9, 6), height=5, width=8, **FIRST),
        "cropped": layer("Resizing", (9, 16, 2), height=5, width=4, crop_to_aspect_ratio=True),
        "cropped, high": layer(
            "Resizing", (17, 6, 2), height=5, width=4, crop_to_aspect_ratio=True
        ),
        "cropped, channels first": layer(
            "Resizing", (2, 9, 16), height=5, width=4, crop_to_aspect_ratio=True, **FIRST
        ),
        "padded": layer("Resizing", (9, 16, 2), height=5, width=4, pad_to_aspect_ratio=True),
        "padded, high": layer(
            "Resizing", (17, 6, 2), height=5, width=4, pad_to_aspect_ratio=True, fill_value=3.0
        ),
        "padded, channels first": layer(
            "Resizing", (2, 9, 16), height=5, width=4, pad_to_aspect_ratio=True, **FIRST
        ),
    },
    "CenterCrop": {
        "smaller": layer("CenterCrop", (9, 8, 3), height=4, width=5),
        "as large": layer("CenterCrop", (9, 8, 3), height=9, width=8),
        "larger": layer("CenterCrop", (5, 4, 3), height=9, width=8),
        "higher": layer("CenterCrop", (5, 9, 3), height=7, width=4),
        "channels first": layer("CenterCrop", (3, 9, 8), height=4, width=5, **FIRST),
        "channels first, larger": layer("CenterCrop", (3, 5, 4), height=9, width=8, **FIRST),
    },
    "CategoryEncoding": {
        "one_hot": layer(
            "CategoryEncoding", Whole((1,), 5), num_tokens=5, output_mode="one_hot"
        ),
        "one_hot of several": layer(
            "CategoryEncoding", Whole((4,), 5), num_tokens=5, output_mode="one_hot"
        ),
        "one_hot of rows": layer(
            "CategoryEncoding", Whole((3, 4), 5), num_tokens=5, output_mode="one_hot"
        ),
        "one_hot of numbers": layer(
            "CategoryEncoding", Whole((), 5), num_tokens=5, output_mode="one_hot"
        ),
        "multi_hot": layer("CategoryEncoding", Whole((4,), 6), num_tokens=6),
        "count": layer("CategoryEncoding", Whole((9,), 5), num_tokens=5, output_mode="count"),
        "count with weights": row(
            lambda keras: keras.layers.CategoryEncoding(num_tokens=5, output_mode="count"),
            Whole((9,), 5),
            (9,),
            call=lambda layer, x, weights: layer(x, count_weights=weights),
            # TensorFlow has no gradient of counting.
            smooth=False,
        ),
    },
    "Discretization": {
        "int": layer("Discretization", (4,), bin_boundaries=[-1.0, 0.0, 0.5], smooth=False),
        "int of boundaries": layer(
            "Discretization", Given(np.float32([[-1, 0, 0.5, 9, np.inf, -np.inf]])),
            bin_boundaries=[-1.0, 0.0, 0.5], smooth=False,
        ),
        "one_hot": layer(
            "Discretization", (4,), bin_boundaries=[0.0, 0.5], output_mode="one_hot", smooth=False
        ),
        "one_hot of one": layer(
            "Discretization", (1,), bin_boundaries=[0.0, 0.5], output_mode="one_hot", smooth=False
        ),
        "multi_hot": layer(
            "Discretization", (4,), bin_boundaries=[0.0, 0.5], output_mode="multi_hot",
            smooth=False,
        ),
        "count": layer(
            "Discretization", (4,), bin_boundaries=[0.0, 0.5], output_mode="count", smooth=False
        ),
    },
    "AutoContrast": {
        "pixels": layer("AutoContrast", PIXELS),
        "from 0 to 1": layer("AutoContrast", (4, 5, 3), value_range=(0, 1)),
        "one color": layer(
            "AutoContrast", Given(np.full((1, 4, 4, 2), 7, np.float32)), smooth=False
        ),
        "channels first": layer("AutoContrast", (3, 4, 5), value_range=(0, 1), **FIRST),
    },
    "ContrastLimitedAdaptiveHistogramEqualization": {
        "pixels": equalization(PIXELS),
        "tiles": equalization(PIXELS, tile_grid_size=(2, 3)),
        "clipped": equalization(
            Whole((20, 24, 2), 256, dtype="float32"), tile_grid_size=(2, 3), clip_limit=1.5
        ),
        "not clipped": equalization(PIXELS, tile_grid_size=2, clip_limit=0.0),
        "from 0 to 1": equalization(
            Numbers((8, 9, 3), scale=0.2, offset=0.5), value_range=(0, 1), tile_grid_size=(2, 2)
        ),
        "one color": equalization(Given(np.full((1, 8, 8, 2), 7, np.float32)), tile_grid_size=2),
        "channels first": equalization(
            Numbers((3, 8, 9), scale=60, offset=128), tile_grid_size=(2, 2), **FIRST
        ),
    },
} | identities()  # fmt: skip
for method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"):
    TABLE["Resizing"] |= resizings(method)


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


LEARNED = {
    "vectors": ([[1, 2, 3], [4, 9, 3]], {}),
    "images": (np.arange(48.0).reshape(2, 2, 4, 3) ** 1.5, {}),
    "one number": ([[1, 2], [4, 9]], {"axis": None}),
    "two axes": (np.arange(24.0).reshape(2, 2, 2, 3) ** 1.5, {"axis": (1, -1)}),
    "inverse": ([[1, 2], [4, 9]], {"invert": True}),
}


@pytest.mark.parametrize("case", LEARNED)
def test_normalization_with_what_it_learned(keras, case, tmp_path):
    data, settings = np.asarray(LEARNED[case][0], np.float32), LEARNED[case][1]
    normalization = keras.layers.Normalization(name="learned", **settings)
    network = keras.Sequential([keras.Input(data.shape[1:]), normalization])
    normalization.adapt(data)
    network.save(tmp_path / "network.keras")
    expected = np.asarray(network(data))
    for model in (ph.load(network), ph.load(tmp_path / "network.keras")):
        assert relative_error(model(data), expected) <= 2e-5
        cotangent = np.ones_like(expected)
        gradient = ph.gradient(model, data, cotangent=("learned", cotangent))
        slope = np.maximum(np.sqrt(np.asarray(normalization.variance)), 1e-7)
        wanted = cotangent * slope if settings.get("invert") else cotangent / slope
        assert relative_error(gradient, wanted) <= 2e-4


def test_random_crops_are_left_out_at_inference_whatever_their_size(keras):
    network = keras.Sequential([keras.Input((8, 7, 3)), keras.layers.RandomCrop(4, 5)])
    x = np.random.default_rng(0).normal(size=(2, 8, 7, 3)).astype(np.float32)
    assert np.array_equal(network(x, training=False), x)
    assert np.array_equal(ph.load(network)(x), x)


def test_layers_that_keras_cannot_put_into_a_network_alone():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    assert np.array_equal(ph.load((one_layer("Equalization", (4, 4, 3)), {}))(x), x)


@pytest.mark.parametrize(
    ("layer_class", "settings", "sentence"),
    [
        ("Rescaling", {}, "the configuration has no 'scale'"),
        ("Rescaling", {"scale": {"class_name": "Zeros", "config": {}}}, "numbers of class 'Zeros'"),
        ("Rescaling", {"scale": [1, 2]}, "can't be broadcast"),
        ("Normalization", {"mean": 1.0}, "mean and variance must both be given or neither"),
        ("Normalization", {"mean": [1.0] * 2, "variance": [1.0] * 2}, "don't fit axis 3"),
        ("Normalization", {"mean": [[1.0]], "variance": [[1.0]]}, "at most one axis for each"),
        ("Normalization", {"axis": 4}, "axis 4"),
        ("Resizing", {"height": 0, "width": 2}, "height must be a positive whole number"),
        ("Resizing", {"height": 70000, "width": 2}, "interpolated axes have 1 to 65536 elements"),
        ("Resizing", {"height": 2, "width": 2, "interpolation": "cubic"}, "'bicubic'"),
        ("Resizing", {"height": 2, "width": 2, "fill_mode": "wrap"}, "must be one of 'constant'"),
        (
            "Resizing",
            {"height": 2, "width": 2, "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
            "can't both be true",
        ),
        ("CenterCrop", {"height": 2}, "the configuration has no 'width'"),
        ("CategoryEncoding", {"num_tokens": 3, "output_mode": "int"}, "received 'int'"),
        ("CategoryEncoding", {"num_tokens": 3, "output_mode": "tf_idf"}, "output_mode must be one"),
        ("CategoryEncoding", {}, "the configuration has no 'num_tokens'"),
        ("Discretization", {"num_bins": 3}, "bin_boundaries are missing: adapt the layer"),
        ("Discretization", {"bin_boundaries": [2.0, 1.0]}, "bin_boundaries must rise"),
        ("AutoContrast", {"value_range": [1, 1]}, "value_range needs a smallest and a larger"),
    ],
)
def test_settings_that_are_refused(layer_class, settings, sentence):
    assert sentence in refusal(layer_class, (8, 7, 3), **settings)


@pytest.mark.parametrize(
    ("front", "value_range"),
    [
        (lambda layers: [layers.Rescaling(1 / 127.5, offset=-1)], (0, 255)),
        (lambda layers: [layers.Rescaling(1.0, offset=-127)], (0, 255)),
        (lambda layers: [layers.Rescaling(2.0, offset=-1)], (0, 1)),
        (lambda layers: [layers.Rescaling(np.float32([0.01, 0.02, 0.01]))], (0, 255)),
        (lambda layers: [layers.RandomFlip(), layers.Rescaling((0.01, 0.01, 0.01))], (0, 255)),
        (lambda layers: [layers.Resizing(4, 4), layers.Rescaling(1 / 255)], (0, 255)),
        (lambda layers: [layers.Normalization(mean=[0.5] * 3, variance=[0.1] * 3)], (0, 1)),
        (lambda layers: [layers.Normalization(mean=120.0, variance=9.0)], (0, 255)),
    ],
)
def test_the_range_of_pixels_is_found_at_the_front_of_a_network(keras, front, value_range):
    layers = [keras.Input((8, 8, 3)), *front(keras.layers), keras.layers.Flatten()]
    found = ph.load(keras.Sequential(layers)).preprocessing
    assert found.value_range == value_range
    assert not found.assumed
    assert f"{type(layers[-2]).__name__} found" in found.sentence


def test_the_range_of_pixels_is_found_inside_of_nested_networks(keras):
    front = keras.Sequential([keras.layers.RandomRotation(0.1), keras.layers.RandomZoom(0.1)])
    normalization = keras.layers.Normalization()
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), front, keras.Sequential([normalization]), keras.layers.Flatten()]
    )
    normalization.adapt(np.random.default_rng(0).uniform(0, 255, (9, 8, 8, 3)))
    found = ph.load(network).preprocessing
    assert found.value_range == (0, 255)
    assert not found.assumed
    normalization.adapt(np.random.default_rng(0).normal(size=(9, 8, 8, 3)))
    assert ph.load(network).preprocessing.assumed
