"""Functions of `keras.ops.image`, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, Whole, check, row, rows

pytestmark = pytest.mark.keras

IMAGE = (8, 9, 3)
FIRST = (3, 8, 9)
COLORS = Given(np.random.default_rng(1).uniform(0.05, 0.95, (2, *IMAGE)).astype("float32"))
GRAYS = Given(np.repeat(np.linspace(0, 1, 24).reshape(2, 3, 4, 1), 3, -1).astype("float32"))


def one(name, given=IMAGE, *positional, smooth=True, on_jax=False, **settings):
    """Return a row for a function of images."""
    return row(
        lambda keras: lambda x: getattr(keras.ops.image, name)(x, *positional, **settings),
        given,
        smooth=smooth,
        on_jax=on_jax,
    )


TURN = np.array([0.9, 0.3, -1.2, -0.2, 1.1, 0.7, 0.01, -0.02], "float32")
# JAX leaves out the perspective, the last two numbers.
TURNS = np.array([[0.9, 0.3, -1.2, -0.2, 1.1, 0.7, 0, 0], [1, 0, 0.5, 0, 1, -2.25, 0, 0]])
PLACES = np.random.default_rng(2).uniform(-3, 9, (2, 5, 4)).astype("float32")


def mapped(**settings):
    """Return a row for places in the mean image; JAX and TensorFlow differ outside of it."""
    return row(
        lambda keras: (
            lambda x: keras.ops.image.map_coordinates(
                keras.ops.mean(x, axis=(0, 3)), PLACES, **settings
            )
        ),
        IMAGE,
        on_jax=True,
    )


TABLE = {
    # TensorFlow's own gradient is an approximation, which reads the cotangent by the inverse.
    "AffineTransform": {
        "constant": one("affine_transform", IMAGE, TURN, fill_value=0.5, smooth=False),
        "nearest": one("affine_transform", IMAGE, TURN, fill_mode="nearest", smooth=False),
        "reflect": one("affine_transform", IMAGE, TURN, fill_mode="reflect", smooth=False),
        "pixels": one("affine_transform", IMAGE, TURN, interpolation="nearest", smooth=False),
        "each": row(
            lambda keras: (
                lambda x: keras.ops.image.affine_transform(x[0], keras.ops.stop_gradient(x[1]))
            ),
            IMAGE,
            Given(TURNS.astype("float32")),
            on_jax=True,
        ),
    },
    "CropImages": {
        "edges": one(
            "crop_images", top_cropping=1, left_cropping=2, target_height=4, target_width=5
        ),
        "first": one(
            "crop_images",
            FIRST,
            bottom_cropping=1,
            right_cropping=2,
            top_cropping=1,
            target_width=5,
            data_format="channels_first",
        ),
    },
    "GaussianBlur": {
        "plain": one("gaussian_blur"),
        "wide": one("gaussian_blur", kernel_size=(5, 5), sigma=(1.5, 0.7)),
        "oblong": one("gaussian_blur", kernel_size=(3, 5), sigma=(1.5, 0.7)),
        "first": one("gaussian_blur", FIRST, data_format="channels_first"),
    },
    "HSVToRGB": {"colors": one("hsv_to_rgb", COLORS, on_jax=True)},
    "MapCoordinates": {
        "constant": mapped(order=1, fill_value=0.5),
        "nearest": mapped(order=1, fill_mode="nearest"),
        "reflect": mapped(order=1, fill_mode="reflect"),
        "mirror": mapped(order=1, fill_mode="mirror"),
        "wrap": mapped(order=1, fill_mode="wrap"),
        "pixels": mapped(order=0, fill_mode="nearest"),
    },
    "PadImages": {
        "edges": one(
            "pad_images", top_padding=1, left_padding=2, target_height=12, target_width=11
        ),
        "first": one(
            "pad_images",
            FIRST,
            bottom_padding=1,
            right_padding=2,
            top_padding=1,
            target_width=12,
            data_format="channels_first",
        ),
    },
    "RGBToGrayscale": {
        "last": one("rgb_to_grayscale"),
        "first": one("rgb_to_grayscale", FIRST, data_format="channels_first"),
        "gray": one("rgb_to_grayscale", (8, 9, 1)),
        "bytes": one("rgb_to_grayscale", Whole(IMAGE, 256, dtype="uint8")),
    },
    "RGBToHSV": {
        "colors": one("rgb_to_hsv", COLORS),
        "grays": one("rgb_to_hsv", GRAYS, smooth=False),
    },
    "Resize": {
        "bilinear": one("resize", IMAGE, (5, 12)),
        "nearest": one("resize", IMAGE, (5, 12), interpolation="nearest"),
        "bicubic": one("resize", IMAGE, (5, 12), interpolation="bicubic"),
        "lanczos": one("resize", IMAGE, (5, 12), interpolation="lanczos3", antialias=True),
        "crop": one("resize", IMAGE, (6, 6), crop_to_aspect_ratio=True),
        "pad": one("resize", IMAGE, (6, 6), pad_to_aspect_ratio=True, fill_value=0.5),
        "first": one("resize", FIRST, (5, 12), data_format="channels_first"),
        "bytes": one("resize", Whole(IMAGE, 256, dtype="uint8"), (5, 12), interpolation="bicubic"),
    },
    "SSIM": {
        "equal": row(
            lambda keras: lambda x: keras.ops.image.ssim(*x, max_val=1.0, filter_size=5),
            COLORS,
            COLORS,
            smooth=False,
        ),
        "different": row(
            lambda keras: lambda x: keras.ops.image.ssim(*x, filter_size=3, filter_sigma=1.0),
            IMAGE,
            IMAGE,
        ),
    },
    "ScaleAndTranslate": {
        method: row(
            lambda keras, method=method: (
                lambda x: keras.ops.image.scale_and_translate(
                    keras.ops.mean(x, axis=0),
                    (5, 12, 3),
                    np.array([0.6, 1.4], "float32"),
                    np.array([0.3, -0.7], "float32"),
                    (0, 1),
                    method,
                )
            ),
            IMAGE,
        )
        for method in ("linear", "cubic", "lanczos3")
    },
    "SobelEdges": {
        "last": one("sobel_edges"),
        "first": one("sobel_edges", FIRST, data_format="channels_first"),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
