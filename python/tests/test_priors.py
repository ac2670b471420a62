"""Priors from images: known spectra and colours come back, and pictures follow them."""

from pathlib import Path

import numpy as np
import pytest

import phosphene as ph
from phosphene._vision.maximization.folders import pictures_in
from phosphene._vision.maximization.priors import estimated
from phosphene._vision.maximization.render import render

QUIET = {"progress": False}
AXES = np.array([[0.6, 0.5, 0.4], [0.2, 0.0, -0.3], [-0.05, 0.12, -0.06]])
MEAN = np.array([0.3, 0.5, 0.6])


def synthesized(count, side, slope, axes, mean, *, seed=0):
    """Return pictures whose magnitudes fall as frequency to a power, and whose colours vary along
    known axes.
    """
    random = np.random.default_rng(seed)
    y, x = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    frequency = np.hypot(y, x)
    frequency[0, 0] = 1
    noise = np.fft.rfft2(random.normal(0, 1, (count, len(axes), side, side)))
    noise[..., 0, 0] = 0
    planes = np.fft.irfft2(noise * frequency**slope, s=(side, side))
    planes /= planes.std(axis=(0, 2, 3), keepdims=True)
    pixels = np.einsum("nahw,ac->nhwc", planes, axes)
    return mean + 0.05 * pixels / pixels.std()


@pytest.mark.parametrize("slope", [-0.5, -1.2, -2.0])
def test_a_known_spectrum_comes_back(slope):
    prior = estimated(synthesized(24, 48, slope, np.eye(1), 0.5))
    _, fall, *rest = prior["spectrum"][0]
    frequency = np.array([0.03, 0.1, 0.3])
    y = x = frequency**2 / 2
    shape = fall * np.log(frequency) + rest[0] * (y + x) + rest[1] * (y**2 + x**2) + rest[2] * y * x
    expected = slope * np.log(frequency)
    np.testing.assert_allclose(shape - shape[1], expected - expected[1], atol=0.12)


def test_known_colours_come_back():
    pixels = synthesized(24, 48, -1, AXES, MEAN)
    prior = estimated(pixels)
    np.testing.assert_allclose(prior["mean"], MEAN, atol=0.01)
    found = np.array(prior["axes"])
    # The axes are known but for a turn: only their covariance is.
    received, expected = found.T @ found, AXES.T @ AXES
    np.testing.assert_allclose(
        received / np.trace(received), expected / np.trace(expected), atol=0.03
    )
    np.testing.assert_allclose(np.linalg.norm(found[0]), 1, atol=1e-6)


def colour_network(side=24):
    """Return a network that sums what it sees, with weights that know no colour and no scale."""
    layers = [
        ("InputLayer", {"batch_shape": [None, side, side, 3], "name": "input"}),
        ("Flatten", {"name": "flatten"}),
        ("Dense", {"name": "sum", "units": 1, "use_bias": False}),
    ]
    listed = [{"class_name": name, "config": config} for name, config in layers]
    config = {"class_name": "Sequential", "config": {"name": "colours", "layers": listed}}
    kernel = np.random.default_rng(2).normal(0, 1, (side * side * 3, 1)).astype(np.float32)
    return ph.load((config, [kernel]), preprocessing=(1 / 127.5, -1))


@pytest.mark.parametrize("kind", ["natural", "fourier", "maco", None])
def test_pictures_have_the_prior_s_colours(kind, tmp_path):
    """One axis of colours: every pixel before the sigmoid lies on it, around the mean."""
    model = colour_network()
    axis = np.array([[0.9, 0.3, -0.3]])
    images = synthesized(8, 24, -1, axis, MEAN) * 2 - 1  # the network's range
    options = {"parametrization": kind, "size": 24, "transforms": (), "steps": 8, **QUIET}
    picture = ph.maximize(model, 0, prior=images.astype(np.float32), **options)
    pixels = np.clip((picture.input[0].reshape(-1, 3) + 1) / 2, 1e-6, 1 - 1e-6)
    values = np.log(pixels / (1 - pixels)) - np.log(MEAN / (1 - MEAN))
    _, lengths, directions = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    assert lengths[1] < 0.02 * lengths[0]
    np.testing.assert_allclose(
        np.abs(directions[0]), np.abs(axis[0]) / np.linalg.norm(axis), atol=0.02
    )
    assert picture.recipe["parametrization"]["kind"] == (kind or "natural")
    path = picture.save(tmp_path / "picture.png")
    np.testing.assert_array_equal(ph.replay(path, model).images, picture.images)


