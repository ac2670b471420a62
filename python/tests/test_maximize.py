"""Maximization: against linear networks, whose best input is known, and on the wardrobe."""

import io
import signal

import numpy as np
import pytest

import phosphene as ph

QUIET = {"progress": False}
PLAIN = {"transforms": (), "regularizers": (), "progress": False}


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


def linear_network(kernel, bias=0.0):
    """Return a network whose only output is the sum of `kernel` times the input."""
    shape = kernel.shape
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "input"}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        {"class_name": "Dense", "config": {"name": "sum", "units": 1, "activation": "linear"}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "linear", "layers": layers}}
    return config, [kernel.reshape(-1, 1).astype(np.float32), np.array([bias], np.float32)]


@pytest.fixture(scope="module")
def kernel():
    """Return weights of both signs, none near zero, in blocks of 4 x 4."""
    random = np.random.default_rng(3)
    signs = random.choice([-1.0, 1.0], (4, 4, 1))
    return np.kron(signs, np.ones((4, 4, 1))) * random.uniform(0.5, 1, (16, 16, 1))


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


@pytest.mark.parametrize("parametrization", ["fourier", "pixel"])
@pytest.mark.parametrize("optimizer", ["adam", ph.optimizers.RMSprop(0.05, rho=0.9)])
def test_linear_network_is_maximized_by_the_signs_of_its_weights(
    kernel, parametrization, optimizer
):
    """Climbing kernel * x inside a box ends white where the kernel is positive, else black."""
    picture = ph.maximize(
        linear_network(kernel),
        0,
        parametrization=parametrization,
        optimizer=optimizer,
        steps=256,
        **PLAIN,
    )
    agreeing = ((picture.image > 127) == (kernel > 0)).mean()
    # A spectrum that weighs low frequencies more leaves some corners of blocks undecided.
    assert agreeing == 1 if parametrization == "pixel" else agreeing > 0.95
    best = kernel[kernel > 0].sum()  # with white = 1 and black = 0
    assert picture.score > 0.75 * best


def test_score_is_that_of_the_input(kernel):
    picture = ph.maximize(linear_network(kernel, bias=5), 0, steps=8, n=3, **QUIET)
    # A sum of 256 float32 products; 1e-5 of the sum of their sizes leaves room for any order.
    expected = (picture.input * kernel).sum(axis=(1, 2, 3)) + 5
    np.testing.assert_allclose(picture.scores, expected, atol=1e-5 * np.abs(kernel).sum())
    assert picture.score == picture.scores[0]


def test_score_of_a_class_is_its_output_before_softmax(wardrobe):
    picture = ph.maximize(wardrobe, ["Bag", 1], steps=8, **QUIET)
    features = ph.trace(wardrobe, picture.input)["flatten"]
    kernel, bias = wardrobe["classes"].get_weights()
    expected = (features @ kernel + bias)[[0, 1], [8, 1]]
    np.testing.assert_allclose(picture.scores, expected, rtol=1e-4, atol=1e-4)


def test_image_is_the_input_in_pixels(wardrobe):
    picture = ph.maximize(wardrobe, 0, steps=8, **QUIET)
    # wardrobe takes 0 ... 1; a pixel is at most half a grey level off
    np.testing.assert_allclose(picture.input[0] * 255, picture.image, atol=0.5 + 1e-3)


@pytest.mark.parametrize("value_range", [(-1, 1), (0, 255), (-3.5, 2.0)])
def test_value_range(kernel, value_range):
    picture = ph.maximize(linear_network(kernel), 0, value_range=value_range, steps=200, **PLAIN)
    black, white = value_range
    assert picture.input.min() >= black
    assert picture.input.max() <= white
    assert picture.input.max() - picture.input.min() > 0.8 * (white - black)
    pixels = (picture.input[0] - black) / (white - black) * 255
    np.testing.assert_allclose(pixels, picture.image, atol=0.51)


