"""Weights by objects (`layers/dense_1/vars/0`): how versions count, and what isn't taken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import relative_error

import phosphene as ph

h5py = pytest.importorskip("h5py")

FIXTURES = Path(__file__).parent / "fixtures"


def chain(*layers):
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "x"}}
    return {"class_name": "Sequential", "config": {"name": "chain", "layers": [first, *layers]}}


def dense(name):
    return {"class_name": "Dense", "config": {"name": name, "units": 2, "use_bias": False}}


def write(path, groups, folder="layers"):
    """Write a kernel of equal numbers into each group; a pair has the layer's name too."""
    with h5py.File(path, "w") as file:
        for place, content in groups.items():
            name, number = content if isinstance(content, tuple) else (None, content)
            variables = file.create_group(f"{folder}/{place}/vars")
            variables["0"] = np.full((2, 2), number, np.float32)
            if name:
                variables.attrs["name"] = name
    return path


def loaded(path, *names):
    """Return the number that each layer's kernel was filled with."""
    model = ph.load(path, config=chain(*map(dense, names)))
    return [model.weight(f"{name}/kernel")[0, 0] for name in names]


def test_a_shared_layer_in_a_file_of_keras_2_13():
    """It is stored once, and layers with weights are counted twice."""
    arrays = np.load(FIXTURES / "keras_2_13_shared.npz")
    model = ph.load(FIXTURES / "keras_2_13_shared.keras")
    assert relative_error(model(arrays["input_0"]), arrays["output_0"]) < 2e-6
    np.testing.assert_array_equal(model.weight("twice/kernel"), model.weight("inner/twice/kernel"))


def test_layers_are_counted_by_class(tmp_path):
    path = write(tmp_path / "w.weights.h5", {"dense_1": 2, "dense": 1, "dense_2": 3})
    assert loaded(path, "a", "b", "c") == [1, 2, 3]
    path = write(
        tmp_path / "w.weights.h5", {"dense": 1, "dense_2": 2}, "_layer_checkpoint_dependencies"
    )
    assert loaded(path, "a", "b") == [1, 2]


def test_names_are_used_where_they_are_the_same(tmp_path):
    path = write(tmp_path / "w.weights.h5", {"dense": ("b", 2), "dense_1": ("a", 1)})
    assert loaded(path, "a", "b") == [1, 2]
    # Another program run counted on.
    path = write(tmp_path / "w.weights.h5", {"dense": ("dense_1", 1), "dense_1": ("dense_2", 2)})
    assert loaded(path, "dense", "dense_1") == [1, 2]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"dense": 1, "dense_1": 2, "dense_2": 3}, "3 layers called 'dense' in '/layers'.* has 2"),
        ({"dense": 1, "dense_1": 2, "conv2d": 3}, "1 layer called 'conv2d' in '/layers'.* has 0"),
        ({"dense": 1}, "Missing weights: 'b/kernel'"),
        ({}, "Missing weights: 'a/kernel', 'b/kernel'"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, groups, message):
    path = write(tmp_path / "w.weights.h5", groups)
    with pytest.raises(ph.ModelFileError, match=rf"w\.weights\.h5.*{message}"):
        loaded(path, "a", "b")


def test_variables_that_a_layer_does_not_have_are_refused(tmp_path):
    path = write(tmp_path / "w.weights.h5", {"dense": 1})
    with h5py.File(path, "r+") as file:
        file["layers/dense/vars/1"] = np.zeros(2)
    message = r"layer 'a' \(Dense\) needs 1 variables \(kernel\), the file has 2 of shapes \(2, 2\)"
    with pytest.raises(ph.ModelFileError, match=message):
        loaded(path, "a")


@pytest.mark.keras
def test_weights_of_another_program_run(keras, tmp_path):
    """Names that Keras makes up differ then, and so does the order in which they sort."""

    def build():
        layers = keras.layers
        return keras.Sequential([layers.Input((3,))] + [layers.Dense(3) for _ in range(12)])

    keras.utils.clear_session()
    first, second = build(), build()
    assert {layer.name for layer in first.layers}.isdisjoint(layer.name for layer in second.layers)
    random = np.random.default_rng(0)
    second.set_weights([random.normal(size=each.shape) for each in second.get_weights()])
    second.save_weights(tmp_path / "w.weights.h5")
    model = ph.load(tmp_path / "w.weights.h5", config=json.loads(first.to_json()))
    for ours, theirs in zip(model.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
