"""Files as Keras writes them: `.keras`, `.h5`, `.weights.h5`, and damaged ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, TINY_WEIGHTS, outputs_of, relative_error

import phosphene as ph
from phosphene._models.intake.variables.naming import snake_case

NAMES = ["dense", "conv", "branched", "nested", "two_inputs"]


@pytest.fixture(scope="session")
def files(networks, tmp_path_factory):
    """Each network as .keras, .h5 and .weights.h5, with its configuration beside it."""
    folder = tmp_path_factory.mktemp("files")
    for name in NAMES:
        network = getattr(networks, name)
        network.save(folder / f"{name}.keras")
        network.save(folder / f"{name}.h5")
        network.save_weights(folder / f"{name}.weights.h5")
        (folder / f"{name}.json").write_text(network.to_json())
    return folder


def inputs_for(network, count=3):
    random = np.random.default_rng(0)
    x = [random.normal(size=(count, *each.shape[1:])).astype("f") for each in network.inputs]
    return x[0] if len(x) == 1 else x


@pytest.mark.keras
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["keras", "h5", "weights.h5"])
def test_files_of_keras_3(networks, files, name, kind):
    network = getattr(networks, name)
    config = files / f"{name}.json" if kind == "weights.h5" else None
    model = ph.load(files / f"{name}.{kind}", config=config)
    x = inputs_for(network)
    received = model(x)
    received = received if isinstance(received, list) else [received]
    for ours, theirs in zip(received, outputs_of(network, x), strict=True):
        assert relative_error(ours, theirs) < 1e-5
    live = ph.load(network)
    for ours, theirs in zip(model.get_weights(), live.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.keras
def test_all_ways_lead_to_the_same_digest(files, networks, tmp_path):
    model = ph.load(files / "conv.keras")
    saved = model.save(tmp_path / "conv.safetensors")
    assert ph.load(saved).digest == model.digest


@pytest.mark.keras
def test_a_layer_that_is_shared_with_a_nested_model(keras, tmp_path):
    layers = keras.layers
    shared = layers.Dense(4, name="twice")
    x = layers.Input((4,))
    inner_input = layers.Input((4,))
    inner = keras.Model(inner_input, layers.Dense(4)(shared(inner_input)), name="inner")
    network = keras.Model(x, inner(layers.ReLU()(shared(x))))
    for file in ("shared.keras", "shared.h5"):
        network.save(tmp_path / file)
        x = inputs_for(network)
        assert relative_error(ph.load(tmp_path / file)(x), np.asarray(network(x))) < 1e-5


@pytest.mark.keras
def test_frozen_layers_in_nested_models_keep_their_weights_apart(keras, tmp_path):
    """An .h5 file lists what was trainable first, and a nested model's weights without order."""
    layers = keras.layers
    inner = keras.Sequential(
        [layers.Input((4,))]
        + [layer for _ in range(3) for layer in (layers.Dense(4), layers.BatchNormalization())]
    )
    inner.layers[0].trainable = False
    inner.layers[3].trainable = False
    network = keras.Sequential([layers.Input((4,)), inner, layers.Dense(2)])
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.5, 1, w.shape) for w in network.get_weights()])
    network.save(tmp_path / "frozen.h5")
    x = inputs_for(network)
    expected = np.asarray(network(x, training=False))
    assert relative_error(ph.load(tmp_path / "frozen.h5")(x), expected) < 1e-5


