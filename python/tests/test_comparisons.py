"""Objectives that compare: their numbers by formula in NumPy, their gradients by differences."""

from __future__ import annotations

import numpy as np
import pytest

import phosphene as ph

LAYER = "conv3_1"
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


@pytest.fixture(scope="module")
def images():
    return np.float32(ph.zoo.garments()[0][:3])


def along(a, b, power, axes):
    """Return lucid's ``dot * max(0.1, cosine)**power``, sums over `axes`."""
    dot = (a * b).sum(axes)
    lengths = (1e-4 + np.sqrt((a * a).sum(axes))) * (1e-4 + np.sqrt((b * b).sum()))
    return dot * np.maximum(0.1, dot / lengths) ** power


def gram(a):
    """Return the Gram matrices of channels, flat and of length 1."""
    flat = a.reshape(len(a), -1, a.shape[-1])
    grams = np.einsum("npc,npd->ncd", flat, flat).reshape(len(a), -1)
    return grams / np.linalg.norm(grams, axis=1, keepdims=True)


def score(model, objective, x):
    """Return an objective of pictures by NumPy, from what the layer says."""
    a = ph.trace(model, x)[LAYER].astype(np.float64)
    (term,) = objective.to_json()["terms"]
    if term["kind"] == "direction":
        dots = along(a, np.array(term["vector"]), term["cosine_power"], -1)
        return dots.mean(axis=(1, 2))
    target = np.frombuffer(objective.float32, "<f4").reshape(objective.shape)
    return along(a, target, term["cosine_power"], (1, 2, 3)) / target.size


@pytest.mark.parametrize("power", [0, 1, 2.5])
@pytest.mark.parametrize("kind", ["direction", "match"])
def test_gradients_are_those_of_the_formula(wardrobe, images, kind, power):
    random = np.random.default_rng(4)
    if kind == "direction":
        objective = ph.direction(LAYER, random.normal(size=96), cosine_power=power)
    else:
        other = ph.trace(wardrobe, images[:1])[LAYER]
        objective = ph.match(LAYER, other, cosine_power=power)
    x = images[1:] + random.uniform(0, 0.02, images[1:].shape).astype(np.float32)
    gradient = ph.gradient(wardrobe, x, objective)
    step = 1e-3 * gradient / np.sqrt((gradient**2).mean(axis=(1, 2, 3), keepdims=True))
    slopes = score(wardrobe, objective, x + step) - score(wardrobe, objective, x - step)
    expected = (gradient.astype(np.float64) * 2 * step).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(slopes, expected, rtol=0.03)


def test_pictures_that_differ_look_different(wardrobe):
    """The Gram matrices of several pictures of one channel are less alike where that is asked."""
    alone = ph.channel(LAYER, 5)
    options = {"n": 3, "steps": 40, **QUIET}
    alike = []
    for objective in (alone, alone + 20 * ph.diversity(LAYER)):
        picture = ph.maximize(wardrobe, objective, **options)
        grams = gram(ph.trace(wardrobe, picture.input)[LAYER].astype(np.float64))
        alike.append((grams @ grams.T)[np.triu_indices(3, 1)].mean())
    assert alike[1] < alike[0] - 0.05


def test_views_are_compared_with_views(wardrobe):
    """With two views, or beside another objective, each picture still has siblings of its own."""
    objective = ph.diversity(LAYER)
    options = {"n": 2, "steps": 2, "transforms": (), **QUIET}
    single = ph.maximize(wardrobe, objective, **options)
    several = ph.maximize(wardrobe, [ph.logit(1), objective], views=2, **options)
    np.testing.assert_allclose(several.scores[2:], single.scores, rtol=1e-2)
    own = gram(ph.trace(wardrobe, single.input)[LAYER].astype(np.float64))
    np.testing.assert_allclose(single.scores, -(own[0] @ own[1]), rtol=1e-3)


def test_a_caricature_is_like_its_model(wardrobe, images):
    objective = ph.match(LAYER, ph.trace(wardrobe, images[:1])[LAYER][0])
    picture = ph.maximize(wardrobe, objective, steps=40, **QUIET)
    np.testing.assert_allclose(
        picture.score, score(wardrobe, objective, picture.input)[0], rtol=1e-3
    )
    assert picture.score > picture.history[0][0]


def test_a_saved_caricature_is_rendered_again(wardrobe, images, tmp_path):
    objective = ph.match(LAYER, ph.trace(wardrobe, images[:1])[LAYER])
    picture = ph.maximize(wardrobe, objective, steps=3, **QUIET)
    again = ph.replay(picture.save(tmp_path / "picture.png"), wardrobe, progress=False)
    np.testing.assert_array_equal(again.images, picture.images)


def test_a_row_leads_from_one_objective_to_another():
    row = ph.interpolate(ph.channel("a", 1), 2 * ph.logit(3), 5)
    assert [repr(each) for each in row] == [
        "channel('a', 1)",
        "0.75 * channel('a', 1) + 0.5 * logit(3)",
        "0.5 * channel('a', 1) + logit(3)",
        "0.25 * channel('a', 1) + 1.5 * logit(3)",
        "2 * logit(3)",
    ]


@pytest.mark.parametrize(
    ("objective", "written"),
    [
        (ph.direction("a", [1, 2.5]), "direction('a', [1, 2.5])"),
        (
            ph.direction("a", range(4), cosine_power=2, pre_activation=True),
            "direction('a', [0, 1, 2, ...], cosine_power=2, pre_activation=True)",
        ),
        (ph.match("a", np.ones((1, 2, 3))), "match('a', <activations of shape (2, 3)>)"),
        (-ph.diversity("a"), "-diversity('a')"),
    ],
)
def test_spelling(objective, written):
    assert repr(objective) == written


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ph.direction("a", [[1, 2]]), r"one number for each channel .* shape \(1, 2\)"),
        (lambda: ph.direction("a", [1, np.nan]), "vector holds NaN or infinity"),
        (lambda: ph.direction("a", [1], cosine_power=-1), "cosine_power .* received -1"),
        (lambda: ph.match("a", "picture.png"), "activations must be numbers"),
        (lambda: ph.match("a", [1], cosine_power="2"), "cosine_power .* received '2'"),
        (lambda: ph.interpolate(ph.logit(1), 2, 3), "from one objective to another"),
        (lambda: ph.interpolate(ph.logit(1), ph.logit(2), 1), "n must be a whole number, 2 or"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (ph.direction(LAYER, [1, 2]), "vector of length 2 doesn't fit: layer 'conv3_1'"),
        (ph.match(LAYER, np.ones((7, 7, 3))), "activations have shape .* layer 'conv3_1' has"),
        (ph.diversity(LAYER), "two or more of each are needed"),
    ],
)
def test_the_engine_refuses_what_does_not_fit(wardrobe, objective, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(wardrobe, objective, steps=2, **QUIET)
