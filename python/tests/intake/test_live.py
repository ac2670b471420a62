"""Live models of every backend, each in a process of its own, and live tf_keras models."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import phosphene as ph

PROGRAM = """
import tempfile
import warnings
warnings.simplefilter("ignore")
import numpy as np
import phosphene as ph
from {keras} import Input, Model, Sequential, layers
image = Input((8, 8, 3))
x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
x = layers.BatchNormalization()(x)
inner = Sequential([Input((8, 8, 4)), layers.Conv2D(5, 3, name="conv"), layers.MaxPooling2D()],
                   name="inner")
x = layers.Flatten()(inner(x))
shared = layers.Dense(90, activation="tanh", name="shared")
x = layers.Dense(90)(x)
network = Model(image, layers.Dense(4, activation="softmax")(shared(shared(x))))
random = np.random.default_rng(0)
network.set_weights([
    random.uniform(0.1, 0.5, values.shape) for values in network.get_weights()
])
pixels = random.normal(size=(2, 8, 8, 3)).astype("float32")
expected = np.asarray(network.predict(pixels, verbose=0))
before = [values.copy() for values in network.get_weights()]
seen = ph.trace(network, pixels)
error = np.abs(list(seen.values())[-1] - expected).max() / expected.max()
assert error < 1e-5, error
assert "inner/conv" in seen and "shared#1" in seen, list(seen)
ph.gradient(network, pixels, 1)
for one, other in zip(before, network.get_weights()):
    assert np.array_equal(one, other)
model = ph.load(network)
assert model.metadata["keras_version"], model.metadata
network.set_weights([2 * values for values in before])
again = list(ph.trace(network, pixels).values())[-1]
expected = np.asarray(network.predict(pixels, verbose=0))
assert np.abs(again - expected).max() / expected.max() < 1e-5
with tempfile.TemporaryDirectory() as folder:
    network.save(folder + "/network.h5")
    network.save(folder + "/network.keras")
    network.save_weights(folder + "/network.weights.h5")
    for file, config in (("network.h5", None), ("network.keras", None),
                         ("network.weights.h5", network.to_json())):
        stored = ph.load(folder + "/" + file, config=config)
        for ours, theirs in zip(stored.get_weights(), model.refresh(network).get_weights()):
            assert np.array_equal(ours, theirs), file
        assert np.abs(stored(pixels) - expected).max() / expected.max() < 1e-5, file
print("fine")
"""


def run(keras, **environment):
    return run_program(PROGRAM.format(keras=keras), **environment)


def run_program(code, **environment):
    folders = [str(Path(ph.__file__).parents[1]), str(Path(__file__).parent)]
    paths = {"PYTHONPATH": os.pathsep.join(folders), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **paths, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.keras
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_backends(backend):
    for needed in ("keras", backend):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} isn't installed")
    finished = run("keras", KERAS_BACKEND=backend)
    assert finished.stdout == "fine\n", finished.stderr


@pytest.mark.keras
def test_tf_keras():
    if importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras isn't installed")
    finished = run("tf_keras")
    assert finished.stdout == "fine\n", finished.stderr


LIVE_NETWORKS = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
import networks
import phosphene as ph
import tf_keras
for seed, (name, build) in enumerate(networks.NETWORKS.items()):
    if name in networks.NEW_LAYERS:
        continue
    tf_keras.backend.clear_session()
    network = build(tf_keras)
    networks.scatter(network, seed)
    inputs = networks.inputs_of(network)
    inputs = inputs if len(inputs) > 1 else inputs[0]
    expected = network(inputs, training=False)
    received = ph.load(network)(inputs)
    if not isinstance(expected, (list, tuple)):
        expected, received = [expected], [received]
    for ours, theirs in zip(received, map(np.asarray, expected), strict=True):
        assert np.abs(ours - theirs).max() < 2e-5 * np.abs(theirs).max(), name
print("fine")
"""


@pytest.mark.keras
def test_layers_of_live_tf_keras():
    if importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras isn't installed")
    finished = run_program(LIVE_NETWORKS)
    assert finished.stdout == "fine\n", finished.stderr


@pytest.mark.keras
def test_keras_is_not_imported_for_a_live_model_of_another_kind():
    """A class that behaves like a Keras model is enough."""

    class Layer:
        def __init__(self, name, weights):
            self.name = name
            self._weights = weights

        def get_weights(self):
            return self._weights

    class Model:
        name = "pretended"
        built = True

        def __init__(self):
            self.layers = [Layer("dense", [np.ones((2, 1)), np.float16([0.5])])]

        def get_config(self):
            return {}

        def get_weights(self):
            return []

        def to_json(self):
            return (
                '{"class_name": "Sequential", "config": {"name": "pretended", "layers": ['
                '{"class_name": "InputLayer", "config": {"batch_shape": [null, 2], "name": "x"}}, '
                '{"class_name": "Dense", "config": {"name": "dense", "units": 1}}]}}'
            )

    np.testing.assert_array_equal(ph.load(Model())([[1, 2]]), [[3.5]])


@pytest.mark.keras
def test_what_cannot_be_read_is_named(keras):
    layers = keras.layers
    unbuilt = keras.Sequential([layers.Dense(3)])
    with pytest.raises(ph.InvalidArgumentError, match=r"no weights yet.*Input layer"):
        ph.load(unbuilt)


@pytest.mark.keras
def test_a_subclassed_model_of_keras_2_is_refused():
    tf_keras = pytest.importorskip("tf_keras")

    class Subclassed(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = tf_keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    subclassed = Subclassed()
    subclassed(np.ones((1, 2), np.float32))
    with pytest.raises(ph.UnsupportedError, match=r"Subclassed.*Keras 2.*Functional") as caught:
        ph.load(subclassed)
    assert isinstance(caught.value, NotImplementedError)