@pytest.mark.keras
@pytest.mark.parametrize("name", ["conv", "nested"])
def test_weights_alone_by_key_or_in_order(networks, name):
    network = getattr(networks, name)
    config = json.loads(network.to_json())
    x = inputs_for(network)
    expected = outputs_of(network, x)[0]
    in_order = ph.load((config, network.get_weights()))
    assert relative_error(in_order(x), expected) < 1e-5
    by_key = {
        key: array
        for layer in in_order.all_layers
        if not layer.layers
        for key, array in zip(layer.weight_keys, layer.get_weights(), strict=True)
    }
    assert relative_error(ph.load((json.dumps(config), by_key))(x), expected) < 1e-5


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_need_no_keras(tmp_path, compression):
    """Not even with h5py and a .keras file."""
    h5py = pytest.importorskip("h5py")
    weights = tmp_path / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        for group, name in (("dense", "hidden"), ("dense_1", "scores")):
            variables = file.create_group(f"layers/{group}/vars")
            variables["0"] = TINY_WEIGHTS[f"{name}/kernel"]
            variables["1"] = TINY_WEIGHTS[f"{name}/bias"]
    path = tmp_path / "tiny.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("config.json", json.dumps(TINY))
        archive.write(weights, "model.weights.h5")
    code = (
        "import sys, phosphene as ph\n"
        f"print(ph.load({str(path)!r})([[1, 2]]).shape)\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"
    )
    folder = Path(ph.__file__).parents[1]
    assert subprocess.check_output([sys.executable, "-c", code], cwd=folder) == b"(1, 2)\n"


