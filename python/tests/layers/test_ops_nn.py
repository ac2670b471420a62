"""Activations, normalization, attention, windows and losses of `keras.ops`, against Keras."""

import numpy as np
import pytest
from conftest import relative_error
from layers.checking import VALUE_TOLERANCE, Given, Numbers, Whole, check, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras

SHAPE = (3, 4)
IMAGE = (6, 7, 4)
POSITIVE = Given(np.random.default_rng(1).uniform(0.1, 0.9, (2, *SHAPE)).astype("float32"))
DISTRIBUTION = Given(np.random.default_rng(2).dirichlet([1] * 4, (2, 3)).astype("float32"))
RANDOM = np.random.default_rng(3)


def numbers(*shape):
    """Return constant random numbers."""
    return RANDOM.normal(size=shape).astype("float32")


def one(name, given=SHAPE, *positional, on_jax=False, **settings):
    """Return a row for a function of one tensor."""
    return row(
        lambda keras: lambda x: getattr(keras.ops, name)(x, *positional, **settings),
        given,
        on_jax=on_jax,
    )


def many(name, *given, on_jax=False, smooth=True, **settings):
    """Return a row for a function of several tensors."""
    return row(
        lambda keras: lambda x: getattr(keras.ops, name)(*x, **settings),
        *given,
        on_jax=on_jax,
        smooth=smooth,
    )


PLAIN = {
    name: {"plain": one(function, Numbers(SHAPE, scale=3))}
    for name, function in {
        "HardSigmoid": "hard_sigmoid",
        "HardSilu": "hard_silu",
        "HardTanh": "hard_tanh",
        "LogSigmoid": "log_sigmoid",
        "Relu": "relu",
        "Relu6": "relu6",
        "Selu": "selu",
        "Sigmoid": "sigmoid",
        "Silu": "silu",
        "Softplus": "softplus",
        "Softsign": "softsign",
        "SparsePlus": "sparse_plus",
        "SparseSigmoid": "sparse_sigmoid",
        "TanhShrink": "tanh_shrink",
    }.items()
}

ACTIVATIONS = {
    "Celu": {"plain": one("celu"), "alpha": one("celu", alpha=0.3)},
    "Elu": {"plain": one("elu"), "alpha": one("elu", alpha=0.3)},
    "Gelu": {"plain": one("gelu"), "exact": one("gelu", approximate=False)},
    "Glu": {"plain": one("glu"), "axis": one("glu", (4, 3), axis=1)},
    "HardShrink": {"plain": one("hard_shrink"), "threshold": one("hard_shrink", threshold=0.1)},
    "LeakyRelu": {
        "plain": one("leaky_relu"),
        "slope": one("leaky_relu", negative_slope=0.4),
    },
    "LogSoftmax": {
        "last": one("log_softmax", Numbers(SHAPE, scale=30)),
        "axis": one("log_softmax", axis=1),
    },
    "Mish": {"activation": row(lambda keras: keras.src.activations.activations.Mish(), SHAPE)},
    "ReLU": {
        "plain": row(lambda keras: keras.activations.relu, SHAPE),
        "all": row(
            lambda keras: (
                lambda x: keras.activations.relu(
                    x, negative_slope=0.1, max_value=1.5, threshold=0.3
                )
            ),
            Numbers(SHAPE, scale=3),
        ),
    },
    "SoftShrink": {"plain": one("soft_shrink"), "threshold": one("soft_shrink", threshold=0.1)},
    "Softmax": {
        "last": one("softmax"),
        "axis": one("softmax", axis=1),
        "two": one("softmax", axis=(1, 2), on_jax=True),
    },
    "Sparsemax": {"last": one("sparsemax"), "axis": one("sparsemax", axis=1)},
    "Squareplus": {"plain": one("squareplus"), "b": one("squareplus", b=1.5)},
    "Threshold": {"plain": one("threshold", SHAPE, 0.2, -3.0)},
}

SCALE, OFFSET, MEAN, VARIANCE = (*numbers(3, 4), np.abs(numbers(4)))

