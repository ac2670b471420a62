"""Maximization of inputs that are no colour pictures: signals, volumes, rows, many channels."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import phosphene as ph

QUIET = {"progress": False}
FORMS = {
    "signal": (40, 3),
    "volume": (6, 8, 10, 2),
    "row": (30,),
    "two channels": (16, 16, 2),
    "five channels": (16, 16, 5),
}


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


def linear_network(kernel):
    """Return a network of one output: the sum of `kernel` times the input, behind a layer that says
    what the input's axes are.
    """
    between = {2: "ZeroPadding1D", 4: "ZeroPadding3D"}.get(kernel.ndim, "Activation")
    padding = {"ZeroPadding1D": (0, 0), "ZeroPadding3D": [(0, 0)] * 3}.get(between)
    settings = {"activation": "linear"} if padding is None else {"padding": padding}
    layers = [
        ("InputLayer", {"batch_shape": [None, *kernel.shape], "name": "input"}),
        (between, {"name": "same", **settings}),
        ("Flatten", {"name": "flatten"}),
        ("Dense", {"name": "sum", "units": 1}),
    ]
    listed = [{"class_name": name, "config": config} for name, config in layers]
    config = {"class_name": "Sequential", "config": {"name": "linear", "layers": listed}}
    weights = [kernel.reshape(-1, 1).astype(np.float32), np.zeros(1, np.float32)]
    return ph.load((config, weights), preprocessing=(1 / 255, 0))


def smooth(shape):
    """Return weights of both signs that change slowly along each axis but the channels'."""
    kernel = np.ones(shape)
    for axis, length in enumerate(shape[:-1] if len(shape) > 1 else shape):
        phase = 2 * np.pi * (np.arange(length) + 0.3) / length
        kernel = kernel * np.cos(phase).reshape([-1] + [1] * (len(shape) - axis - 1))
    signs = np.where(np.arange(shape[-1]) % 2, -1, 1)
    return kernel * signs if len(shape) > 1 else kernel


@pytest.mark.parametrize("kind", ["natural", "fourier", "maco", "pixel", None])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_becomes_what_the_network_wants(form, kind, tmp_path):
    kernel = smooth(FORMS[form])
    model = linear_network(kernel)
    options = {"parametrization": kind, "steps": 48, "n": 2, **QUIET}
    picture = ph.maximize(model, 0, **options)
    assert picture.input.shape == (2, *kernel.shape)
    np.testing.assert_allclose(
        picture.scores,
        (picture.input * kernel).sum(axis=tuple(range(1, kernel.ndim + 1))),
        atol=1e-4 * np.abs(kernel).sum(),
    )
    # Better than grey; where strengths aren't fixed, half as good as white where weights are
    # positive.
    share = 0 if kind == "maco" or (form, kind) == ("volume", "fourier") else 0.5
    assert min(picture.scores) > share * 0.5 * np.abs(kernel).sum()
    path = picture.save(tmp_path / "picture.png")
    np.testing.assert_array_equal(ph.replay(path, model).input, picture.input)


def test_a_signal_is_drawn_with_time_to_the_right():
    picture = ph.maximize(linear_network(smooth((40, 3))), 0, steps=8, **QUIET)
    assert picture.images.shape == (1, 3, 40, 1)
    values = picture.input[0].T * 255
    np.testing.assert_allclose(picture.image[..., 0], values, atol=0.51)


def test_channels_of_a_signal_are_no_colours():
    """Nothing asks for anything in two of three channels, so they stay as they were."""
    kernel = smooth((40, 3)) * [1, 0, 0]
    picture = ph.maximize(linear_network(kernel), 0, steps=64, parametrization="fourier", **QUIET)
    deviation = picture.input[0].std(axis=0)
    assert deviation[0] > 20 * deviation[1:].max()
    assert picture.recipe["parametrization"]["decorrelate"] is False


def test_slices_of_a_volume_stand_side_by_side():
    picture = ph.maximize(linear_network(smooth((5, 8, 10, 1))), 0, steps=8, **QUIET)
    assert picture.images.shape == (1, 2 * 8, 3 * 10, 1)
    slices = picture.image.reshape(2, 8, 3, 10).swapaxes(1, 2).reshape(6, 8, 10)
    np.testing.assert_allclose(slices[:5], picture.input[0, ..., 0] * 255, atol=0.51)
    np.testing.assert_allclose(slices[5], 127.5, atol=1)


