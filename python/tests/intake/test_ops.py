"""The functions of `phosphene.ops`: their table against Keras, their values against NumPy."""

from __future__ import annotations

import importlib
import inspect
import json

import numpy as np
import pytest

import phosphene as ph
from phosphene._engine.library import lib, text
from phosphene._models.symbolic.functions import SEVERAL, functions

NAMES = sorted(functions())
X = np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 4)


def computed(handler, x=X):
    """Return what a handler computes of an array."""
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_shape": [None, *x.shape[1:]], "name": "x"},
                },
                {"class_name": "Mine", "config": {"name": "mine"}},
            ],
        },
    }
    return ph.load((config, {}), handlers={"Mine": lambda layer, x: handler(x)})(x)


@pytest.mark.keras
@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_keras(keras, name):
    function = functions()[name]
    space = keras.ops.image if name.startswith("image.") else keras.ops
    theirs = inspect.signature(getattr(space, function.name)).parameters.values()
    expected = [(each.name, each.default) for each in theirs if each.kind is not each.VAR_KEYWORD]
    received = [(each.name, each.default) for each in function.signature.parameters.values()]
    assert received == expected
    module = importlib.import_module(f"keras.src.ops.{function.module}")
    cls = getattr(module, function.class_name)
    settings = set(inspect.signature(cls.__init__).parameters) - {"self", "name", "kwargs"}
    assert function.settings <= settings


def test_every_function_is_computed_by_the_engine():
    known = set(json.loads(text(lib.ph_supported_json()))["operations"])
    assert {function.class_name for function in functions().values()} <= known
    assert set(SEVERAL) <= set(functions())


def test_functions_describe_themselves():
    assert ph.ops.softmax.__name__ == "softmax"
    assert "keras.ops.softmax" in ph.ops.softmax.__doc__
    assert str(inspect.signature(ph.ops.softmax)) == "(x, axis=-1)"
    assert "softmax" in dir(ph.ops)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ph.ops.nonsense
    with pytest.raises(TypeError, match="missing a required argument: 'newshape'"):
        computed(lambda x: ph.ops.reshape(x))


NEW = np.array([1.0, 2.0, 4.0, 8.0], np.float32)

CASES = {
    "x + 1": (lambda x: x + 1, lambda x: x + 1),
    "1 - x": (lambda x: 1 - x, lambda x: 1 - x),
    "x * array": (lambda x: x * NEW, lambda x: x * NEW),
    "array * x": (lambda x: NEW * x, lambda x: NEW * x),
    "array / x": (lambda x: NEW / x, lambda x: NEW / x),
    "x / np.float32": (lambda x: x / np.float32(3), lambda x: x / np.float32(3)),
    "x // 0.5": (lambda x: x // 0.5, lambda x: x // 0.5),
    "x % 0.75": (lambda x: x % 0.75, lambda x: x % 0.75),
    "x ** 2": (lambda x: x**2, lambda x: x**2),
    "2 ** x": (lambda x: 2**x, lambda x: 2**x),
    "x @ array": (lambda x: x @ NEW[:, None], lambda x: x @ NEW[:, None]),
    "array @ x": (lambda x: np.ones((2, 3)) @ x, lambda x: np.ones((2, 3)) @ x),
    "-x": (lambda x: -x, lambda x: -x),
    "abs(x)": (abs, abs),
    "x > 0": (lambda x: x > 0, lambda x: x > 0),
    "0 > x": (lambda x: 0 > x, lambda x: 0 > x),  # noqa: SIM300
    "x == x": (lambda x: x == x * 1.0, lambda x: x == x),
    "x != array": (lambda x: x != NEW, lambda x: x != NEW),
    "and, or, xor, not": (
        lambda x: ((x > 0) & (x < 1)) | ~(x > -1) ^ (x > 9),
        lambda x: ((x > 0) & (x < 1)) | ~(x > -1) ^ (x > 9),
    ),
    "x[...]": (lambda x: x[:, ::-1, 1:3], lambda x: x[:, ::-1, 1:3]),
    "x[..., None]": (lambda x: x[..., None, 0], lambda x: x[..., None, 0]),
    "unpacked": (
        lambda x: sum(ph.ops.transpose(x, (1, 0, 2))),
        lambda x: x.sum(1),
    ),
    "concatenate": (
        lambda x: ph.ops.concatenate([x, x * 2], axis=-1),
        lambda x: np.concatenate([x, x * 2], -1),
    ),
    "einsum": (
        lambda x: ph.ops.einsum("bij,bkj->bik", x, x),
        lambda x: np.einsum("bij,bkj->bik", x, x),
    ),
    "split": (lambda x: ph.ops.split(x, [1], axis=1)[1], lambda x: x[:, 1:]),
    "top_k": (lambda x: ph.ops.top_k(x, 2)[0], lambda x: -np.sort(-x)[..., :2]),
    "rfft": (lambda x: ph.ops.rfft(x)[1], lambda x: np.fft.rfft(x).imag),
    "resize": (
        lambda x: ph.ops.image.resize(x[..., None], (6, 4), "nearest")[..., 0],
        lambda x: np.repeat(x, 2, axis=1),
    ),
    "where": (lambda x: ph.ops.where(x > 0, x, 0.5), lambda x: np.where(x > 0, x, 0.5)),
    "take": (lambda x: ph.ops.take(x, [2, 0], axis=1), lambda x: x[:, [2, 0]]),
    "clip": (lambda x: ph.ops.clip(x, -1, 1), lambda x: np.clip(x, -1, 1)),
    "reshape by shape": (
        lambda x: ph.ops.reshape(x, (-1, x.shape[1] * x.shape[2])),
        lambda x: x.reshape(-1, 12),
    ),
    "keywords": (
        lambda x: ph.ops.mean(x=x, keepdims=True, axis=(1, 2)),
        lambda x: x.mean((1, 2), keepdims=True),
    ),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_numpy(name):
    ours, theirs = CASES[name]
    expected = np.asarray(theirs(X), np.float32)
    np.testing.assert_allclose(computed(ours), expected, rtol=1e-5, atol=1e-6)


def test_values_say_what_they_are():
    seen = []

    def look(x):
        seen.extend([repr(x), repr(ph.ops.exp(x)), x.ndim, hash(x) == hash(x)])
        with pytest.raises(ph.InvalidArgumentError, match="can't be unpacked"):
            list(x)
        return x

    computed(look)
    assert seen == ["<Value of 'inputs'>", "<Value of 'exp'>", 3, True]


def test_values_of_two_handlers_do_not_mix():
    kept = []
    computed(lambda x: kept.append(x) or x)
    with pytest.raises(ph.InvalidArgumentError, match="another call of a handler"):
        computed(lambda x: x + kept[0])
