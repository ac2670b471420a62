"""What is the same for files of every kind: what goes with what, and what isn't needed."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, TINY_WEIGHTS, outputs_of, relative_error

import phosphene as ph


@pytest.fixture(scope="module")
def files(networks, tmp_path_factory):
    """One network as .keras, .h5 and .weights.h5, with its configuration beside it."""
    folder = tmp_path_factory.mktemp("files")
    networks.conv.save(folder / "conv.keras")
    networks.conv.save(folder / "conv.h5")
    networks.conv.save_weights(folder / "conv.weights.h5")
    (folder / "conv.json").write_text(networks.conv.to_json())
    return folder


@pytest.mark.keras
def test_all_ways_lead_to_the_same_digest(files, networks, tmp_path):
    model = ph.load(files / "conv.keras")
    saved = model.save(tmp_path / "conv.safetensors")
    ways = [
        saved,
        files / "conv.h5",
        networks.conv,
        (networks.conv.to_json(), networks.conv.get_weights()),
    ]
    assert {ph.load(way).digest for way in ways} == {model.digest}
    for config in (
        files / "conv.json",
        networks.conv.to_json(),
        json.loads(networks.conv.to_json()),
    ):
        assert ph.load(files / "conv.weights.h5", config=config).digest == model.digest


@pytest.mark.keras
def test_a_folder_instead_of_a_zip(files, networks, tmp_path):
    networks.conv.save(tmp_path / "conv", zipped=False)
    assert ph.load(tmp_path / "conv").digest == ph.load(files / "conv.keras").digest
    with pytest.raises(ph.InvalidArgumentError, match="configuration of its own"):
        ph.load(tmp_path / "conv", config=files / "conv.json")
    (tmp_path / "conv" / "model.weights.h5").unlink()
    with pytest.raises(ph.ModelFileError, match=r"it has no 'model\.weights\.h5'"):
        ph.load(tmp_path / "conv")


@pytest.mark.keras
@pytest.mark.parametrize("name", ["conv", "nested"])
def test_weights_alone_by_key_or_in_order(networks, name):
    network = getattr(networks, name)
    config = json.loads(network.to_json())
    shape = (3, *network.input_shape[1:])
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
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


@pytest.mark.keras
@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "bfloat16", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_short_numbers_are_computed_in_full(keras, policy, kind, tmp_path):
    layers = keras.layers
    network = keras.Sequential(
        [layers.Input((3,)), layers.Dense(4, dtype=policy), layers.Dense(2, dtype=policy)]
    )
    path = tmp_path / f"network.{kind}"
    network.save(path)
    model = ph.load(path)
    expected = [np.asarray(weight).astype(np.float32) for weight in network.get_weights()]
    for ours, theirs in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


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


@pytest.mark.keras
def test_configurations_and_files_must_go_together(files):
    with pytest.raises(ph.InvalidArgumentError, match="weights only; pass config="):
        ph.load(files / "conv.weights.h5")
    for kind in ("keras", "h5"):
        with pytest.raises(ph.InvalidArgumentError, match="configuration of its own"):
            ph.load(files / f"conv.{kind}", config=files / "conv.json")
    with pytest.raises(ph.InvalidArgumentError, match="config= goes with"):
        ph.load((TINY, TINY_WEIGHTS), config=TINY)


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