@pytest.mark.parametrize("kind", ["fourier", "pixel"])
def test_a_volume_starts_where_it_is_told(kind):
    start = 0.5 + 0.3 * smooth((6, 8, 10, 1))[None].astype(np.float32)
    model = linear_network(np.zeros((6, 8, 10, 1)) + 1e-6)
    options = {"parametrization": kind, "optimizer": ph.optimizers.SGD(1e-6), "transforms": ()}
    picture = ph.maximize(model, 0, start=start, steps=1, **options, **QUIET)
    np.testing.assert_allclose(picture.input, start, atol=1e-4)


@pytest.mark.parametrize("shape", [(40, 3), (40, 1), (12,), (6, 8, 10, 2), (12, 10, 1), (6, 6, 3)])
def test_a_start_needs_no_batch_axis_nor_one_of_a_single_channel(shape):
    model = linear_network(smooth(shape))
    start = (0.5 + 0.3 * smooth(shape)).astype(np.float32)
    options = {"optimizer": ph.optimizers.SGD(1e-9), "transforms": (), "steps": 1, "n": 2, **QUIET}
    options["parametrization"] = "pixel"
    batch = np.stack([start, 0.9 * start])
    starts = [(start, [start, start]), (start[None], [start, start]), (batch, batch)]
    if len(shape) > 1 and shape[-1] == 1:
        starts += [(start[..., 0], [start, start]), (batch[..., 0], batch)]
    for given, expected in starts:
        picture = ph.maximize(model, 0, start=given, **options)
        np.testing.assert_allclose(picture.input, expected, atol=1e-4)


def test_a_start_of_another_shape_is_refused():
    model = linear_network(smooth((40, 3)))
    message = r"start must have shape \(1, 40, 3\), received \(1, 41, 3\)"
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(model, 0, start=np.full((41, 3), 0.5), steps=1, **QUIET)


def test_channels_that_are_no_colours_are_drawn_in_grey():
    picture = ph.maximize(linear_network(smooth((16, 16, 5))), 0, steps=2, n=2, **QUIET)
    assert picture.images.shape == (2, 16, 16, 5)
    assert picture.to_pil().size[0] > 2 * 5 * 16
    first = np.asarray(
        ph.maximize(linear_network(smooth((16, 16, 5))), 0, steps=2, **QUIET).to_pil()
    )
    assert first.shape == (16, 5 * 17 - 1)


def test_a_network_that_begins_with_flatten():
    """Its input, (height, width) without channels, has penalties and transparency too."""
    layers = [
        ("InputLayer", {"batch_shape": [None, 12, 12], "name": "input"}),
        ("Flatten", {"name": "flatten"}),
        ("Dense", {"name": "sum", "units": 1}),
    ]
    listed = [{"class_name": name, "config": config} for name, config in layers]
    config = {"class_name": "Sequential", "config": {"name": "digits", "layers": listed}}
    kernel = smooth((12, 12, 1)).reshape(-1, 1).astype(np.float32)
    model = ph.load((config, [kernel, np.zeros(1, np.float32)]), preprocessing=(1 / 255, 0))
    picture = ph.maximize(model, 0, steps=32, alpha=True, **QUIET)
    assert picture.recipe["regularizers"][0]["kind"] == "total_variation"
    assert picture.alpha.shape == (1, 12, 12)
    assert picture.score > 0.15 * np.abs(kernel).sum()


def test_size_is_for_pictures():
    with pytest.raises(ph.InvalidArgumentError, match=r"size applies to pictures.*\(40, 3\)"):
        ph.maximize(linear_network(smooth((40, 3))), 0, size=64, steps=2, **QUIET)


