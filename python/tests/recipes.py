"""Pictures made with every option there is; as a program, those in files are rendered again.

python recipes.py FOLDER THREADS      prints a digest of each picture rendered from FOLDER/*.png
"""

import hashlib
import sys
import warnings
from pathlib import Path

import numpy as np

import phosphene as ph
from phosphene._vision.maximization.render import render

QUIET = {"progress": False, "steps": 5}
BAG = "Bag"
BLOCK = np.zeros((28, 28, 1), np.float32)
BLOCK[8:20, 8:20] = 1

OBJECTIVES = {
    "logit": BAG,
    "probability": ph.probability(3),
    "channel": ("conv1", 2),
    "before_activation": ph.channel("relu1", 2, pre_activation=True),
    "neuron": ph.neuron("conv1", 2, (3, 4)),
    "energy": ph.energy("conv2_1"),
    "direction": ph.direction("conv1", np.arange(24.0), cosine_power=2),
    "sum": ph.logit(3) - 0.5 * ph.energy("conv1"),
}

OPTIONS = {
    "defaults": {},
    "natural": {"parametrization": "natural"},
    "fourier": {"parametrization": "fourier"},
    "pixel": {"parametrization": "pixel"},
    "maco": {"parametrization": "maco"},
    "several": {"n": 2, "seed": 2**63},
    "size": {"size": (40, 36)},
    "stages": {"stages": [(14, 3), (28, 2)], "steps": None},
    "views": {"views": 3},
    "no_transforms": {"transforms": ()},
    "transforms": {
        "transforms": [
            ph.transforms.Pad(2),
            ph.transforms.Jitter(3),
            ph.transforms.Scale(0.8, 1.2),
            ph.transforms.Rotate(20),
            ph.transforms.Flip(),
            ph.transforms.Crop(0.9, 0.5),
            ph.transforms.Crop(0.9, 0.5, deviation=None),
            ph.transforms.Blur(1, 0),
            ph.transforms.Noise(0.1, 0),
        ]
    },
    "regularizers": {
        "regularizers": [
            ph.regularizers.TotalVariation(0.1),
            ph.regularizers.TotalVariation(0.2, power=2),
            ph.regularizers.Lp(0.3, p=6),
            ph.regularizers.Statistics(2),
            ph.regularizers.Statistics(3, of="dead_leaves"),
            ph.regularizers.Blur(0.5),
        ]
    },
    "nadam": {"optimizer": "nadam"},
    "rmsprop": {"optimizer": ph.optimizers.RMSprop(0.1, rho=0.8)},
    "sgd": {"optimizer": ph.optimizers.SGD(2.0, nesterov=True)},
    "redirected": {"redirected_steps": 2},
    "value_range": {"value_range": (-0.2, 0.7)},
    "background": {"background": 0.1},
    "early_stop": {"early_stop": 0.5, "steps": 40},
    "budget": {"budget_s": 0.05, "steps": 200},
    "frames": {"frames": 3},
    "budget_and_frames": {"budget_s": 0.05, "steps": 200, "frames": 3},
    "transparency": {"alpha": True, "n": 2},
    "alpha": {"alpha": "optimized", "n": 2},
    "alpha_of_phases": {"alpha": "optimized", "parametrization": "maco"},
    "alpha_of_pixels": {
        "alpha": "optimized",
        "parametrization": "pixel",
        "over": BLOCK,
        "frames": 2,
        "regularizers": [ph.regularizers.Alpha(3), ph.regularizers.Alpha(1, power=2)],
    },
    "alpha_in_stages": {"alpha": "optimized", "stages": [(14, 3), (28, 2)], "steps": None},
    "over": {"over": BLOCK},
    "start": {"start": np.flip(BLOCK, 1).copy()},
    "accentuation": {
        "start": 0.5 * BLOCK,
        "regularizers": [ph.regularizers.Distance(3)],
        "parametrization": "pixel",
    },
    "prior": {"prior": BLOCK[None]},
    "natural_prior": {"prior": BLOCK[None], "parametrization": "natural"},
    "maco_prior": {"prior": BLOCK[None], "parametrization": "maco"},
    "maco_over_a_start": {"start": 0.5 * BLOCK, "over": BLOCK, "parametrization": "maco"},
}


