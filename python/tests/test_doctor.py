"""Pictures whose objective has no gradient: networks that are ill by construction."""

import warnings

import numpy as np
import pytest

import phosphene as ph
from phosphene._vision.maximization.linear_layers import rectifier_behind

OPTIONS = {
    "steps": 24,
    "transforms": (),
    "parametrization": "pixel",
    "value_range": (0, 1),
    "progress": False,
}
PIXELS = 16


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


def network(*layers):
    """Return a network on 4 x 4 grey pixels of dense layers: (name, activation, kernel, bias)."""
    stated = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4, 4, 1], "name": "input"}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
    ]
    weights = []
    for name, activation, kernel, bias in layers:
        kernel = np.asarray(kernel, np.float32)
        config = {"name": name, "units": kernel.shape[1], "activation": activation}
        stated.append({"class_name": "Dense", "config": config})
        weights += [kernel, np.full(kernel.shape[1], bias, np.float32)]
    return {"class_name": "Sequential", "config": {"name": "ill", "layers": stated}}, weights


def spread(rows, columns, low=0.5):
    """Return weights between `low` and 1."""
    return np.random.default_rng(0).uniform(low, 1, (rows, columns))


DEAD = ("dead", "relu", spread(PIXELS, 3), -100.0)  # 16 pixels of 1 and weights of 1 give 16


def diagnosed(model, objective, **options):
    """Return the picture and what the warning says."""
    with pytest.warns(ph.PhospheneWarning) as caught:
        picture = ph.maximize(model, objective, **(OPTIONS | options))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    return picture, str(caught[0].message)


def test_a_unit_that_is_off_is_aimed_at_before_its_activation():
    picture, warned = diagnosed(network(DEAD), ("dead", 1))
    assert "layer 'dead', all of whose 3 units are off" in picture.diagnosis
    assert "aiming before the activation (pre_activation=True" in picture.diagnosis
    assert picture.diagnosis[1:] in warned
    assert picture.recipe["objectives"][0]["terms"][0]["pre_activation"] is True
    assert picture.input.min() > 0.5  # all weights are positive: it grew everywhere


def test_the_unit_and_the_share_of_units_that_are_off_are_named():
    kernel = spread(PIXELS, 4)
    kernel[:, :2] *= -1  # negative for every picture
    picture, _ = diagnosed(network(("half", "relu", kernel, 0.0)), ("half", 1))
    assert "whose unit 1 is off (0 for this input), as are 50 % of the layer's 4" in (
        picture.diagnosis
    )


def test_a_dead_layer_in_between_gets_redirected_rectifiers():
    """Every unit of the first layer is off, so that aiming before the last changes nothing."""
    dead = ("hidden", "relu", spread(PIXELS, 3), -8.2)  # off for grey, on for white
    picture, _ = diagnosed(
        network(dead, ("last", "relu", spread(3, 2), 0.0)), ("last", 0), steps=80
    )
    assert (
        "picture: all outputs are 0 from layer 'hidden' on, all of whose 3 units are off (0 for "
        "this input); it ends at layer 'last'"
    ) in picture.diagnosis
    assert "what helped: redirected rectifiers for 16 steps" in picture.diagnosis
    assert picture.recipe["redirected_steps"] >= 16
    assert (
        "pre_activation" not in str(picture.recipe["objectives"])
        or not (picture.recipe["objectives"][0]["terms"][0]["pre_activation"])
    )
    assert picture.score > 0
    assert picture.input.min() > 0.5


def test_where_redirection_ends_too_early_it_goes_on():
    dead = ("hidden", "relu", spread(PIXELS, 3, low=0.99), -15.0)  # on for nearly white pictures
    picture, _ = diagnosed(
        network(dead, ("last", "relu", spread(3, 2), 0.0)), ("last", 0), steps=200
    )
    assert "rectifiers still blocked all of the gradient" in picture.diagnosis
    assert picture.recipe["redirected_steps"] > 16
    assert picture.score > 0
    again = replayed(network(dead, ("last", "relu", spread(3, 2), 0.0)), picture)
    np.testing.assert_array_equal(again.images, picture.images)


