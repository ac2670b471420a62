"""Recipes that nobody should write end in a sentence that names what is wrong with them."""

import base64
import warnings

import numpy as np
import pytest
import recipes
from test_hostile import image, network

import phosphene as ph
from phosphene._vision.maximization.render import render

LOGIT = {"terms": [{"kind": "logit", "index": 1}]}
RECIPE = {"objectives": [LOGIT], "steps": 2}
READS_X = [[["x", 0, 0, {}]]]


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


def convolution(kind, *shape):
    """Return a network of one convolution by 1 over long inputs of one channel."""
    axes = len(shape)
    settings = {"filters": 1, "kernel_size": [1] * axes}
    weights = {"c/kernel": np.ones([1] * axes + [1, 1]), "c/bias": np.zeros(1)}
    config = network(image(*shape, 1), (kind, "c", settings, READS_X))
    return ph.load((config, weights), preprocessing=(1 / 255, 0))


def test_given_arrays_of_negative_length():
    array = {"shape": [-1], "float32": ""}
    with pytest.raises(ph.InvalidArgumentError, match="negative"):
        render(recipes.pair(), RECIPE | {"given": {"other": array}}, progress=False)


def test_given_numbers_that_are_none():
    numbers = np.full((8, 8, 1), np.nan, "<f4")
    array = {"shape": [8, 8, 1], "float32": base64.b64encode(numbers.tobytes()).decode()}
    with pytest.raises(ph.InvalidArgumentError, match="'other' is given NaN"):
        render(recipes.pair(), RECIPE | {"given": {"other": array}}, progress=False)


def test_activations_of_negative_length(wardrobe):
    array = {"shape": [-1], "float32": ""}
    term = {"kind": "match", "layer": "conv1", "activations": array}
    with pytest.raises(ph.InvalidArgumentError, match="negative"):
        render(wardrobe, {"objectives": [{"terms": [term]}]}, progress=False)


@pytest.mark.parametrize(("kind", "shape"), [("Conv1D", (70000,)), ("Conv3D", (40000, 1, 1))])
def test_long_inputs_are_made_of_their_numbers(kind, shape):
    model = convolution(kind, *shape)
    picture = ph.maximize(model, ("c", 0), steps=2, transforms=(), progress=False)
    assert picture.recipe["parametrization"]["kind"] == "pixel"
    assert picture.input.shape == (1, *shape, 1)
    for spectrum in ("fourier", "natural"):
        with pytest.raises(ph.UnsupportedError, match=r"at most 4096 positions .* 'pixel'"):
            ph.maximize(model, ("c", 0), parametrization=spectrum, progress=False)


def test_a_blur_of_a_long_signal():
    transforms = [ph.transforms.Blur(1)]
    with pytest.raises(ph.UnsupportedError, match="a blur takes at most 4096"):
        ph.maximize(convolution("Conv1D", 70000), ("c", 0), transforms=transforms, progress=False)


def test_a_start_for_more_pictures_than_there_is_memory_for(wardrobe):
    document = {"objectives": [LOGIT] * 1024, "count": 64, "size": [4096, 4096]}
    start = np.zeros((1, 28, 28, 1), np.float32)
    with pytest.raises(ph.PhospheneError, match="available"):
        render(wardrobe, document, start, progress=False)


