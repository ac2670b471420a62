"""Units whose activation has a ceiling, and what ends a gradient behind them."""

import warnings

import numpy as np
import pytest
from test_doctor import OPTIONS, PIXELS, diagnosed, network, one_thread, replayed, spread

import phosphene as ph

__all__ = ["one_thread"]  # a fixture


def quietly(model, objective, **options):
    """Return the picture, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ph.PhospheneWarning)
        return ph.maximize(model, objective, **(OPTIONS | options))


def stated(picture):
    """Return what the recipe's terms aim at."""
    return [
        term["pre_activation"]
        for objective in picture.recipe["objectives"]
        for term in objective["terms"]
    ]


BOUNDED = {
    "relu6": "rectified",
    "sigmoid": True,
    "tanh": True,
    "hard_sigmoid": True,
    "softsign": True,
    "softmax": True,
    "sparse_sigmoid": True,
}


@pytest.mark.parametrize("activation", BOUNDED)
@pytest.mark.parametrize("kind", [ph.channel, ph.neuron])
def test_a_unit_with_a_ceiling_is_measured_before_it(activation, kind):
    """Every weight is positive, so that white is best; a grey picture is at the ceiling."""
    kernel = 20 * spread(PIXELS, 3)
    model = network(("layer", activation, kernel, 0.5))
    picture = quietly(model, kind("layer", 1), steps=80)
    assert stated(picture) == [BOUNDED[activation]]
    before = picture.input.reshape(PIXELS).astype(np.float64) @ np.float32(kernel[:, 1]) + 0.5
    assert picture.score == pytest.approx(before, rel=1e-4)
    assert picture.input.min() > 0.9
    assert picture.steps[0] > 40  # it went on
    np.testing.assert_array_equal(replayed(model, picture).images, picture.images)


@pytest.mark.parametrize("activation", ["relu", "linear", "gelu", "silu"])
def test_what_has_no_ceiling_is_measured_as_it_is(activation):
    kernel = spread(PIXELS, 3)
    picture = quietly(network(("layer", activation, kernel, 0.0)), ("layer", 1))
    assert stated(picture) == [False]


def test_a_rectifier_keeps_its_floor():
    """What is below 0 counts as 0, as behind the ReLU6: units that are off take nothing away."""
    kernel = 0.6 * np.hstack([spread(PIXELS, 1), -spread(PIXELS, 1)])
    model = network(("layer", "relu6", kernel, 0.0))
    picture = quietly(model, ph.direction("layer", [1, 1]), steps=80)
    assert stated(picture) == ["rectified"]
    before = picture.input.reshape(1, PIXELS) @ np.float32(kernel)
    assert picture.score == pytest.approx(np.maximum(before, 0).sum(), rel=1e-4)
    assert picture.input.min() > 0.5
    # To make a unit as small as possible is no matter of its ceiling.
    picture = quietly(model, -1 * ph.channel("layer", 0))
    assert stated(picture) == [False]
    assert picture.score <= 0


def test_the_ceiling_stays_if_asked_for():
    model = network(("layer", "relu6", 0.6 * spread(PIXELS, 3), 0.0))  # grey is below 6
    picture, _ = diagnosed(model, ph.channel("layer", 1, pre_activation=False), steps=80)
    assert stated(picture) == [False]
    assert picture.score == 6
    assert "layer 'layer' has reached an end of its activation" in picture.diagnosis


def test_a_unit_without_its_ceiling_that_is_off_is_named():
    model = network(("layer", "relu6", spread(PIXELS, 3), -100.0))
    picture, _ = diagnosed(model, ("layer", 1))
    assert "it ends at layer 'layer', whose unit 1 is off" in picture.diagnosis
    assert stated(picture) == [True]


