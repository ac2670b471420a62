"""Normalization layers against Keras."""

import json

import pytest
from layers.checking import Numbers, Whole, check, row, rows

import phosphene as ph

pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:.*does not support masking"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
]


def layer(name, *arguments, **settings):
    return lambda keras: getattr(keras.layers, name)(*arguments, **settings)


def inside(build):
    return lambda keras: keras.layers.SpectralNormalization(build(keras))


def attended(settings):
    """Return a network whose result depends on the mask that a layer hands on."""

    def call(name, ids):
        import keras

        x = keras.layers.Embedding(3, 4, mask_zero=True)(ids)
        x = settings(keras)(x)
        return keras.layers.Attention()([x, x])

    return row(lambda keras: settings, Whole((6,), 3), call=call)


SHAPE = Numbers((3, 4, 6), scale=2, offset=1)

TABLE = {
    "BatchNormalization": {
        "plain": row(layer("BatchNormalization"), SHAPE),
        "axis": row(layer("BatchNormalization", axis=1), SHAPE),
        "negative axis": row(layer("BatchNormalization", axis=-2), SHAPE),
        "epsilon": row(layer("BatchNormalization", epsilon=0.3), SHAPE),
        "without center": row(layer("BatchNormalization", center=False), SHAPE),
        "without scale": row(layer("BatchNormalization", scale=False), SHAPE),
        "with neither": row(layer("BatchNormalization", center=False, scale=False), (5,)),
        "renorm": row(layer("BatchNormalization", renorm=True), SHAPE),
        "passes a mask": attended(layer("BatchNormalization")),
    },
    "LayerNormalization": {
        "plain": row(layer("LayerNormalization"), SHAPE),
        "axis": row(layer("LayerNormalization", axis=1), SHAPE),
        "two axes": row(layer("LayerNormalization", axis=[1, 3]), SHAPE),
        "unsorted axes": row(layer("LayerNormalization", axis=[-1, 2]), Numbers((3, 4, 4))),
        "all axes": row(layer("LayerNormalization", axis=[1, 2, 3]), SHAPE),
        "epsilon": row(layer("LayerNormalization", epsilon=0.3), SHAPE),
        "without center": row(layer("LayerNormalization", center=False), SHAPE),
        "without scale": row(layer("LayerNormalization", scale=False), SHAPE),
        "with neither": row(layer("LayerNormalization", center=False, scale=False), (5,)),
        "rms_scaling": row(layer("LayerNormalization", rms_scaling=True), SHAPE),
        "rms_scaling, two axes": row(
            layer("LayerNormalization", axis=[2, 3], rms_scaling=True), SHAPE
        ),
        "far from zero": row(layer("LayerNormalization"), Numbers((5,), offset=30)),
        "passes a mask": attended(layer("LayerNormalization")),
    },
    "GroupNormalization": {
        "plain": row(layer("GroupNormalization"), (3, 64)),
        "groups": row(layer("GroupNormalization", groups=3), SHAPE),
        "one group": row(layer("GroupNormalization", groups=1), SHAPE),
        "groups of one channel": row(layer("GroupNormalization", groups=-1), SHAPE),
        "axis": row(layer("GroupNormalization", groups=2, axis=2), SHAPE),
        "negative axis": row(layer("GroupNormalization", groups=2, axis=-2), SHAPE),
        "epsilon": row(layer("GroupNormalization", groups=3, epsilon=0.3), SHAPE),
        "without center": row(layer("GroupNormalization", groups=3, center=False), SHAPE),
        "without scale": row(layer("GroupNormalization", groups=3, scale=False), SHAPE),
        "rank 2": row(layer("GroupNormalization", groups=3), (6,)),
        "passes a mask": attended(layer("GroupNormalization", groups=2)),
    },
    "RMSNormalization": {
        "plain": row(layer("RMSNormalization"), SHAPE),
        "epsilon": row(layer("RMSNormalization", epsilon=0.3), SHAPE),
        "two axes": row(layer("RMSNormalization", axis=[2, 3]), SHAPE),
        "axis of the last one's length": row(layer("RMSNormalization", axis=1), (4, 3, 4)),
        "ends a mask": attended(layer("RMSNormalization")),
    },
    "SpectralNormalization": {
        "of a convolution": row(inside(layer("Conv2D", 3, 2)), (4, 4, 2)),
        "of a Dense": row(inside(layer("Dense", 3, activation="relu")), (5,)),
        "of a Dense without bias": row(inside(layer("Dense", 3, use_bias=False)), (2, 5)),
        "mask": attended(inside(layer("Dense", 3))),
    },
    "UnitNormalization": {
        "plain": row(layer("UnitNormalization"), SHAPE),
        "axis": row(layer("UnitNormalization", axis=1), SHAPE),
        "two axes": row(layer("UnitNormalization", axis=[1, -1]), SHAPE),
        "passes a mask": attended(layer("UnitNormalization")),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("BatchNormalization", {"axis": 0}, "axis 0 isn't a feature axis"),
        ("BatchNormalization", {"axis": [1, 1]}, r"axes \[1, 1\] aren't different feature axes"),
        (
            "BatchNormalization",
            {"virtual_batch_size": 4},
            "virtual_batch_size must be None, received 4",
        ),
        ("LayerNormalization", {"axis": 3}, "axis 3 isn't a feature axis"),
        ("GroupNormalization", {"groups": 0}, "groups must be positive, or -1.*received 0"),
        ("GroupNormalization", {"groups": 4}, "6 channels can't be divided into 4 groups"),
        ("RMSNormalization", {"axis": [0]}, "axis 0 isn't a feature axis"),
        ("UnitNormalization", {"axis": 2}, "axis 2 isn't a feature axis"),
        (
            "SpectralNormalization",
            {"layer": {"class_name": "Flatten", "config": {"name": "flatten"}}},
            "the layer inside must have a kernel, received Flatten",
        ),
    ],
)
def test_bad_settings_are_refused(name, settings, message):
    config = {"batch_input_shape": [None, 6], **settings}
    network = {"name": "network", "layers": [{"class_name": name, "config": config}]}
    with pytest.raises(ph.PhospheneError, match=message):
        ph.load((json.dumps({"class_name": "Sequential", "config": network}), {}))


def test_keras_2_normalizes_along_several_axes():
    import numpy as np

    config = {"batch_input_shape": [None, 2, 3], "axis": [1, 2], "epsilon": 0.1}
    network = {
        "name": "network",
        "layers": [{"class_name": "BatchNormalization", "config": config | {"name": "bn"}}],
    }
    random = np.random.default_rng(0)
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    gamma, beta, mean, variance = weights = random.random((4, 1, 2, 3)).astype(np.float32)
    model = ph.load(
        (
            {"class_name": "Sequential", "config": network},
            {f"bn/{name}": each for name, each in zip(names, weights, strict=True)},
        )
    )
    x = random.random((4, 2, 3)).astype(np.float32)
    expected = gamma * (x - mean) / np.sqrt(variance + 0.1) + beta
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)
