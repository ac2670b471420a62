"""Weights by layers, as Keras 2 writes them: pairing by name or order, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import TINY, TINY_WEIGHTS

import phosphene as ph
from phosphene._models.intake.variables.naming import in_stored_order, snake_case

h5py = pytest.importorskip("h5py")

INPUT = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 2], "name": "x"}}


def chain(*names):
    """Return the configuration of Dense layers of two units, one behind the other."""
    layers = [{"class_name": "Dense", "config": {"name": name, "units": 2}} for name in names]
    return {"class_name": "Sequential", "config": {"name": "chain", "layers": [INPUT, *layers]}}


def kernel(number, columns=2):
    return np.full((2, columns), number, np.float32)


def write(path, layers, **attributes):
    """Write weights by layers: a dict of variables by name for each layer."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"keras_version": b"2.2.4", "backend": b"tensorflow", **attributes})
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, variables in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{each}:0".encode() for each in variables]
            for each, array in variables.items():
                group[f"{each}:0"] = array
    return path


def dense_layers(**kernels):
    return {
        name: {f"{name}/kernel": kernel(number), f"{name}/bias": np.zeros(2)}
        for name, number in kernels.items()
    }


def loaded(path, *names):
    """Return the number that each layer's kernel was filled with."""
    model = ph.load(path, config=chain(*names))
    return [model.weight(f"{name}/kernel")[0, 0] for name in names]


def test_layers_are_found_by_name_wherever_they_stand(tmp_path):
    path = write(tmp_path / "w.h5", dense_layers(second=2, first=1))
    assert loaded(path, "first", "second") == [1, 2]


def test_layers_are_found_in_order_where_keras_made_up_the_names(tmp_path):
    """A second model of the same program run counts on: `dense_1` there is `dense` here."""
    path = write(tmp_path / "w.h5", dense_layers(dense_1=1, dense_2=2))
    assert loaded(path, "dense", "dense_1") == [1, 2]
    assert loaded(path, "first", "second") == [1, 2]


def test_names_with_slashes(tmp_path):
    """Keras 3 refuses them, so that somebody had to choose others."""
    layers = {}
    for name, ours in (("fire2/squeeze", "hidden"), ("fire2/expand", "scores")):
        layers[name] = {
            f"{name}_3/{variable}": TINY_WEIGHTS[f"{ours}/{variable}"]
            for variable in ("kernel", "bias")
        }
    path = write(tmp_path / "w.h5", {"input_1": {}, **layers})
    model = ph.load(path, config=TINY)
    for key, array in TINY_WEIGHTS.items():
        np.testing.assert_array_equal(model.weight(key), array)
    path = write(tmp_path / "w.h5", dense_layers(**{"fire/b": 2, "fire/a": 1}))
    assert loaded(path, "fire_a", "fire_b") == [1, 2]


def test_layers_that_were_cut_off_the_end(tmp_path):
    path = write(tmp_path / "w.h5", dense_layers(first=1, second=2, top=3))
    assert loaded(path, "first", "second") == [1, 2]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        # A deeper network whose names are the same, as VGG19's and VGG16's are.
        (["first", "third"], "weights for 3 layers, the model needs 2.*model lacks is 'second'"),
        (
            ["first", "second", "third", "last"],
            r"weights for 3 layers, the model needs 4; 'last' \(Dense\) needs weights of shape "
            r"\(2, 2\), \(2,\), it has none of that name",
        ),
        (["second", "third", "other"], "its layers are others"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, names, message):
    path = write(tmp_path / "other.h5", dense_layers(first=1, second=2, third=3))
    with pytest.raises(ph.ModelFileError, match=rf"other\.h5 doesn't fit the conf.*{message}"):
        loaded(path, *names)


