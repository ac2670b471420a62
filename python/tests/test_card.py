"""Cards: scores of pictures beside those of other inputs, checked on a linear network."""

import warnings
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import recipes
from PIL import Image

import phosphene as ph
from phosphene._display.card_rows import Row, ticks_of

QUIET = {"progress": False}
OPTIONS = {"parametrization": "pixel", "transforms": (), "steps": 100, "progress": False}


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


@pytest.fixture(scope="module")
def kernel():
    """Return weights of a smooth stripe: shifted by a pixel of 16 it nearly fits, scrambled not."""
    columns = np.sin(2 * np.pi * (np.arange(16) + 0.5) / 16)
    return np.tile(columns, (16, 1))[..., None]


@pytest.fixture(scope="module")
def model(kernel):
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 16, 16, 1], "name": "x"}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 2}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    weights = np.stack([kernel.ravel(), -kernel.ravel()], axis=1).astype(np.float32)
    return ph.load((config, [weights, np.zeros(2, np.float32)]))


@pytest.fixture(scope="module")
def picture(model):
    return ph.maximize(model, [0, 1], n=2, **OPTIONS)


def test_scores_are_those_of_the_network(model, kernel, picture):
    images = np.random.default_rng(0).random((10, 16, 16, 1), np.float32)
    card = picture.card(model, images, seeds=2, **QUIET)
    signs = np.array([1, 1, -1, -1])
    np.testing.assert_allclose(card.scores, picture.scores, rtol=1e-4)
    np.testing.assert_allclose(
        card.images, signs[:, None] * (images * kernel).sum((1, 2, 3)), atol=1e-3
    )
    np.testing.assert_array_equal(card.percentiles, 100)
    # Two more runs of two pictures.
    assert [len(each) for each in card.seeds] == [4] * 4
    np.testing.assert_array_equal(card.seeds[0], card.seeds[1])
    np.testing.assert_allclose(np.concatenate(card.seeds), card.scores[0], rtol=0.02)
    assert len(card) == 4


def test_scrambled_and_shifted_copies(model, picture, kernel):
    card = picture.card(model, seeds=0, random_weights=False, **QUIET)
    assert card.scrambled.shape == card.shifted.shape == (4, 16)
    # A sum of products in random order: its mean is zero, as that of the weights is, and this its
    # variance. Of 4 * 16 numbers the deviation is off by 9 % or less in two of three cases.
    centred = picture.input - picture.input.mean(axis=(1, 2, 3), keepdims=True)
    variances = (kernel**2).sum() * (centred**2).sum(axis=(1, 2, 3)) / (kernel.size - 1)
    standardized = card.scrambled / np.sqrt(variances)[:, np.newaxis]
    assert abs(standardized.mean()) < 3 / np.sqrt(64)
    np.testing.assert_allclose(standardized.std(), 1, rtol=3 * 0.09)
    expected = (card.scores - card.scrambled.mean(axis=1)) / card.scrambled.std(axis=1)
    np.testing.assert_array_equal(card.gains, expected)
    assert (card.gains > 8).all()
    # A stripe shifted by a sixteenth of its length loses little.
    assert (card.kept > 0.9).all()
    assert (card.kept <= 1).all()
    assert card.images is card.percentiles is card.random_gains is None
    assert [len(each) for each in card.seeds] == [0] * 4


def test_percentiles_count_those_below(model, picture, kernel):
    best = (kernel > 0).astype(np.float32)
    images = np.stack([best, best * 0.5, 1 - best, best * 0.1])
    card = picture.card(model, images, seeds=0, random_weights=False, **QUIET)
    # A sigmoid never reaches white, so that the best input of all is above.
    np.testing.assert_array_equal(card.percentiles, [75] * 4)


def test_weights_in_random_order(model, picture, kernel):
    """A linear network's best input is as good for any order of its weights."""
    card = picture.card(model, seeds=0, **QUIET)
    assert card.random_gains.shape == (4,)
    # Black and white by the signs of n weights scores n / 2 times their mean size, and in random
    # order n ** 0.5 / 2 times their root mean square away from zero. The deviation of 16 numbers
    # comes out 8 % too small on average, and is off by 18 % or less in two of three cases: the mean
    # of four quotients by 9 %.
    expected = kernel.size**0.5 * np.abs(kernel).mean() / np.sqrt((kernel**2).mean())
    for gains in (card.gains, card.random_gains):
        np.testing.assert_allclose(gains.mean(), 1.08 * expected, rtol=3 * 0.09)


