"""Reductions, sorting, ranks and running sums of `keras.ops`, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, Numbers, Whole, check, row, rows

pytestmark = pytest.mark.keras

SHAPE = (3, 4)
HOLES = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")
HOLES[0, 1, 2] = HOLES[1, :, 0] = HOLES[0, 2, :3] = np.nan
GAPPED = Given(HOLES)
POSITIVE = Given(np.random.default_rng(2).uniform(0.5, 2, (2, *SHAPE)).astype("float32"))
BITS = Whole(SHAPE, 2)


def settings(name, given=SHAPE, *, smooth=True, **choices):
    """Return rows for a function of one tensor, by its settings."""
    build = lambda chosen: row(  # noqa: E731
        lambda keras: lambda x: getattr(keras.ops, name)(x, **chosen), given, smooth=smooth
    )
    return {setting.replace("_", " "): build(chosen) for setting, chosen in choices.items()}


AXES = {
    "all": {},
    "last": {"axis": -1},
    "two": {"axis": (0, 2)},
    "kept": {"axis": 1, "keepdims": True},
    "all_kept": {"keepdims": True},
}
POSITIONS = {"flat": {}, "last": {"axis": -1}, "kept": {"axis": 1, "keepdims": True}}
ONE_AXIS = {"last": {"axis": -1}, "first": {"axis": 1}}


def along(name, given=SHAPE):
    """Return rows for a function along an axis, or of the flat array."""
    flat = row(
        lambda keras: lambda x: keras.ops.reshape(getattr(keras.ops, name)(x, axis=None), (-1, 12)),
        given,
    )
    return {"flat": flat} | settings(name, given, **ONE_AXIS)


TABLE = {
    "All": settings("all", BITS, **AXES),
    "Amax": settings("amax", **AXES),
    "Amin": settings("amin", **AXES),
    "Any": settings("any", BITS, **AXES),
    "Argmax": settings("argmax", **POSITIONS),
    "Argmin": settings("argmin", **POSITIONS),
    "Argsort": along("argsort"),
    "Average": {
        "all": row(lambda keras: keras.ops.average, SHAPE),
        "axis": row(lambda keras: lambda x: keras.ops.average(x, axis=-1), SHAPE),
        "weights": row(
            lambda keras: lambda x: keras.ops.average(x[0], axis=1, weights=x[1]), SHAPE, POSITIVE
        ),
        "line of weights": row(
            lambda keras: (
                lambda x: keras.ops.average(x, axis=1, weights=np.array([1, 2, 5], "float32"))
            ),
            SHAPE,
        ),
    },
    "CountNonzero": settings("count_nonzero", BITS, all={}, axis={"axis": 1}),
    "Cumprod": along("cumprod"),
    "Cumsum": along("cumsum"),
    "Diff": settings("diff", once={}, twice={"n": 2, "axis": 1}, never={"n": 0}),
    "Digitize": {
        "numbers": row(
            lambda keras: lambda x: keras.ops.digitize(x, np.array([-1, 0, 0.5])), SHAPE
        ),
        "equal": row(
            lambda keras: lambda x: keras.ops.digitize(x, np.array([1.0, 3.0])), Whole(SHAPE, 5)
        ),
    },
    "InTopK": {
        "three": row(
            lambda keras: lambda x: keras.ops.in_top_k(x[0], x[1], k=3),
            Given(np.array([1, 4, 0, 2], "int32")),
            (6,),
            batch=4,
        ),
    },
    "Logsumexp": settings("logsumexp", Numbers(SHAPE, scale=20), **AXES),
    "Max": settings("max", initial={"axis": 1, "initial": 0.3}, **AXES),
    "Mean": settings("mean", **AXES),
    "Median": settings("median", **AXES) | settings("median", (5,), odd={"axis": 1}),
    "Min": settings("min", initial={"axis": 1, "initial": 0.3}, **AXES),
    "Moments": settings("moments", one={"axes": [1]}, kept={"axes": [0, 2], "keepdims": True}),
    "Nanargmax": settings("nanargmax", GAPPED, flat={}, last={"axis": -1}, smooth=False),
    "Nanargmin": settings("nanargmin", GAPPED, flat={}, last={"axis": -1}, smooth=False),
    "Nancumprod": along("nancumprod", GAPPED),
    "Nancumsum": along("nancumsum", GAPPED),
    "Nanmax": settings("nanmax", GAPPED, smooth=False, **AXES),
    "Nanmean": settings("nanmean", GAPPED, smooth=False, **AXES),
    "Nanmedian": settings("nanmedian", GAPPED, smooth=False, all={}, last={"axis": -1}),
    "Nanmin": settings("nanmin", GAPPED, smooth=False, **AXES),
    "Nanpercentile": {
        "axis": row(
            lambda keras: lambda x: keras.ops.nanpercentile(x, 30, axis=-1), GAPPED, smooth=False
        ),
    },
    "Nanprod": settings("nanprod", GAPPED, **AXES),
    "Nanquantile": {
        "axis": row(
            lambda keras: lambda x: keras.ops.nanquantile(x, 0.7, axis=1), GAPPED, smooth=False
        ),
        "lower": row(
            lambda keras: lambda x: keras.ops.nanquantile(x, 0.7, axis=1, method="lower"),
            GAPPED,
            smooth=False,
        ),
        "nearest": row(
            lambda keras: lambda x: keras.ops.nanquantile(x, 0.4, axis=1, method="nearest"),
            GAPPED,
            smooth=False,
        ),
    },
    "Nanstd": settings("nanstd", GAPPED, smooth=False, **AXES),
    "Nansum": settings("nansum", GAPPED, **AXES),
    "Nanvar": settings("nanvar", GAPPED, smooth=False, **AXES),
    "Norm": settings(
        "norm",
        vectors={"axis": -1},
        ones={"axis": 1, "ord": 1},
        threes={"axis": 1, "ord": 3, "keepdims": True},
        largest={"axis": 1, "ord": float("inf")},
        smallest={"axis": 1, "ord": -float("inf")},
        count={"axis": 1, "ord": 0},
        matrices={"axis": (1, 2)},
        frobenius={"axis": (1, 2), "ord": "fro", "keepdims": True},
        columns={"axis": (1, 2), "ord": 1},
        rows={"axis": (2, 1), "ord": float("inf")},
        least_column={"axis": (1, 2), "ord": -1, "keepdims": True},
        least_row={"axis": (1, 2), "ord": -float("inf")},
    ),
    "Percentile": {
        "axis": row(lambda keras: lambda x: keras.ops.percentile(x, 30.0, axis=-1), SHAPE),
        "several": row(
            lambda keras: lambda x: keras.ops.percentile(x, [10.0, 50.0, 100.0], axis=-1), SHAPE
        ),
    },
    "Prod": settings("prod", **AXES) | settings("prod", Whole(SHAPE, 4), zeros={"axis": 1}),
    "Ptp": settings("ptp", **AXES),
    "Quantile": {
        method: row(
            lambda keras, method=method: (
                lambda x: keras.ops.quantile(x, 0.37, axis=(1, 2), method=method, keepdims=True)
            ),
            SHAPE,
        )
        for method in ("linear", "lower", "higher", "midpoint", "nearest")
    },
    "SearchSorted": {
        side: row(
            lambda keras, side=side: (
                lambda x: keras.ops.searchsorted(np.array([1, 2, 2, 4], "int32"), x, side=side)
            ),
            Given(np.array([0, 1, 2, 3, 4, 5], "int32")),
            batch=6,
        )
        for side in ("left", "right")
    },
    "Sort": along("sort"),
    "Std": settings("std", **AXES),
    "Sum": settings("sum", **AXES) | settings("sum", Whole(SHAPE, 9), whole={"axis": 1}),
    "TopK": settings("top_k", (2, 7), three={"k": 3}, all={"k": 7}),
    "Trapezoid": settings(
        "trapezoid",
        last={},
        width={"dx": 0.5, "axis": 1},
    ),
    "Var": settings("var", **AXES),
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