def pair():
    """Return a network of two inputs."""
    images = {"batch_shape": [None, 8, 8, 1], "name": "image"}
    other = {"batch_shape": [None, 8, 8, 1], "name": "other"}

    def entry(kind, name, config, *inbound):
        nodes = [[[each, 0, 0, {}] for each in inbound]] if inbound else []
        return {"class_name": kind, "name": name, "config": {"name": name, **config},
                "inbound_nodes": nodes}  # fmt: skip

    config = {
        "class_name": "Functional",
        "config": {
            "name": "pair",
            "layers": [
                entry("InputLayer", "image", images),
                entry("InputLayer", "other", other),
                entry("Multiply", "product", {}, "image", "other"),
                entry("Flatten", "flat", {}, "product"),
                entry("Dense", "scores", {"units": 2}, "flat"),
            ],
            "input_layers": [["image", 0, 0], ["other", 0, 0]],
            "output_layers": [["scores", 0, 0]],
        },
    }
    kernel = np.sin(np.arange(128, dtype=np.float32)).reshape(64, 2)
    return ph.load((config, {"scores/kernel": kernel, "scores/bias": np.zeros(2, np.float32)}))


def table():
    """Return a network of rows of three numbers."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "row"}},
        {"class_name": "Dense", "config": {"name": "scores", "units": 2}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "table", "layers": layers}}
    kernel = np.cos(np.arange(6, dtype=np.float32)).reshape(3, 2)
    return ph.load((config, {"scores/kernel": kernel, "scores/bias": np.zeros(2, np.float32)}))


def models():
    """Return the networks that the pictures are of, by the start of the pictures' names."""
    wardrobe = ph.zoo.wardrobe()
    weights = wardrobe.get_weights()
    return {
        "wardrobe": wardrobe,
        "exact": ph.load((wardrobe.config, weights), exact=True),
        "halves": ph.load((wardrobe.config, weights), precision="bfloat16"),
        "pair": pair(),
        "table": table(),
    }


def pictures():
    """Return a picture with each option there is, by name."""
    made, networks = {}, models()
    wardrobe = networks["wardrobe"]
    for name, options in OPTIONS.items():
        chosen = {key: each for key, each in (QUIET | options).items() if each is not None}
        with warnings.catch_warnings():  # of a budget, on a busy machine
            warnings.simplefilter("ignore", ph.PhospheneWarning)
            made[f"wardrobe-{name}"] = ph.maximize(wardrobe, BAG, **chosen)
    made["wardrobe-one_of_several"] = made["wardrobe-several"][1]
    for name, objective in OBJECTIVES.items():
        made[f"wardrobe-objective-{name}"] = ph.maximize(wardrobe, objective, **QUIET)
    garments = ph.zoo.garments()[0]
    seen = ph.trace(wardrobe, garments[:1], "conv2_1")["conv2_1"]
    match = ph.match("conv2_1", seen, cosine_power=1)
    made["wardrobe-objective-match"] = ph.maximize(wardrobe, match, **QUIET)
    diverse = ph.channel("conv2_1", 3) + 0.1 * ph.diversity("conv2_1")
    made["wardrobe-objective-diversity"] = ph.maximize(wardrobe, diverse, n=2, **QUIET)

    # Starts are chosen where the first has no gradient; here they are asked for.
    document = {"objectives": [ph.logit(8).to_json()], "steps": 5, "starts": [2]}
    made["wardrobe-starts"] = render(wardrobe, document, progress=False)

    def stop(progress):
        return progress.step == 3

    try:
        ph.maximize(wardrobe, BAG, callbacks=[stop], **QUIET)
    except ph.Cancelled as cancelled:
        made["wardrobe-cancelled"] = cancelled.picture
    for name in ("exact", "halves"):
        made[f"{name}-defaults"] = ph.maximize(networks[name], 3, **QUIET)
    given = {"other": np.cos(np.arange(64, dtype=np.float32)).reshape(8, 8, 1)}
    rows = 0.5 + 0.3 * np.sin(np.arange(24, dtype=np.float32)).reshape(8, 3)
    made["table-prior"] = ph.maximize(networks["table"], 1, prior=rows, **QUIET)
    made["pair-given"] = ph.maximize(networks["pair"], 1, given=given, **QUIET)
    return made


def digest(picture):
    """Return a digest of all numbers of a picture."""
    parts = [picture.images, picture.input, np.float64(picture.scores)]
    parts += [np.float64(each) for each in picture.history]
    parts += [frame.images for frame in picture.frames]
    parts += [] if picture.alpha is None else [picture.alpha]
    content = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    return hashlib.sha256(content).hexdigest()


def main(folder, threads):
    ph.set_threads(int(threads))
    networks = models()
    for path in sorted(Path(folder).glob("*.png")):
        model = networks[path.stem.split("-")[0]]
        print(path.stem, digest(ph.replay(path, model, progress=False)))


if __name__ == "__main__":
    main(*sys.argv[1:])
