"""Maximization: against linear networks, whose best input is known, and on the wardrobe."""

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
    picture = ph.maximize(linear_network(kernel), 0, steps=300, value_range=(0, 1), progress=False)
    assert picture.input.shape == (1, 6)
    np.testing.assert_array_equal(picture.input[0] > 0.9, kernel > 0)
    assert picture._repr_png_().startswith(b"\x89PNG")


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
