"""Layers: how they are found, and what they say about themselves, against Keras."""

from __future__ import annotations

import numpy as np
import pytest

import phosphene as ph
from phosphene._errors import UnknownNameError


@pytest.mark.keras
@pytest.mark.parametrize("name", ["dense", "conv", "branched", "nested", "two_inputs"])
def test_layers_are_those_of_keras(networks, name):
    network = getattr(networks, name)
    model = ph.load(network)
    assert [layer.name for layer in model.layers] == [layer.name for layer in network.layers]
    for index, (layer, theirs) in enumerate(zip(model.layers, network.layers, strict=True)):
        assert model[index] == model[layer.name] == model[theirs] == layer
        assert layer.kind == type(theirs).__name__
        assert layer.count_params() == theirs.count_params()
        assert layer.trainable == theirs.trainable
        assert len(layer.get_weights()) == len(theirs.get_weights())
        for ours, values in zip(layer.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, values)
        if layer.name != "shared" and layer.kind != "InputLayer":
            assert layer.output_shape == tuple(theirs.output.shape)


@pytest.mark.keras
def test_settings_are_those_of_keras(networks):
    model = ph.load(networks.conv)
    settings = model["conv_a"].get_config()
    theirs = networks.conv.get_layer("conv_a").get_config()
    for key in ("name", "filters", "kernel_size", "strides", "padding", "activation", "use_bias"):
        received = settings[key]
        assert (tuple(received) if isinstance(received, list) else received) == theirs[key]
    settings["name"] = "changed"
    assert model["conv_a"].config["name"] == "conv_a"


@pytest.mark.keras
def test_nested_layers_are_found_by_path_and_by_unique_name(networks):
    model = ph.load(networks.nested)
    inner = [layer.name for layer in networks.nested.get_layer("inner").layers]
    assert [layer.name for layer in model["inner"].layers] == inner
    dense = model[f"inner/{inner[0]}"]
    assert dense == model[inner[0]]
    assert dense.path == f"inner/{inner[0]}"
    assert dense.config["units"] == 6
    assert dense in model.all_layers
    assert dense not in model.layers
    assert model["frozen/norm"].config["name"] == "norm"


@pytest.mark.keras
def test_a_name_in_several_nested_models_lists_them(keras):
    layers = keras.layers

    def part(name):
        return keras.Sequential([layers.Input((3,)), layers.Dense(3, name="same")], name=name)

    model = ph.load(keras.Sequential([layers.Input((3,)), part("one"), part("two")]))
    with pytest.raises(ph.InvalidArgumentError, match=r"2 layers.*'one/same', 'two/same'"):
        _ = model["same"]


@pytest.mark.keras
def test_calls_of_a_shared_layer(networks):
    model = ph.load(networks.branched)
    assert model["shared"].calls == ("shared", "shared#1")
    again = model["shared#1"]
    assert (again.name, again.path, again.call) == ("shared", "shared", "shared#1")
    assert model.path_of(again) == "shared#1"
    assert model.path_of("shared") == "shared"
    assert "'shared#1'" in repr(again)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("hiden", "no layer 'hiden'; the closest names are 'hidden'"),
        ("nothing like it at all", "its layers begin with 'hidden', 'scores'"),
        (7, "has 2 layers; received index 7"),
        (-3, "has 2 layers; received index -3"),
        (1.0, "received a float"),
        (None, "received a NoneType"),
    ],
)
def test_refusals(tiny, wanted, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        _ = tiny[wanted]


def test_an_unknown_name_is_a_key_error_too(tiny):
    with pytest.raises(KeyError) as caught:
        tiny.get_layer("hiden")
    assert isinstance(caught.value, UnknownNameError)


def test_indices_count_from_both_ends(tiny):
    assert tiny[0] == tiny.get_layer("hidden") == tiny[-2]
    assert tiny[np.int64(1)].name == "scores"


def test_it_shows_itself(tiny):
    assert repr(tiny["hidden"]) == "<Dense 'hidden': (None, 2) -> (None, 3), 9 parameters>"
    assert len({tiny["hidden"], tiny[0], tiny[1]}) == 2


def test_weights_are_copies(tiny):
    kernel, bias = tiny["hidden"].get_weights()
    kernel[:] = 9
    np.testing.assert_array_equal(tiny["hidden"].get_weights()[0], [[1, 0, -1], [0, 1, -1]])
    assert tiny["hidden"].weight_keys == ("hidden/kernel", "hidden/bias")
    np.testing.assert_array_equal(tiny.weight("hidden/bias"), bias)
    with pytest.raises(ph.InvalidArgumentError, match="hidden/kernels"):
        tiny.weight("hidden/kernels")
