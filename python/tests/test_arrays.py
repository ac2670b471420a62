"""What users hand over: kinds of arrays, missing batch axes, pictures, and refusals."""

from __future__ import annotations

import os

import numpy as np
import pytest

import phosphene as ph
from phosphene._models.arrays import as_array, batches, model_inputs

VALUES = [[1.0, 2.0], [3.0, 4.0]]


class Tensor:
    """Behaves like a PyTorch tensor that has a gradient."""

    def __init__(self, values):
        self._values = np.float32(values)

    def detach(self):
        return self

    def cpu(self):
        return self._values


@pytest.mark.parametrize(
    "x",
    [
        VALUES,
        tuple(map(tuple, VALUES)),
        np.float64(VALUES),
        np.float16(VALUES),
        np.int64(VALUES),
        np.asfortranarray(np.float32(VALUES)),
        np.float32([VALUES, VALUES])[::2, :, :][0],
        np.float32(VALUES).astype(">f4"),
        {"x": VALUES},
        Tensor(VALUES),
    ],
    ids=["list", "tuple", "f64", "f16", "i64", "fortran", "view", "big endian", "dict", "torch"],
)
def test_everything_becomes_float32(tiny, x):
    (array,) = model_inputs(tiny, x)
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, VALUES)


def test_a_missing_batch_axis_is_added(tiny):
    assert model_inputs(tiny, [1.0, 2.0])[0].shape == (1, 2)


def test_inputs_are_not_copied_without_need_and_never_changed(tiny):
    x = np.float32(VALUES)
    x.flags.writeable = False
    assert model_inputs(tiny, x)[0] is x
    tiny(x)
    np.testing.assert_array_equal(x, VALUES)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.array([["a", "b"]]), "real numbers.*text"),
        ("a sentence", "received the text 'a sentence'"),
        (np.zeros((0, 2)), r"empty: received shape \(0, 2\)"),
        (np.zeros((3, 5)), r"shape \(3, 5\); the model takes \(None, 2\)"),
        (np.zeros((1, 1, 1, 2)), r"shape \(1, 1, 1, 2\)"),
        (np.complex64(VALUES), "complex64"),
        ([[1.0], [2.0, 3.0]], "can't be read as an array"),
        ([None, None], "real numbers"),
        (None, "real numbers"),
        (np.array(["2024-01-01"], "M8[D]"), "real numbers"),
    ],
)
def test_refusals(tiny, x, message):
    with pytest.raises(ph.InvalidArgumentError, match=message) as caught:
        ph.trace(tiny, x)
    assert isinstance(caught.value, ValueError)


