"""Networks of keras.applications in files of Keras 2, with functions of TensorFlow as layers."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import relative_error

import phosphene as ph

pytest.importorskip("tf_keras")

pytestmark = [
    pytest.mark.keras,
    pytest.mark.conformance,
    # Noise from 0 to 255 is fine for networks with random weights.
    pytest.mark.filterwarnings("ignore:.*expects inputs"),
]

NETWORKS = [
    "convnext.ConvNeXtTiny",
    "efficientnet_v2.EfficientNetV2B0",
    "inception_resnet_v2.InceptionResNetV2",
    "mobilenet.MobileNet",
    "mobilenet_v3.MobileNetV3Small",
    "regnet.RegNetX002",
    "resnet_rs.ResNetRS50",
    "xception.Xception",
]

WRITER = """
import importlib
import sys
import warnings
warnings.simplefilter("ignore")
import numpy as np

name, folder = sys.argv[1:]
module, function = name.split(".")
build = getattr(importlib.import_module("tf_keras.src.applications." + module), function)
network = build(weights=None, input_shape=(96, 96, 3), classes=7)
random = np.random.default_rng(0)
values = []
for variable in network.weights:
    shape = tuple(variable.shape)
    numbers = random.normal(size=shape)
    if "variance" in variable.name or "gamma" in variable.name:
        numbers = 0.9 + 0.2 * np.abs(numbers)
    elif len(shape) > 1:
        numbers *= np.sqrt(1.5 / np.prod(shape[:-1]))
    else:
        numbers *= 0.1
    values.append(numbers)
network.set_weights(values)
x = random.uniform(0, 255, (1, 96, 96, 3)).astype("f")
network.save(folder + "/network.h5")
network.save(folder + "/network.keras")
np.savez(folder + "/numbers.npz", x=x, y=np.asarray(network(x, training=False)))
"""


@pytest.mark.parametrize("name", NETWORKS)
def test_applications_of_keras_2(name, tmp_path):
    command = [sys.executable, "-c", WRITER, name, str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    numbers = np.load(tmp_path / "numbers.npz")
    for kind in ("h5", "keras"):
        received = ph.load(tmp_path / f"network.{kind}")(numbers["x"])
        assert relative_error(received, numbers["y"]) <= 1e-4, kind
