"""Transparency that is optimized: against a twin in NumPy, and what comes of it."""

from statistics import NormalDist

import numpy as np
import pytest
from PIL import Image
from test_any_input import linear_network, one_thread, smooth

import phosphene as ph

__all__ = ["one_thread"]  # pytest finds the fixture here

QUIET = {"progress": False}
OPTIMIZED = {"alpha": "optimized", "progress": False}
SIDE = 8


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def philox(stream, key, count):
    """Return blocks of four random words: Philox4x32-10 (Salmon et al. 2011)."""
    words = np.zeros((count, 4), np.uint64)
    words[:, 0] = np.arange(count)
    words[:, 2], words[:, 3] = stream & 0xFFFFFFFF, stream >> 32
    low, high = key & 0xFFFFFFFF, key >> 32
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    for _ in range(10):
        first, second = words[:, 0] * np.uint64(0xD2511F53), words[:, 2] * np.uint64(0xCD9E8D57)
        words = np.stack(
            [
                (second >> half) ^ words[:, 1] ^ np.uint64(low),
                second & mask,
                (first >> half) ^ words[:, 3] ^ np.uint64(high),
                first & mask,
            ],
            axis=1,
        )
        low, high = (low + 0x9E3779B9) & 0xFFFFFFFF, (high + 0xBB67AE85) & 0xFFFFFFFF
    return words


