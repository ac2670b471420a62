# %% [markdown]
"""
# Watching a network learn

What    A small network learns to tell garments apart. Before the training and after each epoch
        `ph.Watch` keeps what its layers make of one sneaker, and what a sneaker and a pair of
        trousers look like in the network's own eyes.
How     A callback of Keras. Each look is a file, so the folder can be opened again later.
Needs   Keras 3 with any backend, and matplotlib:
        `pip install "keras>=3" tensorflow-cpu matplotlib`.
Time    About ten seconds, most of them for importing Keras.

    python watch_a_training.py --out training

writes `training/run` (the looks), `training/epochs.png` and `training/run.gif`.
"""

# %%
import argparse
from pathlib import Path

import keras
import numpy as np

import phosphene as ph

parser = argparse.ArgumentParser(description="Watch a small network learn.")
parser.add_argument("--out", type=Path, default=Path("out/training"), help="a folder")
parser.add_argument("--epochs", type=int, default=12)
parser.add_argument("--garments", type=int, default=3000, help="how many it learns from")
options, _ = parser.parse_known_args()  # a notebook brings arguments of its own

# %% [markdown]
# ## Something to learn from
#
# The twenty garments that come with Phosphene, shifted, mirrored, darker and noisy.

# %%
images, labels = ph.zoo.garments()
random = np.random.default_rng(0)
chosen = random.integers(0, len(images), options.garments)
garments = images[chosen]
for garment in garments:
    shifted = np.roll(garment, random.integers(-3, 4, 2), (0, 1))
    garment[:] = shifted[:, ::-1] if random.random() < 0.5 else shifted
brightness = random.uniform(0.6, 1, (len(garments), 1, 1, 1))
noise = random.normal(0, 0.05, garments.shape)
garments = (brightness * garments + noise).clip(0, 1).astype("float32")

# %% [markdown]
# ## The network

# %%
keras.utils.set_random_seed(1)
layers = keras.layers
model = keras.Sequential(
    [
        layers.Input((28, 28, 1)),
        layers.Conv2D(16, 5, padding="same", activation="relu", name="conv1"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax", name="classes"),
    ]
)
model.compile(
    keras.optimizers.Adam(3e-4), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)

# %% [markdown]
# ## Watching it
#
# Class 7 are sneakers, class 1 trousers.

# %%
watch = ph.Watch(
    images[15:16],
    ["conv1", "conv2", "classes"],
    units=[7, 1],
    folder=options.out / "run",
    overwrite=True,  # so that this cell can be run again
    options={"steps": 96, "background": 0.1},
)
model.fit(
    garments,
    np.asarray(labels)[chosen],
    epochs=options.epochs,
    batch_size=64,
    callbacks=[watch],
    verbose=0,
)

# %%
for look in watch:
    print(look.heading)

# %% [markdown]
# ## Pictures
#
# A layer has the same colours in all of them.

# %%
moments = sorted({0, 1, options.epochs // 3, options.epochs})
figure = watch.plot(at=moments, layers=["conv1", "conv2", "classes"])
figure.savefig(options.out / "epochs.png", dpi=70)
watch.film(options.out / "run.gif", layers=["conv1", "conv2", "classes"], seconds=0.5)

# Later, and without Keras:
again = ph.Watch.open(options.out / "run")
print(f"{again[-1]['classes'][0].argmax()} is what the sneaker is taken for")
