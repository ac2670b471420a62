"""Dense layers, embeddings and what has no numbers of its own, against Keras."""

import json

import numpy as np
import pytest
from layers.checking import Given, Numbers, Whole, check, row, rows

import phosphene as ph

pytestmark = pytest.mark.keras


def einsum(equation, output_shape, **settings):
    return lambda keras: keras.layers.EinsumDense(equation, output_shape, **settings)


def embedding(name="Embedding", **settings):
    return lambda keras: getattr(keras.layers, name)(7, 4, **settings)


def attended(layer, ids):
    """Show the mask of what a layer returns: attention leaves masked steps out."""
    import keras

    x = layer(ids)
    return keras.layers.Attention()([x, x])


def there_and_back(layer, ids):
    return layer(layer(ids), reverse=True)


def back(layer, ids, x):
    layer(ids)
    return layer(x, reverse=True)


IDS = Whole((6,), 7)

TABLE = {
    "Dense": {
        "plain": row(lambda keras: keras.layers.Dense(4), (6,)),
        "without bias": row(lambda keras: keras.layers.Dense(4, use_bias=False), (6,)),
        "rank 3": row(lambda keras: keras.layers.Dense(4, activation="tanh"), (3, 6)),
        "softmax": row(lambda keras: keras.layers.Dense(4, activation="softmax"), (2, 3, 6)),
    },
    "EinsumDense": {
        "a product of matrices": row(einsum("ab,bc->ac", 4), (6,)),
        "bias": row(einsum("ab,bc->ac", 4, bias_axes="c"), (6,)),
        "activation": row(einsum("ab,bc->ac", 4, bias_axes="c", activation="relu"), (6,)),
        "steps": row(einsum("abc,cd->abd", (None, 4), bias_axes="d"), (3, 6)),
        "heads": row(einsum("abc,cde->abde", (None, 2, 5), bias_axes="de"), (3, 6)),
        "bias of the first axis": row(einsum("abc,cde->abde", (None, 2, 5), bias_axes="d"), (3, 6)),
        "two axes summed": row(einsum("abcd,cde->abe", (None, 5), bias_axes="e"), (3, 2, 6)),
        "bias of a step": row(einsum("abc,cd->abd", (3, 4), bias_axes="b"), (3, 6)),
        "one axis in all three": row(einsum("abc,bcd->abd", (3, 4), bias_axes="bd"), (3, 6)),
        "axes exchanged": row(einsum("abc,cd->adb", (4, 3), bias_axes="d"), (3, 6)),
        "axes behind the batch": row(einsum("...x,xy->...y", 4, bias_axes="y"), (2, 3, 6)),
        "ellipsis for the batch alone": row(einsum("...x,xy->...y", 4, bias_axes="y"), (6,)),
        "axes at the end": row(einsum("ab...,bc->ac...", 4, bias_axes="c"), (6, 3, 2)),
        "nothing summed": row(einsum("ab,bc->abc", (6, 4)), (6,)),
        "summed in the kernel": row(einsum("abc,bc->ab", 3), (3, 6)),
    },
    "Embedding": {
        "plain": row(embedding(), IDS),
        "of one number": row(embedding(), Whole((), 7)),
        "rank 3": row(embedding(), Whole((3, 2), 7)),
        "numbers as floats": row(
            embedding(), Given(np.array([[0, 1.9, 3], [6, 5.5, 2]], np.float32)), smooth=False
        ),
        "mask_zero": row(embedding(mask_zero=True), Whole((6,), 3), call=attended),
        "without a mask": row(embedding(), Whole((6,), 3), call=attended),
    },
    "ReversibleEmbedding": {
        "forward": row(embedding("ReversibleEmbedding"), IDS),
        "mask_zero": row(
            embedding("ReversibleEmbedding", mask_zero=True), Whole((6,), 3), call=attended
        ),
        "there and back": row(embedding("ReversibleEmbedding"), IDS, call=there_and_back),
        "back": row(embedding("ReversibleEmbedding"), IDS, (3, 4), call=back),
        "own weights back": row(
            embedding("ReversibleEmbedding", tie_weights=False), IDS, (3, 4), call=back
        ),
        "logit_soft_cap": row(
            embedding("ReversibleEmbedding", logit_soft_cap=0.5), IDS, (3, 4), call=back
        ),
    },
    "ActivityRegularization": {
        "plain": row(lambda keras: keras.layers.ActivityRegularization(l1=0.1), (4,)),
    },
    "AlphaDropout": {"plain": row(lambda keras: keras.layers.AlphaDropout(0.4), (4,))},
    "Dropout": {
        "plain": row(lambda keras: keras.layers.Dropout(0.4), (4,)),
        "one mask for all steps": row(
            lambda keras: keras.layers.Dropout(0.4, noise_shape=(None, 1, None)), (3, 4)
        ),
        "passes a mask": row(
            lambda keras: keras.Sequential(
                [keras.layers.Embedding(3, 4, mask_zero=True), keras.layers.Dropout(0.4)]
            ),
            Whole((6,), 3),
            call=attended,
        ),
    },
    "GaussianDropout": {"plain": row(lambda keras: keras.layers.GaussianDropout(0.4), (4,))},
    "GaussianNoise": {"plain": row(lambda keras: keras.layers.GaussianNoise(0.4), (4,))},
    "Identity": {"plain": row(lambda keras: keras.layers.Identity(), (4,))},
    "SpatialDropout1D": {"plain": row(lambda keras: keras.layers.SpatialDropout1D(0.4), (3, 4))},
    "SpatialDropout2D": {"plain": row(lambda keras: keras.layers.SpatialDropout2D(0.4), (3, 2, 4))},
    "SpatialDropout3D": {
        "plain": row(lambda keras: keras.layers.SpatialDropout3D(0.4), (3, 2, 2, 4))
    },
    "LayerScale": {
        "plain": row(lambda keras: convnext().LayerScale(0.1, 4), (3, 2, 4)),
    },
    "StochasticDepth": {
        "plain": row(lambda keras: convnext().StochasticDepth(0.1), Numbers((3, 2, 4))),
    },
}


