"""Files that are damaged, cut off, or something else: one sentence that names the file."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest
from conftest import TINY

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
    check(damaged(files / f"conv.{kind}", tmp_path / f"damaged.{kind}", change))


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_any_byte_may_be_wrong(files, tmp_path, kind):
    size = (files / f"conv.{kind}").stat().st_size
    random = np.random.default_rng(0)
    for place in random.integers(0, size, 80):
        flip = bytes([random.integers(1, 256)])

        def change(data, place=place, flip=flip):
            return data[:place] + bytes([data[place] ^ flip[0]]) + data[place + 1 :]

        check(damaged(files / f"conv.{kind}", tmp_path / f"damaged.{kind}", change))


def check(path):
    """Load a file, which may fail in one sentence only."""
    try:
        ph.load(path)
    except (ph.ModelFileError, ph.UnsupportedError) as error:
        assert "\n" not in str(error)  # noqa: PT017
        if isinstance(error, ph.ModelFileError):  # an unsupported layer is named without the file
            assert str(path) in str(error)  # noqa: PT017


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


def test_arrays_that_the_file_does_not_have(tmp_path):
    """Such a file would ask for all memory there is."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "hollow.weights.h5"
    with h5py.File(path, "w") as file:
        for layer in ("dense", "dense_1"):
            file.create_dataset(f"layers/{layer}/vars/0", (1 << 24, 1 << 20), "f4", chunks=(64, 64))
    with pytest.raises(ph.ModelFileError, match=r"states 70368744177664 bytes, which the file"):
        ph.load(path, config=TINY)


def test_archives_that_unpack_to_more_than_they_can(tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"")
        archive.writestr("config.json", b"{}")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02") + 24  # the size in the directory at the end
    data[place : place + 4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ph.ModelFileError, match=r"'config\.json' would unpack to 2147483648 bytes"):
        ph.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no Keras model"),
        (b"PK\x03\x04 not really", "damaged"),
        (b"\x89HDF\r\n\x1a\n not really", "damaged"),
        (b"#!/bin/sh\n", "is no Keras model: it begins with"),
        (b' {"class_name": "Sequential"}', "is a text, not a model: pass a configuration as"),
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