def test_channels_in_reverse_order_come_back_as_red_green_blue():
    """With "caffe" the network's first channel is blue: a network that likes it wants blue."""
    kernel = np.zeros((8, 8, 3))
    kernel[..., 0] = 1
    kernel[..., 1:] = -1
    model = ph.load(linear_network(kernel), preprocessing="caffe")
    picture = ph.maximize(model, 0, steps=200, parametrization="pixel", **PLAIN)
    red, green, blue = picture.image.mean(axis=(0, 1))
    assert blue > 200
    assert max(red, green) < 55
    mean = [103.939, 116.779, 123.68]  # of blue, green, red: keras.applications' "caffe"
    np.testing.assert_allclose(picture.input[0], picture.image[..., ::-1] - mean, atol=0.51)


@pytest.mark.parametrize("size", [20, (12, 24)])
def test_size_is_the_canvas_in_pixels(kernel, size):
    picture = ph.maximize(linear_network(kernel), 0, size=size, steps=4, **QUIET)
    assert picture.image.shape[:2] == ((20, 20) if size == 20 else size)


def test_every_class_gets_a_picture_that_the_network_takes_for_it(wardrobe):
    picture = ph.maximize(wardrobe, list(wardrobe.classes), steps=64, **QUIET)
    assert picture.labels == tuple(wardrobe.classes)
    answers = wardrobe.predict(picture.input)
    np.testing.assert_array_equal(answers.argmax(axis=1), np.arange(10))
    assert picture.images.std(axis=(1, 2, 3)).min() > 8  # grey levels: nothing is grey


def test_it_beats_noise_and_real_garments(wardrobe):
    picture = ph.maximize(wardrobe, ph.logit(9), steps=96, **QUIET)
    images, _ = ph.zoo.garments()
    noise = np.random.default_rng(0).random((50, 28, 28, 1), np.float32)
    kernel, bias = wardrobe["classes"].get_weights()
    features = ph.trace(wardrobe, np.concatenate([images, noise]), layers="flatten")["flatten"]
    assert picture.score > (features @ kernel + bias)[:, 9].max()


def test_same_seed_same_bits(wardrobe):
    first, again, other = (
        ph.maximize(wardrobe, ("conv2_1", 5), seed=seed, steps=12, n=2, **QUIET)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.input, again.input)
    assert first.scores == again.scores
    assert first.history == again.history
    assert (first.images != other.images).any()
    assert (first.images[0] != first.images[1]).any()


def variation_slope(x, power):
    """Return the derivative of mean |down|**power + mean |right|**power of the differences."""
    slope = np.zeros_like(x)
    for axis in (0, 1):
        change = np.moveaxis(np.diff(x, axis=axis), axis, 0)
        each = power * np.abs(change) ** (power - 1) * np.sign(change) / change.size
        along = np.moveaxis(slope, axis, 0)  # a view
        along[1:] += each
        along[:-1] -= each
    return slope


def lp_slope(x, p):
    """Return the derivative of mean(|2 x - 1|**p) ** (1 / p)."""
    away = 2 * x - 1
    mean = (np.abs(away) ** p).mean()
    return 2 * mean ** (1 / p - 1) * np.abs(away) ** (p - 1) * np.sign(away) / x.size


def blur_slope(x):
    """Return the derivative of the mean square of inner pixels less their blurred neighbourhood."""
    units = np.eye(x.size).reshape(-1, *x.shape)
    weights = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    height, width = x.shape[0] - 2, x.shape[1] - 2
    blurred = sum(
        weights[row, column] * units[:, row : row + height, column : column + width]
        for row in range(3)
        for column in range(3)
    )
    grain = (units[:, 1:-1, 1:-1] - blurred).reshape(x.size, -1)
    return (2 * grain @ (grain.T @ x.ravel()) / grain.shape[1]).reshape(x.shape)


