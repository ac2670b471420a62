"""How long a maximization takes: budgets, plateaus, stages."""

import numpy as np
import pytest

import phosphene as ph

QUIET = {"progress": False}


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


def replayed(model, picture, folder, **options):
    return ph.replay(picture.save(folder / "picture.png"), model, progress=False, **options)


def test_a_budget_lowers_the_number_of_steps(wardrobe, tmp_path):
    heard = []
    picture = ph.maximize(
        wardrobe, "Bag", steps=1_000_000, budget_s=0.5, callbacks=[heard.append], **QUIET
    )
    done = len(picture.history[0])
    assert 1 < done < 1_000_000
    assert heard[-1].step == done <= picture.recipe["steps"] == heard[0].steps
    assert "budget_s" not in picture.recipe
    again = replayed(wardrobe, picture, tmp_path)
    np.testing.assert_array_equal(again.images, picture.images)
    assert again.history == picture.history


def test_a_budget_with_time_to_spare_changes_nothing(wardrobe):
    plain = ph.maximize(wardrobe, "Bag", steps=8, **QUIET)
    picture = ph.maximize(wardrobe, "Bag", steps=8, budget_s=600, **QUIET)
    np.testing.assert_array_equal(picture.images, plain.images)
    assert picture.history == plain.history
    assert picture.recipe == plain.recipe


def test_a_budget_too_short_for_a_step_takes_one(wardrobe):
    with pytest.warns(ph.PhospheneWarning, match=r"budget_s=0\.001 was enough for 1 step only"):
        picture = ph.maximize(wardrobe, "Bag", budget_s=0.001, **QUIET)
    assert len(picture.history[0]) == 1


def test_what_was_stopped_is_rendered_again(wardrobe, tmp_path):
    with pytest.raises(ph.Cancelled) as caught:
        ph.maximize(wardrobe, "Bag", steps=64, callbacks=[lambda p: p.step == 11], **QUIET)
    picture = caught.value.picture
    assert (picture.recipe["steps"], picture.recipe["last_step"]) == (64, 11)
    again = replayed(wardrobe, picture, tmp_path)
    np.testing.assert_array_equal(again.images, picture.images)


def test_a_plateau_ends_it(wardrobe, tmp_path):
    options = {"steps": 512, "parametrization": "pixel", "transforms": (), **QUIET}
    whole = ph.maximize(wardrobe, "Bag", **options)
    picture = ph.maximize(wardrobe, "Bag", early_stop=0.05, **options)
    done = len(picture.history[0])
    assert 64 < done < 512
    assert picture.recipe["last_step"] == done
    assert picture.history[0] == whole.history[0][:done]
    # What was left out is less than a few times the share of what was gained.
    gained = picture.score - picture.history[0][0]
    assert picture.score > whole.score - 0.5 * gained
    again = replayed(wardrobe, picture, tmp_path)
    np.testing.assert_array_equal(again.images, picture.images)


@pytest.mark.parametrize("kind", ["pixel", "fourier", "natural", "maco"])
def test_stages_go_from_coarse_to_fine(wardrobe, kind, tmp_path):
    picture = ph.maximize(
        wardrobe,
        "Bag",
        stages=[(14, 24), ((21, 22), 8), (28, 16)],
        parametrization=kind,
        n=2,
        **QUIET,
    )
    assert picture.images.shape == (2, 28, 28, 1)
    assert (picture.recipe["steps"], picture.recipe["size"]) == (48, [28, 28])
    assert [len(each) for each in picture.history] == [48, 48]
    # Each stage goes on where the last one was, and not from a start: the first scores of the last
    # stage are nearer to those before it than to the very first.
    for history in picture.history:
        assert abs(history[32] - history[31]) < abs(history[32] - history[0])
    again = replayed(wardrobe, picture, tmp_path)
    np.testing.assert_array_equal(again.images, picture.images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget_s": 0}, r"budget_s must be a number from 0\.001 to .* received 0"),
        ({"budget_s": "1"}, "budget_s must be a number .* received '1'"),
        ({"early_stop": 2}, "early_stop must be a number from 0 to 1; received 2"),
        ({"stages": [(28, 4)], "steps": 4}, "leave size, steps and budget_s out"),
        ({"stages": []}, r"stages must be a list of pairs .* received \[\]"),
        ({"stages": [28, 4]}, r"stages must be a list of pairs .* received \[28, 4\]"),
        ({"stages": [(28, 0)]}, "the steps of a stage must be a whole number, 1 or more"),
        ({"stages": [(2, 4)]}, r"size of a stage must be two lengths from 4 .* received \[2, 2\]"),
    ],
)
def test_refusals(wardrobe, options, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(wardrobe, 0, **options, **QUIET)