def test_the_first_layer_that_does_not_fit_is_named(tmp_path):
    layers = dense_layers(first=1) | {
        "second": {"second/kernel": kernel(2, 3), "second/bias": np.zeros(3)}
    }
    path = write(tmp_path / "other.h5", layers)
    message = (
        r"'second' \(Dense\) needs weights of shape \(2, 2\), \(2,\), 'second' has \(2, 3\), \(3,\)"
    )
    with pytest.raises(ph.ModelFileError, match=message):
        loaded(path, "first", "second")
    layers["second"] = {"second/kernel": kernel(2)}
    with pytest.raises(ph.ModelFileError, match=r"\(2, 2\), \(2,\), 'second' has \(2, 2\)\."):
        loaded(write(path, layers), "first", "second")


def test_names_in_pieces(tmp_path):
    path = write(tmp_path / "w.h5", dense_layers(first=1, second=2))
    with h5py.File(path, "r+") as file:
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [b"first"], [b"second"]
    assert loaded(path, "first", "second") == [1, 2]


def test_states_of_random_layers_are_left_out(tmp_path):
    """Keras 2.4 to 2.8 kept them with the weights."""
    layers = {"flip": {"flip/StateVar": np.zeros(3)}} | dense_layers(first=1)
    assert loaded(write(tmp_path / "w.h5", layers), "first") == [1]


def test_kernels_of_theano_are_turned(tmp_path):
    """Theano convolves where the other backends correlate."""
    config = {
        "class_name": "Sequential",
        "config": [
            {
                "class_name": "Conv2D",
                "config": {
                    "name": "conv",
                    "filters": 2,
                    "kernel_size": [2, 3],
                    "use_bias": False,
                    "batch_input_shape": [None, 4, 4, 1],
                },
            }
        ],
    }
    values = np.arange(12, dtype=np.float32).reshape(2, 3, 1, 2)
    for backend, expected in ((b"tensorflow", values), (b"theano", values[::-1, ::-1])):
        path = write(tmp_path / "w.h5", {"conv": {"conv/kernel": values}}, backend=backend)
        np.testing.assert_array_equal(ph.load(path, config=config).weight("conv/kernel"), expected)


def layer(name, *weights, kind="Dense"):
    return {
        "name": name,
        "kind": kind,
        "path": name,
        "weights": [
            {"name": each, "key": f"{name}/{each}", "shape": [2], "trainable": "mean" not in each}
            for each in weights
        ],
    }


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        # Names decide,
        (["norm/mean:0", "norm/gamma:0", "norm/beta:0"], ["mean", "gamma", "beta"]),
        # or what was trained comes first.
        (["a", "b", "c"], ["gamma", "beta", "mean"]),
    ],
)
def test_the_order_of_variables(stored, expected):
    described = layer("norm", "gamma", "mean", "beta")
    order = in_stored_order(described, stored, [(2,)] * 3)
    assert [weight["name"] for weight in order] == expected


def test_the_order_of_parts_of_layers():
    cell = ["cell/kernel", "cell/bias"]
    both = [f"{side}_layer/{each}" for side in ("forward", "backward") for each in cell]
    stored = [
        f"bidirectional/{side}_lstm_3/lstm_cell_7/{variable}:0"
        for side in ("backward", "forward")
        for variable in ("kernel", "bias")
    ]
    order = in_stored_order(layer("bidirectional", *both), stored, [(2,)] * 4)
    assert [weight["name"] for weight in order] == [*both[2:], *both[:2]]
    attention = layer("attention", "query_dense/kernel", "key_dense/kernel", "output_dense/kernel")
    stored = [f"attention/{part}/kernel" for part in ("attention_output", "key", "query")]
    order = in_stored_order(attention, stored, [(2,)] * 3)
    assert [weight["name"] for weight in order] == [
        "output_dense/kernel",
        "key_dense/kernel",
        "query_dense/kernel",
    ]


def test_class_names_become_paths_as_in_keras():
    # From keras.src.utils.naming.to_snake_case, run with Keras 3.15.
    for name, path in (
        ("Dense", "dense"),
        ("Conv2D", "conv2d"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("BatchNormalization", "batch_normalization"),
        ("MaxPooling2D", "max_pooling2d"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("PReLU", "p_re_lu"),
        ("LSTM", "lstm"),
        ("DepthwiseConv2D", "depthwise_conv2d"),
    ):
        assert snake_case(name) == path