def test_what_means_nothing_in_a_row_is_refused():
    model = linear_network(smooth(FORMS["row"]))
    neighbours = "row of numbers, in which neighbours mean nothing"
    with pytest.raises(ph.InvalidArgumentError, match=f"{neighbours}: transforms must be left out"):
        ph.maximize(model, 0, transforms=[ph.transforms.Jitter(2)], **QUIET)
    variation = ph.regularizers.TotalVariation(1)
    with pytest.raises(ph.InvalidArgumentError, match=f"{neighbours}: the penalty total_variation"):
        ph.maximize(model, 0, regularizers=[variation], **QUIET)
    ph.maximize(
        model, 0, transforms=(), regularizers=[ph.regularizers.Lp(1, p=2)], steps=2, **QUIET
    )


def test_signals_are_shown_as_curves(tmp_path):
    """The curves are the network's own numbers, each channel over the limits of all."""
    picture = ph.maximize(linear_network(smooth((40, 3))), 0, steps=8, **QUIET)
    (axes,) = picture.plot().axes
    curves = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 40]
    values = picture.input[0].T
    low, span = values.min(), np.ptp(values)
    expected = [
        place + 0.9 * (row - low) / span for place, row in zip((2, 1, 0), values, strict=True)
    ]
    np.testing.assert_allclose(curves, expected, rtol=1e-5)
    beside = [each.get_text() for each in axes.texts]
    assert [each for each in beside if "channel" in each] == ["channel 0", "channel 1", "channel 2"]
    scale = [float(each) for each in beside[1:3]]
    np.testing.assert_allclose(scale, [low, low + span], atol=0.01)
    channels_first = replace(picture, input=picture.input.swapaxes(1, 2))
    (axes,) = channels_first.plot().axes
    same = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 40]
    np.testing.assert_array_equal(same, curves)
    with Image.open(picture.save(tmp_path / "signal.png")) as image:
        assert "phosphene" in image.text
        assert min(image.size) >= 200
        shown = np.asarray(image)
    with Image.open(io.BytesIO(picture._repr_png_())) as image:
        np.testing.assert_array_equal(np.asarray(image), shown)
    again = ph.replay(tmp_path / "signal.png", linear_network(smooth((40, 3))), **QUIET)
    np.testing.assert_array_equal(again.input, picture.input)
    with Image.open(picture.save(tmp_path / "pixels.png", scale=1)) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("L")), picture.image[..., 0])


def test_rows_are_shown_as_bars():
    picture = ph.maximize(linear_network(smooth((30,))), 0, n=4, steps=8, **QUIET)
    for axes, row in zip(picture.plot().axes, picture.input, strict=True):
        heights = [bar.get_height() for bar in axes.patches]
        np.testing.assert_allclose(heights, row, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "count", "size"),
    [((5,), 1, "a row of 5"), ((5,), 2, "2 rows of 5"),
     ((40, 3), 1, "a signal of 40 steps, 3 channels")],
)  # fmt: skip
def test_the_size_of_what_is_no_picture(shape, count, size):
    model = linear_network(smooth(shape))
    picture = ph.maximize(model, 0, n=count, steps=1, **QUIET)
    assert repr(picture).startswith(f"Picture({size}; ")
    with pytest.raises(ph.InvalidArgumentError, match=r"the model takes .*picture\.input has that"):
        model.predict(picture)
    assert model.predict(picture.input).shape == (count, 1)


def test_the_range_of_a_rescaling_is_a_guess():
    listed = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 20, 1], "name": "x"}},
        {"class_name": "Rescaling", "config": {"name": "first", "scale": 0.02, "offset": 0}},
        {"class_name": "MaxPooling1D", "config": {"name": "pool", "pool_size": 2}},
        {"class_name": "Flatten", "config": {"name": "flat"}},
        {"class_name": "Dense", "config": {"name": "scores", "units": 1}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "scaled", "layers": listed}}
    model = ph.load((config, [np.ones((10, 1), np.float32), np.zeros(1, np.float32)]))
    message = (
        "0 to 50 is assumed, which its Rescaling makes 0 to 1: state it by value_range=.*prior="
    )
    with pytest.warns(ph.PhospheneWarning, match=message) as caught:
        ph.maximize(model, 0, steps=1, **QUIET)
    assert caught[0].filename == __file__
    signals = 72 * np.sin(np.arange(200.0)).reshape(10, 20, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.maximize(model, 0, steps=1, value_range=(-72, 72), **QUIET)
        picture = ph.maximize(model, 0, steps=1, prior=signals, **QUIET)
    assert picture.limits[0, 0] < -70