def test_weights_without_a_gradient():
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4, 4, 1], "name": "x"}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        {"class_name": "Dense", "config": {"name": "flat", "units": 2, "activation": "sigmoid"}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 1}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    # In this order the large numbers cancel at the grey start, in hardly any other.
    kernel = np.tile([[300.0, -300.0], [-300.0, 300.0]], (8, 1)).astype(np.float32)
    kernel[0] += 0.25
    weights = [kernel, np.zeros(2, np.float32), np.ones((2, 1), np.float32), np.zeros(1)]
    model = ph.load((config, weights))
    start = np.full((1, 4, 4, 1), 0.5)
    picture = ph.maximize(model, 0, start=start, steps=3, transforms=(), **QUIET)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        card = picture.card(model, seeds=1, **QUIET)
    assert np.isnan(card.random_gains).all()
    assert card.facts()["weights in random order"] == "no gradient"


def test_inputs_that_are_no_pictures():
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 6], "name": "x"}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 1}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    weights = [np.array([[1.0], [-1], [2], [-3], [0.5], [-0.5]]), np.zeros(1)]
    model = ph.load((config, weights))
    picture = ph.maximize(model, 0, steps=60, value_range=(0, 1), **QUIET)
    card = picture.card(model, np.zeros((3, 6)), **QUIET)
    assert card.shifted is card.kept is None
    assert card.percentiles == [100]
    assert "shifted" not in str(card)
    assert "<svg" in card._repr_html_()


@pytest.mark.parametrize(("varied", "stays"), [("image", "other"), ("other", "image")])
def test_one_of_several_inputs(varied, stays):
    """The network is a weighted sum of the product of both: linear in either of them."""
    pair = recipes.pair()
    random = np.random.default_rng(3)
    stayed = random.normal(size=(8, 8, 1)).astype(np.float32)
    weights = stayed.ravel() * np.sin(np.arange(128).reshape(64, 2))[:, 1]
    picture = ph.maximize(pair, 1, given={stays: stayed}, n=2, **OPTIONS)
    images = random.random((20, 8, 8, 1), np.float32)
    card = picture.card(pair, images, seeds=1, **QUIET)
    np.testing.assert_allclose(card.scores, picture.input.reshape(2, 64) @ weights, rtol=1e-4)
    np.testing.assert_allclose(card.images, [images.reshape(20, 64) @ weights] * 2, atol=1e-4)
    np.testing.assert_array_equal(card.percentiles, 100)
    assert [len(each) for each in card.seeds] == [2, 2]
    assert np.isfinite(card.random_gains).all()
    for wrong in (np.zeros((2, 5, 5, 1)), {varied: images}):
        with pytest.raises(ph.InvalidArgumentError, match=f"Input '{varied}'"):
            picture.card(pair, wrong, seeds=0, random_weights=False)


def test_what_is_shown(model, picture):
    images = np.zeros((3, 16, 16, 1))
    card = picture.card(model, images, **QUIET)
    words = str(card).splitlines()
    assert words[:2] == ["output 0", f"  score: {card.scores[0]:.4g}"]
    for part in ("your images: above all 3", "shifted copies: keep", "deviations"):
        assert sum(part in line for line in words) >= 4
    assert repr(card).startswith("<Card of 4: output 0: ")
    assert len(repr(card)) < 160
    page = card._repr_html_()
    assert page.count("data:image/png;base64,") == 4
    assert page.count("<circle") == 8  # beside others' scores, and beside chance's gain
    assert "nan" not in page


def test_a_card_of_some_of_the_pictures(model, picture):
    whole = picture.card(model, np.ones((2, 16, 16, 1)), seeds=1, **QUIET)
    card = picture[1:3].card(model, np.ones((2, 16, 16, 1)), seeds=1, **QUIET)
    for name in ("scores", "shifted", "scrambled", "images", "random_gains", "gains", "kept"):
        np.testing.assert_array_equal(getattr(card, name), getattr(whole, name)[1:3])
    assert card.labels == whole.labels[1:3]
    for place, seeds in enumerate(card.seeds):
        np.testing.assert_array_equal(seeds, whole.seeds[1 + place])
    assert [card.facts(place) for place in (0, 1)] == [whole.facts(place) for place in (1, 2)]