PENALTIES = {
    "total variation": (ph.regularizers.TotalVariation(300), lambda x, _: variation_slope(x, 1)),
    "its square": (ph.regularizers.TotalVariation(300, 2), lambda x, _: variation_slope(x, 2)),
    "l1": (ph.regularizers.Lp(300, 1), lambda x, _: lp_slope(x, 1)),
    "l6": (ph.regularizers.Lp(300, 6), lambda x, _: lp_slope(x, 6)),
    "distance": (ph.regularizers.Distance(300), lambda x, start: 2 * (x - start) / x.size),
    "blur": (ph.regularizers.Blur(300), lambda x, _: blur_slope(x)),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_change_the_climb_as_their_formulas_say(kernel, name):
    """Plain ascent on the pixels' logits, done again with NumPy."""
    penalty, slope = PENALTIES[name]
    start = np.random.default_rng(5).uniform(0.2, 0.8, kernel.shape)

    def climbed(weight):
        logits = np.log(start / (1 - start))
        for _ in range(6):
            x = 1 / (1 + np.exp(-logits))
            logits = logits + 0.5 * (kernel - weight * slope(x, start)) * x * (1 - x)
        return 1 / (1 + np.exp(-logits))

    seen = []
    ph.maximize(
        linear_network(kernel),
        0,
        start=start[np.newaxis],
        steps=6,
        parametrization="pixel",
        transforms=(),
        regularizers=[penalty],
        optimizer=ph.optimizers.SGD(0.5, momentum=0),
        callbacks=[lambda progress: seen.append(progress.picture().input[0])],
        progress=False,
    )
    expected = climbed(penalty.weight)
    assert np.abs(expected - climbed(0)).max() > 0.02  # the penalty does change it
    np.testing.assert_allclose(seen[-1], expected, atol=1e-5)


def test_objectives_add_up(kernel):
    """With weight -1 the same network is maximized by the opposite signs."""
    negative = ph.logit(0) - 2 * ph.logit(0)
    picture = ph.maximize(linear_network(kernel), negative, parametrization="pixel", **PLAIN)
    np.testing.assert_array_equal(picture.image > 127, kernel < 0)


def test_start_is_where_it_starts(wardrobe):
    images, _ = ph.zoo.garments()
    start = images[:1].copy()
    picture = ph.maximize(wardrobe, 0, start=start, steps=1, parametrization="pixel", **PLAIN)
    np.testing.assert_array_equal(start, images[:1])
    # One step of Adam moves the logit of a pixel by 0.05, a pixel by a quarter of that at most.
    assert np.abs(picture.input - start).max() < 0.02


@pytest.mark.parametrize("background", [0.3, 0.7])
def test_background_is_what_nothing_asks_to_change(background):
    """Where the network doesn't look, the picture keeps the brightness that it started with."""
    kernel = np.zeros((12, 12, 1))
    kernel[:4] = 1
    network = linear_network(kernel)
    options = {"parametrization": "pixel", "background": background, "steps": 200}
    picture = ph.maximize(network, 0, **options, **PLAIN)
    # The start is noise of 0.01 in the logit, a quarter of that at most in the brightness.
    np.testing.assert_allclose(picture.input[0, 4:], background, atol=0.02)
    assert picture.input[0, :4].min() > 0.95


def test_inputs_that_are_no_pictures():
    kernel = np.array([1.0, -1, 2, -3, 0.5, -0.5])
    picture = ph.maximize(linear_network(kernel), 0, steps=300, progress=False)
    assert picture.input.shape == (1, 6)
    np.testing.assert_array_equal(picture.input[0] > 0.9, kernel > 0)
    assert picture._repr_png_().startswith(b"\x89PNG")


def test_history_has_one_score_a_step(wardrobe):
    picture = ph.maximize(wardrobe, [0, 1], steps=7, **QUIET)
    assert [len(each) for each in picture.history] == [7, 7]


def test_callbacks_hear_of_every_step(wardrobe):
    heard = []
    ph.maximize(wardrobe, 0, steps=5, callbacks=[heard.append], **QUIET)
    assert [(each.step, each.steps) for each in heard] == [(step, 5) for step in range(1, 6)]
    assert all(np.isfinite(each.score) for each in heard)


class Stop(Exception):  # noqa: N818
    pass


def test_exceptions_come_out_with_the_picture_so_far(wardrobe):
    def stop(progress):
        if progress.step == 3:
            raise Stop("enough")

    with pytest.raises(Stop, match="enough") as caught:
        ph.maximize(wardrobe, 0, steps=1000, callbacks=[stop], **QUIET)
    assert caught.value.picture.image.shape == (28, 28, 1)
    assert len(caught.value.picture.history[0]) == 3


def test_control_c_stops_within_a_step(wardrobe):
    steps = []

    def interrupt(progress):
        steps.append(progress.step)
        if progress.step == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        ph.maximize(wardrobe, 0, steps=100_000, callbacks=[interrupt], **QUIET)
    assert steps[-1] <= 5
    assert caught.value.picture.input.shape == (1, 28, 28, 1)


def test_true_stops_with_cancelled(wardrobe):
    with pytest.raises(ph.Cancelled, match="the attribute 'picture'") as caught:
        ph.maximize(wardrobe, 0, steps=1000, callbacks=[lambda p: p.step == 2], **QUIET)
    assert len(caught.value.picture.history[0]) == 2


@pytest.mark.parametrize(
    ("stated", "ours", "own"),
    [
        ("Nadam", ph.optimizers.NAdam(0.1, epsilon=1e-4), {"epsilon": 1e-4}),
        ("SGD", ph.optimizers.SGD(0.1, 0.8), {"momentum": 0.8}),
        ("SGD", ph.optimizers.SGD(0.1, 0.8, True), {"momentum": 0.8, "nesterov": True}),
    ],
)
def test_optimizers_are_those_of_keras(kernel, stated, ours, own):
    """Ten steps of Keras' own optimizer with the gradient of kernel * sigmoid(x)."""
    keras = pytest.importorskip("keras")
    picture = ph.maximize(
        linear_network(kernel),
        0,
        parametrization="pixel",
        optimizer=ours,
        steps=10,
        start=np.full((1, 16, 16, 1), 0.25, np.float32),
        **PLAIN,
    )
    optimizer = getattr(keras.optimizers, stated)(learning_rate=0.1, **own)
    x = keras.Variable(np.full(kernel.shape, np.log(0.25 / 0.75), np.float32))
    for _ in range(10):
        shown = 1 / (1 + np.exp(-np.asarray(x)))
        optimizer.apply([keras.ops.convert_to_tensor(-kernel * shown * (1 - shown))], [x])
    expected = 1 / (1 + np.exp(-np.asarray(x)))
    np.testing.assert_allclose(picture.input[0], expected, atol=2e-5)


def test_a_fixed_spectrum_stays_fixed(wardrobe):
    """Whatever the phases, the picture before its sigmoid has the spectrum it began with."""
    options = {"parametrization": "maco", "size": 28, **QUIET}
    spectra = []
    for steps in (1, 16):
        pixels = ph.maximize(wardrobe, "Bag", steps=steps, **options).input[0, ..., 0]
        spectra.append(np.abs(np.fft.rfft2(np.log(pixels / (1 - pixels))))[1:14, 1:14])
    # Only the gain may differ, as the frequency zero takes part in the standardization.
    ratio = spectra[0] / spectra[1]
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-2)


