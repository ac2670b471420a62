# %% [markdown]
"""
# What VGG16 wants to see

What    A look into VGG16: the settings of a layer, the first filter of each block, and the input
        that makes the network say "Indian elephant" (unit 385) loudest.
How     `ph.load`, `ph.filters`, `ph.maximize`. The unit is maximized before softmax: after it, the
        easiest way up is to make all other classes less likely.
Needs   A weight file for pictures worth looking at: any .keras, .h5 or .safetensors file of VGG16.
        Without one, and for .h5 files with weights only, Keras builds the network; random weights
        give random textures.
Time    About a minute on two cores for 256 steps.

    python what_vgg16_wants.py vgg16_weights_tf_dim_ordering_tf_kernels.h5
    python what_vgg16_wants.py vgg16_notop.h5 --preprocessing torch

writes `filters.png` and `wants.png`. A file without the dense layers has no unit 385: then six
channels of `block5_conv1` are shown instead.
"""

# %%
import argparse
import json
from pathlib import Path

import h5py

import phosphene as ph

parser = argparse.ArgumentParser(description="Show what VGG16 wants to see.")
parser.add_argument("weights", type=Path, nargs="?", help="weight file; random weights without")
parser.add_argument(
    "--preprocessing",
    choices=["caffe", "torch", "tf"],
    default="caffe",
    help="how the network was trained: caffe for Keras' own weights",
)
parser.add_argument("--unit", type=int, default=385, help="class to maximize")
parser.add_argument("--layer", default="block5_conv1", help="layer without a top: its channels")
parser.add_argument(
    "--channels",
    type=int,
    nargs="+",
    default=[10, 42, 77, 113, 158, 256],
    help="channels of that layer",
)
parser.add_argument("--steps", type=int, default=256)
parser.add_argument("--size", type=int, help="canvas in pixels, by default the network's input")
parser.add_argument("--out", type=Path, default=Path("out/vgg16"), help="folder for the pictures")
options, _ = parser.parse_known_args()  # a notebook brings arguments of its own


# %% [markdown]
# ## The network
#
# A file that Keras wrote with `model.save` says itself how the network is built.


# %%
def load_network(path: Path | None) -> ph.Model:
    if path is None:
        import keras

        return ph.load(keras.applications.VGG16(weights=None), preprocessing=options.preprocessing)
    if path.suffix in (".h5", ".hdf5"):
        with h5py.File(path) as file:
            weights_only, has_top = "model_config" not in file.attrs, "predictions" in file
        if weights_only:
            import keras

            built = keras.applications.VGG16(
                weights=None, include_top=has_top, input_shape=(224, 224, 3)
            )
            config = json.loads(built.to_json())
            return ph.load(path, config=config, preprocessing=options.preprocessing)
    return ph.load(path, preprocessing=options.preprocessing)


model = load_network(options.weights)
print(model.summary())

# %% [markdown]
# ## The settings of a layer

# %%
for setting, value in model["block5_conv1"].config.items():
    name = value["class_name"] if isinstance(value, dict) else value
    print(f"{setting:22} {name}")

# %% [markdown]
# ## The first filter of each block
#
# Each is three by three weights; light ones excite the unit, dark ones inhibit it.

# %%
options.out.mkdir(parents=True, exist_ok=True)
blocks = [f"block{number}_conv1" for number in (1, 2, 3, 4, 5)]
figure = ph.filters(model, blocks, index=0, input_channel=0, cmap="gray")
figure.savefig(options.out / "filters.png")

# %% [markdown]
# ## What it wants to see

# %%
has_top = model.layers[-1].name == "predictions"
if has_top:
    objective = ph.logit(options.unit)  # `predictions` before softmax
else:
    objective = [ph.channel(options.layer, channel) for channel in options.channels]

picture = ph.maximize(model, objective, steps=options.steps, size=options.size)
print(picture)
print("written:", picture.save(options.out / "wants.png"))
