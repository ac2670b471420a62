"""Configurations as versions of Keras wrote them that the tests' environment can't have."""

from __future__ import annotations

import json

import numpy as np
import pytest

import phosphene as ph

DENSE = {
    "class_name": "Dense",
    "config": {
        "name": "dense",
        "trainable": True,
        "batch_input_shape": [None, 2],
        "dtype": "float32",
        "units": 1,
        "activation": "linear",
        "use_bias": True,
        "kernel_initializer": {
            "class_name": "VarianceScaling",
            "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
        },
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": None,
    },
}

WEIGHTS = {"dense/kernel": np.ones((2, 1)), "dense/bias": [0.5]}


def changed(entry, **settings):
    return {**entry, "config": {**entry["config"], **settings}}


def without(entry, *settings):
    config = {name: each for name, each in entry["config"].items() if name not in settings}
    return {**entry, "config": config}


def sequential(*layers, **settings):
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [*layers], **settings}}


@pytest.mark.parametrize(
    "config",
    [
        # Keras 2.0 to 2.2 write a list.
        {"class_name": "Sequential", "config": [DENSE], "keras_version": "2.1.6"},
        sequential(DENSE),
        # A model that got its shape when it was trained.
        sequential(without(DENSE, "batch_input_shape"), build_input_shape=[None, 2]),
        sequential(
            without(DENSE, "batch_input_shape"),
            build_input_shape={"class_name": "TensorShape", "items": [None, 2]},
        ),
        # Initializers and types as plain strings, and as objects.
        sequential(changed(DENSE, kernel_initializer="glorot_uniform", bias_initializer="zeros")),
        sequential(
            changed(DENSE, dtype={"class_name": "Policy", "config": {"name": "mixed_float16"}})
        ),
        sequential(
            changed(
                DENSE,
                dtype={
                    "module": "keras",
                    "class_name": "DTypePolicy",
                    "config": {"name": "float32"},
                    "registered_name": None,
                },
            )
        ),
    ],
    ids=["list", "first layer", "built", "TensorShape", "strings", "Policy", "DTypePolicy"],
)
def test_sequential_models(config):
    for form in (config, json.dumps(config)):
        np.testing.assert_array_equal(ph.load((form, WEIGHTS))([[1, 2]]), [[3.5]])


def test_a_sequential_model_in_a_functional_one():
    """Keras 2 counts the call that built the inner model; its list has no name of its own."""
    inner = {
        "class_name": "Sequential",
        "config": [DENSE],
        "name": "inner",
        "inbound_nodes": [[["x", 0, 0, {}]]],
    }
    first = {
        "class_name": "InputLayer",
        "name": "x",
        "inbound_nodes": [],
        "config": {
            "batch_input_shape": [None, 2],
            "dtype": "float32",
            "sparse": False,
            "name": "x",
        },
    }
    config = {
        "class_name": "Model",
        "config": {
            "name": "outer",
            "layers": [first, inner],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["inner", 1, 0]],
        },
    }
    model = ph.load((config, {f"inner/{key}": array for key, array in WEIGHTS.items()}))
    np.testing.assert_array_equal(model([[1, 2]]), [[3.5]])
    assert model["inner/dense"].get_config()["units"] == 1


def test_numbers_as_numpy_wrote_them():
    layer = {"class_name": "LeakyReLU", "config": {"name": "leaky"}}
    shape = {"batch_input_shape": [None, 1]}
    for slope in (0.25, {"type": "ndarray", "value": 0.25}):
        model = ph.load((sequential(changed(layer, alpha=slope, **shape)), {}))
        np.testing.assert_array_equal(model([[-2.0], [2.0]]), [[-0.5], [2.0]])


def test_a_depthwise_convolution_with_groups():
    """Keras 2 writes `groups`, which Keras 3 refuses."""
    layer = {
        "class_name": "DepthwiseConv2D",
        "config": {
            "name": "depthwise",
            "batch_input_shape": [None, 2, 2, 1],
            "kernel_size": [2, 2],
            "filters": None,
            "groups": 1,
            "use_bias": False,
        },
    }
    weights = {"depthwise/kernel": np.ones((2, 2, 1, 1))}
    model = ph.load((sequential(layer), weights))
    np.testing.assert_array_equal(model(np.ones((1, 2, 2, 1))), [[[[4]]]])
