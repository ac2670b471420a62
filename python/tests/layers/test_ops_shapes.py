"""Shapes, orders, cuts and joins of `keras.ops`, against Keras."""

import numpy as np
import pytest
from layers.checking import Given, Whole, check, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

SHAPE = (3, 4)
FRACTIONS = Given(np.array([[-2.5, -0.5, 0, 0.5, 2.7, 300]], "float32"))


def one(name, given=SHAPE, *positional, smooth=True, **named):
    """Return a row for a function of one tensor."""
    return row(
        lambda keras: lambda x: getattr(keras.ops, name)(x, *positional, **named),
        given,
        smooth=smooth,
    )


def many(name, *given, **named):
    """Return a row for a function of a list of tensors."""
    return row(lambda keras: lambda x: getattr(keras.ops, name)(x, **named), *given)


def two(name, *given, **named):
    """Return a row for a function of two tensors."""
    return row(lambda keras: lambda x: getattr(keras.ops, name)(x[0], x[1], **named), *given)


TABLE = {
    "Append": {"axis": two("append", SHAPE, (2, 4), axis=1)},
    "Array": {"float": one("array")},
    "ArraySplit": {"unequal": one("array_split", (7, 2), 3, axis=1)},
    "BroadcastTo": {
        "front": row(
            lambda keras: lambda x: keras.ops.broadcast_to(keras.ops.mean(x, axis=0), (5, 3, 4)),
            SHAPE,
        ),
    },
    "Cast": {
        "whole": one("cast", FRACTIONS, "int32"),
        "truth": one("cast", FRACTIONS, "bool"),
        "float": one("cast", Whole(SHAPE, 9), "float32"),
        "half": one("cast", Whole(SHAPE, 9), "float16"),
    },
    "Concatenate": {
        "last": many("concatenate", SHAPE, (3, 2), axis=-1),
        "batch": row(
            lambda keras: lambda x: keras.ops.reshape(keras.ops.concatenate(x, axis=0), (-1, 24)),
            SHAPE,
            SHAPE,
        ),
    },
    "ConvertToTensor": {"float": one("convert_to_tensor")},
    "Dsplit": {"two": one("dsplit", SHAPE, 2)},
    "Dstack": {"rank 3": many("dstack", SHAPE, SHAPE)},
    "EmptyLike": {"plain": one("empty_like")},
    "ExpandDims": {
        "last": one("expand_dims", axis=-1),
        "two": one("expand_dims", axis=(1, -1)),
    },
    "Flip": {"all": one("flip"), "one": one("flip", axis=1), "two": one("flip", axis=(1, -1))},
    "Fliplr": {"plain": one("fliplr")},
    "Flipud": {"plain": one("flipud")},
    "FullLike": {"whole": one("full_like", SHAPE, 2.5, dtype="int32")},
    "Hsplit": {"positions": one("hsplit", (5, 2), [1, 3])},
    "Hstack": {"rank 3": many("hstack", SHAPE, (1, 4))},
    "Meshgrid": {
        indexing: row(
            lambda keras, indexing=indexing: (
                lambda x: (
                    keras.ops.meshgrid(
                        keras.ops.ravel(x[0]), keras.ops.ravel(x[1]), indexing=indexing
                    )[1]
                    + 0
                )
            ),
            Given(np.arange(3, dtype="float32")[:, None]),
            Given(np.arange(3, 6, dtype="float32")[:, None]),
            smooth=False,
        )
        for indexing in ("xy", "ij")
    },
    "Moveaxis": {
        "one": one("moveaxis", (3, 4, 5), 1, -1),
        "two": one("moveaxis", (3, 4, 5), (1, 3), (-1, 1)),
    },
    "Ndim": {"plain": one("ndim", smooth=False)},
    "OnesLike": {"plain": one("ones_like")},
    "Pad": {
        "zeros": one("pad", SHAPE, ((0, 0), (1, 2), (0, 1))),
        "value": one("pad", SHAPE, [[0, 0], [1, 2], [0, 1]], constant_values=3),
        "reflect": one("pad", SHAPE, ((0, 0), (2, 1), (3, 0)), mode="reflect"),
        "symmetric": one("pad", SHAPE, ((0, 0), (3, 1), (4, 2)), mode="symmetric"),
    },
    "Ravel": {
        "flat": row(lambda keras: lambda x: keras.ops.reshape(keras.ops.ravel(x), (-1, 12)), SHAPE)
    },
    "Repeat": {
        "axis": one("repeat", SHAPE, 3, axis=1),
        "each": one("repeat", SHAPE, [1, 0, 2], axis=1),
        "flat": row(
            lambda keras: lambda x: keras.ops.reshape(keras.ops.repeat(x, 2), (-1, 24)), SHAPE
        ),
    },
    "Reshape": {
        "batch": one("reshape", SHAPE, (-1, 2, 6)),
        "merge": row(
            lambda keras: lambda x: keras.ops.reshape(keras.ops.reshape(x, (-1, 4)), (-1, 12)),
            SHAPE,
        ),
    },
    "Roll": {
        "axis": one("roll", SHAPE, 2, axis=-1),
        "two": one("roll", SHAPE, (1, -2), axis=(1, 2)),
        "flat": one("roll", SHAPE, 5),
    },
    "Rot90": {
        "one": one("rot90", axes=(1, 2)),
        "two": one("rot90", (4, 4), k=2, axes=(1, 2)),
        "back": one("rot90", k=-1, axes=(1, 2)),
        "batch": one("rot90"),
    },
    "SaturateCast": {
        "bytes": one("saturate_cast", FRACTIONS, "uint8"),
        "truth": one("saturate_cast", FRACTIONS, "bool"),
    },
    "Size": {
        "plain": row(lambda keras: lambda x: keras.ops.size(keras.ops.mean(x, axis=0)), SHAPE)
    },
    "Split": {
        "equal": one("split", SHAPE, 2, axis=2),
        "positions": one("split", (7, 2), [1, 4], axis=1),
    },
    "Squeeze": {
        "axis": one("squeeze", (1, 4, 1), axis=1),
        "negative": one("squeeze", (1, 4, 1), axis=-1),
        "two": one("squeeze", (1, 4, 1), axis=(1, 3)),
        "all": one("squeeze", (1, 4, 1)),
    },
    "Stack": {"last": many("stack", SHAPE, SHAPE, axis=-1), "first": many("stack", SHAPE, SHAPE)},
    "StopGradient": {
        "factor": row(lambda keras: lambda x: x * keras.ops.stop_gradient(x), SHAPE),
        "all": row(lambda keras: keras.ops.stop_gradient, SHAPE),
    },
    "Swapaxes": {"two": one("swapaxes", (3, 4, 5), 1, -1)},
    "Tile": {"each": one("tile", SHAPE, (1, 2, 3)), "more": one("tile", SHAPE, (2, 1, 1, 2))},
    "Transpose": {"axes": one("transpose", (3, 4, 5), (0, 3, 1, 2)), "all": one("transpose")},
    "Unstack": {"axis": one("unstack", SHAPE, axis=1)},
    "Vsplit": {
        "positions": row(
            lambda keras: lambda x: keras.ops.vsplit(keras.ops.mean(x, axis=0), [1]), SHAPE
        ),
    },
    "Vstack": {
        "rank 3": row(
            lambda keras: lambda x: keras.ops.reshape(keras.ops.vstack(x), (-1, 2, 12)),
            SHAPE,
            SHAPE,
        ),
    },
    "ZerosLike": {"plain": one("zeros_like")},
}


PATTERNS = {
    "merge": ((2, 3, 4, 5), "b h w c -> b w (c h)", {}),
    "part": ((2, 4, 6), "b (p h) w -> b h p w", {"p": 2}),
    "patches": ((2, 4, 6, 3), "b (h p) (w q) c -> b (h w) (p q c)", {"p": 2, "q": 3}),
}


# Keras itself wants to know all lengths.
@pytest.mark.parametrize("pattern", PATTERNS)
def test_rearrange(pattern):
    import keras

    shape, text, lengths = PATTERNS[pattern]
    image = keras.Input(batch_shape=shape)
    network = keras.Model(image, keras.ops.rearrange(image, text, **lengths))
    numbers = np.random.default_rng(0).normal(size=shape).astype("float32")
    assert np.array_equal(ph.load(network)(numbers), np.asarray(network(numbers)))


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