NORMALIZATION = {
    "BatchNorm": {
        "last": row(
            lambda keras: (
                lambda x: keras.ops.batch_normalization(
                    x, MEAN, VARIANCE, axis=-1, offset=OFFSET, scale=SCALE
                )
            ),
            SHAPE,
        ),
        "axis": row(
            lambda keras: (
                lambda x: keras.ops.batch_normalization(x, MEAN, VARIANCE, axis=1, epsilon=0.1)
            ),
            (4, 3),
        ),
        "tensors": row(
            lambda keras: (
                lambda x: keras.ops.batch_normalization(
                    x, *keras.ops.moments(x, axes=[0, 1]), axis=-1
                )
            ),
            SHAPE,
        ),
    },
    "DotProductAttention": {
        "plain": many("dot_product_attention", (5, 2, 4), (6, 2, 4), (6, 2, 3)),
        "causal": many("dot_product_attention", (5, 2, 4), (5, 2, 4), (5, 2, 4), is_causal=True),
        "bias": many("dot_product_attention", (5, 2, 4), (6, 2, 4), (6, 2, 3), (2, 5, 6)),
        "mask": row(
            lambda keras: (
                lambda x: keras.ops.dot_product_attention(
                    *x, mask=np.tri(5, 6, dtype=bool)[None, None], scale=0.3
                )
            ),
            (5, 2, 4),
            (6, 2, 4),
            (6, 2, 3),
        ),
        "groups": many("dot_product_attention", (5, 4, 3), (6, 2, 3), (6, 2, 3)),
    },
    "LayerNorm": {
        "plain": one("layer_normalization"),
        "weights": row(
            lambda keras: (
                lambda x: keras.ops.layer_normalization(x, SCALE, OFFSET, axis=-1, epsilon=0.1)
            ),
            SHAPE,
        ),
        "axis": row(
            lambda keras: lambda x: keras.ops.layer_normalization(x, SCALE, axis=1), (4, 3)
        ),
        "axes": one("layer_normalization", IMAGE, axis=[1, 2]),
    },
    "Normalize": {
        "plain": one("normalize"),
        "axis": one("normalize", axis=1),
        "order": one("normalize", order=3),
        "ones": one("normalize", axis=1, order=1),
    },
    "RMSNorm": {
        "plain": one("rms_normalization"),
        "scale": row(lambda keras: lambda x: keras.ops.rms_normalization(x, SCALE), SHAPE),
        "axes": one("rms_normalization", axis=(1, 2), epsilon=0.1),
    },
}

KERNEL, DEPTHWISE, POINTWISE = numbers(3, 2, 4, 6), numbers(3, 2, 4, 2), numbers(1, 1, 8, 5)
BACK = numbers(3, 2, 5, 4)


def conv(name, *kernels, given=IMAGE, on_jax=False, **settings):
    """Return a row for a convolution with constant kernels."""
    return row(
        lambda keras: lambda x: getattr(keras.ops, name)(x, *kernels, **settings),
        given,
        on_jax=on_jax,
    )