def test_a_batch_of_pictures_is_cut():
    arrays = [np.arange(10)]
    assert [list(batch[0]) for batch in batches(arrays, 4)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    with pytest.raises(ph.InvalidArgumentError, match="batch_size"):
        batches(arrays, 0)


def test_several_inputs_come_as_list_or_dict(networks):
    model = ph.load(networks.two_inputs)
    left, right = np.ones((2, 3)), np.zeros((2, 4))
    for x in ([left, right], (left, right), {"right": right, "left": left}):
        assert [array.shape for array in model_inputs(model, x)] == [(2, 3), (2, 4)]
    with pytest.raises(ph.InvalidArgumentError, match="2 inputs, left, right"):
        model_inputs(model, left)
    with pytest.raises(ph.InvalidArgumentError, match="same batch size"):
        model_inputs(model, [left, right[:1]])
    with pytest.raises(ph.InvalidArgumentError, match="inputs are"):
        model_inputs(model, {"left": left, "wrong": right})


def test_pictures_and_paths(networks, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    picture = image.fromarray(pixels)
    path = tmp_path / "picture.png"
    picture.save(path)
    model = ph.load(networks.conv, preprocessing=(1 / 127.5, -1))
    expected = pixels[np.newaxis].astype(np.float32) / 127.5 - 1
    for x in (picture, path, str(path), [picture], [path]):
        np.testing.assert_allclose(model_inputs(model, x)[0], expected, atol=1e-6)


def test_a_missing_picture_is_named(networks):
    model = ph.load(networks.conv)
    with pytest.raises(ph.ModelFileError, match=r"nowhere\.png.*No such file"):
        ph.trace(model, "nowhere.png")


def test_wrong_axes_and_sizes_are_explained(networks):
    model = ph.load(networks.conv)
    with pytest.raises(ph.InvalidArgumentError, match="axes are in another order"):
        ph.trace(model, np.zeros((1, 3, 12, 12)))
    with pytest.raises(ph.InvalidArgumentError, match="prepare"):
        ph.trace(model, np.zeros((1, 20, 20, 3)))


@pytest.mark.keras
def test_tensors_of_the_backend(keras):
    tensor = keras.ops.convert_to_tensor(np.float32(VALUES))
    np.testing.assert_array_equal(as_array(tensor, "The input"), VALUES)


def test_path_like_text_is_no_array():
    with pytest.raises(ph.InvalidArgumentError, match="received the text"):
        as_array(os.fspath("x.npy"), "The input")


def whole_number_model(dtype="int32"):
    """Return a network that doubles whole numbers."""
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"name": "ids", "batch_shape": [None, 3], "dtype": dtype},
        },
        {
            "class_name": "Multiply",
            "module": "keras.src.ops.numpy",
            "name": "double",
            "config": {"name": "double"},
            "inbound_nodes": [
                {
                    "args": [
                        {
                            "class_name": "__keras_tensor__",
                            "config": {"keras_history": ["ids", 0, 0]},
                        },
                        2,
                    ],
                    "kwargs": {},
                }
            ],
        },
    ]
    config = {
        "name": "doubler",
        "layers": layers,
        "input_layers": [["ids", 0, 0]],
        "output_layers": [["double", 0, 0]],
    }
    return ph.load(({"class_name": "Functional", "config": config}, {}))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "bool"])
def test_whole_numbers_are_computed_with(dtype):
    model = whole_number_model(dtype)
    for values in ([[1, 0, 1]], np.uint8([[1, 0, 1]]), np.float64([[1, 0, 1]])):
        np.testing.assert_array_equal(model(values), [[2, 0, 2]])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([[0.5, 1, 2]], "whole numbers .the model takes int32.; received fractions"),
        ([[2**24 + 2, 0, 0]], "at most 2..24"),
        ([[2**40, 0, 0]], "at most 2..24"),
    ],
)
def test_what_is_no_id_is_refused(values, sentence):
    with pytest.raises(ph.InvalidArgumentError, match=sentence):
        whole_number_model()(values)


def test_ids_have_no_gradient():
    with pytest.raises(ph.InvalidArgumentError, match="pass at= with the layer that embeds them"):
        ph.gradient(whole_number_model(), [[1, 2, 3]], 0)


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:(?s).*all keys in the dict must match:UserWarning")
def test_inputs_come_in_the_structure_of_keras(keras):
    a, b, c = (keras.Input((2,), name=name) for name in "abc")
    total = a - 2 * b + 3 * c
    arrays = {name: np.float32([[n, n + 1]]) for n, name in enumerate("abc")}
    expected = arrays["a"] - 2 * arrays["b"] + 3 * arrays["c"]
    for structure in (
        {"z": a, "y": b, "x": c},
        [a, [b, c]],
        [{"q": a, "p": c}, b],
        {"one": {"k": c}, "two": [a, b]},
    ):
        model = ph.load(keras.Model(structure, total))
        given = keras.tree.map_structure(lambda tensor: arrays[tensor.name], structure)
        np.testing.assert_array_equal(model(given), expected)
        np.testing.assert_array_equal(model(arrays), expected)
    with pytest.raises(ph.InvalidArgumentError, match=r"received a dict with .'one', 'three'."):
        model({"one": {"k": arrays["a"]}, "three": [arrays["a"], arrays["b"]]})
