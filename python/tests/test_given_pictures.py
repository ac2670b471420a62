"""Starts, masks, and the penalty that holds on to a start."""

import numpy as np
import pytest

import phosphene as ph

QUIET = {"progress": False}
STILL = {"transforms": (), "optimizer": ph.optimizers.SGD(1e-12), "progress": False}


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


def smooth(side):
    """Return a smooth picture of a side, alike at each size, (1, side, side, 1)."""
    x = (np.arange(side) + 0.5) / side
    return (0.5 + 0.3 * np.outer(np.sin(3 * x), np.cos(5 * x)))[None, ..., None].astype(np.float32)


@pytest.mark.parametrize("kind", ["pixel", "fourier"])
@pytest.mark.parametrize(("side", "given"), [(28, 28), (40, 28), (40, 40)])
def test_a_start_is_shown_before_anything_moves(wardrobe, kind, side, given):
    """Of the canvas' size or the network's: both are smooth, so that resizing costs little."""
    options = {"parametrization": kind, "size": side, "start": smooth(given), **STILL}
    picture = ph.maximize(wardrobe, 0, steps=1, **options)
    np.testing.assert_allclose(picture.images / 255, smooth(side), atol=0.02)


@pytest.mark.parametrize("kind", ["pixel", "fourier"])
def test_the_next_stage_shows_what_the_one_before_showed(wardrobe, kind):
    options = {"parametrization": kind, "start": smooth(28), **STILL}
    picture = ph.maximize(wardrobe, 0, stages=[(14, 1), (21, 1), (28, 1)], **options)
    # A spectrum repeats itself beyond the edges, where few frequencies can't follow the jump.
    away = np.abs(picture.images / 255 - smooth(28))
    assert away.mean() < 0.02
    assert away.max() < 0.15


def test_a_picture_may_be_smaller_or_larger_than_the_canvas(wardrobe):
    from PIL import Image

    image = Image.fromarray(np.full((50, 50), 200, np.uint8))
    picture = ph.maximize(wardrobe, 0, steps=1, start=image, size=36, **STILL)
    np.testing.assert_allclose(picture.images, 200, atol=2)


@pytest.mark.parametrize("kind", ["pixel", "fourier", "natural", "maco"])
def test_a_mask_keeps_the_start(wardrobe, kind):
    mask = np.zeros((28, 28))
    mask[:, 14:] = 1
    start = smooth(28)
    picture = ph.maximize(
        wardrobe, "Bag", start=start, over=mask, steps=32, size=28, parametrization=kind, **QUIET
    )
    np.testing.assert_allclose(picture.input[0, :, :14], start[0, :, :14], atol=1e-6)
    assert np.abs(picture.input[0, :, 14:] - start[0, :, 14:]).mean() > 0.05
    assert picture.recipe["mask"]["shape"] == [28, 28, 1]


def test_without_a_start_a_mask_keeps_the_background(wardrobe):
    mask = np.zeros((28, 28, 1))
    mask[8:20, 8:20] = 1
    picture = ph.maximize(wardrobe, "Bag", over=mask, background=0.25, steps=16, n=2, **QUIET)
    outside = np.broadcast_to(mask == 0, picture.input.shape)
    np.testing.assert_allclose(picture.input[outside], 0.25, atol=1e-6)
    assert picture.input[~outside].std() > 0.05


