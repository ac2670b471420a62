"""The wheel as pip builds it, installed elsewhere, against the package in this tree."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

import phosphene as ph

ROOT = Path(__file__).resolve().parents[2]

# The environment of a user: nothing that leads back to this tree or to its oneDNN.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {"PYTHONPATH", "LD_LIBRARY_PATH", "PKG_CONFIG_PATH"} and "MAKE" not in name
}

SCRIPT = """
import json, sys
import numpy as np
import phosphene as ph
model = ph.zoo.wardrobe()
x = np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(1, 28, 28, 1)
trace = ph.trace(model, x)
picture = ph.maximize(model, 0, steps=2, progress=False)
json.dump({
    "file": ph.__file__,
    "trace": {path: np.ravel(values).tolist() for path, values in trace.items()},
    "picture": np.ravel(picture.image).tolist(),
    "libraries": sorted({line.split()[-1] for line in open("/proc/self/maps") if "libdnnl" in line
                         or "libphosphene" in line}),
}, sys.stdout)
"""


def pip(python: str | Path, *arguments: str | Path) -> None:
    """Run pip, once more if it fails: networks do now and then."""
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    for attempt in (1, 2):
        result = subprocess.run(
            command, cwd="/", env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        if result.returncode == 0:
            return
        print(f"attempt {attempt}:", result.stdout, result.stderr)
    pytest.fail("pip failed twice")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed_python(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    pip(python, "install", wheel)
    return python


def test_one_wheel_serves_all_pythons(wheel):
    assert wheel.name.endswith("-cp311-abi3-linux_x86_64.whl")


def test_the_wheel_holds_libraries_data_and_licenses(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tree = ROOT / "python/phosphene"
    sources = {
        str(path.relative_to(tree.parent))
        for path in tree.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("phosphene/")} == sources
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_computes_the_same_elsewhere(installed_python, tmp_path):
    command = [installed_python, "-I", "-W", "error", "-c", SCRIPT]
    result = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    home = installed_python.parents[1]
    assert Path(found["file"]).is_relative_to(home)
    # The engine, oneDNN, and the kernels of the processor's level if it has wide registers.
    names = {Path(library).name for library in found["libraries"]}
    assert {"libdnnl.so.3", "libphosphene.so"} <= names
    others = names - {"libdnnl.so.3", "libphosphene.so"}
    assert len(others) <= 1
    assert others <= {"libphosphene-avx2.so", "libphosphene-avx512.so"}
    assert all(Path(library).is_relative_to(home) for library in found["libraries"])

    model = ph.zoo.wardrobe()
    x = np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(1, 28, 28, 1)
    trace = ph.trace(model, x)
    assert list(found["trace"]) == list(trace)
    for path, values in trace.items():
        np.testing.assert_array_equal(found["trace"][path], np.ravel(values), err_msg=path)
    picture = ph.maximize(model, 0, steps=2, progress=False)
    np.testing.assert_array_equal(found["picture"], np.ravel(picture.image))