def test_a_ceiling_is_redirected_too():
    """All ReLU6 are at 6; a minus brings them down only if that side is let through."""
    above = ("above", "relu6", spread(PIXELS, 3), 0.5)
    model = network(above, ("last", "linear", -np.ones((3, 1)), 0.0))
    picture, _ = diagnosed(model, ("last", 0), start=np.full((1, 4, 4, 1), 0.97), steps=200)
    assert "layer 'above', all of whose 3 units are at their ceiling of 6.0" in picture.diagnosis
    assert picture.score > -18


def test_a_saturated_softmax_is_left_for_the_score_before_it():
    kernel = np.zeros((PIXELS, 3))
    kernel[:, 0], kernel[:, 2] = 50.0, 40.0
    picture, _ = diagnosed(
        network(("classes", "softmax", kernel, 0.0)), ph.probability(1) - 0.5 * ph.probability(0)
    )
    assert "layer 'classes', whose softmax is saturated: its largest output is 1.0" in (
        picture.diagnosis
    )
    assert "logit instead of probability" in picture.diagnosis
    assert [term["kind"] for term in picture.recipe["objectives"][0]["terms"]] == ["logit"] * 2


def test_a_saturated_sigmoid_in_between_is_named():
    flat = ("flat", "sigmoid", spread(PIXELS, 3) * 100, 0.0)
    with pytest.raises(ph.InvalidArgumentError) as caught:
        ph.maximize(network(flat, ("last", "linear", spread(3, 1), 0.0)), 0, **OPTIONS)
    message = str(caught.value)
    assert "ends at layer 'flat', whose activation is saturated" in message
    assert "between 1.0 and 1.0" in message
    assert "tried in vain: redirected rectifiers, 3 other starts" in message


def test_weights_of_zero_are_named():
    model = network(("empty", "linear", np.zeros((PIXELS, 2)), 1.0))
    with pytest.raises(ph.InvalidArgumentError, match=r"layer 'empty', whose weights are all zero"):
        ph.maximize(model, 0, **OPTIONS)


def test_a_start_that_finds_no_gradient_is_exchanged():
    """The unit is on where the first pixel is much brighter than the second, which is chance."""
    kernel = np.zeros((PIXELS, 1))
    kernel[0, 0], kernel[1, 0] = 1.0, -1.0
    # The function is flat between -0.5 and 0.5 and no rectifier.
    model = network(("edge", "hard_shrink", kernel * 140, 0.0), ("last", "linear", [[1.0]], 0.0))
    found = []
    for seed in range(8):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ph.PhospheneWarning)
            try:
                picture = ph.maximize(model, 0, seed=seed, **OPTIONS)
            except ph.InvalidArgumentError:
                continue
        if picture.diagnosis is not None:
            found.append(picture.diagnosis.split("what helped: ")[1])
    assert any(each.startswith("another start (number") for each in found), found


def test_one_ill_picture_among_others():
    kernel = spread(PIXELS, 3)
    kernel[:, 1] *= -1
    model = network(("layer", "relu", kernel, 0.0))
    picture, warned = diagnosed(model, [("layer", 0), ("layer", 1), ("layer", 2)])
    assert [each is None for each in picture.diagnoses] == [True, False, True]
    assert picture.diagnosis is None
    assert warned.startswith("'layer · 1': no usable gradient")
    terms = [each["terms"][0] for each in picture.recipe["objectives"]]
    assert [term["pre_activation"] for term in terms] == [False, True, False]
    alone = ph.maximize(model, [("layer", 0)], **OPTIONS)
    np.testing.assert_allclose(picture.input[0], alone.input[0], atol=1e-5)


