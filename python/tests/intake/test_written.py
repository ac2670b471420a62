"""Files that Keras 3 and Keras 2 (tf_keras) themselves write, each in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import relative_error
from networks import KINDS, NETWORKS, NEW_LAYERS, STRUCTURES

import phosphene as ph

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def written(request, tmp_path_factory):
    """Return the name of a Keras and the folder with what it wrote."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} isn't installed")
    folder = tmp_path_factory.mktemp(request.param)
    program = Path(__file__).with_name("networks.py")
    finished = subprocess.run(
        [sys.executable, program, request.param, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return request.param, folder


FILES = [
    (name, kind) for name in NETWORKS for kind in KINDS if name in STRUCTURES or "." not in kind
]


@pytest.mark.parametrize(("name", "kind"), FILES)
def test_every_kind_of_file(written, name, kind):
    writer, folder = written
    if name in NEW_LAYERS and writer == "tf_keras":
        pytest.skip("Keras 2 doesn't have or write this layer")
    if kind == "legacy.h5" and writer == "keras":
        pytest.skip("Keras 3 doesn't write weights alone in this layout")
    if (writer, name, kind) == ("tf_keras", "shared", "h5"):
        # Keras 2 writes that the outer layer reads the inner model's input, and can't load it.
        with pytest.raises(ph.ModelFileError, match="no layer 'input_1', which another one reads"):
            ph.load(folder / f"{name}.{kind}")
        return
    config = folder / f"{name}.json" if kind in ("weights.h5", "legacy.h5") else None
    model = ph.load(folder / f"{name}.{kind}", config=config)
    compare(model, folder / f"{name}.npz")


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_layers_of_cudnn(written, name):
    writer, folder = written
    if writer == "keras":
        pytest.skip("Keras 3 has no such layers")
    compare(ph.load(folder / f"CuDNN{name.upper()}.h5"), folder / f"{name}.npz")


def compare(model, path):
    """Compare what a model computes with what the Keras that wrote it computed."""
    arrays = np.load(path)
    inputs = [arrays[each] for each in arrays if each.startswith("input")]
    expected = [arrays[each] for each in arrays if each.startswith("output")]
    received = model(inputs if len(inputs) > 1 else inputs[0])
    received = received if isinstance(received, list) else [received]
    for ours, theirs in zip(received, expected, strict=True):
        assert relative_error(ours, theirs) < 2e-5
