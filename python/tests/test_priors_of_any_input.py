"""Priors from signals, volumes and rows: known spectra, channels and covariances come back."""

import numpy as np
import pytest
from test_any_input import linear_network, one_thread, smooth

import phosphene as ph
from phosphene._vision.maximization.priors import estimated, estimated_of_rows
from phosphene._vision.maximization.render import render

__all__ = ["one_thread"]  # pytest finds the fixture here

QUIET = {"progress": False}
STILL = {"transforms": (), "optimizer": ph.optimizers.SGD(1e-9), "steps": 1, "progress": False}
FORMS = {"signal": (64,), "volume": (12, 14, 16)}
AXES = np.array([[0.8, 0.6], [-0.15, 0.2]])
MEAN = np.array([0.3, 0.6])


def frequencies(sides):
    """Return the length of each frequency of a full spectrum."""
    grid = np.meshgrid(*map(np.fft.fftfreq, sides), indexing="ij")
    return np.sqrt(np.sum(np.square(grid), axis=0))


def synthesized(count, sides, slope, axes=AXES, mean=MEAN, *, seed=0):
    """Return inputs whose magnitudes fall as frequency to a power, of channels along known axes."""
    frequency = frequencies(sides)
    frequency.flat[0] = np.inf if slope < 0 else 0
    noise = np.random.default_rng(seed).normal(0, 1, (count, len(axes), *sides))
    places = tuple(range(2, 2 + len(sides)))
    planes = np.fft.ifftn(np.fft.fftn(noise, axes=places) * frequency**slope, axes=places).real
    planes /= planes.std(axis=(0, *places), keepdims=True)
    pixels = np.einsum("na...,ac->n...c", planes, axes)
    return np.clip(mean + 0.06 * pixels / pixels.std(), 0, 1)


def slope_of(values):
    """Return how magnitudes of (n, side, ...) fall with frequency, but for the highest ones."""
    places = tuple(range(1, values.ndim))
    magnitudes = np.abs(np.fft.fftn(values, axes=places)).mean(axis=0).ravel()
    frequency = frequencies(values.shape[1:]).ravel()
    inner = (frequency > 0) & (frequency < 0.35)
    return np.polyfit(np.log(frequency[inner]), np.log(magnitudes[inner]), 1)[0]


