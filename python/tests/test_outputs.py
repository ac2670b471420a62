"""Memory of results: fresh for whoever looks at it, taken up again when nobody does."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from conftest import TINY, TINY_WEIGHTS

import phosphene as ph
from phosphene._engine import outputs
from phosphene._engine.outputs import OutputPool

FLOAT = np.dtype(np.float32)
LARGE = (FLOAT, (512, 512))
SMALL = (FLOAT, (3,))

X = np.float32([[1, 2], [-1, 3]])


@pytest.fixture(autouse=True)
def pool_small_results(monkeypatch):
    monkeypatch.setattr(outputs, "POOLED_BYTES", 1 << 20)


def address(array):
    return array.__array_interface__["data"][0]


def test_two_generations_take_turns():
    pool = OutputPool([LARGE, SMALL, LARGE], {})
    seen = set()
    kept = pool.take()
    for _ in range(6):
        new = pool.take()
        assert not {address(each) for each in new} & {address(each) for each in kept}
        kept = new
        seen |= {address(each) for each in kept}
    assert len(seen) == 6
    assert [each.shape for each in kept] == [(512, 512), (3,), (512, 512)]


def test_an_array_that_is_kept_stays_as_it_is():
    pool = OutputPool([LARGE] * 4, {})
    rows = []
    for number in range(5):
        arrays = pool.take()
        for array in arrays:
            array[:] = number
        # A view of a view has to keep the memory too.
        rows.append(arrays[1][2:][1].reshape(2, -1))
        del arrays, array
    assert [row[0, 0] for row in rows] == [0, 1, 2, 3, 4]
    del pool
    gc.collect()
    assert [row[1, 7] for row in rows] == [0, 1, 2, 3, 4]


def test_results_outlive_the_pool():
    pool = OutputPool([LARGE, LARGE], {})
    first, second = pool.take()
    first[:] = 1
    del second, pool
    gc.collect()
    assert (first == 1).all()


def test_small_results_are_fresh_and_shared_ones_are_views():
    pool = OutputPool([SMALL, (FLOAT, (3, 1)), (FLOAT, (1, 3))], {1: 0, 2: 1})
    first, column, row = pool.take()
    first[:] = [1, 2, 3]
    assert column.tolist() == [[1], [2], [3]]
    assert row.tolist() == [[1, 2, 3]]
    assert first.base is None


def test_what_was_used_longest_ago_goes_first(monkeypatch):
    monkeypatch.setattr(outputs, "KEPT_BYTES", 3 << 20)
    pools = [OutputPool([LARGE], {}) for _ in range(4)]
    for pool in pools:
        pool.take()
    assert [pool.kept_bytes for pool in pools] == [0, 1 << 20, 1 << 20, 1 << 20]
    huge = OutputPool([(FLOAT, (4, 512, 512))], {})
    assert huge.take()[0].shape == (4, 512, 512)
    assert huge.kept_bytes == 0


@pytest.fixture
def wide():
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "wide",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_shape": [None, 64, 64, 2], "name": "x"},
                },
                {
                    "class_name": "Conv2D",
                    "config": {"name": "conv", "filters": 64, "kernel_size": [1, 1]},
                },
                {"class_name": "Dropout", "config": {"name": "dropout", "rate": 0.5}},
                {"class_name": "Activation", "config": {"name": "same", "activation": "linear"}},
                {"class_name": "ReLU", "config": {"name": "relu"}},
                {"class_name": "Flatten", "config": {"name": "flat"}},
            ],
        },
    }
    kernel = np.random.default_rng(0).normal(size=(1, 1, 2, 64)).astype(np.float32)
    return ph.load((config, {"conv/kernel": kernel, "conv/bias": np.zeros(64)}))


def test_layers_that_return_their_input_share_its_memory(wide):
    x = np.random.default_rng(1).normal(size=(2, 64, 64, 2)).astype(np.float32)
    seen = ph.trace(wide, x)
    assert address(seen["conv"]) == address(seen["dropout"]) == address(seen["same"])
    assert address(seen["relu"]) == address(seen["flat"]) != address(seen["conv"])
    np.testing.assert_array_equal(seen["flat"], np.maximum(seen["conv"], 0).reshape(2, -1))
    alone = ph.trace(wide, x, ["flat"])["flat"]
    np.testing.assert_array_equal(alone, seen["flat"])


def test_a_trace_is_written_into_an_earlier_one(wide):
    x = np.random.default_rng(2).normal(size=(2, 1, 64, 64, 2)).astype(np.float32)
    expected = ph.trace(wide, x[1])
    seen = ph.trace(wide, x[0])
    arrays = dict(seen)
    assert ph.trace(wide, x[1], out=seen) is seen
    for path, array in seen.items():
        assert array is arrays[path]
        np.testing.assert_array_equal(array, expected[path])


def test_what_cannot_be_written_into_is_refused(wide, tmp_path):
    x = np.zeros((1, 64, 64, 2), np.float32)
    seen = ph.trace(wide, x)
    tiny = ph.load((TINY, TINY_WEIGHTS))
    for call, message in (
        (lambda: ph.trace(wide, x, out=dict(seen)), "takes a Trace"),
        (lambda: ph.trace(wide, x, out=seen, batch_size=1), "batch_size= too"),
        (lambda: ph.trace(wide, x, "relu", out=seen), "same layers"),
        (lambda: ph.trace(tiny, X, out=seen), "same layers"),
        (lambda: ph.trace(wide, np.repeat(x, 2, 0), out=seen), r"writable .*\(2, 64, 64, 64\)"),
        (lambda: ph.trace(wide, x, out=ph.trace(wide, x, store=tmp_path)), "kept in memory"),
    ):
        with pytest.raises(ph.InvalidArgumentError, match=message):
            call()