def marks_of(axes):
    """Return the marks of each row by its name."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    lines = [line for line in axes.lines if line.get_marker() in ("o", "|")]
    return {names[line.get_ydata()[0]]: line.get_xdata() for line in lines if len(line.get_xdata())}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (3.0, 22.9, [0, 10, 20, 30]),
        (-11.2, 23.7, [-20, -10, 0, 10, 20, 30]),
        (100.0, 103.0, [100, 101, 102, 103]),  # zero is too far off
        (0.0, 0.0, [0, 0.25, 0.5, 0.75, 1]),
        (-2e-7, -1e-7, [-2e-7, -1.5e-7, -1e-7, -0.5e-7, 0]),
    ],
)
def test_an_axis_has_round_numbers_and_zero(low, high, expected):
    rows = [Row("a", np.array([low, high]), "", is_own=True)]
    np.testing.assert_allclose(ticks_of(rows), expected, atol=1e-12)


def test_pictures_that_are_no_better_than_scrambled_ones(model, picture):
    """The score of a grey picture is that of its pixels in any order."""
    card = picture[:1].card(model, np.ones((1, 16, 16, 1)), seeds=0, random_weights=False, **QUIET)
    grey = replace(card, scrambled=np.repeat(card.scores[:, np.newaxis], 16, axis=1))
    facts = grey.facts()
    assert facts["shifted copies"] == "no lead to keep: pixels in random order score as much"
    assert facts["pixels in random order"].endswith(": all alike")
    for text in (str(grey), grey._repr_html_()):
        assert "nan" not in text
    worse = replace(card, scrambled=grey.scrambled + 1)
    assert worse.facts()["shifted copies"] == facts["shifted copies"]
    grey.plot()


@pytest.mark.parametrize("size", [1.0, 1e4, -1e-3])
def test_rounding_is_no_lead(model, picture, size):
    """Of a 1 by 1 convolution pixels in random order score the same, but for the last digit."""
    card = picture[:1].card(model, seeds=0, random_weights=False, **QUIET)
    rounding = 1e-6 * size * np.random.default_rng(0).normal(size=(1, 16))
    same = replace(
        card, scores=np.full(1, size), scrambled=size - np.abs(rounding), shifted=size + rounding
    )
    assert np.isnan(same.kept[0])
    assert np.isnan(same.gains[0])
    facts = same.facts()
    assert facts["shifted copies"] == "no lead to keep: pixels in random order score as much"
    assert facts["pixels in random order"].endswith(": all alike")
    small = replace(same, scores=np.full(1, size + 1e-3 * abs(size)))
    assert small.gains[0] == np.inf
    assert small.kept[0] < 0.1


def test_how_many_a_score_is_above(picture, model):
    card = picture[:1].card(model, np.ones((2, 16, 16, 1)), seeds=0, random_weights=False, **QUIET)
    score = card.scores[0]
    for lower, count, said in [
        (0, 5, "none of 5"), (5, 5, "all 5"), (199, 200, "99.5 % of 200"),
        (9999, 10000, "99.9 % of 10000"), (1, 3, "33.3 % of 3"),
    ]:  # fmt: skip
        images = np.where(np.arange(count) < lower, score - 1, score + 1)[np.newaxis]
        assert replace(card, images=images).facts()["your images"].startswith(f"above {said}, the")


def test_columns_in_random_order_stay_in_their_ranges():
    """Of ages, flags and incomes the places in their ranges change, not the numbers."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "x"}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 1}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    low, high = np.array([18, 0, 5e3]), np.array([90, 1, 1e5])
    weights = np.array([1 / 72, 1, -1 / 95e3])  # one a range
    model = ph.load((config, [weights[:, np.newaxis], np.zeros(1)]))
    row = ph.maximize(model, 0, steps=40, value_range=(low, high), **QUIET)
    rows = low + np.random.default_rng(0).random((9, 3)) * (high - low)
    card = row.card(model, rows, seeds=1, **QUIET)
    shares = (row.input[0] - low) / (high - low)
    possible = [
        (weights * (low + np.array(order) * (high - low))).sum() for order in permutations(shares)
    ]
    np.testing.assert_allclose(
        np.abs(card.scrambled[0][:, None] - possible).min(axis=1), 0, atol=1e-5
    )
    assert card.names.scrambled in card.facts()
    assert list(card.facts()) == [
        "score", "your rows", "other starts", "columns in random order", "weights in random order",
    ]  # fmt: skip
    assert card.thumbnails.shape[-1] == 3
    card.plot()


