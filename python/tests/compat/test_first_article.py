"""What articles of 2019 do with keras-vis and VGG16, with only the imports changed.

The weights that they download can't be part of a test: a network with VGG16's names, a sixteenth
of its channels and random weights stands in.
"""

import re

import numpy as np
import pytest

SCRIPT = """
from phosphene.compat.vis.visualization import visualize_activation
from phosphene.compat.vis.utils import utils
from keras import activations
from keras.applications import VGG16
import matplotlib.pyplot as plt

plt.rcParams["figure.figsize"] = (18, 6)
model = VGG16(weights="imagenet", include_top=True)
settings = model.layers[1].get_config()

blocks = ["block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1"]
figure, axes = plt.subplots(1, 5)
for panel, block in zip(axes, blocks):
    panel.imshow(model.get_layer(block).get_weights()[0][:, :, 0, 0].squeeze(), cmap="gray")

layer_idx = utils.find_layer_idx(model, "predictions")
model.layers[layer_idx].activation = activations.linear
model = utils.apply_modifications(model)
elephant = visualize_activation(model, layer_idx, filter_indices=385, max_iter=5000, verbose=True)
plt.imshow(elephant)
plt.savefig("elephant.png")
"""


def small_vgg16(weights, include_top):
    """Return a network with VGG16's names, shrunk until 5000 steps take seconds."""
    import keras

    assert weights == "imagenet"
    assert include_top
    layers = [keras.layers.Input((32, 32, 3))]
    for block, (count, filters) in enumerate([(2, 4), (2, 8), (3, 16), (3, 32), (3, 32)], 1):
        for number in range(1, count + 1):
            name = f"block{block}_conv{number}"
            options = {"padding": "same", "activation": "relu", "name": name}
            layers.append(
                keras.layers.Conv2D(filters, 3, kernel_initializer="he_normal", **options)
            )
        layers.append(keras.layers.MaxPooling2D(name=f"block{block}_pool"))
    layers.append(keras.layers.Flatten(name="flatten"))
    dense = [keras.layers.Dense(64, activation="relu", name=name) for name in ("fc1", "fc2")]
    answer = keras.layers.Dense(1000, activation="softmax", name="predictions")
    return keras.Sequential([*layers, *dense, answer], name="vgg16")


@pytest.mark.keras
def test_it_runs_with_only_the_imports_changed(keras, tmp_path, monkeypatch, capsys):
    import matplotlib as mpl

    mpl.use("agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keras.applications, "VGG16", small_vgg16)
    keras.utils.set_random_seed(0)
    names = {}
    with mpl.rc_context():
        exec(SCRIPT, names)
        names["plt"].close("all")

    assert names["settings"]["filters"] == 4
    assert (
        names["layer_idx"] == 21
    )  # 13 convolutions, 5 poolings, flatten, 2 dense layers before it
    elephant = names["elephant"]
    assert (elephant.shape, elephant.dtype) == ((32, 32, 3), np.uint8)
    assert elephant.std() > 5
    assert (tmp_path / "elephant.png").stat().st_size > 1000

    losses = re.findall(r"^Iteration: (\d+), .*overall loss: (\S+)$", capsys.readouterr().out, re.M)
    assert [int(number) for number, _ in losses] == list(range(1, 5001))
    values = np.array([float(loss) for _, loss in losses])
    assert values[-100:].mean() < values[:5].mean()  # it has gone down, and stays there
