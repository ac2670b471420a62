"""Transforms, regularizers and optimizers: what they state in a recipe, what they refuse.

The expected JSON is the recipe's published form (python/docs/recipe.md), written out by hand.
"""

import dataclasses

import numpy as np
import pytest

from phosphene import InvalidArgumentError, optimizers, regularizers, transforms

STATED = [
    (transforms.Jitter(8), {"kind": "jitter", "pixels": 8}),
    (transforms.Jitter(np.int64(0)), {"kind": "jitter", "pixels": 0}),
    (transforms.Scale(0.5, 2), {"kind": "scale", "low": 0.5, "high": 2.0}),
    (transforms.Rotate(15), {"kind": "rotate", "degrees": 15.0}),
    (transforms.Pad(12), {"kind": "pad", "pixels": 12}),
    (
        transforms.Crop(1, 0.5),
        {"kind": "crop", "first": 1.0, "last": 0.5, "centre": "normal", "deviation": 0.15},
    ),
    (
        transforms.Crop(1, 0.5, None),
        {"kind": "crop", "first": 1.0, "last": 0.5, "centre": "uniform"},
    ),
    (transforms.Noise(0.5, 0), {"kind": "noise", "first": 0.5, "last": 0.0}),
    (transforms.Blur(2), {"kind": "blur", "first": 2.0, "last": 2.0}),
    (
        regularizers.TotalVariation(0.1, power=2),
        {"kind": "total_variation", "weight": 0.1, "power": 2},
    ),
    (regularizers.Lp(0.5, 6), {"kind": "lp", "weight": 0.5, "p": 6.0}),
    (
        optimizers.Adam(learning_rate=0.1),
        {"kind": "adam", "learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    ),
    (
        optimizers.RMSprop(rho=0.95),
        {"kind": "rmsprop", "rho": 0.95, "epsilon": 1e-7},
    ),
    (
        optimizers.NAdam(beta1=0.5),
        {"kind": "nadam", "beta1": 0.5, "beta2": 0.999, "epsilon": 1e-7},
    ),
    (
        optimizers.SGD(2, nesterov=True),
        {"kind": "sgd", "learning_rate": 2.0, "momentum": 0.9, "nesterov": True},
    ),
]


@pytest.mark.parametrize(("option", "stated"), STATED, ids=lambda value: type(value).__name__)
def test_recipe_form(option, stated):
    assert option.to_json() == stated


def test_flip_has_no_options():
    assert transforms.Flip().to_json() == {"kind": "flip"}


@pytest.mark.parametrize("option", [option for option, _ in STATED], ids=repr)
def test_options_are_frozen_values(option):
    assert option == dataclasses.replace(option)
    field = dataclasses.fields(option)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(option, field, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: transforms.Jitter(-1),
            r"Jitter: pixels must be a whole number, 0 .*; received -1",
        ),
        (lambda: transforms.Jitter(2.5), r"pixels must be a whole number.* received 2\.5"),
        (lambda: transforms.Jitter(pixels=True), r"received True"),
        (lambda: transforms.Scale(0, 1), r"low must be a finite number, above 0; received 0"),
        (lambda: transforms.Scale(1.1, 0.9), r"high must be a finite number, 1\.1 or more"),
        (lambda: transforms.Rotate("9"), r"degrees must be .* received '9'"),
        (
            lambda: transforms.Rotate(float("inf")),
            r"degrees must be a number from 0 to 180; received inf",
        ),
        (lambda: transforms.Pad(-1), r"Pad: pixels must be a whole number, 0 or more"),
        (lambda: transforms.Crop(1.5, 1), r"first must be a number from 0\.01 to 1; received 1\.5"),
        (lambda: transforms.Crop(1, 0), r"last must be a number from 0\.01 to 1; received 0"),
        (lambda: transforms.Noise(-1), r"first must be .* 0 or more; received -1"),
        (lambda: transforms.Blur(1, "2"), r"last must be a finite number"),
        (lambda: optimizers.SGD(momentum=1), r"momentum must be .* below 1; received 1"),
        (lambda: regularizers.TotalVariation(-1), r"weight must be .* 0 or more; received -1"),
        (lambda: regularizers.Lp(1, 0.5), r"p must be .* 1 or more; received 0\.5"),
        (
            lambda: regularizers.TotalVariation(1, 3),
            r"power must be a whole number from 1 to 2; received 3",
        ),
        (lambda: regularizers.Lp(float("nan"), 2), r"weight must be a finite number"),
        (lambda: optimizers.Adam(0), r"learning_rate must be .* above 0; received 0"),
        (lambda: optimizers.Adam(beta1=1.0), r"beta1 must be .* below 1; received 1\.0"),
        (lambda: optimizers.RMSprop(epsilon=-1), r"epsilon must be .* above 0; received -1"),
    ],
)
def test_refusals_say_what_was_received(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        make()
