"""TensorFlow's functions in Functional models of Keras 2."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import relative_error
from functions import FUNCTIONS

import phosphene as ph

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    if importlib.util.find_spec("tf_keras") is None:
        pytest.skip("tf_keras isn't installed")
    folder = tmp_path_factory.mktemp("functions")
    program = Path(__file__).with_name("functions.py")
    command = [sys.executable, program, folder]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    return folder


FILES = [f"{name}.{kind}" for name in FUNCTIONS for kind in ("keras", "h5")]


@pytest.mark.parametrize("file", [file for file in FILES if file != "ellipsis.keras"])
def test_functions(written, file):
    name = file.split(".")[0]
    arrays = np.load(written / f"{name}.npz")
    received = ph.load(written / file)([arrays["x"], arrays["y"]])
    expected = [arrays[each] for each in arrays if each.startswith("arr_")]
    assert len(received) == len(expected)
    for index, (ours, theirs) in enumerate(zip(received, expected, strict=True)):
        assert ours.shape == theirs.shape, index
        assert relative_error(ours, theirs) < 2e-5, index


def test_other_functions_are_named():
    config = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "name": "x",
                    "inbound_nodes": [],
                    "config": {"batch_input_shape": [None, 2], "name": "x"},
                },
                {
                    "class_name": "TFOpLambda",
                    "name": "tf.fft",
                    "config": {"name": "tf.fft", "function": "signal.fft"},
                    "inbound_nodes": [["x", 0, 0, {"name": None}]],
                },
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["tf.fft", 0, 0]],
        },
    }
    with pytest.raises(ph.UnsupportedError, match=r"'tf\.fft' .*'signal\.fft' isn't supp"):
        ph.load((config, {}))