def test_a_card_is_drawn(model, picture, tmp_path):
    card = picture.card(model, np.zeros((3, 16, 16, 1)), **QUIET)
    figure = card.plot()
    assert [text.get_text() for text in figure.texts] == [
        word for index in range(4) for word in (card.labels[index], f"{card.scores[index]:.4g}")
    ]
    thumbnail, rows, chance = figure.axes[:3]
    np.testing.assert_array_equal(thumbnail.images[0].get_array(), card.thumbnails[0, ..., 0])
    marks = marks_of(rows)
    assert list(marks) == [
        "this picture", "your images", "shifted copies", "other starts", "pixels in random order",
    ]  # fmt: skip
    np.testing.assert_array_equal(marks["this picture"], card.scores[[0]])
    np.testing.assert_array_equal(marks["shifted copies"], card.shifted[0])
    np.testing.assert_array_equal(marks["your images"], card.images[0])
    np.testing.assert_array_equal(marks["other starts"], card.seeds[0])
    words = [text.get_text() for text in rows.texts]
    assert words == ["", *(card.facts(0)[name] for name in list(marks)[1:])]
    assert rows.get_xlabel() == "score"
    assert "0" in [tick.get_text() for tick in rows.get_xticklabels()]
    gains = marks_of(chance)
    np.testing.assert_array_equal(gains["this picture"], card.gains[[0]])
    np.testing.assert_array_equal(gains["weights in random order"], card.random_gains[[0]])
    assert chance.get_xlabel() == "deviations above pixels in random order"
    assert chance.get_xticks()[0] == 0
    with Image.open(card.save(tmp_path / "card.png")) as image:
        assert image.size == tuple(np.rint(figure.get_size_inches() * figure.dpi))
    with pytest.raises(ph.InvalidArgumentError, match=r"saved as \.png; received '.*card\.jpg'"):
        card.save(tmp_path / "card.jpg")


def test_a_folder_of_the_user_s_pictures(model, picture, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / f"{number}.png")
    options = {"seeds": 0, "random_weights": False}
    card = picture[:1].card(model, tmp_path, **options)
    same = picture[:1].card(model, (pixels[..., np.newaxis] / 255).astype(np.float32), **options)
    np.testing.assert_allclose(card.images, same.images, rtol=1e-5)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ph.InvalidArgumentError, match=r"images is the folder .* there is no picture"
    ):
        picture.card(model, [str(tmp_path / "0.png"), tmp_path / "empty"])


def test_titles_are_escaped(model):
    named = ph.load((model.config, model.get_weights()), classes=["<b>", "&"])
    card = ph.maximize(named, "<b>", **OPTIONS).card(named, seeds=0, random_weights=False)
    assert "&lt;b&gt;" in card._repr_html_()
    assert "<b>" not in card._repr_html_()


def test_the_same_card_twice(model, picture):
    one, two = (picture.card(model, seeds=1, **QUIET) for _ in range(2))
    np.testing.assert_array_equal(one.scrambled, two.scrambled)
    np.testing.assert_array_equal(one.random_gains, two.random_gains)
    np.testing.assert_array_equal(np.array(one.seeds), np.array(two.seeds))


def test_refusals(model, picture):
    with pytest.raises(ph.InvalidArgumentError, match="seeds must be a whole number"):
        picture.card(model, seeds=-1)
    with pytest.raises(ph.InvalidArgumentError, match="made with another model"):
        picture.card(ph.zoo.wardrobe())
    with pytest.raises(ph.InvalidArgumentError, match=r"images must be inputs .* received nan"):
        picture.card(model, np.nan)
    with pytest.raises(
        ph.InvalidArgumentError, match="images holds NaN or infinity, first at 1 of 2"
    ):
        picture.card(model, np.stack([np.zeros((16, 16, 1)), np.full((16, 16, 1), np.nan)]))
    with pytest.raises(ph.InvalidArgumentError, match="shape"):
        picture.card(model, np.zeros((2, 5, 5, 1)), seeds=0, random_weights=False)
    alone = ph.maximize(model, ph.logit(0) + ph.diversity("sum"), n=2, **OPTIONS)
    assert len(alone.card(model, seeds=0, random_weights=False)) == 2


def test_the_last_seed_is_followed_by_the_first(model):
    picture = ph.maximize(model, 0, **OPTIONS | {"seed": 2**64 - 1, "frames": 2})
    card = picture.card(model, seeds=2, random_weights=False, **QUIET)
    first = ph.maximize(model, 0, **OPTIONS | {"seed": 0})
    np.testing.assert_allclose(card.seeds[0][0], first.score, rtol=1e-5)
