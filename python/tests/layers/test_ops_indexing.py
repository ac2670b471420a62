"""Indexing, scattering and classes of `keras.ops`, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, Whole, check, row, rows

pytestmark = pytest.mark.keras

SHAPE = (3, 4)
PLACES = np.array([[[0, 1], [2, 3]], [[1, 1], [0, 0]]], "int32")


def item(*key, given=(5, 6, 7)):
    """Return a row for brackets."""
    return row(lambda keras: lambda x: x[key], given)


def on_mean(function, **settings):
    """Return a row for a function of an array that has no batch."""
    return row(
        lambda keras: lambda x: function(keras, keras.ops.mean(x, axis=0)), SHAPE, **settings
    )


TABLE = {
    "GetItem": {
        "channel": item(slice(None), slice(None), slice(None), 2),
        "last": item(Ellipsis, -1),
        "steps": item(slice(None), slice(None, None, 2), slice(1, 6, 3)),
        "backward": item(slice(None), slice(None, None, -1), slice(4, 0, -2)),
        "negative": item(slice(None), slice(-3, -1)),
        "new axes": item(slice(None), None, Ellipsis, None),
        "inside": item(slice(None), 1, slice(2, 4), -1),
        "beyond": item(slice(None), slice(2, 99)),
        "element": row(lambda keras: lambda x: keras.ops.mean(x, axis=0)[1], SHAPE),
    },
    "IsIn": {
        "numbers": row(
            lambda keras: lambda x: keras.ops.isin(x, np.array([1, 4, 4], "int32")),
            Whole(SHAPE, 6),
        ),
        "inverted": row(
            lambda keras: lambda x: keras.ops.isin(x, np.array([1, 4], "int32"), invert=True),
            Whole(SHAPE, 6),
        ),
    },
    "MultiHot": {
        "plain": row(lambda keras: lambda x: keras.ops.multi_hot(x, 6), Whole((4,), 6)),
        "beyond": row(lambda keras: lambda x: keras.ops.multi_hot(x, 4), Whole((4,), 6, -1)),
    },
    "OneHot": {
        "last": row(lambda keras: lambda x: keras.ops.one_hot(x, 6), Whole((4,), 6)),
        "first": row(lambda keras: lambda x: keras.ops.one_hot(x, 6, axis=1), Whole((4,), 6)),
        "beyond": row(lambda keras: lambda x: keras.ops.one_hot(x, 4), Whole((4,), 6, -1)),
    },
    "Scatter": {
        "twice": row(
            lambda keras: (
                lambda x: keras.ops.scatter(
                    np.array([[0], [2], [0]], "int32"), keras.ops.mean(x, axis=0), (5, 4)
                )
            ),
            SHAPE,
        ),
        "pairs": row(
            lambda keras: lambda x: keras.ops.scatter(PLACES, keras.ops.mean(x, axis=0), (3, 4)),
            (2, 2),
        ),
    },
    "ScatterUpdate": {
        str(reduction): on_mean(
            lambda keras, x, reduction=reduction: keras.ops.scatter_update(
                x, np.array([[0, 1], [2, 3]], "int32"), x[0, :2] + 0.5, reduction=reduction
            )
        )
        for reduction in (None, "add", "max", "min", "mul")
    }
    | {
        "rows": on_mean(
            lambda keras, x: keras.ops.scatter_update(
                x, np.array([[0], [2]], "int32"), 2 * x[1:, :]
            )
        ),
        "twice": on_mean(
            lambda keras, x: keras.ops.scatter_update(
                x, np.array([[1], [1]], "int32"), 2 * x[1:, :]
            ),
            smooth=False,
        ),
    },
    "SegmentMax": {
        "gaps": on_mean(lambda keras, x: keras.ops.segment_max(x, np.array([0, 2, 0], "int32"), 4)),
    },
    "SegmentMin": {
        "plain": on_mean(
            lambda keras, x: keras.ops.segment_min(x, np.array([0, 1, 0], "int32"), 2)
        ),
    },
    "SegmentProd": {
        "plain": on_mean(
            lambda keras, x: keras.ops.segment_prod(x, np.array([0, 1, 0], "int32"), 3)
        ),
    },
    "SegmentSum": {
        "gaps": on_mean(lambda keras, x: keras.ops.segment_sum(x, np.array([0, 2, 0], "int32"), 4)),
        "none": on_mean(
            lambda keras, x: keras.ops.segment_sum(x, np.array([0, -1, 3], "int32"), 4)
        ),
    },
    "Slice": {
        "plain": on_mean(lambda keras, x: keras.ops.slice(x, (1, 2), (2, 2))),
        "computed": row(
            lambda keras: (
                lambda x: keras.ops.slice(
                    keras.ops.mean(x[0], axis=0), keras.ops.max(x[1], axis=0), (2, 2)
                )
            ),
            SHAPE,
            Given(np.array([[0, 1], [1, 0]], "int32")),
        ),
    },
    # TensorFlow has no gradient for it.
    "SliceUpdate": {
        "plain": on_mean(
            lambda keras, x: keras.ops.slice_update(x, (1, 2), 2 * x[:2, :2]), on_jax=True
        ),
        "moved inside": on_mean(
            lambda keras, x: keras.ops.slice_update(x, (2, 3), 2 * x[:2, :2]), on_jax=True
        ),
    },
    "Take": {
        "axis": row(
            lambda keras: lambda x: keras.ops.take(x, np.array([[0, -1], [2, 2]]), axis=1), SHAPE
        ),
        "flat": row(lambda keras: lambda x: keras.ops.take(x, np.array([5, 0, 7])), SHAPE),
        "number": row(lambda keras: lambda x: keras.ops.take(x, 2, axis=-1), SHAPE),
        "tensors": row(
            lambda keras: lambda x: keras.ops.take(x[0], keras.ops.max(x[1], axis=0), axis=1),
            SHAPE,
            Whole((2, 2), 3),
        ),
    },
    "TakeAlongAxis": {
        "axis": row(
            lambda keras: lambda x: keras.ops.take_along_axis(x[0], x[1], axis=1),
            SHAPE,
            Whole((2, 4), 3, -3),
        ),
        "broadcast": row(
            lambda keras: lambda x: keras.ops.take_along_axis(x[0], x[1], axis=-1),
            SHAPE,
            Whole((1, 2), 4),
        ),
        "flat": row(
            lambda keras: lambda x: keras.ops.take_along_axis(x, np.array([3, 0, -1])), SHAPE
        ),
    },
    "UnravelIndex": {
        "three": row(
            lambda keras: lambda x: keras.ops.unravel_index(keras.ops.max(x, axis=0), (2, 3, 4)),
            Whole((5,), 24),
        ),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
