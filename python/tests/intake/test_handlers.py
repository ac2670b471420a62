"""Handlers: layers that hold code in a file, that can't be expanded or that nobody knows."""

from __future__ import annotations

import numpy as np
import pytest

import phosphene as ph

SWISH = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 4, 6], "name": "x"}},
            {
                "class_name": "Swish",
                "module": "mine",
                "registered_name": "Custom>Swish",
                "config": {"name": "swish", "beta": 2.0},
            },
        ],
    },
}
X = np.linspace(-2, 2, 24, dtype=np.float32).reshape(1, 4, 6)


def swish(layer, x):
    return x / (1 + ph.ops.exp(-layer.get_config()["beta"] * x))


@pytest.mark.parametrize("key", ["Swish", "Custom>Swish", type("Swish", (), {})])
def test_a_layer_is_found_by_its_class(key):
    model = ph.load((SWISH, {}), handlers={key: swish})
    np.testing.assert_allclose(model(X), X / (1 + np.exp(-2 * X)), rtol=1e-5)
    layer = model["swish"]
    assert (layer.kind, layer.get_config()["beta"]) == ("Swish", 2.0)
    seen = ph.trace(model, X, layers=["swish", "swish/exp"])
    np.testing.assert_allclose(seen["swish/exp"], np.exp(-2 * X), rtol=1e-5)


def test_gradients_pass_through():
    model = ph.load((SWISH, {}), handlers={"Swish": swish})
    sigmoid = 1 / (1 + np.exp(-2 * X))
    expected = sigmoid + 2 * X * sigmoid * (1 - sigmoid)
    received = ph.gradient(model, X, cotangent=("swish", np.ones_like(X)))
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-6)


def test_shapes_are_known_to_a_handler():
    seen = []

    def look(layer, x):
        halves = ph.ops.split(x, 2, axis=-1)
        seen.extend([x.shape, x.ndim, halves[0].shape, [each.shape for each in halves]])
        first, second, *_ = ph.ops.transpose(x, (1, 0, 2))[:2] * 2.0
        return {"b": halves[0], "a": [halves[1], first + second]}

    handlers = {"Swish": look}
    model = ph.load((SWISH, {}), handlers=handlers)
    assert seen[:4] == [(None, 4, 6), 3, (None, 4, 3), [(None, 4, 3)] * 2]
    np.testing.assert_array_equal(model(X), X[..., 3:])


def test_weights_of_a_pair():
    def scaled(layer, x):
        assert [weight.name for weight in layer.weights] == ["gamma", "beta"]
        assert layer.weights[0].shape == (6,)
        assert np.array_equal(layer.get_weights()[0], np.arange(6))
        return x * layer.weight("gamma")

    weights = {"swish/gamma": np.arange(6), "swish/beta": np.ones(6)}
    model = ph.load((SWISH, weights), handlers={"Swish": scaled})
    np.testing.assert_allclose(model(X), X * np.arange(6), rtol=1e-6)
    model.update({"swish/gamma": np.ones(6)})
    np.testing.assert_array_equal(model(X), X)


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (lambda layer, x: np.ones(3), r"'swish' must return a value.*array"),
        (lambda layer, x: layer.weight("gamma"), r"no weight 'gamma'; its weights: none"),
        (lambda layer, x: x if x > 0 else -x, r"can't decide an if.*where"),
        (lambda layer, x: np.exp(np.asarray(x)), r"has no numbers yet"),
        (lambda layer, x: ph.ops.exp(np.ones(2)), r"Exp works on the values.*none was given"),
        (lambda layer, x: x + object(), r"object can.t stand in a network"),
    ],
)
def test_mistakes_of_a_handler_are_named(handler, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.load((SWISH, {}), handlers={"Swish": handler})


@pytest.mark.parametrize("handlers", [["Swish"], {"Swish": 3}, {3: swish}])
def test_handlers_are_functions_by_class(handlers):
    with pytest.raises(ph.InvalidArgumentError, match="handlers= is a dict"):
        ph.load((SWISH, {}), handlers=handlers)


def test_what_is_not_handled_says_how_to_go_on():
    with pytest.raises(ph.UnsupportedError, match=r"'swish' \(Swish\).*handlers="):
        ph.load((SWISH, {}), handlers={"Other": swish})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model with custom layers, two of them one and the same, and its files."""
    keras = pytest.importorskip("keras")
    layers = keras.layers

    class Affine(layers.Layer):
        def __init__(self, power, **settings):
            super().__init__(**settings)
            self.power = power
            self.dense = layers.Dense(4, name="dense")

        def build(self, shape):
            self.gamma = self.add_weight(shape=(shape[-1],), name="gamma")
            self.moved = self.add_weight(shape=(), name="moved", trainable=False)
            self.dense.build(shape)

        def call(self, x, y=None, sign=1.0):
            return self.dense(x) * self.gamma * sign + (x if y is None else y) + self.moved

    keras.utils.set_random_seed(3)
    x = layers.Input((4,), name="x")
    affine = Affine(2.0, name="affine")
    z = layers.Dense(4, name="first")(x)
    inside = layers.Input((4,), name="inside")
    inner = keras.Model(inside, Affine(1.0, name="affine")(inside), name="inner")
    z = affine(affine(z, y=x, sign=-1.0), y=z, sign=-1.0)
    z = layers.Lambda(lambda t: t * 2.0, name="twice")(inner(z))
    model = keras.Model(x, layers.Dense(2, name="last")(z), name="affine_net")
    for variable in model.weights:
        variable.assign(np.random.default_rng(len(variable.path)).normal(size=variable.shape))
    folder = tmp_path_factory.mktemp("handled")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    model.save_weights(folder / "model.weights.h5")
    return model, folder


def affine(layer, x, y=None, sign=1.0):
    gamma, moved, kernel, bias = layer.weights
    return (x @ kernel + bias) * gamma * sign + (x if y is None else y) + moved


HANDLERS = {"Affine": affine, "Lambda": lambda layer, x: x * 2.0}


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["live", "model.keras", "model.h5", "model.weights.h5"])
def test_files_and_live_models_are_handled_alike(saved, kind):
    model, folder = saved
    config = model.to_json() if "weights" in kind else None
    source = model if kind == "live" else folder / kind
    if kind != "live":
        with pytest.raises(ph.UnsupportedError, match=r"affine.*handlers="):
            ph.load(source, config=config)
    loaded = ph.load(source, config=config, handlers=HANDLERS)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    expected = np.asarray(model(x))
    assert np.abs(loaded(x) - expected).max() <= 2e-5 * np.abs(expected).max()
    assert loaded["inner/affine"].kind == "Affine"
    assert "affine#1" in ph.trace(loaded, x)
    assert loaded.count_params() == model.count_params()


@pytest.mark.keras
def test_a_handled_live_model_is_refreshed(saved):
    model, _ = saved
    loaded = ph.load(model, handlers=HANDLERS)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    before = model.get_weights()
    try:
        model.set_weights([values * 0.5 for values in before])
        expected = np.asarray(model(x))
        loaded.refresh(model)
        assert np.abs(loaded(x) - expected).max() <= 2e-5 * np.abs(expected).max()
    finally:
        model.set_weights(before)
