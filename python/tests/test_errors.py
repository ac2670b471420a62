"""Every error is also the builtin one that a caller would expect, and says what to do."""

from __future__ import annotations

import pickle

import pytest

import phosphene as ph
from phosphene._errors import NoSuchNumberError, UnknownNameError, UnknownOptionError
from phosphene._options import check_options


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ph.InvalidArgumentError, ValueError),
        (ph.UnsupportedError, NotImplementedError),
        (ph.ModelFileError, OSError),
        (ph.OutOfMemoryError, MemoryError),
        (UnknownNameError, KeyError),
        (UnknownOptionError, TypeError),
        (NoSuchNumberError, IndexError),
    ],
)
def test_builtin_twins(error, builtin):
    assert issubclass(error, ph.PhospheneError)
    with pytest.raises(builtin) as caught:
        raise error("One sentence.")
    assert str(caught.value) == "One sentence."
    assert str(pickle.loads(pickle.dumps(caught.value))) == "One sentence."


def test_cancelled_holds_the_best_so_far():
    assert ph.Cancelled("Stopped.", picture="best").picture == "best"
    assert ph.Cancelled("Stopped.").picture is None


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2", 2**40])
def test_set_threads_refuses(count):
    with pytest.raises(ph.InvalidArgumentError, match="set_threads"):
        ph.set_threads(count)


def test_public_names_are_documented_and_sorted():
    assert ph.__all__ == sorted(ph.__all__)
    for name in ph.__all__:
        assert (getattr(ph, name).__doc__ or "").strip(), name
        assert name in dir(ph)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ph.nothing


def painted(model, *, steps=3, size=None):
    """Take options that are handed on."""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stepz": 3}, "paint has no option 'stepz'; the nearest is 'steps'."),
        ({"steps": 3, "siez": 1}, "paint has no option 'siez'; the nearest is 'size'."),
        ({"colour": 1}, "paint has no option 'colour'; its options are 'steps', 'size'."),
        ({"model": 1}, "paint has no option 'model'; its options are 'steps', 'size'."),
    ],
)
def test_options_that_are_handed_on(options, sentence):
    check_options({"steps": 3, "size": 4}, painted, "paint", ["model"])
    with pytest.raises(TypeError) as caught:
        check_options(options, painted, "paint", ["model"])
    assert str(caught.value) == sentence
    assert isinstance(caught.value, ph.InvalidArgumentError)


def test_where_options_are_handed_on_the_nearest_is_named():
    from phosphene.compat.vis.visualization import visualize_activation

    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 1], "name": "x"}},
        {"class_name": "ReLU", "config": {"name": "relu"}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    model = ph.load((config, {}))
    with pytest.raises(TypeError, match="no option 'max_itr'; the nearest is 'max_iter'"):
        visualize_activation(model, -1, 0, max_itr=3)
    with pytest.raises(TypeError, match=r"ph\.ops\.sum has no option 'axs'; the nearest is 'axis'"):
        ph.ops.sum(1.0, axs=0)
