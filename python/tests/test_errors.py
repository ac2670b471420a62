"""Every error is also the builtin one that a caller would expect, and says what to do."""

from __future__ import annotations

import pickle

import pytest

import phosphene as ph
from phosphene._errors import UnknownNameError


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ph.InvalidArgumentError, ValueError),
        (ph.UnsupportedError, NotImplementedError),
        (ph.ModelFileError, OSError),
        (ph.OutOfMemoryError, MemoryError),
        (UnknownNameError, KeyError),
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
