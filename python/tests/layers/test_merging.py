"""Merging layers against Keras."""

import json

import pytest
from layers.checking import Whole, check, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

ELEMENTWISE = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")


def layer(name, **settings):
    return lambda keras: getattr(keras.layers, name)(**settings)


def embedded(ids, *, mask=True, size=4):
    import keras

    return keras.layers.Embedding(3, size, mask_zero=mask)(ids)


def attended(x):
    """Show the mask of a tensor: attention leaves masked steps out."""
    import keras

    return keras.layers.Attention()([x, x])


def merged(*has_mask, sizes=(4, 4)):
    """Return a call on embedded numbers, with masks or without; the result and its mask show."""

    def call(layer, *ids):
        parts = zip(ids, has_mask, sizes, strict=True)
        value = layer([embedded(each, mask=mask, size=size) for each, mask, size in parts])
        return [value, attended(value)]

    return call


IDS = Whole((6,), 3)


def elementwise(name):
    settings = {
        "two": row(layer(name), (3, 4), (3, 4)),
        "broadcast": row(layer(name), (3, 4), (1, 4)),
        "broadcast both ways": row(layer(name), (3, 1), (1, 4)),
        "another rank": row(layer(name), (2, 3, 4), (4,)),
        "vectors of numbers": row(layer(name), (), (3,)),
        "masks": row(layer(name), IDS, IDS, call=merged(True, True)),
        "one mask": row(layer(name), IDS, IDS, call=merged(True, False)),
        "the other mask": row(layer(name), IDS, IDS, call=merged(False, True)),
    }
    if name != "Subtract":
        settings["three"] = row(layer(name), (3, 4), (3, 4), (3, 4))
        settings["one in a list"] = row(layer(name), (3, 4), call=lambda layer, x: layer([x]))
        settings["three masks"] = row(
            layer(name), IDS, IDS, IDS, call=merged(True, True, True, sizes=(4, 4, 4))
        )
        settings["two masks of three"] = row(
            layer(name), IDS, IDS, IDS, call=merged(True, False, True, sizes=(4, 4, 4))
        )
    return settings


TABLE = {name: elementwise(name) for name in ELEMENTWISE} | {
    "Concatenate": {
        "plain": row(layer("Concatenate"), (3, 4), (3, 2)),
        "axis": row(layer("Concatenate", axis=1), (3, 4), (2, 4)),
        "negative axis": row(layer("Concatenate", axis=-2), (3, 4), (2, 4)),
        "three": row(layer("Concatenate"), (3,), (1,), (2,)),
        "one in a list": row(layer("Concatenate"), (3, 4), call=lambda layer, x: layer([x])),
        "masks": row(layer("Concatenate"), IDS, IDS, call=merged(True, True, sizes=(4, 2))),
        "one mask": row(layer("Concatenate"), IDS, IDS, call=merged(True, False)),
        "masks of steps": row(layer("Concatenate", axis=1), IDS, IDS, call=merged(True, True)),
        "one mask of steps": row(layer("Concatenate", axis=1), IDS, IDS, call=merged(False, True)),
    },
    "Dot": {
        "vectors": row(layer("Dot", axes=1), (4,), (4,)),
        "negative axis": row(layer("Dot", axes=-1), (3, 4), (2, 4)),
        "two axes": row(layer("Dot", axes=(1, 2)), (4, 3), (5, 4)),
        "negative axes": row(layer("Dot", axes=[-1, -2]), (3, 4), (4, 5)),
        "normalize": row(layer("Dot", axes=2, normalize=True), (3, 4), (2, 4)),
        "rank 4": row(layer("Dot", axes=(2, 1)), (3, 4, 2), (4, 5)),
        "a vector first": row(layer("Dot", axes=(1, 2)), (4,), (3, 4)),
        "a vector second": row(layer("Dot", axes=(2, 1)), (3, 4), (4,)),
        "ends masks": row(layer("Dot", axes=2), IDS, IDS, call=merged(True, True)),
    },
    "CustomScaleLayer": {
        "plain": row(lambda keras: scale_layer(0.3), (3, 4), (3, 4)),
    },
}


def scale_layer(scale):
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    return CustomScaleLayer(scale)


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


@pytest.mark.parametrize(
    ("name", "settings", "shapes", "message"),
    [
        ("Subtract", {}, [[2], [2], [2]], "Subtract takes two inputs, received 3"),
        ("Add", {}, [[2], [3]], "can't be broadcast"),
        ("Concatenate", {}, [[2, 2], [3, 2]], "can't concatenate"),
        ("Concatenate", {"axis": 3}, [[2, 2], [2, 2]], "axis 3 isn't an axis"),
        ("Dot", {"axes": [1, 1, 1]}, [[2], [2]], r"one axis or two, received \[1, 1, 1\]"),
        ("Dot", {"axes": 0}, [[2], [2]], "axis 0 of shape .* is the batch"),
        ("Dot", {"axes": 1}, [[2], [2], [2]], "Dot takes two inputs, received 3"),
        ("Dot", {"axes": 1}, [[2], [3]], "no common length"),
    ],
)
def test_bad_settings_are_refused(name, settings, shapes, message):
    inputs = [
        {
            "class_name": "InputLayer",
            "name": f"x{index}",
            "config": {"batch_input_shape": [None, *shape], "name": f"x{index}"},
            "inbound_nodes": [],
        }
        for index, shape in enumerate(shapes)
    ]
    layer = {
        "class_name": name,
        "name": "merge",
        "config": {"name": "merge", **settings},
        "inbound_nodes": [[[f"x{index}", 0, 0, {}] for index in range(len(shapes))]],
    }
    config = {
        "name": "network",
        "layers": [*inputs, layer],
        "input_layers": [[f"x{index}", 0, 0] for index in range(len(shapes))],
        "output_layers": [["merge", 0, 0]],
    }
    with pytest.raises(ph.PhospheneError, match=message):
        ph.load((json.dumps({"class_name": "Functional", "config": config}), {}))