def test_a_unit_that_is_still_off_says_so():
    kernel = spread(PIXELS, 3)  # 16 at most, and 100 are taken away
    picture, warned = diagnosed(network(("dead", "relu", kernel, -100.0)), ("dead", 1), steps=80)
    assert -100 < picture.score < -84
    assert "and yet it is still off: the best picture brings it to -8" in picture.diagnosis
    assert "still off" in warned
    picture, _ = diagnosed(network(("dead", "relu", kernel, -8.5)), ("dead", 1), steps=80)
    assert picture.score > 0
    assert "still off" not in picture.diagnosis


def normalized(zeroed):
    """Return convolution, normalization, rectifier, convolution; some weights are zeros."""
    shape = {"batch_shape": [None, 8, 8, 1], "name": "x"}
    layers = [
        ("InputLayer", shape),
        ("Conv2D", {"name": "c1", "filters": 4, "kernel_size": [3, 3]}),
        ("BatchNormalization", {"name": "bn"}),
        ("Activation", {"name": "r1", "activation": "relu"}),
        ("Conv2D", {"name": "c2", "filters": 4, "kernel_size": [3, 3], "activation": "relu"}),
        ("GlobalAveragePooling2D", {"name": "mean"}),
        ("Dense", {"name": "out", "units": 2}),
    ]
    entries = [{"class_name": kind, "config": settings} for kind, settings in layers]
    random = np.random.default_rng(0)
    weights = {
        "kernel": random.uniform(-1, 1, (3, 3, 1, 4)),
        "bias": np.zeros(4),
        "gamma": np.ones(4),
        "beta": np.zeros(4),
        "mean": np.zeros(4),
        "variance": np.ones(4),
        "kernel2": random.uniform(-1, 1, (3, 3, 4, 4)),
        "bias2": np.zeros(4),
        "kernel3": random.uniform(-1, 1, (4, 2)),
        "bias3": np.zeros(2),
    } | zeroed
    config = {"class_name": "Sequential", "config": {"name": "n", "layers": entries}}
    return config, [np.float32(each) for each in weights.values()]


@pytest.mark.parametrize(
    ("zeroed", "said"),
    [
        (
            {"kernel": np.zeros((3, 3, 1, 4))},
            "all outputs are 0 from layer 'c1' on, whose weights are all zero; it ends at layer",
        ),
        (
            {"kernel": np.zeros((3, 3, 1, 4)), "bias": np.full(4, -1)},
            "nothing depends on the picture from layer 'c1' on, whose weights are all zero; it",
        ),
        (
            {"gamma": np.zeros(4)},
            "all outputs are 0 from layer 'bn' on, whose gamma is all zero; it ends at layer",
        ),
        ({"kernel2": np.zeros((3, 3, 4, 4)), "bias2": np.ones(4)}, "it ends at layer 'c2', whose"),
        ({"gamma": np.zeros(4), "beta": np.ones(4)}, "it ends at layer 'bn', whose gamma is all"),
    ],
)
def test_the_root_of_the_illness_comes_first(zeroed, said):
    with pytest.raises(ph.InvalidArgumentError) as caught:
        ph.maximize(normalized(zeroed), 0, steps=4, progress=False, value_range=(0, 1))
    assert f"no usable gradient reaches the picture: {said}" in str(caught.value)


def test_what_has_no_aim_is_said_at_once():
    model = network(("last", "linear", spread(PIXELS, 3), 0.0))
    with pytest.raises(ph.InvalidArgumentError, match=r"n must be a whole number from 1 to 1024"):
        ph.maximize(model, 1, n=10**9, **OPTIONS)
    with pytest.raises(ph.InvalidArgumentError, match=r"vector must have a number other than 0"):
        ph.direction("last", [0, 0, 0])
    with pytest.raises(ph.InvalidArgumentError, match=r"^an objective whose weights are all 0"):
        ph.maximize(model, 0 * ph.logit(1), **OPTIONS)
    with pytest.raises(ph.InvalidArgumentError, match=r"pre_activation must be True, False"):
        ph.channel("last", 1, pre_activation="before")
