"""Live models that only code can describe: values, gradients, and nothing left behind."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import phosphene as ph

pytestmark = pytest.mark.keras
pytest.importorskip("keras")

from intake import custom, state  # noqa: E402  (they import Keras)

TOLERANCE = 2e-5  # both compute in float32, in other orders
GRADIENT_TOLERANCE = 2e-4


@pytest.mark.parametrize("name", custom.CASES)
def test_values_are_those_of_keras(name):
    assert custom.error_of(*custom.made(name)) <= TOLERANCE


@pytest.mark.parametrize("name", custom.CASES)
def test_gradients_are_those_of_keras(name):
    import tensorflow as tf

    model, feed = custom.made(name)
    arrays = custom.flat(feed)
    if arrays[0].dtype.kind != "f":
        pytest.skip("tokens have no gradient")
    tensors = [tf.constant(each) for each in arrays]
    keys = sorted(feed) if isinstance(feed, dict) else None
    given = dict(zip(keys, tensors, strict=True)) if keys else tensors
    with tf.GradientTape() as tape:
        for each in tensors:
            tape.watch(each)
        first = custom.flat_tensors(
            model(given if keys or len(tensors) > 1 else tensors[0], training=False)
        )[0]
        cotangent = np.random.default_rng(0).normal(size=first.shape).astype("float32")
        total = tf.reduce_sum(first * cotangent)
    expected = tape.gradient(total, tensors)
    loaded = ph.load(model)
    path = loaded.json["outputs"][0]["path"]
    received = custom.flat(ph.gradient(loaded, feed, cotangent=(path, cotangent)))
    for ours, theirs in zip(received, expected, strict=True):
        theirs = np.zeros(ours.shape) if theirs is None else np.asarray(theirs)
        error = np.max(np.abs(ours - theirs)) / (np.max(np.abs(theirs)) or 1)
        assert error <= GRADIENT_TOLERANCE


@pytest.mark.filterwarnings("ignore:The model does not have any trainable")
@pytest.mark.parametrize("name", custom.CASES)
def test_the_model_stays_as_it_was(keras, name):
    model, feed = custom.made(name)
    model.compile("sgd", "mse", run_eagerly=True)
    outputs = model(feed)
    targets = keras.tree.map_structure(lambda each: np.zeros(each.shape), outputs)
    model.train_on_batch(feed, targets)
    model(feed)
    before = state.state_of(model)
    first = keras.layers.Dense(1).name
    loaded = ph.load(model)
    second = keras.layers.Dense(1).name
    assert not state.differences(before, state.state_of(model))
    assert int(second.split("_")[1]) == int((first + "_0").split("_")[1]) + 1
    model.train_on_batch(feed, targets)
    again = ph.load(model)
    assert again.config == loaded.config


# JAX compiles every operation for every shape: these take it half a minute already.
ON_JAX = [
    "masks",
    "attention",
    "batches_stretched",
    "masked_cells",
    "variables",
    "nested",
    "subclassed",
    "arguments",
    "lambdas",
    "side_effects",
]


@pytest.mark.parametrize(("backend", "names"), [("jax", ON_JAX), ("torch", list(custom.CASES))])
def test_other_backends(backend, names):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} isn't installed")
    folders = os.pathsep.join(
        [str(Path(ph.__file__).parents[1]), str(Path(custom.__file__).parents[2])]
    )
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "intake.custom", *names],
        env={**os.environ, "PYTHONPATH": folders, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = dict(line.rsplit(" ", 1) for line in finished.stdout.splitlines())
    assert list(errors) == names, finished.stderr
    assert all(float(error) <= TOLERANCE for error in errors.values()), errors


def test_layers_inside_are_seen_by_name(keras):
    model, feed = custom.made("nested")
    seen = ph.trace(model, feed)
    for path in ("block", "block/first", "block/scale", "block/gate", "block#1/norm", "head"):
        assert path in seen
    assert "block/scale/exp" not in seen, "functions are seen where they are asked for"
    assert ph.trace(model, feed, layers="block/scale/exp")["block/scale/exp"].shape == ()
    loaded = ph.load(model)
    assert loaded["block"].kind == "Block"
    assert loaded["block/scale"].kind == "Scale"
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert loaded.count_params() == model.count_params()
    inner = keras.Model(model.input, model.get_layer("block").output)
    error = np.abs(np.asarray(inner(feed)) - seen["block"]).max()
    assert error < 1e-5


def test_variables_are_filed_under_their_layer():
    model, _ = custom.made("variables")
    loaded = ph.load(model)
    assert loaded["scale"].weight_keys == ("scale/gamma", "scale/rho")
    ours = loaded.weight("scale/gamma")
    assert np.array_equal(ours, model.get_layer("scale").gamma.numpy())
    trainable = [weight["trainable"] for weight in loaded["scale"].description["weights"]]
    assert trainable == [True, False]


@pytest.mark.parametrize("name", ["nested", "subclassed", "arguments"])
def test_training_shows_at_each_call(name):
    model, feed = custom.made(name)
    loaded = ph.load(model)
    before = custom.flat(loaded(feed))
    for variable in model.trainable_variables:
        variable.assign(variable * 0.5 + 0.1)
    expected = custom.flat(model(feed, training=False))
    assert not np.allclose(before[0], expected[0], atol=1e-3)
    assert np.array_equal(custom.flat(loaded(feed))[0], before[0]), "a snapshot"
    seen = ph.trace(model, feed)
    assert set(seen) == set(ph.trace(loaded, feed))
    loaded.refresh(model)
    for ours, theirs in zip(custom.flat(loaded(feed)), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_new_setting_of_a_custom_layer_is_seen(keras):
    class Times(keras.layers.Layer):
        factor = 2.0

        def call(self, x):
            return x * self.factor

    layer = Times(name="times")
    model = keras.Sequential([keras.layers.Input((2,)), layer])
    assert ph.trace(model, [[1.0, 2.0]])["times"].tolist() == [[2.0, 4.0]]
    layer.factor = 3.0
    assert ph.trace(model, [[1.0, 2.0]])["times"].tolist() == [[3.0, 6.0]]


def test_an_expanded_model_can_be_saved(tmp_path):
    model, feed = custom.made("subclassed")
    loaded = ph.load(model)
    stored = ph.load(loaded.save(tmp_path / "model.safetensors"))
    assert stored.digest == loaded.digest
    assert np.array_equal(stored(feed)["scores"], loaded(feed)["scores"])
    stored.refresh(model)


def test_batches_of_any_size():
    model, feed = custom.made("subclassed")
    many = np.concatenate([feed] * 5)
    np.testing.assert_allclose(
        ph.load(model)(many)["scores"], np.asarray(model(many)["scores"]), rtol=1e-4, atol=1e-6
    )