WINDOWS = {
    "AdaptiveAveragePool": {
        "divided": one("adaptive_average_pool", (6, 8, 3), (3, 2)),
        "overlapping": one("adaptive_average_pool", (7, 5, 3), (3, 2)),
        "line": one("adaptive_average_pool", (7, 3), (3,)),
    },
    "AdaptiveMaxPool": {"overlapping": one("adaptive_max_pool", (7, 5, 3), (3, 2))},
    "AveragePool": {
        "valid": one("average_pool", IMAGE, 2),
        "same": one("average_pool", IMAGE, 3, strides=2, padding="same"),
    },
    "Conv": {
        "valid": conv("conv", KERNEL),
        "same": conv("conv", KERNEL, strides=2, padding="same"),
        "dilated": conv("conv", KERNEL, dilation_rate=2),
        "first": conv("conv", KERNEL, given=(4, 6, 7), data_format="channels_first", on_jax=True),
        "line": conv("conv", numbers(3, 4, 5), given=(9, 4), strides=2),
        "computed": row(
            lambda keras: (
                lambda x: keras.ops.conv(
                    x[0],
                    keras.ops.reshape(keras.ops.mean(x[1], axis=0), (3, 2, 4, 2)),
                    strides=(2, 1),
                    padding="same",
                )
            ),
            IMAGE,
            (3, 16),
        ),
    },
    "DepthToSpace": {
        "two": one("depth_to_space", (3, 4, 8), 2),
        "first": one("depth_to_space", (8, 3, 4), 2, data_format="channels_first"),
    },
    "DepthwiseConv": {
        "same": conv("depthwise_conv", DEPTHWISE, strides=2, padding="same"),
        "line": conv("depthwise_conv", numbers(3, 4, 2), given=(9, 4)),
    },
    "ExtractPatches": {
        "tiles": row(lambda keras: lambda x: keras.ops.image.extract_patches(x, (3, 2)), (6, 8, 3)),
        "same": row(
            lambda keras: (
                lambda x: keras.ops.image.extract_patches(x, 3, strides=2, padding="same")
            ),
            IMAGE,
        ),
        "dilated": row(
            lambda keras: (
                lambda x: keras.ops.image.extract_patches(x, 3, strides=1, dilation_rate=2)
            ),
            IMAGE,
        ),
    },
    "Fold": {
        "plain": one("fold", (12, 20), (6, 5), 2),
        "all": one("fold", (12, 20), (6, 7), (2, 3), dilation=2, padding=(0, 1), stride=(1, 1)),
    },
    "MaxPool": {
        "valid": one("max_pool", IMAGE, 2),
        "same": one("max_pool", IMAGE, (3, 2), strides=2, padding="same"),
        "line": one("max_pool", (9, 3), 3, strides=2),
    },
    "SeparableConv": {"same": conv("separable_conv", DEPTHWISE, POINTWISE, padding="same")},
    "SpaceToDepth": {"two": one("space_to_depth", (4, 6, 2), 2)},
    "Unfold": {
        "plain": one("unfold", (2, 5, 6), 2, on_jax=True),
        "all": one(
            "unfold", (2, 6, 7), (2, 3), dilation=2, padding=(0, 1), stride=(1, 2), on_jax=True
        ),
    },
}

LOSSES = {
    "BinaryCrossentropy": {
        "plain": many("binary_crossentropy", POSITIVE, DISTRIBUTION),
        "logits": many("binary_crossentropy", POSITIVE, SHAPE, from_logits=True),
    },
    "CategoricalCrossentropy": {
        "plain": many("categorical_crossentropy", DISTRIBUTION, POSITIVE),
        "logits": many("categorical_crossentropy", DISTRIBUTION, SHAPE, from_logits=True),
    },
    "PSNR": {"all": row(lambda keras: lambda x: keras.ops.psnr(*x, max_val=2.0), SHAPE, SHAPE)},
    "SparseCategoricalCrossentropy": {
        "plain": many("sparse_categorical_crossentropy", Whole((3,), 4), DISTRIBUTION),
        "logits": many("sparse_categorical_crossentropy", Whole((3,), 4), SHAPE, from_logits=True),
    },
}

# Keras 3.15 mixes up the arguments when it calls its own node: only the plain function works.
TRANSPOSED = {
    "valid": ((6, 7, 4), BACK, {"strides": 2}),
    "same": ((6, 7, 4), BACK, {"strides": 2, "padding": "same"}),
    "padded": ((6, 7, 4), BACK, {"strides": 2, "padding": "same", "output_padding": 1}),
    "line": ((6, 4), numbers(3, 5, 4), {"strides": 3}),
}


@pytest.mark.parametrize("setting", TRANSPOSED)
def test_transposed_convolution(setting):
    import keras

    shape, kernel, settings = TRANSPOSED[setting]
    image = keras.Input(shape)
    network = keras.Model(image, keras.ops.conv_transpose(image, kernel, **settings))
    pixels = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    expected = np.asarray(keras.ops.conv_transpose(pixels, kernel, **settings))
    assert relative_error(ph.load(network)(pixels), expected) <= VALUE_TOLERANCE


TABLE = PLAIN | ACTIVATIONS | NORMALIZATION | WINDOWS | LOSSES


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
