"""Live models that can't be expanded: sentences that name the layer, the reason and the way on."""

from __future__ import annotations

import numpy as np
import pytest

import phosphene as ph

pytestmark = pytest.mark.keras
keras = pytest.importorskip("keras")
layers, ops = keras.layers, keras.ops

X = np.ones((2, 4), np.float32)


def model_of(call, build=None):
    """Return a subclassed model of one custom layer, called once."""
    methods = {"call": call} if build is None else {"call": call, "build": build}
    mine = type("Mine", (layers.Layer,), methods)(name="mine")

    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.mine = mine

        def call(self, x):
            return self.mine(x)

    model = Net()
    model(X)
    return model


def add_w(self, shape):
    self.w = self.add_weight(shape=(4,), name="w", initializer="normal")


def add_seed(self, shape):
    self.seed = keras.random.SeedGenerator(3)


def assign(self, x):
    self.w.assign(self.w + 1.0)
    return x * self.w


def native(self, x):
    import tensorflow as tf

    return tf.nn.relu(x)


CASES = {
    "if": (lambda self, x: x if ops.sum(x) > 0 else -x, None, "decides by the value of a tensor"),
    "float": (lambda self, x: x * float(ops.max(x)), None, "reads the value of a tensor"),
    "numpy of a tensor": (lambda self, x: x * x.numpy().sum(), None, "reads the value of a tensor"),
    "numpy of a variable": (lambda self, x: x * self.w.numpy().sum(), add_w, "reads the value"),
    "array of a variable": (lambda self, x: x * np.asarray(self.w), add_w, "reads the value"),
    "random": (lambda self, x: x + keras.random.normal((4,)), None, "draws random numbers"),
    "seeded": (
        lambda self, x: x + keras.random.normal((4,), seed=self.seed),
        add_seed,
        "draws random numbers",
    ),
    "a changed variable": (assign, add_w, "reads a variable that it has changed"),
    "TensorFlow": (native, None, "calls TensorFlow itself"),
    "a method of tensors": (
        lambda self, x: x if x.device else -x,
        None,
        "'device', which only the backend's",
    ),
    "weights in call": (lambda self, x: layers.Dense(3)(x), None, "'dense.*has no weights yet"),
    "a function": (
        lambda self, x: ops.vectorized_map(lambda row: row * 2.0, x),
        None,
        "calls VectorizedMap, whose function can't be written down",
    ),
    "dropout": (
        lambda self, x: layers.Dropout(0.5, name="drop")(x, training=True),
        None,
        "calls Dropout 'drop' with training=True",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_expanded_is_named(name):
    call, build, reason = CASES[name]
    model = model_of(call, build)
    weights = [np.asarray(each) for each in model.get_weights()]
    with pytest.raises(
        ph.UnsupportedError, match=rf"Mine 'mine' can't be expanded.*{reason}"
    ) as got:
        ph.load(model, like=X)
    assert "keras.ops" in str(got.value)
    assert "handlers={'Mine'" in str(got.value)
    for before, after in zip(weights, model.get_weights(), strict=True):
        assert np.array_equal(before, after)
    assert not model.mine._inbound_nodes
    # Keras is as it was: calls are computed again, not noted.
    assert np.asarray(ops.convert_to_numpy(ops.add(X, 1.0)))[0, 0] == 2.0


def test_the_line_is_quoted():
    with pytest.raises(ph.UnsupportedError, match=r"line \d+ of test_refusals.py: .*ops.max\(x\)"):
        ph.load(model_of(CASES["float"][0]), like=X)


def test_a_handler_is_the_way_on():
    model = model_of(CASES["if"][0])
    handlers = {"Mine": lambda layer, x: ph.ops.where(ph.ops.sum(x) > 0, x, -x)}
    loaded = ph.load(model, like=X, handlers=handlers)
    assert loaded.output_shape == (None, 4)
    np.testing.assert_array_equal(loaded(-X), np.asarray(model(-X)))


def test_a_handler_gets_the_variables_of_a_live_layer():
    model = model_of(CASES["numpy of a variable"][0], add_w)
    handlers = {"Mine": lambda layer, x: x * ph.ops.sum(layer.weight("w"))}
    loaded = ph.load(model, like=X, handlers=handlers)
    np.testing.assert_allclose(loaded(X), np.asarray(model(X)), rtol=1e-5)
    model.set_weights([np.arange(4.0)])
    np.testing.assert_allclose(loaded.refresh(model)(X), 6 * X)


def test_shapes_that_keras_does_not_keep_are_asked_for():
    class Two(keras.Model):
        def __init__(self):
            super().__init__(name="two")
            self.embedding = layers.Embedding(9, 3)

        def call(self, ids, y):
            return self.embedding(ids) + y

    ids, y = np.array([[1, 2], [3, 4]]), np.ones((2, 2, 3), np.float32)
    model = Two()
    with pytest.raises(ph.InvalidArgumentError, match=r"no weights yet.*call it once"):
        ph.load(model)
    expected = np.asarray(model(ids, y))
    with pytest.raises(ph.InvalidArgumentError, match=r"what 'y' was.*like=\[ids, y\]"):
        ph.load(model)
    loaded = ph.load(model, like=[ids, y])
    assert [each.dtype.name for each in loaded.input_types] == ["int32", "float32"]
    np.testing.assert_allclose(loaded([ids, y]), expected)


def test_training_in_a_functional_model_is_what_keras_makes_of_it_at_inference():
    x = layers.Input((4,))
    inner = keras.Sequential([layers.Input((4,)), layers.BatchNormalization()], name="inner")
    dropped = layers.Dropout(0.5, name="drop")(x, training=True)
    model = keras.Model(x, inner(dropped, training=True))
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(ph.load(model)(values), model(values, training=False), rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x[:, : ops.shape(x)[1] // 3], "an index depends on the size of the input"),
        (
            lambda x: x + ops.arange(ops.shape(x)[1], dtype="float32"),
            "an array among its arguments",
        ),
        (lambda x: x / ops.sqrt(ops.cast(ops.shape(x)[1], "float32")), "a number among its"),
        (lambda x: ops.pad(x, ((0, 0), (0, 512 - x.shape[1]))), "its settings depend"),
        (lambda x: sum(x[:, index] for index in range(x.shape[1])), "calls other layers"),
    ],
)
def test_what_depends_on_free_lengths_is_named(function, message):
    class Sized(keras.Model):
        def call(self, x):
            return function(x)

    model = Sized(name="sized")
    model(np.ones((2, 7), np.float32))
    model._build_shapes_dict = {"input_shape": (None, None)}
    with pytest.raises(ph.UnsupportedError, match=message):
        ph.load(model)
