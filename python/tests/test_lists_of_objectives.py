"""What the doctor says of lists of objectives, of huge numbers and of units without weights."""

import warnings

import numpy as np
import pytest
from test_balance import wardrobe
from test_ceilings import normalized, quietly, stated
from test_doctor import OPTIONS, diagnosed, network, one_thread, replayed, spread

import phosphene as ph

__all__ = ["one_thread"]  # a fixture


def silently(model, objective, **options):
    """Return the picture, whatever is warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ph.PhospheneWarning)
        return ph.maximize(model, objective, progress=False, **options)


def test_an_objective_that_drowns_beside_others_is_said():
    model = ph.zoo.wardrobe()
    picture = silently(model, ["Bag", 0.01 * ph.logit(1)], steps=8)
    assert picture.diagnoses[0] is None
    assert "drowns in the penalties" in picture.diagnoses[1]
    assert picture.diagnoses[1].endswith("times as large; render it alone.")
    assert silently(model, [0.01 * ph.logit(1)], steps=8).diagnosis is None
    assert silently(model, list(range(10)), steps=2).diagnoses == (None,) * 10


def test_an_objective_too_slow_for_the_rate_of_others_is_said():
    model = ph.zoo.wardrobe()
    options = {"steps": 4, "optimizer": "sgd", "parametrization": "pixel"}
    picture = silently(model, ["Bag", ("conv1", 2)], **options)
    assert picture.diagnoses[0] is None
    assert "SGD's one learning rate suits the strongest objectives" in picture.diagnoses[1]
    assert "render it alone" in picture.diagnoses[1]
    assert silently(model, ("conv1", 2), **options).diagnosis is None
    assert silently(model, list(range(10)), **options).diagnoses == (None,) * 10


def pointwise(side, **settings):
    """Return a 1 x 1 convolution, and what is stated of a rectifier behind it."""
    layers = [
        ("InputLayer", {"batch_shape": [None, side, side, 3], "name": "x"}),
        ("Conv2D", {"name": "c", "filters": 2, "kernel_size": [1, 1]}),
        ("ReLU", {"name": "r", **settings}),
    ]
    entries = [{"class_name": kind, "config": each} for kind, each in layers]
    config = {"class_name": "Sequential", "config": {"name": "n", "layers": entries}}
    kernel = np.random.default_rng(0).normal(size=(1, 1, 3, 2))
    return config, [np.float32(kernel), np.float32([-3, 0])]


@pytest.mark.parametrize("kind", ["pixel", "natural"])
def test_many_pixels_make_no_gradient_faint(kind):
    config, (kernel, bias) = pointwise(512)
    picture = quietly((config, [kernel, 0 * bias]), ("r", 0), steps=1, parametrization=kind)
    assert picture.diagnosis is None
    assert np.ptp(picture.input) > 0


@pytest.mark.parametrize(
    "settings", [{"negative_slope": 0.1}, {"threshold": 1}, {"negative_slope": 0.1, "threshold": 1}]
)
def test_a_ceiling_above_more_than_a_rectifier(settings):
    """The unit is below 0, where such a function has a slope or what goes in has one."""
    model = pointwise(8, max_value=6, **settings)
    picture = quietly(model, ("r", 0))
    assert stated(picture) == [True]
    assert picture.score > picture.history[0][0]
    np.testing.assert_array_equal(replayed(model, picture).images, picture.images)


@pytest.mark.parametrize(("activation", "output"), [("relu", "0"), ("hard_tanh", "-1.0")])
def test_what_comes_of_a_unit_that_is_still_off_is_said(activation, output):
    model = network(("sunk", activation, spread(16, 1), -40.0))
    aim = ph.channel("sunk", 0, pre_activation=False)
    picture, _ = diagnosed(model, aim, steps=8)
    assert f"before the activation, which makes {output} of it." in picture.diagnosis


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop"])
def test_a_gradient_too_large_to_be_squared_is_said(name):
    options = {"steps": 4, "parametrization": "pixel", "regularizers": (), "transforms": ()}
    picture = silently(wardrobe(1e21), 1, optimizer=name, **options)
    assert f"The gradient is too large for {name}" in picture.diagnosis
    cured = silently(wardrobe(1e21), 1e-20 * ph.logit(1), optimizer=name, **options)
    assert cured.diagnosis is None
    assert cured.score > cured.history[0][0]


def test_a_unit_without_weights_is_named():
    config, (kernel, bias) = pointwise(8)
    kernel[..., 1] = 0
    with pytest.raises(
        ph.InvalidArgumentError, match="the weights of layer 'c' for it are all zero"
    ):
        ph.maximize((config, [kernel, bias]), ("r", 1), **OPTIONS)
    kernel = spread(16, 3)
    kernel[:, 1] = 0
    model = network(("layer", "relu", kernel, 0.0))
    with pytest.raises(ph.InvalidArgumentError, match="whose weights for unit 1 are all zero"):
        ph.maximize(model, ("layer", 1), **OPTIONS)
    kernel2 = np.random.default_rng(0).uniform(-1, 1, (3, 3, 4, 4))
    kernel2[..., 2] = 0
    with pytest.raises(ph.InvalidArgumentError, match="whose weights for unit 2 are all zero"):
        ph.maximize(normalized({"kernel2": kernel2}), ("c2", 2), **OPTIONS)


def test_a_neuron_that_is_off_where_it_lies_is_named():
    """A padded convolution that is on along the border only."""
    layers = [
        ("InputLayer", {"batch_shape": [None, 8, 8, 1], "name": "x"}),
        ("Conv2D", {"name": "c", "filters": 2, "kernel_size": [3, 3], "padding": "same"}),
        ("ReLU", {"name": "r"}),
    ]
    entries = [{"class_name": kind, "config": each} for kind, each in layers]
    config = {"class_name": "Sequential", "config": {"name": "n", "layers": entries}}
    weights = [np.full((3, 3, 1, 2), -1, np.float32), np.float32([3.5, 9])]  # grey takes 4.5
    picture, _ = diagnosed((config, weights), ph.neuron("r", 0))
    assert "whose unit 0 is off at its position (4, 4) (0 for this input)" in picture.diagnosis


def test_the_learning_rate_that_stood_for_none_is_refused():
    optimizer = {"kind": "adam", "learning_rate": -3.4028234663852886e38}
    recipe = ph.maximize(ph.zoo.wardrobe(), 1, steps=1, progress=False).recipe
    with pytest.raises(ph.PhospheneError, match="learning_rate"):
        ph.replay(recipe | {"optimizer": optimizer}, ph.zoo.wardrobe(), progress=False)