def ground(seed, step, middle, replicate=0, side=SIDE):
    """Return the random clouds behind a grey picture at a step: Lucid's `image_sample`."""
    half = side // 2 + 1
    size = 2 * side * half
    words = philox((4 << 56) | (replicate << 32) | step, seed, -(-size // 8))
    sixteen = np.stack([words & np.uint64(0xFFFF), words >> np.uint64(16)], axis=-1).ravel()[:size]
    normal = NormalDist()
    numbers = np.array([normal.inv_cdf((int(each) + 0.5) / 65536) for each in sixteen])
    real, imaginary = 0.5 * numbers.reshape(2, side, half)
    y, x = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    scale = side / np.maximum(np.hypot(y, x), 1 / side)
    clouds = np.fft.irfft2(scale * (real + 1j * imaginary), s=(side, side)) / 4
    return sigmoid(clouds + middle)


def climbed(kernel, start, steps, *, rate, background, l1, l2, share, distance, seed):
    """Return colours, opacity and the history of plain ascent on colours and opacity."""
    middle = np.log(background / (1 - background))
    color, opacity = np.log(start / (1 - start)) - middle, np.zeros(start.shape)
    history = []
    for step in range(1, steps + 1):
        behind = ground(seed, step, middle)
        c, a = sigmoid(color + middle), sigmoid(opacity)
        score = (kernel * (behind + a * (c - behind))).sum()
        history.append(score)
        # Penalties look at what is seen before the recipe's background.
        away = 2 * distance * (background + a * (c - background) - start) / kernel.size
        slope_c = a * (kernel - away)
        slope_a = kernel * (c - behind) - away * (c - background)
        slope_a -= (l1 + share * max(score, 0) + 2 * l2 * a) / kernel.size
        color = color + rate * slope_c * c * (1 - c)
        opacity = opacity + rate * slope_a * a * (1 - a)
    return sigmoid(color + middle), sigmoid(opacity), history


@pytest.mark.parametrize(
    "penalties",
    [
        {"l1": 0, "l2": 0, "share": 0, "distance": 0},
        {"l1": 40, "l2": 0, "share": 0, "distance": 0},
        {"l1": 0, "l2": 50, "share": 0, "distance": 0},
        {"l1": 0, "l2": 0, "share": 6, "distance": 0},
        {"l1": 10, "l2": 20, "share": 2, "distance": 60},
    ],
)
def test_the_climb_is_that_of_numpy(penalties):
    kernel = smooth((SIDE, SIDE, 1)) + 0.1
    start = 0.5 + 0.35 * smooth((SIDE, SIDE, 1))
    settings = {"rate": 0.7, "background": 0.3, "seed": 2**40 + 5}
    color, alpha, history = climbed(kernel[..., 0], start[..., 0], 6, **settings, **penalties)
    regularizers = [
        ph.regularizers.Alpha(penalties["l1"]),
        ph.regularizers.Alpha(penalties["l2"], power=2),
        ph.regularizers.Alpha(penalties["share"], relative=True),
        ph.regularizers.Distance(penalties["distance"]),
    ]
    picture = ph.maximize(
        linear_network(kernel),
        0,
        start=start[None].astype(np.float32),
        parametrization="pixel",
        transforms=(),
        regularizers=regularizers,
        optimizer=ph.optimizers.SGD(settings["rate"], momentum=0.0),
        background=settings["background"],
        seed=settings["seed"],
        steps=6,
        **OPTIMIZED,
    )
    np.testing.assert_allclose(picture.history[0], history, atol=2e-4)
    # The best one is the last where nothing is punished, and else may be an earlier one.
    if picture.steps[0] == 6:
        np.testing.assert_allclose(picture.alpha[0], alpha, atol=1e-4)
        seen = settings["background"] + alpha * (color - settings["background"])
        np.testing.assert_allclose(picture.input[0, ..., 0], seen, atol=1e-4)
    np.testing.assert_allclose(picture.score, (picture.input * kernel).sum(), atol=1e-3)


@pytest.mark.parametrize("kind", ["natural", "fourier", "maco", "pixel"])
def test_what_the_objective_needs_stays(kind, tmp_path):
    """Only the right half counts: there the picture beats any ground, elsewhere it costs."""
    kernel = np.ones((24, 24, 3)) * np.sign(smooth((24, 24, 1)))
    kernel[:, :12] = 0
    model = linear_network(kernel)
    options = {"parametrization": kind, "size": 24, "transforms": (), "steps": 128, "n": 2}
    picture = ph.maximize(model, 0, **options, **OPTIMIZED)
    assert picture.alpha.shape == (2, 24, 24)
    left, right = picture.alpha[:, :, 1:11].mean(), picture.alpha[:, :, 13:23].mean()
    assert left < 0.25
    assert right > 0.6
    assert picture.recipe["transparency"] == "optimized"
    assert picture.recipe["regularizers"][-1]["kind"] == "alpha"
    again = ph.replay(picture.save(tmp_path / "picture.png"), model, progress=False)
    np.testing.assert_array_equal(again.alpha, picture.alpha)
    np.testing.assert_array_equal(again.images, picture.images)


def test_a_saved_picture_looks_alike_before_its_background(tmp_path):
    wardrobe = ph.zoo.wardrobe()
    picture = ph.maximize(wardrobe, "Bag", background=0.2, steps=24, **OPTIMIZED)
    np.testing.assert_allclose(picture.input[0] * 255, picture.image, atol=0.51)
    with Image.open(picture.save(tmp_path / "bag.png", alpha=True, scale=1)) as image:
        assert image.mode == "RGBA"
        stored = np.asarray(image).astype(np.float64)
    np.testing.assert_array_equal(stored[..., 3], np.rint(255 * picture.alpha[0]))
    alpha = stored[..., 3:] / 255
    seen = alpha * stored[..., :1] + (1 - alpha) * 255 * 0.2
    # Rounded are the picture, its opacity and its colours.
    np.testing.assert_allclose(seen, picture.image, atol=1.6)
    with Image.open(picture.save(tmp_path / "plain.png", scale=1)) as image:
        np.testing.assert_array_equal(np.asarray(image), picture.image[..., 0])


@pytest.mark.parametrize("start", [False, True])
def test_what_a_mask_keeps_is_opaque_if_it_was_given(start):
    mask = np.zeros((28, 28, 1))
    mask[:, 14:] = 1
    given = {"start": np.full((1, 28, 28, 1), 0.8, np.float32)} if start else {}
    picture = ph.maximize(ph.zoo.wardrobe(), "Bag", over=mask, steps=8, **given, **OPTIMIZED)
    assert (picture.alpha[:, :, :14] == float(start)).all()
    assert ((picture.alpha[:, :, 14:] > 0) & (picture.alpha[:, :, 14:] < 1)).all()
    np.testing.assert_allclose(picture.input[0, :, :14], 0.8 if start else 0.5, atol=1e-6)


def test_several_pictures_are_the_single_ones():
    wardrobe = ph.zoo.wardrobe()
    options = {"views": 2, "regularizers": [ph.regularizers.Alpha(1, relative=True)], "steps": 6}
    both = ph.maximize(wardrobe, ["Bag", "Coat"], **options, **OPTIMIZED)
    single = ph.maximize(wardrobe, "Coat", **options, **OPTIMIZED)
    np.testing.assert_allclose(both.alpha[1], single.alpha[0], atol=1e-3)
    sheet = np.asarray(both.to_pil(alpha=True))
    assert sheet.shape == (*np.asarray(both.to_pil()).shape[:2], 4)


def test_other_starts_are_compared_with_their_transparency():
    wardrobe = ph.zoo.wardrobe()
    picture = ph.maximize(wardrobe, "Bag", steps=6, **OPTIMIZED)
    card = picture.card(wardrobe, seeds=1, random_weights=False, progress=False)
    assert len(card.seeds[0]) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": "optimised"}, r"alpha must be False, True .* received 'optimised'"),
        ({"alpha": 0.5}, "alpha must be False, True"),
        ({"regularizers": [ph.regularizers.Alpha(1)]}, 'ask for alpha="optimized"'),
        (
            {"alpha": True, "regularizers": [ph.regularizers.Alpha(1)]},
            'ask for alpha="optimized"',
        ),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(ph.zoo.wardrobe(), "Bag", steps=1, **options, **QUIET)


@pytest.mark.parametrize("shape", [(40, 3), (6, 8, 10, 2), (30,)])
def test_other_inputs_than_pictures_have_none(shape):
    with pytest.raises(
        ph.InvalidArgumentError, match=r'^alpha="optimized" is for pictures.*: leave alpha out$'
    ):
        ph.maximize(linear_network(smooth(shape)), 0, steps=1, **OPTIMIZED)


@pytest.mark.parametrize(
    "arguments", [{"weight": -1}, {"weight": 1, "power": 3}, {"weight": float("nan")}]
)
def test_penalties_out_of_range(arguments):
    with pytest.raises(ph.InvalidArgumentError, match="Alpha: "):
        ph.regularizers.Alpha(**arguments)
