"""Arithmetic, functions of each element and comparisons of `keras.ops`, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, Numbers, Whole, check, row, rows

pytestmark = pytest.mark.keras

SHAPE = (3, 4)
POSITIVE = Given(np.random.default_rng(1).uniform(0.2, 3, (2, *SHAPE)).astype("float32"))
INSIDE = Given(np.random.default_rng(2).uniform(-0.95, 0.95, (2, *SHAPE)).astype("float32"))
ABOVE_ONE = Given(np.random.default_rng(3).uniform(1.1, 4, (2, *SHAPE)).astype("float32"))
ODD = Given(
    np.array(
        [
            [np.nan, np.inf, -np.inf, 0, -0.0, 1, -1, 2.5],
            [1, np.inf, np.nan, np.nan, 0, -2, 3, -np.inf],
        ],
        "float32",
    )
)
OTHER_ODD = Given(
    np.array(
        [
            [np.nan, np.inf, np.inf, 0, 0, 1 + 1e-6, -1.1, 2],
            [np.nan, 1, 1, np.nan, -1, -2, 3, -np.inf],
        ],
        "float32",
    )
)
STEPS = Given(np.array([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3, -0.7]], "float32"))
FACTORS = Given(np.array([[3, -2, 5.5, -4, 7, 0]], "float32"))
DIVISORS = Given(np.array([[2, 3, -2, -3, 0.5, 4]], "float32"))


def unary(name, given, **settings):
    """Return a row for a function of one tensor."""
    return row(lambda keras: getattr(keras.ops, name), given, **settings)


def binary(name, *given, **settings):
    """Return a row for a function of two tensors."""
    return row(lambda keras: lambda x: getattr(keras.ops, name)(x[0], x[1]), *given, **settings)


UNARY = {
    "Absolute": unary("absolute", SHAPE),
    "Angle": unary("angle", SHAPE, smooth=False),
    "Arccos": unary("arccos", INSIDE),
    "Arccosh": unary("arccosh", ABOVE_ONE),
    "Arcsin": unary("arcsin", INSIDE),
    "Arcsinh": unary("arcsinh", SHAPE),
    "Arctan": unary("arctan", SHAPE),
    "Arctanh": unary("arctanh", INSIDE),
    "Cbrt": unary("cbrt", SHAPE),
    "Ceil": unary("ceil", SHAPE),
    "Conjugate": unary("conj", SHAPE),
    "Copy": unary("copy", SHAPE),
    "Cos": unary("cos", SHAPE),
    "Cosh": unary("cosh", SHAPE),
    "Deg2rad": unary("deg2rad", Numbers(SHAPE, scale=90)),
    "Erf": unary("erf", SHAPE),
    "Erfc": unary("erfc", SHAPE),
    "Erfinv": unary("erfinv", INSIDE),
    "Exp": unary("exp", SHAPE),
    "Exp2": unary("exp2", SHAPE),
    "Expm1": unary("expm1", SHAPE),
    "Fabs": unary("fabs", SHAPE),
    "Floor": unary("floor", SHAPE),
    "Imag": unary("imag", SHAPE),
    "Isfinite": unary("isfinite", ODD, smooth=False),
    "Isinf": unary("isinf", ODD, smooth=False),
    "Isnan": unary("isnan", ODD, smooth=False),
    "Isneginf": unary("isneginf", ODD, smooth=False),
    "Isposinf": unary("isposinf", ODD, smooth=False),
    "Isreal": unary("isreal", SHAPE),
    "Log": unary("log", POSITIVE),
    "Log10": unary("log10", POSITIVE),
    "Log1p": unary("log1p", POSITIVE),
    "Log2": unary("log2", POSITIVE),
    "LogicalNot": unary("logical_not", FACTORS),
    "Negative": unary("negative", SHAPE),
    "Rad2deg": unary("rad2deg", SHAPE),
    "Real": unary("real", SHAPE),
    "Reciprocal": unary("reciprocal", POSITIVE),
    "Rsqrt": unary("rsqrt", POSITIVE),
    "Sign": unary("sign", FACTORS),
    "Signbit": unary("signbit", ODD, smooth=False),
    "Sin": unary("sin", SHAPE),
    "Sinc": unary("sinc", SHAPE),
    "Sinh": unary("sinh", SHAPE),
    "Sqrt": unary("sqrt", POSITIVE),
    "Square": unary("square", SHAPE),
    "Tan": unary("tan", INSIDE),
    "Tanh": unary("tanh", SHAPE),
    "Trunc": unary("trunc", SHAPE),
}

BINARY = {
    "Add": {
        "broadcast": binary("add", SHAPE, (1, 4)),
        "number": row(lambda keras: lambda x: x + 2, SHAPE),
        "reflected": row(lambda keras: lambda x: 2 + x, SHAPE),
        "array": row(lambda keras: lambda x: x + np.arange(4, dtype="float32"), SHAPE),
    },
    "Arctan2": {"all quadrants": binary("arctan2", SHAPE, SHAPE)},
    "BitwiseLeftShift": {"whole": binary("bitwise_left_shift", Whole(SHAPE, 9), Whole(SHAPE, 4))},
    "BitwiseRightShift": {
        "whole": binary("bitwise_right_shift", Whole(SHAPE, 99, -99), Whole(SHAPE, 4))
    },
    "Divide": {
        "tensors": binary("divide", SHAPE, POSITIVE),
        "reflected": row(lambda keras: lambda x: 1 / x, POSITIVE),
    },
    "DivideNoNan": {"zeros": binary("divide_no_nan", SHAPE, Whole(SHAPE, 3, dtype="float32"))},
    "Equal": {"whole": binary("equal", Whole(SHAPE, 3), Whole(SHAPE, 3))},
    "FloorDivide": {
        "signs": binary("floor_divide", FACTORS, DIVISORS),
        "whole": row(lambda keras: lambda x: x // 3, Whole(SHAPE, 20, -20)),
    },
    "Fmax": {
        "odd": binary("fmax", ODD, OTHER_ODD, smooth=False),
        "plain": binary("fmax", SHAPE, SHAPE),
    },
    "Fmin": {
        "odd": binary("fmin", ODD, OTHER_ODD, smooth=False),
        "plain": binary("fmin", SHAPE, SHAPE),
    },
    "Fmod": {"signs": binary("fmod", FACTORS, DIVISORS)},
    "Greater": {"whole": binary("greater", Whole(SHAPE, 3), Whole(SHAPE, 3))},
    "GreaterEqual": {"whole": binary("greater_equal", Whole(SHAPE, 3), Whole(SHAPE, 3))},
    "Heaviside": {"zeros": binary("heaviside", FACTORS, DIVISORS, smooth=False)},
    "Hypot": {"tensors": binary("hypot", SHAPE, SHAPE)},
    "Isclose": {
        "odd": binary("isclose", ODD, OTHER_ODD, smooth=False),
        "settings": row(
            lambda keras: (
                lambda x: keras.ops.isclose(x[0], x[1], rtol=0.1, atol=0.1, equal_nan=True)
            ),
            ODD,
            OTHER_ODD,
            smooth=False,
        ),
    },
    "Ldexp": {"whole": binary("ldexp", SHAPE, Whole(SHAPE, 4, -4))},
    "LeftShift": {"whole": binary("left_shift", Whole(SHAPE, 9), Whole(SHAPE, 4))},
    "Less": {"whole": binary("less", Whole(SHAPE, 3), Whole(SHAPE, 3))},
    "LessEqual": {"whole": binary("less_equal", Whole(SHAPE, 3), Whole(SHAPE, 3))},
    "Logaddexp": {
        "tensors": binary("logaddexp", SHAPE, SHAPE),
        "odd": binary("logaddexp", ODD, OTHER_ODD, smooth=False),
    },
    "Logaddexp2": {"tensors": binary("logaddexp2", SHAPE, SHAPE)},
    "LogicalAnd": {"whole": binary("logical_and", Whole(SHAPE, 2), Whole(SHAPE, 2))},
    "LogicalOr": {"whole": binary("logical_or", Whole(SHAPE, 2), Whole(SHAPE, 2))},
    "LogicalXor": {"whole": binary("logical_xor", Whole(SHAPE, 3), Whole(SHAPE, 3))},
    "Maximum": {
        "tensors": binary("maximum", SHAPE, SHAPE),
        "number": row(lambda keras: lambda x: keras.ops.maximum(x, 0.1), SHAPE),
    },
    "Minimum": {"tensors": binary("minimum", SHAPE, SHAPE)},
    "Mod": {
        "signs": binary("mod", FACTORS, DIVISORS),
        "whole": row(lambda keras: lambda x: x % 3, Whole(SHAPE, 20, -20)),
    },
    "Multiply": {"broadcast": binary("multiply", (3, 1), (1, 4))},
    "NotEqual": {"whole": binary("not_equal", Whole(SHAPE, 3), Whole(SHAPE, 3))},
    "Power": {
        "tensors": binary("power", POSITIVE, SHAPE),
        "square": row(lambda keras: lambda x: x**2, SHAPE),
        "cube": row(lambda keras: lambda x: x**3, SHAPE),
        "root": row(lambda keras: lambda x: x**0.5, POSITIVE),
        "base": row(lambda keras: lambda x: 3**x, SHAPE),
    },
    "RightShift": {"whole": binary("right_shift", Whole(SHAPE, 99, -99), Whole(SHAPE, 4))},
    "Subtract": {"reflected": row(lambda keras: lambda x: 1 - x, SHAPE)},
    "TrueDivide": {"whole": binary("true_divide", Whole(SHAPE, 9), Whole(SHAPE, 9, 1))},
}

OTHERS = {
    "AllClose": {
        "far": binary("allclose", SHAPE, SHAPE, smooth=False),
        "near": row(
            lambda keras: lambda x: keras.ops.allclose(x, x + 0.01, atol=0.1), SHAPE, smooth=False
        ),
    },
    "Clip": {
        "both": row(lambda keras: lambda x: keras.ops.clip(x, -0.5, 0.7), SHAPE),
        "whole": row(lambda keras: lambda x: keras.ops.clip(x, 2, 5), Whole(SHAPE, 9)),
    },
    "NanToNum": {
        "plain": row(lambda keras: keras.ops.nan_to_num, ODD, smooth=False),
        "numbers": row(
            lambda keras: lambda x: keras.ops.nan_to_num(x, nan=1, posinf=2, neginf=-3), ODD
        ),
    },
    "Round": {
        "whole": row(lambda keras: keras.ops.round, STEPS),
        "decimals": row(lambda keras: lambda x: keras.ops.round(x, 1), SHAPE),
        "tens": row(lambda keras: lambda x: keras.ops.round(x, -1), Numbers(SHAPE, scale=50)),
    },
    "Select": {
        "two": row(
            lambda keras: (
                lambda x: keras.ops.select([x[0] > 0.5, x[0] > -0.5], [x[1], 2 * x[1]], default=7)
            ),
            SHAPE,
            SHAPE,
        ),
    },
    "Where": {
        "tensors": row(
            lambda keras: lambda x: keras.ops.where(x[0] > 0, x[0], x[1]), SHAPE, (1, 4)
        ),
        "infinity": row(
            lambda keras: lambda x: keras.ops.where(x > 0, x, -float("inf")), SHAPE, smooth=False
        ),
    },
}

TABLE = {name: {"plain": each} for name, each in UNARY.items()} | BINARY | OTHERS


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