def test_views_and_transforms_are_written_down(wardrobe):
    wanted = [
        ph.transforms.Pad(1),
        ph.transforms.Flip(),
        ph.transforms.Crop(1, 0.5),
        ph.transforms.Blur(1, 0),
        ph.transforms.Noise(0.1),
    ]
    options = {"transforms": wanted, "views": 2, "steps": 3, "n": 2, **QUIET}
    picture = ph.maximize(wardrobe, "Bag", **options)
    assert picture.recipe["transforms"] == [each.to_json() for each in wanted]
    assert picture.recipe["views"] == 2
    again = ph.maximize(wardrobe, "Bag", **options)
    np.testing.assert_array_equal(again.images, picture.images)


def test_recipe_says_everything(wardrobe):
    picture = ph.maximize(
        wardrobe,
        ("conv1", 3),
        steps=2,
        seed=11,
        transforms=[ph.transforms.Jitter(1)],
        regularizers=[ph.regularizers.Lp(0.5, 2)],
        optimizer=ph.optimizers.RMSprop(0.5),
        **QUIET,
    )
    recipe = picture.recipe
    (term,) = recipe["objectives"][0]["terms"]
    assert (term["kind"], term["layer"], term["index"]) == ("channel", "conv1", 3)
    assert (recipe["steps"], recipe["seed"], recipe["count"]) == (2, 11, 1)
    assert recipe["transforms"] == [{"kind": "jitter", "pixels": 1}]
    assert recipe["regularizers"] == [{"kind": "lp", "weight": 0.5, "p": 2.0}]
    assert recipe["optimizer"]["rho"] == pytest.approx(0.9)
    assert recipe["parametrization"]["kind"] == "fourier"
    assert recipe["engine"]["model_digest"] == wardrobe.digest
    assert {"version", "isa", "threads"} <= set(recipe["engine"])


