"""Products, diagonals and triangles of `keras.ops`, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, check, row, rows

pytestmark = pytest.mark.keras

SHAPE = (3, 4)
MATRIX = np.random.default_rng(1).normal(size=(4, 5)).astype("float32")


def two(name, *given, **settings):
    """Return a row for a function of two tensors."""
    return row(lambda keras: lambda x: getattr(keras.ops, name)(x[0], x[1], **settings), *given)


def on_means(function, *given):
    """Return a row for a function of arrays that have no batch."""
    return row(
        lambda keras: (
            lambda x: function(
                keras,
                *(keras.ops.mean(each, axis=0) for each in (x if isinstance(x, list) else [x])),
            )
        ),
        *given,
    )


def one(name, given=SHAPE, **settings):
    """Return a row for a function of one tensor."""
    return row(lambda keras: lambda x: getattr(keras.ops, name)(x, **settings), given)


TABLE = {
    "CDist": {"rows": two("cdist", SHAPE, (5, 4))},
    "Corrcoef": {"rows": on_means(lambda keras, x: keras.ops.corrcoef(x), SHAPE)},
    "Correlate": {
        mode: on_means(
            lambda keras, a, b, mode=mode: keras.ops.correlate(a, b, mode=mode), (7,), (3,)
        )
        for mode in ("valid", "same", "full")
    },
    "Cross": {
        "three": two("cross", (5, 3), (5, 3)),
        "two": two("cross", (5, 2), (5, 2)),
        "mixed": two("cross", (5, 2), (5, 3)),
        "axis": two("cross", (3, 5), (3, 5), axis=1),
        "axes": two("cross", (3, 5), (5, 3), axisa=1, axisb=2, axisc=1),
    },
    "Diag": {
        "matrix": on_means(lambda keras, x: keras.ops.diag(x, k=1), SHAPE),
        "line": on_means(lambda keras, x: keras.ops.diag(x, k=-2), (4,)),
        "above": on_means(lambda keras, x: keras.ops.diag(x, k=1), (4,)),
    },
    "Diagflat": {"two": on_means(lambda keras, x: keras.ops.diagflat(x), (2, 2))},
    "Diagonal": {
        "last": one("diagonal", (3, 4, 5), axis1=2, axis2=3),
        "offset": one("diagonal", (3, 4, 5), axis1=1, axis2=3, offset=2),
        "below": one("diagonal", (3, 4, 5), axis1=1, axis2=3, offset=-1),
    },
    "Dot": {
        "matrix": row(lambda keras: lambda x: keras.ops.dot(x, MATRIX), SHAPE),
        "line": row(lambda keras: lambda x: keras.ops.dot(x, MATRIX[:, 0]), SHAPE),
        "number": row(lambda keras: lambda x: keras.ops.dot(x, 3.0), SHAPE),
        "cube": on_means(lambda keras, a, b: keras.ops.dot(a, b), SHAPE, (2, 4, 5)),
    },
    "Einsum": {
        "scores": row(
            lambda keras: lambda x: keras.ops.einsum("bqhd,bkhd->bhqk", x[0], x[1]),
            (3, 2, 4),
            (5, 2, 4),
        ),
        "matrix": row(lambda keras: lambda x: keras.ops.einsum("...c,cd->...d", x, MATRIX), SHAPE),
        "sum": row(lambda keras: lambda x: keras.ops.einsum("bij->bj", x), SHAPE),
    },
    "Geomspace": {
        "positive": row(
            lambda keras: lambda x: keras.ops.geomspace(x[0], x[1], num=4, axis=0),
            Given(np.array([[1, 2], [3, 0.5]], "float32")),
            Given(np.array([[8, 9], [5, 7]], "float32")),
        ),
    },
    "Inner": {
        "lines": two("inner", SHAPE, (5, 4)),
        "number": row(lambda keras: lambda x: keras.ops.inner(x, 3.0), SHAPE),
    },
    "Kron": {"matrices": on_means(lambda keras, a, b: keras.ops.kron(a, b), SHAPE, (2, 5))},
    "Linspace": {
        "ends": row(
            lambda keras: lambda x: keras.ops.linspace(x[0], x[1], num=5, axis=1), SHAPE, SHAPE
        ),
        "open": row(
            lambda keras: lambda x: keras.ops.linspace(x, 2.0, num=5, endpoint=False, axis=-1),
            SHAPE,
        ),
    },
    "Logspace": {
        "base": row(
            lambda keras: lambda x: keras.ops.logspace(x[0], x[1], num=4, base=2, axis=1),
            SHAPE,
            SHAPE,
        ),
    },
    "Matmul": {
        "batch": two("matmul", SHAPE, (4, 5)),
        "constant": row(lambda keras: lambda x: x @ MATRIX, SHAPE),
        "reflected": row(lambda keras: lambda x: keras.ops.matmul(MATRIX, x), (5, 2)),
        "column": row(lambda keras: lambda x: keras.ops.matmul(x, MATRIX[:, 0]), SHAPE),
        "row": row(lambda keras: lambda x: keras.ops.matmul(MATRIX[0], x), (5, 2)),
        "lines": on_means(lambda keras, a, b: keras.ops.matmul(a, b), (4,), (4,)),
        "broadcast": two("matmul", (2, 3, 4), (1, 4, 5)),
    },
    "Outer": {"lines": on_means(lambda keras, a, b: keras.ops.outer(a, b), (4,), (3,))},
    "Tensordot": {
        "count": row(lambda keras: lambda x: keras.ops.tensordot(x, MATRIX, axes=1), SHAPE),
        "lists": on_means(
            lambda keras, a, b: keras.ops.tensordot(a, b, axes=[[0, 2], [1, 0]]), (3, 4, 5), (5, 3)
        ),
        "two": on_means(lambda keras, a, b: keras.ops.tensordot(a, b, axes=2), SHAPE, (3, 4, 2)),
    },
    "Trace": {
        "axes": one("trace", (3, 4, 5), axis1=1, axis2=2),
        "offset": one("trace", (4, 4, 5), axis1=1, axis2=2, offset=1),
    },
    "Tril": {"plain": one("tril"), "above": one("tril", k=1), "below": one("tril", k=-1)},
    "Triu": {"plain": one("triu"), "above": one("triu", k=1), "below": one("triu", k=-1)},
    "Vander": {
        "falling": on_means(lambda keras, x: keras.ops.vander(x), (4,)),
        "rising": on_means(lambda keras, x: keras.ops.vander(x, N=3, increasing=True), (4,)),
    },
    "Vdot": {"all": two("vdot", SHAPE, SHAPE)},
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
