"""Pictures in another range than that of the network are said, once and at the user's line."""

import warnings

import numpy as np
import pytest
from test_maximize import linear_network

import phosphene as ph

PHOTO = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
TORCH = ((1 / 58.4, 1 / 57.1, 1 / 57.4), (-2.1, -2.0, -1.8))
CALLS = {
    "trace": lambda model, x: ph.trace(model, x),
    "gradient": lambda model, x: ph.gradient(model, x),
    "predict": lambda model, x: model.predict(x),
    "start": lambda model, x: ph.maximize(model, 0, start=x, steps=1, progress=False),
}


def network(preprocessing):
    weights = np.random.default_rng(1).normal(size=(8, 8, 3))
    return ph.load(linear_network(weights), preprocessing=preprocessing)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("preprocessing", "x", "sentence"),
    [
        ((1, 0), PHOTO / 255, "0 to 255.*black to the eye"),
        ("caffe", PHOTO / 255, "one grey to the eye"),
        ("tf", PHOTO / 255, "-1 to 1.*nothing is darker than grey"),
        (TORCH, PHOTO / 255, "nothing is darker than grey"),
    ],
)
def test_pictures_from_0_to_1_in_another_range(call, preprocessing, x, sentence):
    model = network(preprocessing)
    with pytest.warns(ph.PhospheneWarning, match=sentence) as caught:
        CALLS[call](model, x)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("call", ["trace", "gradient", "predict"])
def test_pixels_where_0_to_1_is_assumed(call):
    model = network(None)
    sentence = r"Nothing says which numbers.*0 to 1 is assumed; received 0 to 25\d.*\(1, 0\)"
    with pytest.warns(ph.PhospheneWarning, match=sentence) as caught:
        CALLS[call](model, PHOTO)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_numbers_around_0_are_no_pixels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.trace(network(None), PHOTO / 50 - 2.5)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("preprocessing", "x"),
    [
        ((1, 0), PHOTO),
        ((1, 0), np.zeros_like(PHOTO)),
        ("tf", PHOTO / 127.5 - 1),
        ("tf", np.full_like(PHOTO, 0.2)),
        ("tf", 0.1 + PHOTO / 2550),
        ((1 / 255, 0), PHOTO / 255),
        (None, PHOTO / 255),
    ],
)
def test_what_fits_is_silent(call, preprocessing, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CALLS[call](network(preprocessing), x)
