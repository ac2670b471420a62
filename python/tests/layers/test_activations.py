"""Activation functions and activation layers against Keras."""

import json

import numpy as np
import pytest
from layers.checking import Given, Numbers, check, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

FUNCTIONS = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink",
]  # fmt: skip

WIDE = Numbers((5, 6), scale=3)


def function_row(name):
    return row(lambda keras: keras.layers.Activation(name), WIDE)


def prelu(**settings):
    return lambda keras: keras.layers.PReLU(**settings)


def built(layer, *shape):
    """Return an activation with its weights, which Keras doesn't make inside another layer."""
    layer.build((None, *shape))
    return layer


TABLE = {
    "Activation": {
        **{name: function_row(name) for name in FUNCTIONS},
        "a function": row(lambda keras: keras.layers.Activation(keras.activations.gelu), WIDE),
        "a layer": row(
            lambda keras: keras.layers.Activation(keras.layers.LeakyReLU(negative_slope=0.1)), WIDE
        ),
    },
    "Dense": {
        "a layer for activation": row(
            lambda keras: keras.layers.Dense(4, activation=keras.layers.ELU(alpha=0.3)), (3, 6)
        ),
        "softmax over another axis": row(
            lambda keras: keras.layers.Dense(4, activation=keras.layers.Softmax(axis=1)), (3, 6)
        ),
        "glu": row(lambda keras: keras.layers.Dense(4, activation="glu"), (3, 6)),
        "an activation with weights": row(
            lambda keras: keras.layers.Dense(4, activation=built(keras.layers.PReLU(), 4)), (6,)
        ),
    },
    "ELU": {
        "plain": row(lambda keras: keras.layers.ELU(), WIDE),
        "alpha": row(lambda keras: keras.layers.ELU(alpha=0.3), WIDE),
    },
    "LeakyReLU": {
        "plain": row(lambda keras: keras.layers.LeakyReLU(), WIDE),
        "slope": row(lambda keras: keras.layers.LeakyReLU(negative_slope=0.1), WIDE),
        "slope 0": row(lambda keras: keras.layers.LeakyReLU(negative_slope=0), WIDE),
        "slope above 1": row(lambda keras: keras.layers.LeakyReLU(negative_slope=1.5), WIDE),
    },
    "PReLU": {
        "plain": row(prelu(), (3, 4, 2)),
        "one shared axis": row(prelu(shared_axes=1), (3, 4, 2)),
        "two shared axes": row(prelu(shared_axes=[1, 2]), (3, 4, 2)),
        "all axes shared": row(prelu(shared_axes=[1, 2, 3]), (3, 4, 2)),
    },
    "ReLU": {
        "plain": row(lambda keras: keras.layers.ReLU(), WIDE),
        "max_value": row(lambda keras: keras.layers.ReLU(max_value=2), WIDE),
        "max_value 6": row(lambda keras: keras.layers.ReLU(max_value=6), WIDE),
        "negative_slope": row(lambda keras: keras.layers.ReLU(negative_slope=0.3), WIDE),
        "threshold": row(lambda keras: keras.layers.ReLU(threshold=1.5), WIDE),
        "max_value, negative_slope": row(
            lambda keras: keras.layers.ReLU(max_value=2, negative_slope=0.3), WIDE
        ),
        "max_value, threshold": row(lambda keras: keras.layers.ReLU(2, 0, 1.5), WIDE),
        "negative_slope, threshold": row(lambda keras: keras.layers.ReLU(None, 0.3, 1.5), WIDE),
        "all three": row(lambda keras: keras.layers.ReLU(2, 0.3, 1.5), WIDE),
    },
    "Softmax": {
        "plain": row(lambda keras: keras.layers.Softmax(), WIDE),
        "another axis": row(lambda keras: keras.layers.Softmax(axis=1), WIDE),
        "a list of one": row(lambda keras: keras.layers.Softmax(axis=[-2]), WIDE),
        "two axes": row(lambda keras: keras.layers.Softmax(axis=[1, 3]), (3, 4, 2)),
        "last axes": row(lambda keras: keras.layers.Softmax(axis=[-1, -2]), (3, 4, 2)),
        "mask": row(
            lambda keras: keras.layers.Softmax(),
            WIDE,
            Given(np.random.default_rng(1).random((2, 5, 6)) < 0.5),
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
        "mask of rows": row(
            lambda keras: keras.layers.Softmax(axis=[1, 2]),
            WIDE,
            Given(np.array([[1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]], np.float32)[:, None]),
            call=lambda layer, x, mask: layer(x, mask=mask),
        ),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


def test_every_function_of_keras_is_known():
    import keras

    named = set(keras.src.activations.ALL_OBJECTS_DICT)
    # It takes two numbers beside its input, so that no layer can end with it.
    assert set(FUNCTIONS) == named - {"threshold"}


def edited(config, keras_version=None, **settings):
    """Return a model of one layer, with settings as other versions of Keras write them."""
    document = {
        "class_name": "Sequential",
        "config": {
            "name": "network",
            "layers": [
                {"class_name": config, "config": {"batch_input_shape": [None, 7], **settings}}
            ],
        },
    }
    if keras_version:
        document["keras_version"] = keras_version
    return ph.load((json.dumps(document), {}))


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("LeakyReLU", {"alpha": 0.25}, lambda x: np.where(x > 0, x, 0.25 * x)),
        (
            "LeakyReLU",
            {"alpha": {"type": "ndarray", "value": 0.25}},
            lambda x: np.where(x > 0, x, 0.25 * x),
        ),
        ("ThresholdedReLU", {"theta": 1.5}, lambda x: np.where(x > 1.5, x, 0)),
        (
            "Activation",
            {"activation": {"class_name": "function", "config": "silu", "module": "builtins"}},
            lambda x: x / (1 + np.exp(-x)),
        ),
        (
            "Activation",
            {"activation": {"class_name": "LeakyReLU", "config": {"alpha": 0.25}}},
            lambda x: np.where(x > 0, x, 0.25 * x),
        ),
    ],
)
def test_old_ways_of_writing_are_read(name, settings, expected):
    x = np.linspace(-3, 3, 14, dtype=np.float32).reshape(2, 7)
    np.testing.assert_allclose(edited(name, **settings)(x), expected(x), rtol=1e-6, atol=1e-6)


def test_hard_sigmoid_is_that_of_the_version_that_wrote_it():
    x = np.linspace(-3, 3, 14, dtype=np.float32).reshape(2, 7)
    old = edited("Activation", "2.15.0", activation="hard_sigmoid")(x)
    new = edited("Activation", "3.15.1", activation="hard_sigmoid")(x)
    np.testing.assert_allclose(old, np.clip(0.2 * x + 0.5, 0, 1), atol=1e-6)
    np.testing.assert_allclose(new, np.clip(x / 6 + 0.5, 0, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("Activation", {"activation": "rele"}, "activation 'rele' isn't supported; known are celu"),
        ("Activation", {"activation": "threshold"}, "'threshold' isn't supported"),
        ("LeakyReLU", {"negative_slope": -1}, "negative_slope must not be negative, received -1"),
        ("ReLU", {"max_value": -1}, "max_value must not be negative, received -1"),
        ("PReLU", {"shared_axes": [0]}, r"shared_axes are counted from 1.*received \[0\]"),
        ("Softmax", {"axis": 4}, "axis 4 isn't an axis of shape"),
        ("Softmax", {"axis": [1, -1]}, "must be different"),
        ("Activation", {"activation": {"class_name": "Mine", "config": {}}}, "activation Mine"),
        (
            "Activation",
            {"activation": {"class_name": "__lambda__", "config": {"value": []}}},
            "holds code",
        ),
    ],
)
def test_bad_settings_are_refused(name, settings, message):
    with pytest.raises(ph.PhospheneError, match=message):
        edited(name, **settings)


@pytest.mark.parametrize("name", [*FUNCTIONS, "prelu", "relu(threshold)"])
def test_the_value_before_an_activation_can_be_asked_for(name):
    import keras

    activation = {
        "prelu": built(keras.layers.PReLU(), 3, 4),
        "relu(threshold)": keras.layers.ReLU(threshold=1),
    }.get(name, name)
    inputs = keras.Input((3, 6))
    before = keras.layers.Dense(4, name="before")(inputs)
    outputs = keras.layers.Activation(activation, name="after")(before)
    model = ph.load(keras.Model(inputs, outputs))
    x = np.random.default_rng(0).normal(size=(1, 3, 6)).astype(np.float32)
    received = ph.gradient(model, x, ph.energy("after", pre_activation=True))
    expected = ph.gradient(model, x, ph.energy("before"))
    np.testing.assert_allclose(received, expected, atol=1e-5)


def gelu(x):
    """A function of one's own, which Keras writes down as its own ``gelu``."""
    import keras

    return 0.5 * x * (1 + keras.ops.tanh(x))


@pytest.mark.parametrize("make", ["Dense", "Activation"])
@pytest.mark.parametrize("function", ["own", "approximate", "TensorFlow"])
def test_a_function_that_shares_a_name_is_told_apart(make, function):
    import keras
    import tensorflow as tf

    activation = {"own": gelu, "approximate": keras.ops.gelu, "TensorFlow": tf.nn.gelu}[function]
    layer = getattr(keras.layers, make)(
        activation=activation, **({"units": 3} if make == "Dense" else {})
    )
    network = keras.Sequential([keras.Input((6,)), layer])
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    np.testing.assert_allclose(ph.load(network)(x), network(x), atol=1e-6)


def test_a_recurrent_layer_with_such_a_function_is_unrolled():
    import keras

    network = keras.Sequential([keras.Input((4, 6)), keras.layers.LSTM(3, activation=gelu)])
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)
    np.testing.assert_allclose(ph.load(network)(x), network(x), atol=1e-6)


def test_such_a_function_is_refused_in_keras_2():
    tf_keras = pytest.importorskip("tf_keras")
    network = tf_keras.Sequential(
        [tf_keras.layers.Input((6,)), tf_keras.layers.Dense(3, activation=gelu)]
    )
    with pytest.raises(ph.UnsupportedError, match="called like one of Keras'"):
        ph.load(network)
