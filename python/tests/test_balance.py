"""Optimizers without a learning rate, and networks whose gradients are faint."""

import warnings

import numpy as np
import pytest
from test_ceilings import normalized
from test_doctor import diagnosed, network, one_thread, replayed, spread

import phosphene as ph

__all__ = ["one_thread"]  # a fixture


def wardrobe(factor):
    """Return the wardrobe network with its scores times a number."""
    model = ph.zoo.wardrobe()
    *weights, kernel, bias = model.get_weights()
    scaled = [*weights, np.float32(factor * kernel), np.float32(factor * bias)]
    return ph.load((model.config, scaled), preprocessing=(1 / 255, 0))


@pytest.fixture(scope="module")
def plain():
    """Return trousers by the network as it is."""
    return ph.maximize(wardrobe(1), 1, steps=96, progress=False)


@pytest.mark.parametrize("factor", [0.01, 1e-4])
def test_small_scores_dont_drown_in_penalties(plain, factor):
    """What the network itself says of both pictures is nearly the same."""
    small = ph.maximize(wardrobe(factor), 1, steps=96, progress=False)
    for first, second in zip(
        plain.recipe["regularizers"], small.recipe["regularizers"], strict=True
    ):
        assert second["weight"] == pytest.approx(factor * first["weight"], rel=0.8)
    assert plain.score * factor * 0.8 < small.score < plain.score * factor * 1.3
    assert small.diagnosis is None
    again = replayed(wardrobe(factor), small)
    np.testing.assert_array_equal(again.images, small.images)


def test_stated_penalties_stay():
    penalty = ph.regularizers.TotalVariation(10)
    picture = ph.maximize(wardrobe(0.01), 1, steps=2, regularizers=[penalty], progress=False)
    assert picture.recipe["regularizers"] == [penalty.to_json()]
    adam = ph.optimizers.Adam(0.1)
    with pytest.warns(ph.PhospheneWarning, match="what helped: lighter penalties.$"):
        picture = ph.maximize(wardrobe(1e-7), 1, steps=2, optimizer=adam, progress=False)
    assert picture.recipe["optimizer"] == adam.to_json()


def test_a_gradient_that_fades_is_said_and_followed():
    """A variance of 1e12 divides by a million, and leaves the best picture what it is."""
    options = {"steps": 64, "progress": False, "value_range": (0, 1)}
    healthy = ph.maximize(normalized({}), 0, **options)
    config = normalized({"variance": np.full(4, 1e12)})
    picture, warned = diagnosed(config, 0, transforms=None, parametrization=None, **options)
    assert "it fades at layer 'bn', whose moving variance is up to 1e+12" in picture.diagnosis
    assert "faint" in warned
    assert picture.recipe["optimizer"]["epsilon"] < 1e-11
    assert 0.9e-6 * healthy.score < picture.score < 1.1e-6 * healthy.score
    again = replayed(config, picture)
    np.testing.assert_array_equal(again.images, picture.images)


def test_a_gradient_too_faint_for_numbers_fails():
    faint = normalized({"kernel2": np.full((3, 3, 4, 4), 1e-30)})
    with pytest.raises(ph.InvalidArgumentError) as caught:
        ph.maximize(faint, 0, steps=4, progress=False, value_range=(0, 1))
    assert "it fades at layer 'c2', whose weights are at most 1e-30; tried in vain" in str(
        caught.value
    )


RATES = {"natural": 0.02, "fourier": 0.1, "pixel": 0.05, "maco": 0.5}


@pytest.mark.parametrize("kind", RATES)
@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop", "sgd"])
def test_an_optimizer_by_name_suits_the_parametrization(plain, kind, name):
    model = wardrobe(1)
    options = {"steps": 96, "parametrization": kind, "progress": False}
    if (kind, name) == ("maco", "sgd"):
        with pytest.raises(ph.InvalidArgumentError, match="no learning rate of sgd suits maco"):
            ph.maximize(model, 1, optimizer=name, **options)
        return
    picture = ph.maximize(model, 1, optimizer=name, **options)
    if name != "sgd":
        expected = 1 if (kind, name) == ("maco", "nadam") else RATES[kind]
        assert picture.recipe["optimizer"]["learning_rate"] == pytest.approx(expected)
    # An independent network of the same clothes would do; the class itself is named for sure.
    probabilities = np.asarray(model(picture.input))[0]
    assert probabilities.argmax() == 1
    assert picture.score > (0.15 if kind == "maco" else 0.5) * plain.score
    again = replayed(model, picture)
    np.testing.assert_array_equal(again.images, picture.images)


def test_sgd_is_as_fast_on_any_scale():
    """With a gradient twice as large the rate is half: the same steps."""
    rates = []
    for factor in (1, 2):
        model = network(("last", "linear", factor * spread(16, 2), 0.0))
        picture = ph.maximize(
            model,
            0,
            steps=1,
            parametrization="pixel",
            transforms=(),
            regularizers=(),
            optimizer="sgd",
            value_range=(0, 1),
            progress=False,
        )
        rates.append(picture.recipe["optimizer"]["learning_rate"])
    assert rates[0] == pytest.approx(2 * rates[1], rel=1e-4)
    # Grey: a pixel is a sigmoid of its parameter, whose slope is 1/4 there.
    gradient = 0.25 * np.abs(spread(16, 2)[:, 0]).mean()
    assert rates[0] == pytest.approx(0.05 * 0.05 / gradient, rel=0.05)


def test_a_class_without_a_rate_leaves_it_open():
    for each in (ph.optimizers.Adam(), ph.optimizers.SGD(nesterov=True)):
        assert "learning_rate" not in each.to_json()
    assert ph.optimizers.NAdam(0.5).to_json()["learning_rate"] == 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = ph.maximize(
            ph.zoo.wardrobe(), 1, steps=2, optimizer=ph.optimizers.Adam(), progress=False
        )
    assert picture.recipe["optimizer"]["learning_rate"] == pytest.approx(0.1)