def test_garments_become_darker_by_a_prior_of_garments():
    wardrobe = ph.zoo.wardrobe()
    images, _ = ph.zoo.garments()
    plain, known = (
        ph.maximize(wardrobe, ["Bag", "Sandal", "Dress"], prior=prior, steps=64, **QUIET)
        for prior in (None, images)
    )
    assert known.recipe["parametrization"]["kind"] == "fourier"
    np.testing.assert_allclose(
        known.recipe["parametrization"]["prior"]["mean"], images.mean(), 1e-4
    )
    assert known.images.mean() < plain.images.mean()
    # Faint noise around the mean of the garments is where it begins.
    start = ph.maximize(wardrobe, "Bag", prior=images, steps=1, transforms=(), **QUIET)
    np.testing.assert_allclose(start.input.mean(), images.mean(), atol=0.01)


def test_pictures_have_the_prior_s_spectrum():
    """Phases alone move, so that the magnitudes of a picture's logits are the prior's."""
    model = colour_network()
    falls = []
    for slope in (-0.5, -1.5):
        images = synthesized(24, 24, slope, np.ones((1, 3)), 0.5) * 2 - 1
        options = {"parametrization": "maco", "size": 24, "transforms": (), "steps": 8, **QUIET}
        pixels = ph.maximize(model, 0, prior=images.astype(np.float32), **options).input[0, ..., 0]
        pixels = np.clip((pixels + 1) / 2, 1e-6, 1 - 1e-6)
        power = np.abs(np.fft.rfft2(np.log(pixels / (1 - pixels))))
        falls.append(np.log(power[8, 8] / power[2, 2]) / np.log(4))
    np.testing.assert_allclose(falls, [-0.5, -1.5], atol=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": np.zeros((2, 24, 24, 3)) + 0.1}, "one colour"),
        ({"prior": np.random.default_rng(0).uniform(0, 255, (2, 24, 24, 3))}, "range of the"),
        ({"prior": np.full((2, 24, 24, 3), np.nan)}, "NaN"),
        ({"prior": np.zeros((2, 4))}, r"pictures of 8 by 8 or more.*\(2, 4\)"),
        ({"prior": np.zeros((2, 7, 24, 3))}, r"pictures of 8 by 8 or more.*\(2, 7, 24, 3\)"),
        ({"prior": np.eye(24)[None, ..., None]}, "describes inputs of 1 channel with"),
        ({"prior": "noise", "parametrization": "pixel"}, "leave out"),
        ({"prior": "noise", "start": np.zeros((1, 24, 24, 3))}, "leave out start|leave start out"),
    ],
)
def test_refusals(options, message):
    if isinstance(options["prior"], str):
        images = synthesized(2, 24, -1, AXES, MEAN) * 2 - 1
        options = options | {"prior": images.astype(np.float32)}
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(colour_network(), 0, **({"steps": 2} | options | QUIET))


@pytest.mark.parametrize(("side", "kind"), [(96, "natural"), (24, "fourier")])
@pytest.mark.parametrize("order", ["channels_first", "channels_last"])
def test_a_prior_keeps_the_default_parametrization(side, kind, order):
    shape = [2, side, side] if order == "channels_first" else [side, side, 2]
    convolution = {"filters": 1, "kernel_size": [1, 1], "use_bias": False, "name": "conv"}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "x"}},
        {"class_name": "Conv2D", "config": convolution | {"data_format": order}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    model = ph.load((config, [np.ones((1, 1, 2, 1), np.float32)]))
    images = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    options = {"steps": 1, **QUIET}
    plain = ph.maximize(model, ("conv", 0), **options).recipe["parametrization"]
    known = ph.maximize(model, ("conv", 0), prior=images, **options).recipe["parametrization"]
    assert plain["kind"] == known["kind"] == kind


@pytest.mark.parametrize("coefficients", [[-1e6, 0, 0, 0, 0], [0, 1e6, 0, 0, 0]])
@pytest.mark.parametrize("kind", ["natural", "maco"])
def test_spectra_that_no_picture_has_are_blamed(kind, coefficients):
    """Magnitudes beyond exp(40) either way count as that."""
    prior = {"mean": [0.5], "axes": [[1]], "spectrum": [coefficients]}
    recipe = {
        "objectives": [{"terms": [{"kind": "logit", "index": 8}]}],
        "steps": 2,
        "parametrization": {"kind": kind, "prior": prior},
    }
    blame = "the spectrum of the prior is that of no inputs: its magnitudes go from 4.248.*e-18"
    if kind == "maco":  # of which nothing is left
        with pytest.raises(ph.InvalidArgumentError, match=blame):
            render(ph.zoo.wardrobe(), recipe, progress=False)
        return
    with pytest.warns(ph.PhospheneWarning, match=blame):
        picture = render(ph.zoo.wardrobe(), recipe, progress=False)
    assert picture.diagnosis is not None


def test_a_folder_that_can_t_be_read_is_named(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(
        ph.ModelFileError, match=r"prior is the folder .* can't be read: Permission"
    ):
        pictures_in(tmp_path, "prior")