def test_penalties_dont_hide_a_missing_gradient():
    picture, _ = diagnosed(
        network(DEAD), ("dead", 1), regularizers=[ph.regularizers.TotalVariation(0.1)]
    )
    assert "layer 'dead'" in picture.diagnosis


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_the_layer_where_nan_begins_is_named(activation):
    kernel = spread(PIXELS, 2)
    kernel[3, 1] = np.nan
    model = network(
        ("good", "relu", spread(PIXELS, PIXELS), 0.0),
        ("bad", activation, kernel, 0.0),
        ("last", "linear", spread(2, 1), 0.0),
    )
    with pytest.raises(ph.InvalidArgumentError) as caught:
        ph.maximize(model, 0, **OPTIONS)
    assert "layer 'bad'" in str(caught.value)
    assert "its weights hold NaN or infinity" in str(caught.value)


def test_a_number_that_grows_too_large_is_named():
    model = network(
        ("steep", "exponential", spread(PIXELS, 2) * 100, 0.0),
        ("last", "linear", spread(2, 1), 0.0),
    )
    with pytest.raises(
        ph.InvalidArgumentError, match=r"layer 'steep' is the first .* too large or undefined"
    ):
        ph.maximize(model, 0, **OPTIONS)


def replayed(model, picture):
    """Return the picture that the recipe alone makes, without a word."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error", ph.PhospheneWarning)
        return ph.replay(picture.save(f"{folder}/picture.png"), model, progress=False)


@pytest.mark.parametrize("count", [1, 2])
def test_what_helped_is_in_the_recipe(count):
    dead = ("hidden", "relu", spread(PIXELS, 3), -8.2)
    model = network(dead, ("last", "relu", spread(3, 2), 0.0))
    for objective in (("last", 0), ("hidden", 1)):
        picture, _ = diagnosed(model, objective, steps=40, n=count)
        again = replayed(model, picture)
        np.testing.assert_array_equal(again.images, picture.images)
        assert again.history == picture.history


def test_redirected_steps_when_asked_for():
    dead = ("hidden", "relu", spread(PIXELS, 3), -8.2)
    model = network(dead, ("last", "relu", spread(3, 2), 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ph.PhospheneWarning)
        picture = ph.maximize(model, ("last", 0), redirected_steps=40, **(OPTIONS | {"steps": 80}))
    assert picture.recipe["redirected_steps"] == 40
    assert picture.score > 0


def test_healthy_networks_have_no_diagnosis():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = ph.maximize(ph.zoo.wardrobe(), ["Bag", 1], steps=2, progress=False)
    assert picture.diagnoses == (None, None)
    assert picture.diagnosis is None
    assert picture.recipe["redirected_steps"] == 0


def test_a_climb_that_loses_its_gradient_says_where():
    """One step of this size pushes every pixel to a side that the first layer is off for."""
    kernel = np.vstack([np.ones((8, 3)), -np.ones((8, 3))])
    hidden = ("hidden", "relu", kernel, 0.3)
    model = network(hidden, ("last", "linear", -np.ones((3, 1)), 0.0))
    # Minus what is on: the best is all off, so that this is success and no illness.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fine = ph.maximize(model, 0, optimizer=ph.optimizers.SGD(1e4), **OPTIONS)
    assert fine.diagnosis is None
    assert fine.score == 0

    # Of the mean x: rises from 0.4 to 0.6, falls to zero at 0.7, stays there.
    mean = np.full((PIXELS, 2), 1 / PIXELS)
    hill = network(("hidden", "relu", mean, [-0.4, -0.6]), ("last", "relu", [[1], [-3]], 0.0))
    picture, _ = diagnosed(hill, ("last", 0), optimizer=ph.optimizers.SGD(1e6))
    assert picture.diagnosis == (
        "The gradient has been zero since step 2: it ends at layer 'last', whose one unit is "
        "off (0 for this input); a lower learning rate, redirected_steps= or another seed may help."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ph.maximize(hill, ("last", 0), **OPTIONS).score > 0.19


def test_a_remedy_that_helped_in_vain_is_no_success():
    """Redirection gives a gradient, but no picture from 0 to 1 gets this unit going."""
    hidden = ("hidden", "relu", spread(PIXELS, 3), -100.0)
    model = network(hidden, ("last", "relu", spread(3, 2), 0.0))
    picture, _ = diagnosed(model, ("last", 0), steps=60)
    assert "what helped: redirected rectifiers" in picture.diagnosis
    assert "and yet the objective never rose" in picture.diagnosis
    assert picture.score == 0


def test_rectified_weights_of_zero_are_named_too():
    model = network(("empty", "relu", np.zeros((PIXELS, 2)), 0.0))
    with pytest.raises(ph.InvalidArgumentError, match=r"layer 'empty', whose weights are all zero"):
        ph.maximize(model, 0, **OPTIONS)


LINEAR = {"conv": "relu", "norm": "relu", "relu": None, "other": "last", "last": None, "end": None}


def rectified(around=-1.0, middle=2.0):
    """Return a network with rectifiers that are layers of their own, inside of another."""
    image = {"batch_shape": [None, 28, 28, 1], "name": "x"}
    layers = [
        ("InputLayer", image),
        ("Conv2D", {"name": "conv", "filters": 2, "kernel_size": [3, 3], "use_bias": False}),
        ("BatchNormalization", {"name": "norm", "scale": False, "center": False}),
        ("ReLU", {"name": "relu"}),
        ("Conv2D", {"name": "other", "filters": 2, "kernel_size": [1, 1], "use_bias": False}),
        ("Activation", {"name": "last", "activation": "gelu"}),
        ("Conv2D", {"name": "end", "filters": 2, "kernel_size": [1, 1], "use_bias": False}),
    ]
    entries = [{"class_name": kind, "config": settings} for kind, settings in layers]
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": entries}}
    outer = [{"class_name": "InputLayer", "config": image}, inner]
    config = {"class_name": "Sequential", "config": {"name": "outer", "layers": outer}}
    falling = np.full((3, 3, 1, 2), around, np.float32)
    falling[1, 1] = middle  # an edge that is brighter than what lies around it, or not
    weights = [falling, np.zeros(2), np.ones(2), np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))]
    return ph.load((config, [np.float32(each) for each in weights]), preprocessing=(1 / 255, 0))


def test_where_a_linear_layer_is_rectified():
    model = rectified()
    for name, behind in LINEAR.items():
        expected = None if behind is None else f"inner/{behind}"
        assert rectifier_behind(model, f"inner/{name}") == expected


def test_a_channel_that_is_negative_at_best():
    """Each white pixel takes away 6 of the sum, so that black is best, and it is 0."""
    model = rectified()
    aims = [("inner/conv", 0), ("inner/conv", 1)]
    with pytest.warns(ph.PhospheneWarning, match="Aim behind its rectifier") as caught:
        picture = ph.maximize(model, aims, steps=64, progress=False)
    assert max(picture.scores) < 0
    assert [each.filename for each in caught] == [__file__]
    said = str(caught[0].message)
    assert f"'inner/conv · 0' ends below 0, at {picture.score:.3g}: " in said
    assert "at ('inner/relu', 0). So do 1 more." in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.maximize(model, ("inner/conv", 0), steps=8, progress=False)  # it has hardly begun
        ph.maximize(model, -1 * ph.channel("inner/conv", 0), steps=64, progress=False)


def test_a_channel_that_stays_near_zero():
    """The kernel's weights cancel: whatever a pixel adds in the middle its neighbours take away."""
    model = rectified(-1, 8)
    with pytest.warns(
        ph.PhospheneWarning, match="Aim behind its rectifier, at .'inner/relu', 0"
    ) as (caught):
        picture = ph.maximize(model, ("inner/conv", 0), steps=64, progress=False)
    values = ph.trace(model, picture.input)["inner/conv"][..., 0]
    assert 0 <= picture.score < 0.25 * np.sqrt(np.mean(values**2))
    said = str(caught[0].message)
    assert f"'inner/conv · 0' stays near 0, at {picture.score:.3g} where its values go from" in said
    assert f"from {values.min():.3g} to {values.max():.3g}: 'inner/conv' has no activation" in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.maximize(rectified(1, 1), ("inner/conv", 0), steps=64, progress=False)
        ph.maximize(model, ("inner/relu", 0), steps=64, progress=False)
