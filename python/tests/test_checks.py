"""The one check of whole numbers, of pairs of them and of numbers, and who uses it."""

import math
from fractions import Fraction

import numpy as np
import pytest

import phosphene as ph
from phosphene._checks import number, place, whole, whole_pair

X = np.float32([[1, 2]])


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_whole_numbers_of_any_kind(value):
    result = whole("n", value, 0, 5)
    assert result == 3
    assert type(result) is int


@pytest.mark.parametrize(
    "value", [True, np.True_, 3.0, np.float32(3), "3", None, [3], np.array([3]), 3j, math.nan]
)
def test_anything_else_is_no_whole_number(value):
    with pytest.raises(ph.InvalidArgumentError, match=r"^n must be a whole number, 0"):
        whole("n", value, 0)


def test_bounds_belong_to_what_is_accepted():
    assert [whole("n", each, 1, 2) for each in (1, 2)] == [1, 2]
    for value in (0, 3, -(10**30), 10**30):
        with pytest.raises(ph.InvalidArgumentError) as caught:
            whole("n", value, 1, 2)
        assert str(caught.value) == f"n must be a whole number from 1 to 2; received {value}."


def test_what_is_accepted_beside_a_number_is_said():
    with pytest.raises(ph.InvalidArgumentError) as caught:
        whole("every", "week", 1, what="'epoch' or a number of batches")
    expected = "every must be 'epoch' or a number of batches, 1 or more; received 'week'."
    assert str(caught.value) == expected


def test_sentences_stay_short():
    with pytest.raises(ph.InvalidArgumentError) as caught:
        whole("n", "x" * 10_000, 1)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("value", [(3, 4), [np.int64(3), 4], np.array([3, 4])])
def test_pairs(value):
    assert whole_pair("grid", value, 3) == (3, 4)


@pytest.mark.parametrize("value", [(2, 4), (3,), (3, 4, 5), 3, "34", None, (3.0, 4.0), (True, 4)])
def test_anything_else_is_no_pair(value):
    with pytest.raises(ph.InvalidArgumentError, match="two whole numbers, 3 or more; received"):
        whole_pair("grid", value, 3)


@pytest.mark.parametrize("value", range(-4, 4))
def test_places_count_from_both_ends(value):
    try:
        expected = [0, 1, 2][value]
    except IndexError:
        expected = None
    assert place(value, 3) == expected


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_anything_else_is_no_place(value):
    assert place(value, 3) is None


@pytest.mark.parametrize("value", [1, 1.0, np.float16(1), np.int32(1), Fraction(1)])
def test_numbers_of_any_kind(value):
    result = number("weight", value, minimum=1, maximum=1)
    assert result == 1.0
    assert type(result) is float


@pytest.mark.parametrize(
    ("bounds", "accepted", "refused", "sentence"),
    [
        ({}, [-1e300, 0], [math.inf, math.nan], "a finite number"),
        ({"minimum": 0}, [0, 1e300], [-1e-9, math.inf], "a finite number, 0 or more"),
        ({"above": 0}, [1e-9], [0, -1], "a finite number, above 0"),
        ({"minimum": 0, "below": 1}, [0, 0.99], [1, -1], "a finite number, 0 or more, below 1"),
        ({"maximum": 2}, [-5, 2], [2.1, -math.inf], "a finite number, 2 or less"),
        ({"minimum": 0.02, "maximum": 60}, [0.02, 60], [0.01, 61], "a number from 0.02 to 60"),
    ],
)
def test_bounds_of_numbers(bounds, accepted, refused, sentence):
    assert [number("weight", each, **bounds) for each in accepted] == accepted
    for value in [*refused, True, "1", None, 1j, [1]]:
        with pytest.raises(ph.InvalidArgumentError) as caught:
            number("weight", value, **bounds)
        assert str(caught.value) == f"weight must be {sentence}; received {value!r}."


def calls(tiny):
    """Return calls that take a whole number, by the sentence that refuses another thing."""
    picture = ph.maximize(tiny, 0, steps=1, value_range=(0, 1), progress=False)
    return {
        "steps must be a whole number": lambda bad: ph.maximize(tiny, 0, steps=bad),
        "seed must be a whole number": lambda bad: ph.maximize(tiny, 0, seed=bad),
        "n must be a whole number": lambda bad: ph.maximize(tiny, 0, n=bad),
        "views must be a whole number": lambda bad: ph.maximize(tiny, 0, views=bad),
        "frames must be a whole number": lambda bad: ph.maximize(tiny, 0, frames=bad),
        "n must be a whole number, 2 or": lambda bad: ph.interpolate(ph.logit(0), ph.logit(1), bad),
        "batch_size must be a whole number": lambda bad: tiny.predict(X, batch_size=bad),
        "count must be None for all CPUs or a whole": ph.set_threads,
        "scale must be a whole number": lambda bad: picture.to_pil(scale=bad),
        "seeds must be a whole number": lambda bad: picture.card(tiny, seeds=bad),
        "every must be a number of steps": ph.Preview,
        "every must be 'epoch' or a number of batches": lambda bad: ph.Watch(X, every=bad),
        "pixels must be a whole number": ph.transforms.Jitter,
    }


@pytest.mark.parametrize("bad", [True, 1.5, "1"])
def test_every_whole_number_is_checked_alike(tiny, bad):
    for sentence, call in calls(tiny).items():
        with pytest.raises(ph.InvalidArgumentError, match=f"{sentence}.*; received {bad!r}"):
            call(bad)


def test_options_keep_plain_numbers():
    adam = ph.optimizers.Adam(np.float32(0.5), beta1=0)
    assert repr(adam) == "Adam(learning_rate=0.5, beta1=0.0, beta2=0.999, epsilon=1e-08)"
    assert type(ph.transforms.Jitter(np.int16(3)).to_json()["pixels"]) is int
    assert ph.optimizers.SGD(1, nesterov=1).to_json()["nesterov"] is True
