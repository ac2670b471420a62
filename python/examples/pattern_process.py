# %% [markdown]
"""
# What happens to a pattern

What    A random pattern of 50 x 50 dots walks through a small dense network. Every layer output
        that is larger than 15 x 15 is drawn, two by two on a page, with its name and its shape.
How     `ph.trace` computes all layers in one run.
Needs   Nothing but Phosphene and matplotlib. With Keras installed, the network could as well be a
        live `keras.Sequential`, handed to `ph.trace` as it is.
Time    Under a second.

    python pattern_process.py --out pattern

writes `pattern/0.png`.
"""

# %%
import argparse
from pathlib import Path

import numpy as np

import phosphene as ph

parser = argparse.ArgumentParser(description="Draw what each layer makes of a random pattern.")
parser.add_argument("--out", type=Path, default=Path("out/pattern"), help="folder for the pages")
parser.add_argument("--seed", type=int, default=0, help="of the pattern and of the weights")
options, _ = parser.parse_known_args()  # a notebook brings arguments of its own


# %% [markdown]
# ## The network
#
# This is what `keras.Sequential([...]).get_config()` returns for
#
#     Dense(75, "relu"), Dense(50, "relu", name="my_dense"), Dense(25, "relu"),
#     Dense(10, "relu"), Flatten(), Dense(5, "softmax")
#
# on an input of 50 x 50. A dense layer works on the last axis: each of the 50 rows of the pattern
# becomes 75 numbers, then 50, 25 and 10.


# %%
def dense(name: str, units: int, activation: str = "relu") -> dict:
    settings = {"name": name, "units": units, "activation": activation, "use_bias": True}
    return {"class_name": "Dense", "config": settings}


network = {
    "class_name": "Sequential",
    "config": {
        "name": "pattern",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 50, 50], "name": "dots"}},
            dense("dense", 75),
            dense("my_dense", 50),
            dense("dense_1", 25),
            dense("dense_2", 10),
            {"class_name": "Flatten", "config": {"name": "flatten"}},
            dense("dense_3", 5, "softmax"),
        ],
    },
}

random = np.random.default_rng(options.seed)
weights = []
for inputs, units in [(50, 75), (75, 50), (50, 25), (25, 10), (500, 5)]:
    limit = np.sqrt(6 / (inputs + units))  # Glorot and Bengio's uniform, Keras' default
    weights += [random.uniform(-limit, limit, (inputs, units)), np.zeros(units)]

model = ph.load((network, weights))
print(model.summary())

# %% [markdown]
# ## The pattern, and what the layers make of it

# %%
pattern = random.random((1, 50, 50))
trace = ph.trace(model, pattern)
for path, output in trace.items():
    print(f"{path:10} {output.shape}")

pages = trace.save(options.out, grid=(2, 2), min_size=(15, 15), cmap="viridis")
print("written:", *pages)
