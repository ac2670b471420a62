"""The range of pictures that a first convolution's normalization tells."""

import numpy as np
import pytest

import phosphene as ph
from phosphene._models.fitted_range import _moments

SCALES = {
    "0 to 1": (1 / 255, 0.0),
    "0 to 255": (1.0, 0.0),
    "-1 to 1": (1 / 127.5, -1.0),
}


def leaves(channels, seed, count=8, side=64):
    """Return pictures of opaque discs of all sizes, which have the statistics of photographs."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    pictures = np.empty((count, side, side, channels), np.float32)
    for picture in pictures:
        picture[...] = random.uniform(0, 255)
        light = random.uniform(0.6, 1.0)
        for _ in range(400):
            # Radii whose density falls as their third power.
            radius = 2 / np.sqrt(random.uniform((2 / side) ** 2, 1))
            row, column = random.uniform(-radius, side + radius, 2)
            grey, tint = random.uniform(0, 255), random.normal(0, 20, channels)
            inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
            picture[inside] = np.clip(light * (grey + tint), 0, 255)
    return pictures


def network(
    pictures, *, side=3, strides=2, filters=12, use_bias=True, front=(), activation="linear", seed=0
):
    """Return a convolution and the normalization that it has after training on pictures."""
    random = np.random.default_rng(seed)
    channels = pictures.shape[-1]
    kernel = random.normal(0, 1, (side, side, channels, filters))
    kernel[..., : filters // 2] -= kernel[..., : filters // 2].mean(axis=(0, 1))  # edges
    kernel *= 10 ** random.uniform(-1, 1, filters)
    bias = random.normal(0, 1, filters) if use_bias else np.zeros(filters)
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (side, side), axis=(1, 2))
    outputs = np.einsum("nyxchw,hwcf->nyxf", windows[:, ::4, ::4], kernel) + bias

    def layer(kind, name, **settings):
        return {"class_name": kind, "config": {"name": name} | settings}

    shape = [None, 64, 64, channels]
    layers = [
        layer("InputLayer", "x", batch_shape=shape),
        *front,
        layer("Conv2D", "conv", filters=filters, kernel_size=[side, side],
              strides=[strides, strides], use_bias=use_bias, activation=activation),
        layer("BatchNormalization", "norm", epsilon=1e-3),
        layer("GlobalAveragePooling2D", "pool"),
    ]  # fmt: skip
    weights = {
        "conv/kernel": kernel,
        "norm/gamma": np.ones(filters),
        "norm/beta": np.zeros(filters),
        "norm/moving_mean": outputs.mean(axis=(0, 1, 2)),
        "norm/moving_variance": outputs.var(axis=(0, 1, 2)),
    }
    if use_bias:
        weights["conv/bias"] = bias
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    return config, weights


@pytest.mark.parametrize("stated", SCALES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"side": 7, "use_bias": False},
        {"channels": 1, "strides": 1, "side": 5},
        {"front": [{"class_name": "ZeroPadding2D", "config": {"name": "pad", "padding": 1}}]},
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_the_range_of_training_is_found(stated, options, seed):
    channels = options.get("channels", 3)
    rest = {name: value for name, value in options.items() if name != "channels"}
    scale, offset = SCALES[stated]
    pictures = scale * leaves(channels, seed) + offset
    model = ph.load(network(pictures, seed=seed, **rest))
    preprocessing = model.preprocessing
    assert stated in preprocessing.sentence
    assert "what 'norm' keeps of 'conv' fits" in preprocessing.sentence
    assert not preprocessing.assumed
    assert preprocessing.value_range == pytest.approx((offset, 255 * scale + offset))
    pixels = np.full((1, 64, 64, channels), 255)
    np.testing.assert_allclose(model.prepare(pixels), 255 * scale + offset, rtol=1e-6)


def changed(weights, **parts):
    return weights | {f"norm/{name}": value for name, value in parts.items()}


def test_what_tells_nothing_is_assumed_as_before():
    pictures = leaves(3, 0) / 127.5 - 1
    config, weights = network(pictures)
    random = np.random.default_rng(0)
    others = {
        "new": changed(weights, moving_mean=np.zeros(12), moving_variance=np.ones(12)),
        "other": changed(weights, moving_variance=weights["norm/moving_variance"] * 100),
        "broken": changed(weights, moving_variance=np.full(12, np.nan)),
        "random": changed(weights, moving_variance=random.uniform(0.5, 2, 12)),
    }
    for each in others.values():
        assert ph.load((config, each)).preprocessing.assumed
    assert ph.load(network(random.normal(0, 0.02, (4, 64, 64, 3)))).preprocessing.assumed
    assert ph.load(network(pictures, activation="relu")).preprocessing.assumed


def test_what_is_said_counts_more():
    pictures = leaves(3, 0) / 127.5 - 1
    config, weights = network(pictures)
    said = ph.load((config, weights), preprocessing=(1.0, 0.0)).preprocessing
    assert said.value_range == (0.0, 255.0)
    settings = {"name": "r", "scale": 1 / 127.5, "offset": -1}
    rescaling = [{"class_name": "Rescaling", "config": settings}]
    front = ph.load(network(pictures, front=rescaling)).preprocessing
    assert "Rescaling found" in front.sentence


def test_functional_networks():
    """What reads the convolution is what its references say, not what stands behind it."""
    config, weights = network(leaves(3, 0) / 127.5 - 1)
    entries = {each["config"]["name"]: each for each in config["config"]["layers"]}
    entries["side"] = {"class_name": "ReLU", "config": {"name": "side"}}

    def functional(**sources):
        layers = [
            entries[name]
            | {"name": name, "inbound_nodes": [[[source, 0, 0, {}]]] if source else []}
            for name, source in sources.items()
        ]
        ends = {"input_layers": [["x", 0, 0]], "output_layers": [["pool", 0, 0]]}
        return {"class_name": "Functional", "config": {"name": "net", "layers": layers} | ends}

    plain = functional(x=None, conv="x", side="x", norm="conv", pool="norm")
    assert "'norm' keeps of 'conv'" in ph.load((plain, weights)).preprocessing.sentence
    rectified = functional(x=None, conv="x", side="conv", norm="side", pool="norm")
    assert ph.load((rectified, weights)).preprocessing.assumed


def standardized(pictures):
    return (pictures - pictures.mean(axis=(0, 1, 2))) / pictures.std(axis=(0, 1, 2))


@pytest.mark.parametrize("kind", ["dark", "pages", "photographs", "ImageNet's mean"])
def test_pictures_that_are_standardized_are_warned_of(kind):
    """What is less a mean of its own fits ImageNet's mean as well as what is less that."""
    pictures = leaves(3, 0)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    taken = {
        "dark": standardized((pictures / 255) ** 4),
        "pages": standardized(np.where(pictures > 60, 255, pictures)),
        "photographs": standardized(pictures),
        "ImageNet's mean": (pictures / 255 - mean) / deviation,
    }[kind]
    model = ph.load(network(taken))
    assert model.preprocessing.assumed
    low, high = model.preprocessing.value_range
    with pytest.warns(ph.PhospheneWarning, match=f"so that {low:.4g} to {high:.4g} is assumed"):
        ph.maximize(model, ("conv", 0), steps=1, progress=False)