def logits(picture):
    pixels = np.clip(picture.input.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.log(pixels / (1 - pixels))


@pytest.mark.parametrize("slope", [-0.5, -1.2, -2.0])
@pytest.mark.parametrize("form", FORMS)
def test_a_known_spectrum_comes_back(form, slope):
    prior = estimated(synthesized(48, FORMS[form], slope, np.eye(1), 0.5))
    _, fall, *rest = prior["spectrum"][0]
    square = np.array([0.03, 0.1, 0.3]) ** 2 / len(FORMS[form])
    pairs = len(FORMS[form]) * (len(FORMS[form]) - 1) / 2
    shape = fall * np.log(square * len(FORMS[form])) / 2 + rest[0] * square * len(FORMS[form])
    shape += rest[1] * square**2 * len(FORMS[form]) + rest[2] * square**2 * pairs
    expected = slope * np.log([0.03, 0.1, 0.3])
    np.testing.assert_allclose(shape - shape[1], expected - expected[1], atol=0.15)


@pytest.mark.parametrize("form", FORMS)
def test_known_channels_come_back(form):
    prior = estimated(synthesized(24, FORMS[form], -1))
    np.testing.assert_allclose(prior["mean"], MEAN, atol=0.01)
    found = np.array(prior["axes"])
    received, expected = found.T @ found, AXES.T @ AXES
    np.testing.assert_allclose(
        received / np.trace(received), expected / np.trace(expected), atol=0.03
    )


@pytest.mark.parametrize("slope", [-0.4, -1.6])
@pytest.mark.parametrize("kind", ["natural", "fourier"])
@pytest.mark.parametrize("form", FORMS)
def test_what_it_starts_from_has_the_prior_s_spectrum(form, kind, slope):
    """Before a step to speak of, (random numbers times strengths) is seen through the sigmoid."""
    sides = FORMS[form]
    model = linear_network(smooth((*sides, 2)))
    inputs = synthesized(24, sides, slope, np.eye(2) * 0.5).astype(np.float32)
    picture = ph.maximize(model, 0, prior=inputs, parametrization=kind, n=24, **STILL)
    seen = logits(picture)
    for channel in range(2):
        assert slope_of(seen[..., channel]) == pytest.approx(slope, abs=0.2)
    middle = np.log(MEAN / (1 - MEAN))
    spread = seen.std()
    np.testing.assert_allclose(
        seen.mean(axis=tuple(range(seen.ndim - 1))), middle, atol=0.3 * spread
    )


@pytest.mark.parametrize("form", FORMS)
def test_channels_go_together_as_in_the_prior(form, tmp_path):
    """One axis of channels: all that moves, moves along it."""
    sides = FORMS[form]
    model = linear_network(smooth((*sides, 2)))
    axis = np.array([[0.9, -0.3]])
    inputs = synthesized(8, sides, -1, axis).astype(np.float32)
    picture = ph.maximize(model, 0, prior=inputs, steps=8, transforms=(), **QUIET)
    values = logits(picture).reshape(-1, 2)
    _, lengths, directions = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    assert lengths[1] < 0.02 * lengths[0]
    np.testing.assert_allclose(
        np.abs(directions[0]), np.abs(axis[0]) / np.linalg.norm(axis), atol=0.02
    )
    again = ph.replay(picture.save(tmp_path / "picture.png"), model, progress=False)
    np.testing.assert_array_equal(again.input, picture.input)


def test_an_input_without_its_batch_and_channels_first():
    images = synthesized(2, (64,), -1).astype(np.float32)
    model = linear_network(smooth((64, 2)))
    options = {"steps": 1, **QUIET}
    one = ph.maximize(model, 0, prior=images[0], **options).recipe
    same = ph.maximize(model, 0, prior=images[:1], **options).recipe
    assert one["parametrization"] == same["parametrization"]
    layers = [
        ("InputLayer", {"batch_shape": [None, 2, 64], "name": "x"}),
        ("Conv1D", {"name": "conv", "filters": 1, "kernel_size": [1], "use_bias": False,
                    "data_format": "channels_first"}),
    ]  # fmt: skip
    listed = [{"class_name": name, "config": config} for name, config in layers]
    config = {"class_name": "Sequential", "config": {"name": "first", "layers": listed}}
    first = ph.load((config, [np.ones((1, 2, 1), np.float32)]), preprocessing=(1 / 255, 0))
    turned = ph.maximize(first, ("conv", 0), prior=images.transpose(0, 2, 1), **options).recipe
    straight = ph.maximize(model, 0, prior=images, **options).recipe
    assert turned["parametrization"]["prior"] == straight["parametrization"]["prior"]


TABLE_MEAN = np.array([0.05, 0.5, 0.7, 0.9])
TABLE_AXES = np.array([[0.02, 0.1, -0.05, 0.01], [0.01, -0.02, 0.06, 0.03]])


def table(count, *, seed=0):
    """Return rows of four numbers that vary along two axes."""
    steps = np.random.default_rng(seed).normal(0, 1, (count, 2))
    return TABLE_MEAN + steps @ TABLE_AXES * 0.4


def test_a_known_covariance_comes_back():
    prior = estimated_of_rows(table(4000))
    np.testing.assert_allclose(prior["mean"], TABLE_MEAN, atol=2e-3)
    # A step of a logit moves its number by mean * (1 - mean).
    slopes = TABLE_AXES / (TABLE_MEAN * (1 - TABLE_MEAN))
    found, expected = np.array(prior["axes"]), slopes.T @ slopes
    received = found.T @ found
    np.testing.assert_allclose(
        received / np.trace(received), expected / np.trace(expected), atol=0.02
    )
    assert np.linalg.norm(found[0]) == pytest.approx(1)
    np.testing.assert_allclose(np.linalg.norm(found[2:], axis=1), 1e-3, rtol=1e-6)
    assert "spectrum" not in prior


def test_a_row_climbs_along_the_prior_s_axes():
    """Against NumPy: logits are the mean's and steps along the axes, from none on."""
    kernel = np.array([1.0, -0.5, 0.25, 2.0])
    model, rows = linear_network(kernel), table(50).astype(np.float32)
    prior = estimated_of_rows(np.clip(rows.astype(np.float64), 0, 1))
    recipe = {
        "objectives": [ph.logit(0).to_json()],
        "steps": 9,
        "parametrization": {"standard_deviation": 0, "prior": prior},
        "optimizer": {"kind": "sgd", "learning_rate": 0.8, "momentum": 0},
        "input": {"scale": [1 / 255], "offset": [0]},
    }
    picture = render(model, recipe, progress=False)
    axes, mean = np.array(prior["axes"]), np.clip(prior["mean"], 0.02, 0.98)
    steps = np.zeros(len(axes))
    history = []
    for _ in range(9):
        x = 1 / (1 + np.exp(-(np.log(mean / (1 - mean)) + steps @ axes)))
        history.append((kernel * x).sum())
        steps = steps + 0.8 * axes @ (kernel * x * (1 - x))
    x = 1 / (1 + np.exp(-(np.log(mean / (1 - mean)) + steps @ axes)))
    np.testing.assert_allclose(picture.history[0], history, rtol=1e-5)
    np.testing.assert_allclose(picture.input[0], x, rtol=1e-5)
    assert picture.recipe["parametrization"]["kind"] == "pixel"


def test_rows_stay_where_the_samples_vary(tmp_path):
    model, rows = linear_network(np.array([1.0, -0.5, 0.25, 2.0])), table(50).astype(np.float32)
    picture = ph.maximize(model, 0, prior=rows, steps=64, n=2, **QUIET)
    moved = logits(picture) - logits(picture).mean(axis=0)
    away = logits(picture) - np.log(rows.mean(axis=0) / (1 - rows.mean(axis=0)))
    slopes = TABLE_AXES / (TABLE_MEAN * (1 - TABLE_MEAN))
    rest = away - away @ np.linalg.pinv(slopes) @ slopes
    assert np.abs(away).max() > 1
    assert np.abs(rest).max() < 0.05 * np.abs(away).max()
    assert np.isfinite(moved).all()
    again = ph.replay(picture.save(tmp_path / "row.png"), model, progress=False)
    np.testing.assert_array_equal(again.input, picture.input)


def test_long_rows_vary_along_few_axes():
    rows = np.clip(0.5 + 0.1 * np.random.default_rng(0).normal(0, 1, (90, 300)), 0, 1)
    prior = estimated_of_rows(rows)
    assert np.shape(prior["axes"]) == (64, 300)
    assert np.shape(estimated_of_rows(rows[:10])["axes"]) == (10, 300)
    picture = ph.maximize(
        linear_network(np.ones(300)), 0, prior=rows[:10].astype(np.float32), steps=4, **QUIET
    )
    assert picture.input.shape == (1, 300)


@pytest.mark.parametrize(
    ("shape", "prior", "message"),
    [
        ((64, 2), np.zeros((2, 7, 2)), r"signals of 8 or more, \(n, steps, channels\)"),
        ((64, 2), np.zeros((2, 64, 3)) + np.eye(64)[:, :3] / 2, "3 channels with a spectrum"),
        ((6, 8, 10, 2), np.zeros((2, 3, 8, 8, 2)), "volumes of 4 by 4 by 4 or more"),
        ((4,), np.zeros((1, 4)), r"two rows or more, \(n, 4\).*\(1, 4\)"),
        ((4,), np.zeros((8, 5)), r"two rows or more, \(n, 4\).*\(8, 5\)"),
        ((4,), np.zeros((8, 4)), "rows that are all alike"),
        ((4,), np.eye(4) * 3, r"in the range .*value_range= says another"),
        ((4,), np.full((8, 4), np.nan), "NaN"),
    ],
)
def test_refusals(shape, prior, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(linear_network(smooth(shape)), 0, prior=prior, steps=1, **QUIET)


def test_a_range_between_percentiles_leaves_some_of_the_prior_outside():
    rows = np.random.default_rng(3).lognormal(0, 1, (400, 3)) * [1, 10, 100]
    model = linear_network(np.ones(3))
    ends = tuple(np.percentile(rows, (5, 95), axis=0))
    options = {"value_range": ends, "steps": 1, **QUIET}
    picture = ph.maximize(model, 0, prior=rows, **options)
    clipped = ph.maximize(model, 0, prior=np.clip(rows, *ends), **options)
    stated, expected = (each.recipe["parametrization"]["prior"] for each in (picture, clipped))
    np.testing.assert_allclose(stated["mean"], expected["mean"], rtol=1e-5)
    np.testing.assert_allclose(np.abs(stated["axes"]), np.abs(expected["axes"]), rtol=1e-4)
    assert (picture.input >= ends[0] - 1e-4).all()
    assert (picture.input <= ends[1] + 1e-4).all()
    wide = synthesized(8, (64,), -1.0)
    narrow = tuple(np.percentile(wide, (4, 96)))
    ph.maximize(
        linear_network(smooth((64, 2))), 0, prior=wide, value_range=narrow, steps=1, **QUIET
    )
    message = r"column 1 lies between 0 and 1 \(value_range= says another\).*% of them outside"
    ends = ([0, 0, 0], [1e4, 1, 1e4])
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(model, 0, prior=rows, value_range=ends, steps=1, **QUIET)


@pytest.mark.parametrize(
    ("shape", "parametrization", "message"),
    [
        ((64, 2), {"kind": "pixel"}, "leave the prior out"),
        ((64, 2), {"decorrelate": False}, "leave the prior out"),
        ((64, 2), {"spectrum": []}, "describes rows of 2 numbers"),
        ((2,), {}, "describes inputs of 2 channels with a spectrum"),
        ((3,), {"spectrum": []}, r"rows of 2 numbers, this network takes rows of shape \(3,\)"),
        ((2,), {"axes": [], "spectrum": []}, "a prior needs for each channel"),
    ],
)
def test_recipes_that_do_not_fit(shape, parametrization, message):
    law = [0, -1, 0, 0, 0]
    prior = {"mean": [0.5, 0.5], "axes": [[1, 0], [0, 1]], "spectrum": [law, law]}
    prior |= {key: each for key, each in parametrization.items() if key in prior}
    stated = {key: each for key, each in parametrization.items() if key not in prior}
    recipe = {"objectives": [ph.logit(0).to_json()], "steps": 1}
    with pytest.raises(ph.InvalidArgumentError, match=message):
        render(
            linear_network(smooth(shape)),
            recipe | {"parametrization": stated | {"prior": prior}},
            progress=False,
        )


def test_a_prior_is_of_the_input_that_is_not_given():
    import recipes

    given = {"other": np.full((8, 8, 1), 0.5)}
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    picture = ph.maximize(recipes.pair(), 1, given=given, prior=images, steps=1, **QUIET)
    assert picture.recipe["parametrization"]["prior"]["mean"] == pytest.approx([images.mean()])
    with pytest.raises(ph.InvalidArgumentError, match="give all others, received none"):
        ph.maximize(recipes.pair(), 1, prior=images, steps=1, **QUIET)


def test_a_signal_with_a_prior_goes_up_and_down_like_the_user_s():
    """A spectrum alone lets everything grow until it is a square wave."""
    model = linear_network(smooth((64, 2)))
    inputs = synthesized(24, (64,), -1.2).astype(np.float32)
    picture = ph.maximize(model, 0, prior=inputs, n=4, **QUIET)
    assert picture.recipe["parametrization"]["kind"] == "natural"
    deviation = inputs.std(axis=1).mean()
    assert 0.5 * deviation < picture.input.std(axis=1).mean() < 1.5 * deviation
    wide = ph.maximize(model, 0, prior=inputs, parametrization="fourier", **QUIET)
    assert wide.input.std(axis=1).mean() > 3 * deviation


def test_a_prior_says_between_which_numbers_signals_lie():
    model = linear_network(smooth((64, 2)))
    model = ph.load((model.config, [model.weight("sum/kernel"), model.weight("sum/bias")]))
    inputs = (40 * synthesized(24, (64,), -1.2) - 5).astype(np.float32)
    low, high = inputs.min(axis=(0, 1)), inputs.max(axis=(0, 1))
    picture = ph.maximize(model, 0, prior=inputs, steps=16, **QUIET)
    scaling = picture.recipe["input"]
    room = 0.1 * (high - low)
    np.testing.assert_allclose(scaling["offset"], low - room, rtol=1e-5)
    np.testing.assert_allclose(255 * np.array(scaling["scale"]), 1.2 * (high - low), rtol=1e-5)


def test_a_folder_of_pictures(tmp_path):
    """A folder is the list of the pictures in it, in the order of their names."""
    from PIL import Image

    model = linear_network(smooth((16, 16, 3)))
    images = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3)).astype(np.uint8)
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    options = {"steps": 1, **QUIET}
    one = ph.maximize(model, 0, prior=tmp_path, **options).recipe["parametrization"]["prior"]
    files = [tmp_path / f"{number}.png" for number in range(3)]
    listed = ph.maximize(model, 0, prior=files, **options).recipe["parametrization"]["prior"]
    assert one == listed
    np.testing.assert_allclose(one["mean"], images.mean(axis=(0, 1, 2)) / 255, rtol=1e-5)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ph.InvalidArgumentError, match=r"the folder .*empty', in which there is no"):
        ph.maximize(model, 0, prior=str(empty), **options)


@pytest.mark.parametrize("shape", [(6,), (32, 3), (6, 6, 6, 3)])
def test_colours_of_what_is_no_picture_are_refused(shape):
    recipe = {"objectives": [{"terms": [{"kind": "logit", "index": 0}]}], "steps": 1}
    network = linear_network(np.ones(shape))
    for stated in (False, None):
        own = {"parametrization": {} if stated is None else {"decorrelate": stated}}
        picture = render(network, recipe | own, progress=False)
        assert picture.recipe["parametrization"]["decorrelate"] is False
    mixed = recipe | {"parametrization": {"decorrelate": True}}
    with pytest.raises(ph.InvalidArgumentError, match="no pictures: leave it out, or give a prior"):
        render(network, mixed, progress=False)