def convnext():
    from keras.src.applications import convnext

    return convnext


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("EinsumDense", {"equation": "ab,bc", "output_shape": 4}, "must be of the form"),
        ("EinsumDense", {"equation": "a...b,bc->a...c", "output_shape": 4}, "must be of the form"),
        ("EinsumDense", {"equation": "ab,bc->a1", "output_shape": 4}, "letters"),
        ("EinsumDense", {"equation": "ab,bc->az", "output_shape": 4}, "in an operand"),
        (
            "EinsumDense",
            {"equation": "ab,bc->ac", "output_shape": 4, "bias_axes": "b"},
            "bias_axes must be letters of the result of 'ab,bc->ac', received 'b'",
        ),
        (
            "EinsumDense",
            {"equation": "ab,bc->ac", "output_shape": [None]},
            r"output_shape \(None\) doesn't say how long axis 'c'",
        ),
        ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [4]}, "can't take an input"),
        ("Embedding", {"input_dim": 0, "output_dim": 3}, "between 1 and 2.24, received 0 and 3"),
        (
            "ReversibleEmbedding",
            {"input_dim": 5, "output_dim": 3, "logit_soft_cap": 0},
            "logit_soft_cap must not be zero",
        ),
    ],
)
def test_bad_settings_are_refused(name, settings, message):
    layer = {"class_name": name, "config": {"batch_input_shape": [None, 6], **settings}}
    config = {"class_name": "Sequential", "config": {"name": "network", "layers": [layer]}}
    with pytest.raises(ph.PhospheneError, match=message):
        ph.load((json.dumps(config), {}))


@pytest.mark.parametrize(
    "origin",
    [
        {"module": "__main__", "registered_name": "Dense"},
        {"module": "keras_like.layers", "registered_name": None},
        {"module": None, "registered_name": "Custom>Dense"},
    ],
)
def test_a_class_of_the_same_name_is_not_taken_for_that_of_keras(origin):
    layer = {"class_name": "Dense", "config": {"batch_input_shape": [None, 6], "units": 3}}
    config = {"class_name": "Sequential", "config": {"name": "network", "layers": [layer | origin]}}
    with pytest.raises(ph.UnsupportedError, match=r"Dense.*the layer class isn't supported"):
        ph.load((json.dumps(config), {}))


def test_operations_of_keras_are_known_in_old_files(keras, tmp_path):
    """Keras 3 writes them into .h5 files, which it can't read again."""
    inputs = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(3, 4, mask_zero=True)(inputs)
    x = keras.layers.Add()([x, x])
    network = keras.Model(inputs, keras.layers.BatchNormalization()(x) * 2)
    network.save(tmp_path / "network.h5")
    ids = np.array([[0, 1, 2, 0, 1, 2]])
    received = ph.load(tmp_path / "network.h5")(ids)
    np.testing.assert_allclose(received, network(ids), atol=1e-6)