def colour_network(side=8):
    """Return a network that likes every channel of every pixel."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, side, side, 3], "name": "x"}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 1}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    return config, [np.ones((side * side * 3, 1), np.float32), np.zeros(1, np.float32)]


@pytest.mark.parametrize("preprocessing", [(1 / 255, 0.0), "caffe"])
def test_a_mask_freezes_channels_as_they_are_seen(preprocessing):
    """Whatever order the network has its channels in, the mask is for red, green and blue."""
    model = ph.load(colour_network(), preprocessing=preprocessing)
    picture = ph.maximize(
        model, 0, over=[[[1, 0, 0]]], parametrization="pixel", transforms=(), steps=100, **QUIET
    )
    red, green, blue = picture.image.mean(axis=(0, 1))
    assert red > 230
    assert abs(green - 127.5) < 1
    assert abs(blue - 127.5) < 1


def test_a_mask_of_units():
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 1}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    model = (config, [np.ones((4, 1), np.float32), np.zeros(1, np.float32)])
    picture = ph.maximize(
        model, 0, over=[1, 0, 1, 0], start=[[0.2, 0.2, 0.4, 0.4]], steps=200, **QUIET
    )
    np.testing.assert_allclose(picture.input[0, [1, 3]], [0.2, 0.4], atol=1e-6)
    assert picture.input[0, [0, 2]].min() > 0.9


def test_a_mask_is_replayed(wardrobe, tmp_path):
    mask = np.linspace(0, 1, 28)[:, None] * np.ones(28)
    picture = ph.maximize(wardrobe, "Bag", start=smooth(28), over=mask, steps=6, **QUIET)
    again = ph.replay(picture.save(tmp_path / "picture.png"), wardrobe, progress=False)
    np.testing.assert_array_equal(again.images, picture.images)


def test_distance_holds_on_to_the_start(wardrobe):
    images, _ = ph.zoo.garments()
    options = {"start": images[:1], "steps": 48, "transforms": (), **QUIET}

    def away(*regularizers):
        picture = ph.maximize(wardrobe, "Bag", regularizers=regularizers, **options)
        return np.abs(picture.input - images[:1]).mean(), picture.score

    (free, best), (near, some), (nearer, less) = (
        away(*each)
        for each in ((), [ph.regularizers.Distance(300.0)], [ph.regularizers.Distance(10_000.0)])
    )
    assert free > near > nearer
    assert best > some > less


def test_distance_by_hand():
    """One step of plain ascent from a start, then the gradient of the penalty pulls back."""
    model, start = colour_network(4), np.full((1, 4, 4, 3), 0.5, np.float32)
    picture = ph.maximize(
        model,
        0,
        start=start,
        steps=2,
        parametrization="pixel",
        transforms=(),
        optimizer=ph.optimizers.SGD(0.5, momentum=0.0),
        regularizers=[ph.regularizers.Distance(20.0)],
        **QUIET,
    )
    theta = 0.0
    for _ in range(2):
        x = 1 / (1 + np.exp(-theta))
        theta += 0.5 * (1 - 20 * 2 * (x - 0.5) / 48) * x * (1 - x)
    np.testing.assert_allclose(picture.input, 1 / (1 + np.exp(-theta)), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"over": np.zeros((28, 28))}, "over is 0 everywhere"),
        ({"over": np.full((28, 28), 2.0)}, r"over must hold numbers from 0 .* received 2 to 2"),
        ({"over": np.full((28, 28), np.nan)}, r"over must hold numbers from 0"),
        (
            {"over": np.ones((14, 14))},
            r"\(28, 28, 1\), where 1 may stand .* received \(14, 14, 1\)",
        ),
        ({"over": np.ones((28, 28, 3))}, r"over must have shape .* received \(28, 28, 3\)"),
        ({"over": "left"}, "over must be numbers"),
        ({"regularizers": [ph.regularizers.Distance(1.0)]}, "measures from a start picture"),
    ],
)
def test_refusals(wardrobe, options, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(wardrobe, 0, steps=2, **options, **QUIET)


@pytest.fixture
def of_two_inputs(keras):
    """Return a network whose score is a picture times weights that another input switches."""
    image = keras.Input((6, 6, 1), name="image")
    switch = keras.Input((1,), name="switch")
    flat = keras.layers.Flatten()(image)
    both = keras.layers.Multiply()([flat, keras.layers.RepeatVector(36)(switch)[..., 0]])
    model = keras.Model({"image": image, "switch": switch}, keras.layers.Dense(1, name="sum")(both))
    model.get_layer("sum").set_weights([np.ones((36, 1), np.float32), np.zeros(1, np.float32)])
    return ph.load(model)


@pytest.mark.keras
@pytest.mark.parametrize("switch", [1.0, -2.0])
def test_other_inputs_are_given(of_two_inputs, switch, tmp_path):
    options = {"parametrization": "pixel", "transforms": (), "steps": 100, **QUIET}
    picture = ph.maximize(of_two_inputs, 0, given={"switch": [switch]}, n=2, **options)
    assert picture.input.shape == (2, 6, 6, 1)
    assert (picture.input > 0.5).all() == (switch > 0)
    switches = np.full((2, 1), switch)
    answer = of_two_inputs({"image": picture.input, "switch": switches})
    np.testing.assert_allclose(picture.scores, answer[:, 0], rtol=1e-4)
    again = ph.replay(picture.save(tmp_path / "picture.png"), of_two_inputs, progress=False)
    np.testing.assert_array_equal(again.images, picture.images)
    # The other way round.
    given = {"image": np.ones((1, 6, 6, 1))}
    row = ph.maximize(of_two_inputs, 0, given=given, steps=60, value_range=(0, 1), **QUIET)
    assert row.input.shape == (1, 1)
    assert row.input[0, 0] > 0.8


@pytest.mark.keras
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"changes one input of the model's 2, image, switch: give all others, .* none"),
        ({}, "give all others"),
        ({"swich": [1]}, "no input 'swich', its inputs are image, switch"),
        ({"switch": [1], "image": np.ones((6, 6, 1))}, "received image, switch"),
        ({"switch": [1, 2]}, r"'switch' takes arrays of shape \(1\), received \(2\)"),
        ([1], "given must be a dict of inputs by name"),
        ({"switch": "on"}, r"given\['switch'\] must be numbers"),
    ],
)
def test_given_refusals(of_two_inputs, given, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(of_two_inputs, 0, given=given, steps=2, **QUIET)