def test_weights_of_keras_2_whose_names_differ(tmp_path):
    """One group a layer; slashes in names, ``:0`` behind them, and layers found by their order."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", b"fire2/squeeze", b"fire2/expand"]
        file.create_group("input_1").attrs["weight_names"] = []
        for name, ours in (("fire2/squeeze", "hidden"), ("fire2/expand", "scores")):
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            group[f"{name}/kernel:0"] = TINY_WEIGHTS[f"{ours}/kernel"]
            group[f"{name}/bias:0"] = TINY_WEIGHTS[f"{ours}/bias"]
    model = ph.load(path, config=TINY)
    for key, array in TINY_WEIGHTS.items():
        np.testing.assert_array_equal(model.weight(key), array)
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = [b"fire2/squeeze"]
    with pytest.raises(ph.ModelFileError, match="weights for 1 layers, the model needs 2"):
        ph.load(path, config=TINY)


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


def damaged(source, target, change):
    """Write a copy of a file with its bytes changed."""
    target.write_bytes(change(source.read_bytes()))
    return target


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:40],
        lambda data: data[:8] + bytes(len(data) - 8),
        lambda data: data[: len(data) // 3] + bytes(200) + data[len(data) // 3 + 200 :],
    ],
    ids=["half", "start", "zeros", "hole"],
)
def test_damaged_files_are_refused_or_read(files, tmp_path, kind, change):
    """A hole may hit what isn't read; everything else is refused, with the file's name."""
    path = damaged(files / f"conv.{kind}", tmp_path / f"damaged.{kind}", change)
    try:
        ph.load(path)
    except ph.PhospheneError as error:
        assert isinstance(error, (OSError, ValueError))  # noqa: PT017
        assert "damaged" in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.keras
@pytest.mark.parametrize("cut", [0, 4, 9, 200, -1])
def test_truncated_model_files_are_refused(files, tmp_path, cut):
    source = ph.load(files / "conv.keras").save(tmp_path / "whole.safetensors")
    path = damaged(source, tmp_path / "cut.safetensors", lambda data: data[:cut])
    with pytest.raises(ph.ModelFileError, match=r"cut\.safetensors"):
        ph.load(path)


@pytest.mark.keras
def test_a_missing_weight_is_named(files, tmp_path):
    import h5py

    path = shutil.copy(files / "conv.h5", tmp_path / "missing.h5")
    with h5py.File(path, "r+") as file:
        names = file["model_weights/scores"].attrs["weight_names"]
        del file["model_weights/scores"][names[0]]
    with pytest.raises(ph.ModelFileError, match=r"missing\.h5.*scores/kernel' is missing"):
        ph.load(path)
    archive = tmp_path / "missing.keras"
    with zipfile.ZipFile(files / "conv.keras") as whole, zipfile.ZipFile(archive, "w") as cut:
        cut.writestr("config.json", whole.read("config.json"))
        weights = tmp_path / "model.weights.h5"
        weights.write_bytes(whole.read("model.weights.h5"))
        with h5py.File(weights, "r+") as file:
            del file["layers/dense/vars/0"]
        cut.write(weights, "model.weights.h5")
    with pytest.raises(ph.ModelFileError, match="Missing weights: 'scores/kernel'"):
        ph.load(archive)


@pytest.mark.keras
def test_ill_shaped_weights_are_named(files, tmp_path):
    import h5py

    path = shutil.copy(files / "conv.weights.h5", tmp_path / "other.weights.h5")
    with h5py.File(path, "r+") as file:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = np.zeros(11)
    with pytest.raises(
        ph.ModelFileError, match=r"'scores/bias' must have shape \(10,\), received shape \(11,\)"
    ):
        ph.load(path, config=files / "conv.json")


@pytest.mark.keras
def test_links_to_other_files_are_not_followed(files, tmp_path):
    import h5py

    path = shutil.copy(files / "conv.weights.h5", tmp_path / "linked.weights.h5")
    with h5py.File(path, "r+") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(ph.ModelFileError, match="another file"):
        ph.load(path, config=files / "conv.json")


@pytest.mark.keras
def test_configurations_and_files_must_go_together(files):
    with pytest.raises(ph.InvalidArgumentError, match="weights only; pass config="):
        ph.load(files / "conv.weights.h5")
    for kind in ("keras", "h5"):
        with pytest.raises(ph.InvalidArgumentError, match="configuration of its own"):
            ph.load(files / f"conv.{kind}", config=files / "conv.json")
    with pytest.raises(ph.InvalidArgumentError, match="config= goes with"):
        ph.load((TINY, TINY_WEIGHTS), config=TINY)
    with pytest.raises(ph.ModelFileError):
        ph.load(files / "conv.weights.h5", config=files / "dense.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no Keras model"),
        (b"PK\x03\x04 not really", "damaged"),
        (b"\x89HDF\r\n\x1a\n not really", "damaged"),
        (b"#!/bin/sh\n", "is no Keras model: it begins with"),
        (b"\x00\x00\x00\x00\x00\x00\x00\x80{", "strange"),
    ],
)
def test_files_that_are_something_else(tmp_path, content, message):
    path = tmp_path / "strange.bin"
    path.write_bytes(content)
    with pytest.raises(ph.ModelFileError, match=message) as caught:
        ph.load(path)
    assert "strange.bin" in str(caught.value)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ph.ModelFileError, match=r"nowhere.*No such file"):
        ph.load(tmp_path / "nowhere.keras")
    with pytest.raises(ph.ModelFileError, match="is a folder"):
        ph.load(tmp_path)


@pytest.mark.parametrize(
    ("config", "weights", "message"),
    [
        (TINY, [], "4 weights, received a list of 0"),
        (TINY, "weights", "received a str"),
        (TINY, TINY_WEIGHTS | {"hidden/bias": "text"}, "'hidden/bias' is no array of numbers"),
        (TINY, TINY_WEIGHTS | {"x/bias": [1.0]}, "Unknown weights: 'x/bias'"),
        ("{broken", TINY_WEIGHTS, "no JSON"),
        ({}, TINY_WEIGHTS, "class_name"),
        ([1, 2], TINY_WEIGHTS, "received a list"),
    ],
)
def test_pairs_are_checked(config, weights, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.load((config, weights))


@pytest.mark.parametrize("kind", ["Lambda", "Blur3D"])
def test_unknown_and_executable_layers_are_named(kind):
    config = json.loads(json.dumps(TINY))
    config["config"]["layers"].insert(1, {"class_name": kind, "config": {"name": "odd"}})
    with pytest.raises(ph.UnsupportedError, match=kind):
        ph.load((config, TINY_WEIGHTS))
