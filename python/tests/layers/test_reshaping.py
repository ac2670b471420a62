"""Reshaping, padding, cropping and upsampling against Keras."""

import numpy as np
import pytest
from conftest import relative_error
from layers.checking import check, one_layer, refusal, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

FIRST = {"data_format": "channels_first"}
SIZES = {1: (9,), 2: (8, 7), 3: (5, 6, 7)}
# Along each axis another number before and behind.
EDGES = {1: (1, 2), 2: ((0, 1), (2, 0)), 3: ((1, 0), (0, 2), (2, 1))}


def layer(name, *inputs, smooth=True, **settings):
    """Return a row of the layer `name`."""
    return row(lambda keras: getattr(keras.layers, name)(**settings), *inputs, smooth=smooth)


def edges(name, setting, rank):
    """Return the rows of a padding or cropping layer over `rank` axes."""
    last, first = (*SIZES[rank], 2), (2, *SIZES[rank])
    table = {
        "standard": layer(name, last),
        "one number": layer(name, last, **{setting: 2}),
        "other ends": layer(name, last, **{setting: EDGES[rank]}),
        "one number an axis": layer(name, last, **{setting: (1, 2, 0)[: max(rank, 2)]}),
    }
    if name != "Cropping1D":
        table["channels first"] = layer(name, first, **{setting: EDGES[rank]}, **FIRST)
    return table


def upsampling(rank):
    """Return the rows of an upsampling layer over `rank` axes."""
    name = f"UpSampling{rank}D"
    table = {"standard": layer(name, (*SIZES[rank], 2))}
    if rank == 1:
        return table | {"thrice": layer(name, (9, 2), size=3)}
    sizes = (2, 3, 1)[:rank]
    return table | {
        "other sizes": layer(name, (*SIZES[rank], 2), size=sizes),
        "channels first": layer(name, (2, *SIZES[rank]), size=sizes, **FIRST),
    }


TABLE = {
    "Flatten": {
        "image": layer("Flatten", (4, 3, 2)),
        "vector": layer("Flatten", (4,)),
        "numbers": layer("Flatten", ()),
        "channels first": layer("Flatten", (2, 4, 3), **FIRST),
        "channels first, sequence": layer("Flatten", (2, 4), **FIRST),
        "channels first, vector": layer("Flatten", (4,), **FIRST),
    },
    "Reshape": {
        "lengths": layer("Reshape", (4, 6), target_shape=(3, 8)),
        "one unknown": layer("Reshape", (4, 6), target_shape=(2, -1, 3)),
        "to numbers": layer("Reshape", (1, 1), target_shape=()),
    },
    "Permute": {
        "two axes": layer("Permute", (4, 3), dims=(2, 1)),
        "three axes": layer("Permute", (4, 3, 2), dims=(3, 1, 2)),
        "no change": layer("Permute", (4, 3), dims=(1, 2)),
    },
    "RepeatVector": {"thrice": layer("RepeatVector", (4,), n=3)},
}
for rank in (1, 2, 3):
    TABLE[f"ZeroPadding{rank}D"] = edges(f"ZeroPadding{rank}D", "padding", rank)
    TABLE[f"Cropping{rank}D"] = edges(f"Cropping{rank}D", "cropping", rank)
    TABLE[f"UpSampling{rank}D"] = upsampling(rank)
for method in ("bilinear", "bicubic", "lanczos3", "lanczos5", "area"):
    # TensorFlow has no gradient of "area".
    smooth = method != "area"
    TABLE["UpSampling2D"] |= {
        method: layer("UpSampling2D", (6, 5, 2), size=(2, 3), interpolation=method, smooth=smooth),
        f"{method}, channels first": layer(
            "UpSampling2D", (2, 6, 5), size=(5, 1), interpolation=method, smooth=smooth, **FIRST
        ),
        f"{method} of one pixel": layer(
            "UpSampling2D", (1, 2, 2), size=3, interpolation=method, smooth=smooth
        ),
    }


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


def test_lengths_that_an_input_leaves_open(keras):
    network = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.ZeroPadding2D(2),
            keras.layers.Cropping2D(1),
            keras.layers.UpSampling2D(),
            keras.layers.UpSampling2D(interpolation="bilinear"),
            keras.layers.Reshape((-1, 3)),
            keras.layers.Permute((2, 1)),
        ]
    )
    model = ph.load(network)
    shapes = [layer.output_shape for layer in model.layers]
    assert shapes == [(None, None, None, 3)] * 4 + [(None, None, 3), (None, 3, None)]
    for size in [(9, 8), (5, 7)]:
        x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
        assert relative_error(model(x), network(x)) <= 2e-5


def test_lengths_that_a_target_shape_leaves_open():
    model = ph.load((one_layer("Reshape", (4, 6), target_shape=[None, 8]), {}))
    x = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
    assert np.array_equal(model(x), x.reshape(1, 3, 8))


def test_pixels_that_do_not_count_may_be_anything():
    """A pixel that isn't a number spoils its neighbours and no others."""
    model = ph.load((one_layer("UpSampling2D", (4, 4, 1), interpolation="bilinear"), {}))
    x = np.ones((1, 4, 4, 1), np.float32)
    x[0, 0, 0, 0] = np.nan
    spoiled = np.isnan(model(x)[0, :, :, 0])
    assert spoiled[:3, :3].all()
    assert spoiled.sum() == 9


@pytest.mark.parametrize(
    ("layer_class", "settings", "sentence"),
    [
        ("Flatten", {"data_format": "last"}, "data_format must be one of"),
        ("Reshape", {"target_shape": [-1, -1]}, "at most one -1"),
        ("Reshape", {"target_shape": [5]}, "can't be reshaped to [5]"),
        ("Reshape", {}, "the configuration has no 'target_shape'"),
        ("Permute", {"dims": [0, 1, 2]}, "dims must name each axis from 1 on once"),
        ("Permute", {"dims": [2, 1]}, "need an input with 2 axes behind the batch"),
        ("RepeatVector", {"n": 0}, "n must be a positive whole number"),
        ("RepeatVector", {"n": 2}, "RepeatVector needs an input (batch, features)"),
        ("ZeroPadding2D", {"padding": [1, 2, 3]}, "padding needs two numbers from 0 to 65536"),
        ("ZeroPadding2D", {"padding": -1}, "for each of 2 axes"),
        ("ZeroPadding1D", {}, "ZeroPadding1D needs an input (batch, length, channels)"),
        ("Cropping2D", {"cropping": [[4, 4], [0, 0]]}, "leaves nothing of axis 1"),
        ("Cropping3D", {}, "Cropping3D needs an input (batch, depth, height, width, channels)"),
        ("UpSampling2D", {"interpolation": "gaussian"}, "'nearest', 'bilinear', 'bicubic', "),
        ("UpSampling2D", {"size": 0}, "size needs 2 positive numbers"),
        ("UpSampling2D", {"size": 10000, "interpolation": "area"}, "1 to 65536 elements"),
    ],
)
def test_settings_that_are_refused(layer_class, settings, sentence):
    assert sentence in refusal(layer_class, (8, 7, 2), **settings)
