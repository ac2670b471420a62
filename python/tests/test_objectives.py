"""Objectives: arithmetic, spelling, JSON and shorthands."""

from __future__ import annotations

import inspect
import re
import typing

import numpy as np
import pytest
from conftest import TINY, TINY_WEIGHTS

import phosphene as ph
from phosphene._vision.objectives.objectives import as_objective


@pytest.mark.parametrize(
    ("objective", "written"),
    [
        (ph.channel("conv", 7), "channel('conv', 7)"),
        (ph.channel("conv", 7, pre_activation=True), "channel('conv', 7, pre_activation=True)"),
        (ph.neuron("conv", 7, (1, 2)), "neuron('conv', 7, position=(1, 2))"),
        (ph.neuron("dense", 7), "neuron('dense', 7)"),
        (-ph.logit(3), "-logit(3)"),
        (ph.logit(3, "head"), "logit(3, output='head')"),
        (ph.probability(3) / 2, "0.5 * probability(3)"),
        (
            ph.channel("block5_conv1", 7) - 0.5 * ph.energy("block4_conv1"),
            "channel('block5_conv1', 7) - 0.5 * energy('block4_conv1')",
        ),
        (sum([ph.logit(1), ph.logit(2)]), "logit(1) + logit(2)"),
        (2 * (ph.logit(1) - ph.logit(2)), "2 * logit(1) - 2 * logit(2)"),
        (np.float32(2) * ph.logit(1), "2 * logit(1)"),
        (ph.logit(np.array([3, 4])), "logit([3, 4])"),
    ],
)
def test_spelling(objective, written):
    assert repr(objective) == written


def test_json_states_every_option():
    objective = ph.channel("conv", 7) - 0.5 * ph.neuron("conv", 1, (2, 3))
    assert objective.to_json() == {
        "terms": [
            {
                "weight": 1.0,
                "kind": "channel",
                "layer": "conv",
                "index": 7,
            },
            {
                "weight": -0.5,
                "kind": "neuron",
                "layer": "conv",
                "index": 1,
                "position": [2, 3],
            },
        ]
    }
    assert ph.logit(np.array([1, 2])).to_json()["terms"][0]["index"] == [1, 2]
    assert ph.energy("conv").to_json()["terms"][0]["kind"] == "energy"


def test_objectives_compare_and_hash_by_value():
    assert ph.logit(3) == ph.logit(np.int64(3))
    assert len({ph.channel("a", 1) + ph.logit(2), ph.channel("a", 1) + ph.logit(2)}) == 1


@pytest.mark.parametrize(
    ("shorthand", "meaning"),
    [
        (1, "logit(1)"),
        (np.int64(1), "logit(1)"),
        ("stone", "logit(1)"),
        ("STONE", "logit(1)"),
        (ph.logit("stone") - ph.probability("wood"), "logit(1) - probability(0)"),
        (np.array([0, 1]), "logit([0, 1])"),
        ([0, 1], "logit([0, 1])"),
        (("hidden", 2), "channel('hidden', 2)"),
        (ph.energy("hidden"), "energy('hidden')"),
    ],
)
def test_shorthands(shorthand, meaning):
    model = ph.load((TINY, TINY_WEIGHTS), classes=["wood", "stone"])
    assert repr(as_objective(model, shorthand)) == meaning


def test_layers_may_be_objects(tiny):
    assert ph.channel(tiny["hidden"], 1) == ph.channel("hidden", 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ph.logit(-1), "0 or more"),
        (lambda: ph.logit(1.5), "whole number"),
        (lambda: ph.logit(index=True), "whole number"),
        (lambda: ph.logit(np.array([1, -2])), "0 or more"),
        (lambda: ph.channel(3.5, 1), "received a float"),
        (lambda: ph.neuron("conv", 1, (0, -1)), "counted from 0"),
        (lambda: ph.neuron("conv", 1, "centre"), "centre"),
        (lambda: ph.logit(1) * float("nan"), "finite"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        make()


@pytest.mark.parametrize("operation", [lambda a: a + 1, lambda a: a * a, lambda a: a - "x"])
def test_other_arithmetic_is_a_type_error(operation):
    with pytest.raises(TypeError):
        operation(ph.logit(1))


@pytest.mark.parametrize(
    ("shorthand", "message"),
    [
        ("ston", "closest name is 'stone'"),
        (ph.channel("hiden", 0), "closest names are 'hidden'"),
        ("hidden", r"'hidden' is a layer of .*\('hidden', 0\), or .* ph\.energy\('hidden'\)"),
        (ph.logit("ston"), "closest name is 'stone'"),
        (1.5, "made by ph.channel"),
        ({"layer": 1}, "made by ph.channel"),
        (ph.logit(0, "hidden"), "no output 'hidden'"),
    ],
)
def test_shorthand_refusals(shorthand, message):
    model = ph.load((TINY, TINY_WEIGHTS), classes=["wood", "stone"])
    with pytest.raises(ph.InvalidArgumentError, match=message):
        as_objective(model, shorthand)


def test_class_names_must_be_known(tiny):
    with pytest.raises(ph.InvalidArgumentError, match="no class names"):
        as_objective(tiny, "stone")


@pytest.mark.parametrize(
    "public",
    [
        ph.channel, ph.neuron, ph.logit, ph.probability, ph.energy, ph.direction, ph.match,
        ph.diversity, ph.interpolate, *typing.get_args(ph.regularizers.Regularizer),
    ],
    ids=lambda public: public.__name__,
)  # fmt: skip
def test_every_parameter_is_described(public):
    """Texts that docstrings share are in each of them."""
    said = inspect.getdoc(public)
    section = re.search(r"Parameters\n-+\n(.*?)\n\n", said, re.DOTALL)[1]
    described = dict(re.findall(r"^(\w[\w, ]*)(?: : [^\n]*)?\n    (\S.*)$", section, re.MULTILINE))
    names = [name for each in described for name in each.split(", ")]
    assert sorted(names) == sorted(inspect.signature(public).parameters)