@pytest.mark.parametrize("filters", [4, 8])
def test_few_channels_tell_nothing(filters):
    model = ph.load(network(leaves(3, 0), filters=filters))
    assert model.preprocessing.assumed == (filters < 8)


def test_channels_without_variance_tell_nothing():
    config, weights = network(leaves(3, 0))
    variance = np.where(np.arange(12) < 5, 0, weights["norm/moving_variance"])
    assert ph.load((config, changed(weights, moving_variance=variance))).preprocessing.assumed


def test_large_kernels_tell_nothing():
    """The covariance of a patch of 64 by 64 colours alone would take a gigabyte."""
    random = np.random.default_rng(0)
    config, weights = network(leaves(3, 0, count=1))
    config["config"]["layers"][1]["config"] |= {"kernel_size": [64, 64]}
    weights |= {"conv/kernel": random.normal(size=(64, 64, 3, 12))}
    assert ph.load((config, weights)).preprocessing.assumed


@pytest.mark.parametrize("side", [1, 3, 4])
def test_moments_are_those_of_patches(side):
    """The plain twin: what a kernel makes of whole patches, one by one."""
    random = np.random.default_rng(0)
    pictures = random.uniform(size=(2, 12, 11, 3))
    kernel = random.normal(size=(side, side, 3, 5))
    means, covariances = _moments(pictures, kernel)
    for scale in (np.array([1.0, 0, 0]), np.array([0.2, -1, 3])):
        outputs = [
            np.tensordot(255 * scale * picture[y : y + side, x : x + side], kernel, 3)
            for picture in pictures
            for y in range(12 - side + 1)
            for x in range(11 - side + 1)
        ]
        np.testing.assert_allclose(scale @ means, np.mean(outputs, axis=0))
        variance = np.einsum("c,cdf,d->f", scale, covariances, scale)
        np.testing.assert_allclose(variance, np.var(outputs, axis=0))