def test_progress_bar_only_where_somebody_looks(wardrobe, capfd):
    ph.maximize(wardrobe, 0, steps=3)
    assert capfd.readouterr() == ("", "")


def test_progress_bar_in_a_terminal(wardrobe, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    ph.maximize(wardrobe, 0, steps=3)
    assert "0/3" in terminal.getvalue()
    before = terminal.tell()
    ph.maximize(wardrobe, 0, steps=3, progress=False)
    assert terminal.tell() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": 1.5}, r"background must be a number from 0 to 1; received 1\.5"),
        ({"steps": 0}, "steps must be a whole number, 1 or more; received 0"),
        ({"steps": 2.5}, r"steps must be a whole number, .* received 2\.5"),
        ({"steps": 10**9}, r"steps must lie between .* received 1000000000"),
        ({"n": 0}, "n must be a whole number, 1 or more; received 0"),
        ({"n": 10**6}, r"count must lie between .* received 1000000"),
        ({"seed": -1}, "seed must be a whole number from 0 to .* received -1"),
        ({"size": 0}, r"size must be .* received 0"),
        ({"size": (float("nan"), 8)}, r"size must be .* received \(nan, 8\)"),
        ({"size": float("inf")}, r"size must be .* received inf"),
        ({"size": ("a", "b")}, r"size must be .* received \('a', 'b'\)"),
        ({"size": (None, None)}, r"size must be .* received \(None, None\)"),
        ({"size": (1, 2, 3)}, r"size must be .* received \(1, 2, 3\)"),
        ({"parametrization": "wavelet"}, "wavelet"),
        ({"optimizer": "lbfgs"}, r"optimizer must be 'adam', 'nadam', .* received 'lbfgs'"),
        ({"views": 0}, "views must be a whole number, 1 or more; received 0"),
        ({"parametrization": "maco", "start": np.zeros((1, 48, 48, 1))}, "leave start out"),
        ({"transforms": ["jitter"]}, r"transforms must be a list .* received 'jitter'"),
        ({"regularizers": [ph.transforms.Jitter(1)]}, r"regularizers must be a list"),
        ({"value_range": (1, 0)}, r"value_range must be .* received \(1, 0\)"),
        ({"value_range": 255}, r"value_range must be .* received 255"),
        ({"start": [["a"]]}, r"start must be real numbers"),
        ({"start": np.zeros((0, 28, 28, 1))}, r"start is empty"),
        ({"start": np.zeros((1, 5, 5, 1))}, r"start|shape"),
        ({"start": np.full((1, 28, 28, 1), np.nan)}, "NaN|finite"),
    ],
)
def test_refusals(wardrobe, options, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(wardrobe, 0, **({"steps": 2} | options | QUIET))


def test_an_index_for_each_sample_is_refused_before_the_first_step(wardrobe):
    heard = []
    with pytest.raises(ph.InvalidArgumentError, match="An index for each sample is for gradients"):
        ph.maximize(wardrobe, [[1]], steps=2, callbacks=[heard.append], **QUIET)
    assert not heard


def test_nan_in_the_weights_is_refused(kernel):
    broken = kernel.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ph.InvalidArgumentError, match=r"NaN|finite"):
        ph.maximize(linear_network(broken), 0, steps=2, **QUIET)


def test_model_is_not_changed(kernel):
    config, weights = linear_network(kernel)
    before = [array.copy() for array in weights]
    ph.maximize((config, weights), 0, steps=2, **QUIET)
    for array, copy in zip(weights, before, strict=True):
        np.testing.assert_array_equal(array, copy)
