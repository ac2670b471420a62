"""examples/c/look.c, built as its users build it and compared with Python on the same network."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import phosphene as ph

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def look(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("look")
    # Not under the make that runs the tests: its job server isn't ours.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    command = ["make", "--silent", "-C", ROOT / "examples/c", f"OUT={out}"]
    subprocess.run(command, check=True, env=environment)
    return out / "look"


@pytest.fixture(scope="module")
def model() -> ph.Model:
    return ph.zoo.wardrobe()


@pytest.fixture
def arguments(tmp_path, model) -> list[str]:
    model.save(tmp_path / "wardrobe.safetensors")
    garment(model).tofile(tmp_path / "garment.f32")
    return [
        str(tmp_path / "wardrobe.safetensors"),
        str(tmp_path / "garment.f32"),
        convolution(model),
        "3",
        str(tmp_path / "channel.ppm"),
    ]


def garment(model: ph.Model) -> np.ndarray:
    shape = (1, *model.input_shape[1:])
    return np.random.default_rng(5).uniform(0, 1, shape).astype(np.float32)


def convolution(model: ph.Model) -> str:
    return next(layer.name for layer in model.layers if layer.kind == "Conv2D")


def test_every_layer_is_traced(look, arguments, model):
    result = subprocess.run([look, *arguments], capture_output=True, text=True, check=True)
    rows = [
        re.fullmatch(r"(.+) \((.*)\) from (\S+) to (\S+)", line)
        for line in result.stdout.splitlines()
    ]
    seen = {
        row[1]: (tuple(map(int, row[2].split(", "))), float(row[3]), float(row[4])) for row in rows
    }
    expected = {
        path: (values.shape, float(values.min()), float(values.max()))
        for path, values in ph.trace(model, garment(model)).items()
    }
    assert list(seen) == list(expected)
    for path, (shape, least, greatest) in expected.items():
        assert seen[path][0] == shape
        assert seen[path][1:] == pytest.approx((least, greatest), rel=1e-6, abs=1e-7), path


def test_the_picture_is_the_one_that_python_gets(look, arguments, model):
    subprocess.run([look, *arguments], capture_output=True, check=True)
    expected = ph.maximize(model, ph.channel(arguments[2], 3), steps=128, seed=0, progress=False)
    header, pixels = Path(arguments[-1]).read_bytes().split(b"\n255\n", 1)
    assert header == b"P6\n%d %d" % (expected.image.shape[1], expected.image.shape[0])
    found = np.frombuffer(pixels, np.uint8).reshape(*expected.image.shape[:2], 3)
    np.testing.assert_array_equal(found, np.broadcast_to(expected.image, found.shape))


@pytest.mark.parametrize(
    ("position", "argument", "message"),
    [
        (0, "missing.safetensors", "missing.safetensors"),
        (1, os.devnull, "must hold exactly"),
        (2, "no_such_layer", "no_such_layer"),
        (4, "/dev/null/channel.ppm", "can't be written"),
    ],
)
def test_what_can_be_wrong_is_said(look, arguments, position, argument, message):
    arguments[position] = argument
    result = subprocess.run([look, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert message in result.stderr
