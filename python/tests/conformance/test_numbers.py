"""Promised sizes and bits, each measured in processes that do nothing else."""

import numpy as np
import pytest
from fresh import run_fresh

import phosphene as ph

VGG16 = """
import sys
import numpy as np
import phosphene as ph

def conv(name, filters):
    return {"class_name": "Conv2D", "config": {"name": name, "filters": filters,
        "kernel_size": [3, 3], "padding": "same", "activation": "relu"}}

def dense(name, units, activation):
    return {"class_name": "Dense",
            "config": {"name": name, "units": units, "activation": activation}}

layers = [{"class_name": "InputLayer",
           "config": {"name": "image", "batch_shape": [None, 224, 224, 3]}}]
for block, (count, filters) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
    layers += [conv(f"block{block}_conv{index + 1}", filters) for index in range(count)]
    layers.append({"class_name": "MaxPooling2D",
                   "config": {"name": f"block{block}_pool", "pool_size": [2, 2]}})
layers += [{"class_name": "Flatten", "config": {"name": "flatten"}}, dense("fc1", 4096, "relu"),
           dense("fc2", 4096, "relu"), dense("predictions", 1000, "softmax")]
config = {"class_name": "Sequential", "config": {"name": "vgg16", "layers": layers}}
random = np.random.default_rng(0)
weights, channels = {}, 3
for layer in layers:
    name, settings = layer["config"]["name"], layer["config"]
    units = settings.get("filters") or settings.get("units")
    if name == "flatten":
        channels *= 49
    if units:
        shape = (*settings.get("kernel_size", ()), channels, units)
        kernel = random.standard_normal(shape, np.float32)
        weights[f"{name}/kernel"] = kernel * np.float32(np.sqrt(2 / np.prod(shape[:-1])))
        weights[f"{name}/bias"] = np.zeros(units, np.float32)
        channels = units
ph.load((config, weights), preprocessing="caffe").save(sys.argv[1])
print("null")
"""
"""Writes VGG16 with random weights; in a process of its own, which gives the memory back."""

MAXIMIZE = """
import hashlib, json, pathlib, sys
import phosphene as ph
model = ph.load(sys.argv[1])
picture = ph.maximize(model, 385, steps=int(sys.argv[2]), seed=int(sys.argv[3]), progress=False)
status = pathlib.Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
bits = hashlib.sha256(picture.input.tobytes() + picture.image.tobytes()).hexdigest()
print(json.dumps({"peak": peak, "bits": bits, "parameters": model.count_params()}))
"""


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg16") / "vgg16.safetensors"
    run_fresh(VGG16, path)
    yield path
    path.unlink()


def test_vgg16_is_maximized_in_little_memory_and_the_same_again(vgg16):
    # The weights are 0.55 GB; the pages of a mapped file count as memory too. Statistics keep what
    # all layers of both views give (0.12 GB) and what is compared with it.
    first = run_fresh(MAXIMIZE, vgg16, 20, 7)
    assert first["parameters"] == 138_357_544
    assert first["peak"] <= 1.65e9
    assert run_fresh(MAXIMIZE, vgg16, 20, 7)["bits"] == first["bits"]


def test_a_seed_says_all_bits():
    model = ph.zoo.wardrobe()
    settings = {"steps": 12, "progress": False}
    first = ph.maximize(model, 3, seed=5, **settings)
    again = ph.maximize(model, 3, seed=5, **settings)
    other = ph.maximize(model, 3, seed=6, **settings)
    np.testing.assert_array_equal(first.input, again.input)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.history == again.history
    assert not np.array_equal(first.input, other.input)
