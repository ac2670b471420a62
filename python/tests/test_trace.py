"""Traces against Keras' own submodels, and what can be done with them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import relative_error

import phosphene as ph

X = np.float32([[1, 2], [-1, 3]])

# Followed by hand through the weights in conftest.py.
HIDDEN = np.float32([[1, 2, 0], [0, 3, 0]])
LOGITS = np.float32([[1, 2.5], [0, 3.5]])


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_values_by_hand(tiny):
    seen = ph.trace(tiny, X)
    assert list(seen) == ["hidden", "scores"]
    np.testing.assert_array_equal(seen["hidden"], HIDDEN)
    np.testing.assert_allclose(seen["scores"], softmax(LOGITS), rtol=1e-6)


@pytest.mark.keras
@pytest.mark.parametrize("name", ["dense", "conv", "branched"])
def test_every_layer_equals_keras(networks, keras, name):
    network = getattr(networks, name)
    shape = (2, *network.input_shape[1:])
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    seen = ph.trace(network, x)
    expected = {}
    for layer in network.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        nodes = [node for node in layer._inbound_nodes if node.operation is layer]
        for call, node in enumerate(nodes):
            path = f"{layer.name}#{call}" if call else layer.name
            expected[path] = node.outputs[0]
    values = keras.Model(network.inputs, list(expected.values()))([x], training=False)
    assert set(seen) == set(expected)
    for path, value in zip(expected, values, strict=True):
        # Float32 rounding over a few layers; Keras itself differs as much between backends.
        assert relative_error(seen[path], value) < 1e-5, path


@pytest.mark.keras
def test_nested_models(networks):
    x = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    seen = ph.trace(networks.nested, x)
    inner = networks.nested.get_layer("inner")
    frozen = networks.nested.get_layer("frozen")
    names = [layer.name for layer in inner.layers]
    assert list(seen) == [
        *(f"inner/{name}" for name in names),
        "inner",
        "frozen/norm",
        "frozen/out",
        "frozen",
    ]
    between = np.asarray(inner(x))
    assert relative_error(seen["inner"], between) < 1e-5
    np.testing.assert_array_equal(seen["inner"], seen[f"inner/{names[-1]}"])
    assert relative_error(seen["frozen"], np.asarray(frozen(between))) < 1e-5


@pytest.mark.keras
@pytest.mark.parametrize(
    ("layers", "paths"),
    [
        (None, ["conv_a", "norm", "max_pooling2d", "conv_b", "global_average_pooling2d", "scores"]),
        ("conv*", ["conv_a", "conv_b"]),
        ("Conv2D", ["conv_a", "conv_b"]),
        ("conv_b", ["conv_b"]),
        (["scores", "conv_a"], ["conv_a", "scores"]),
        (-1, ["scores"]),
        (["Dense", "conv_?", 0], ["conv_a", "conv_b", "scores"]),
    ],
)
def test_selections(networks, layers, paths):
    model = ph.load(networks.conv)
    for _ in range(2):  # the second time from the cache
        selected = list(ph.trace(model, np.ones((1, 12, 12, 3)), layers))
        # Keras numbers the names that it makes up.
        assert [path.rstrip("_0123456789").replace("2d", "") for path in selected] == [
            path.replace("2d", "") for path in paths
        ]


@pytest.mark.keras
def test_keras_layers_and_layers_select(networks):
    model = ph.load(networks.conv)
    x = np.ones((1, 12, 12, 3))
    assert list(ph.trace(model, x, networks.conv.layers[0])) == ["conv_a"]
    assert list(ph.trace(model, x, [model["conv_b"]])) == ["conv_b"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("hiden", "closest names are 'hidden'"),
        ("con*", "no layer 'con"),
        ([], "names no layer"),
        ([1.5], "received a float"),
    ],
)
def test_selection_refusals(tiny, layers, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.trace(tiny, X, layers)


def test_batches_give_the_same(tiny):
    x = np.random.default_rng(0).normal(size=(7, 2))
    whole, cut = ph.trace(tiny, x), ph.trace(tiny, x, batch_size=3)
    for path in whole:
        np.testing.assert_allclose(cut[path], whole[path], rtol=1e-6)


def test_each_call_returns_new_arrays(tiny):
    first = ph.trace(tiny, X)
    kept = first["hidden"].copy()
    second = ph.trace(tiny, -X)
    np.testing.assert_array_equal(first["hidden"], kept)
    assert not np.shares_memory(first["hidden"], second["hidden"])


def test_nan_passes_through(tiny):
    assert np.isnan(ph.trace(tiny, [[np.nan, 1.0]])["scores"]).all()


def test_npz(tiny, tmp_path):
    seen = ph.trace(tiny, X)
    with np.load(seen.to_npz(tmp_path / "seen.npz")) as file:
        assert sorted(file) == ["hidden", "scores"]
        np.testing.assert_array_equal(file["hidden"], HIDDEN)
    assert [path.name for path in tmp_path.iterdir()] == ["seen.npz"]


@pytest.mark.parametrize("write", ["npz", "store", "save"])
def test_an_unwritable_folder_is_named(tiny, tmp_path, write):
    (tmp_path / "file").write_text("in the way")
    target = tmp_path / "file" / "folder"
    seen = ph.trace(tiny, X)
    calls = {
        "npz": lambda: seen.to_npz(target / "seen.npz"),
        "store": lambda: ph.trace(tiny, X, store=target),
        "save": lambda: seen.save(target, kind="bars"),
    }
    if write == "save":
        pytest.importorskip("matplotlib")
    with pytest.raises(ph.ModelFileError, match="file") as caught:
        calls[write]()
    assert isinstance(caught.value, OSError)


def test_json(tiny):
    seen = json.loads(ph.trace(tiny, [[1, 2], [np.nan, 0]]).to_json(values=True))
    hidden = seen["layers"][0]
    assert (hidden["path"], hidden["kind"], hidden["shape"]) == ("hidden", "Dense", [2, 3])
    assert hidden["values"][0] == [1, 2, 0]
    assert hidden["maximum"] is None
    clean = json.loads(ph.trace(tiny, X).to_json())["layers"][0]
    assert "values" not in clean
    assert (clean["minimum"], clean["maximum"], clean["mean"]) == (0, 3, 1)


def test_it_is_a_mapping(tiny):
    seen = ph.trace(tiny, X)
    assert "hidden" in seen
    assert "hiden" not in seen
    assert seen.get("hiden") is None
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[tiny["hidden"]], seen["hidden"])
    assert repr(seen) == "<Trace of 'tiny': 2 layers, 2 samples>"
    assert "<td>hidden</td>" in seen._repr_html_()
    with pytest.raises(ph.InvalidArgumentError, match="wasn't traced"):
        _ = ph.trace(tiny, X, "hidden")["scores"]


@pytest.mark.keras
def test_pictures_of_a_trace(networks, tmp_path):
    pytest.importorskip("matplotlib")
    seen = ph.trace(networks.dense, np.random.default_rng(0).random((1, 50, 50)))
    figure = seen.plot(layers="my_dense")
    assert figure.axes[0].get_title().startswith("my_dense")
    assert [path.name for path in seen.save(tmp_path, grid=(2, 2))] == ["0.png"]
    with pytest.raises(ph.InvalidArgumentError, match="closest names"):
        seen.plot(layers="my_dens")


def signals(extra=()):
    """Return a network of signals, with images in it if `extra` says so."""
    layers = [
        ("InputLayer", {"batch_shape": [None, 40, 3], "name": "x"}),
        ("Conv1D", {"name": "conv", "filters": 4, "kernel_size": [3]}),
        ("ReLU", {"name": "relu"}),
        *extra,
        ("Dense", {"name": "scores", "units": 2}),
    ]
    entries = [{"class_name": kind, "config": settings} for kind, settings in layers]
    config = {"class_name": "Sequential", "config": {"name": "signals", "layers": entries}}
    random = np.random.default_rng(0)
    width = 4 if not extra else 38 * 4
    shapes = [(3, 3, 4), (4,), (width, 2), (2,)]
    return ph.load((config, [random.normal(size=shape).astype(np.float32) for shape in shapes]))


@pytest.mark.parametrize("name", ["x.svg", "x.PDF", "x.jpg"])
def test_other_endings_are_refused(tiny, tmp_path, name):
    trace = ph.trace(tiny, np.ones((1, 2)))
    with pytest.raises(ph.InvalidArgumentError, match=r"one \.png or as a folder of pages"):
        trace.save(tmp_path / name, "hidden", kind="bars")
    assert not (tmp_path / name).exists()
    assert trace.save(tmp_path / "run.v2", "hidden", kind="bars")[0].name == "0.png"


def test_layers_of_signals_are_curves_wherever_they_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    model, x = signals(), np.random.default_rng(1).random((1, 40, 3))
    seen = ph.trace(model, x)
    (figure, stored) = (
        each.plot(["conv", "relu"]) for each in (seen, ph.trace(model, x, store=tmp_path / "set"))
    )
    watch = ph.Watch(x, folder=tmp_path / "run")
    watch.look(model)
    watched = ph.Watch.open(tmp_path / "run").plot(layers=["conv", "relu"])
    for drawn in (figure, stored, watched):
        assert drawn.axes[0].get_title() == "conv\n(38 steps →, 4 channels)"
        curves = [line for line in drawn.axes[1].lines if line.get_color() == "C0"]
        relu = seen["relu"][0]
        expected = 3 + 0.9 * relu[:, 0] / relu.max()  # the first of four is the uppermost
        np.testing.assert_allclose(curves[0].get_ydata(), expected, rtol=1e-6)
    # Reshaped to images a network has images, and nothing says which of its layers are signals.
    reshaped = signals(
        [("Reshape", {"name": "image", "target_shape": [38, 4, 1]}),
         ("MaxPooling2D", {"name": "pool", "pool_size": [1, 1]}),
         ("Flatten", {"name": "flat"})]
    )  # fmt: skip
    (axes,) = ph.trace(reshaped, x, "conv").plot().axes
    assert axes.get_title() == "conv\n(38, 4)"