def test_last_steps_are_those_of_the_network(wardrobe):
    natural = {"objectives": [LOGIT], "parametrization": {"kind": "natural"}}
    with pytest.raises(ph.InvalidArgumentError, match=r"last_step .* between 1 and 128, .* 200"):
        render(wardrobe, natural | {"last_step": 200}, progress=False)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"objectives": [{"terms": LOGIT["terms"] * 1025}]}, "1 to 1024 terms, received 1025"),
        ({"objectives": [{"terms": LOGIT["terms"] * 9}] * 1024}, "terms of all .* received 9216"),
        ({"transforms": [{"kind": "flip"}] * 257}, "number of transforms .* received 257"),
        (
            {"regularizers": [{"kind": "lp", "weight": 1}] * 257},
            "number of regularizers .* received 257",
        ),
        (
            {"optimizer": {"kind": "adam", "learning_rate": float("nan")}},
            "learning_rate must lie between .* received nan",
        ),
        ({"background": float("inf")}, "background must lie between .* received inf"),
        (
            {"transparency": "optimised"},
            "'transparency' is \"optimised\", expected false, true or 'optimized'",
        ),
        ({"transparency": []}, r"'transparency' is \[\], expected false, true or 'optimized'"),
        ({"steps": "many"}, "'steps' is \"many\", expected a whole number"),
        ({"steps": 2.5}, "'steps' is 2.5, expected a whole number"),
        (
            {"steps": None, "count": 10**400},
            r"'count' is 10000.*000\.\.\., expected a smaller number",
        ),
        ({"transforms": 3}, "'transforms' is 3, expected a list"),
        ({"objectives": [3, 4]}, r"'objectives\[0\]' is 3, expected an object"),
        ({"exact": 0}, "'exact' is 0, expected true or false"),
        ({"size": [28, None]}, r"'size\[1\]' is null, expected a whole number"),
        (
            {"size": [28, [1, 2, 3] * 30]},
            r"'size\[1\]' is \[1, 2, 3.*\.\.\., expected a whole number",
        ),
        (
            {"input": {"scale": {"b": 1, "a": "x"}}},
            r'\'input.scale\' is {"a": "x", "b": 1}, expected',
        ),
        (
            {"objectives": [{"terms": [{"kind": "logit", "index": {}}]}]},
            r"terms\[0\].index' is {}, expected a whole number or a list of them",
        ),
        (
            {"count": 1.5, "early_stop": 1.5},
            "'count' or 'early_stop' is 1.5, expected a whole number",
        ),
        ({"transforms": [{"kind": "jitter"}]}, r"'transforms\[0\]' has no 'pixels'"),
        (
            {"regularizers": [{"kind": "statistics", "weight": 1, "of": "leaves"}]},
            r"'regularizers\[0\].of' is \"leaves\", expected one of 'training', 'dead_leaves'",
        ),
        (
            {"regularizers": [{"kind": "l2"}]},
            r"'regularizers\[0\].kind' is \"l2\", expected one of 'alpha', 'blur'",
        ),
        ({"seed": -1}, "'seed' is -1, expected a whole number from 0"),
        (
            {"transparency": "optimized", "regularizers": [{"kind": "alpha", "weight": -1}]},
            "alpha weight must lie between .* received -1",
        ),
    ],
)
def test_what_lies_outside_is_named(wardrobe, option, sentence):
    with pytest.raises(ph.InvalidArgumentError, match=sentence):
        render(wardrobe, RECIPE | option, progress=False)


@pytest.mark.parametrize("kind", ["natural", "fourier", "maco", "pixel"])
@pytest.mark.parametrize("size", [[4, 4], [5, 4], [4, 301]])
def test_opacity_on_odd_canvases(wardrobe, kind, size):
    """Also carried from one to another, and with a penalty that leaves nothing."""
    recipe = RECIPE | {
        "transparency": "optimized",
        "parametrization": {"kind": kind},
        "stages": [{"size": [7, 6], "steps": 1}, {"size": size, "steps": 1}],
        "regularizers": [{"kind": "alpha", "weight": 1e6, "relative": True}],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ph.PhospheneWarning)
        picture = render(wardrobe, recipe, progress=False)
    assert picture.alpha.shape == (1, *size)
    assert np.isfinite(picture.input).all()


def test_the_largest_seed_is_read_as_it_is(wardrobe):
    picture = render(wardrobe, RECIPE | {"seed": 2**64 - 1}, progress=False)
    assert picture.recipe["seed"] == 2**64 - 1


def test_a_blur_by_next_to_nothing_is_none(wardrobe):
    blurred, plain = (
        render(wardrobe, RECIPE | {"transforms": each}, progress=False)
        for each in ([{"kind": "blur", "first": 1e-30}], [])
    )
    np.testing.assert_allclose(blurred.input, plain.input, atol=1e-6)


@pytest.mark.parametrize("kind", ["natural", "fourier", "maco"])
def test_a_prior_with_huge_coefficients(wardrobe, kind):
    def recipe(*spectrum):
        prior = {"mean": [0.5], "axes": [[1]], "spectrum": [list(spectrum)]}
        return RECIPE | {"parametrization": {"kind": kind, "prior": prior}}

    with pytest.raises(ph.InvalidArgumentError, match="coefficient of the prior"):
        render(wardrobe, recipe(1e300, 1e300, 0, 0, 0), progress=False)
    for end in (-1e6, 1e6):
        with warnings.catch_warnings():  # of pictures that are black or white all over
            warnings.simplefilter("ignore", ph.PhospheneWarning)
            try:
                picture = render(wardrobe, recipe(0, end, 0, 0, 0), progress=False)
            except ph.InvalidArgumentError:  # magnitudes that leave nothing of a picture
                if kind != "maco":
                    raise
                continue
        assert np.isfinite(picture.input).all()
