"""`phosphene.compat.vis` against the formulas of keras-vis, restated with Keras and SciPy."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

import phosphene as ph
from phosphene.compat.vis import backend, callbacks, grad_modifiers, input_modifiers, losses
from phosphene.compat.vis.losses import Expression, Loss
from phosphene.compat.vis.optimizer import Optimizer
from phosphene.compat.vis.regularizers import LPNorm, TotalVariation
from phosphene.compat.vis.utils import utils
from phosphene.compat.vis.visualization import (
    get_num_filters,
    overlay,
    visualize_activation,
    visualize_activation_with_losses,
    visualize_cam,
    visualize_saliency,
    visualize_saliency_with_losses,
)


@pytest.fixture(scope="module")
def net(keras):
    """A network, and what keras-vis computes with it, restated."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the formulas are restated with TensorFlow")
    keras.utils.set_random_seed(3)
    layers = keras.layers
    image = layers.Input((14, 12, 3))
    first = layers.Conv2D(6, 3, activation="relu", name="first")(image)
    pool = layers.MaxPooling2D(name="pool")(first)
    second = layers.Conv2D(5, 3, activation="relu", name="second")(pool)
    top = layers.Dense(4, name="top")(layers.Flatten()(second))
    model = keras.Model(image, top)
    random = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(random.normal(0, 0.3, weight.shape))
    return SimpleNamespace(model=model, tf=tf, keras=keras)


SEED = np.random.default_rng(0).uniform(0, 255, (14, 12, 3)).astype(np.float32)

pytestmark = pytest.mark.keras


def loss_of(net, x, layer, indices, weights, beta=2.0, p=6.0):
    """Return the weighted losses of keras-vis for one input."""
    tf = net.tf
    part = net.keras.Model(net.model.inputs, net.model.get_layer(layer).output)
    output = part(x)
    size = float(np.prod(x.shape[1:]))
    active = sum(-tf.reduce_mean(output[..., index]) for index in indices)
    norm = tf.pow(tf.reduce_sum(tf.pow(tf.abs(x), p)), 1 / p) / size
    down, right = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
    variation = tf.reduce_sum(tf.pow(down**2 + right**2, beta / 2)) / size
    return [w * each for w, each in zip(weights, (active, norm, variation), strict=True) if w != 0]


def descended(net, x, steps, layer, indices, weights=(1, 10, 10), jitter=None, modify=None):
    """Return the best input, and all losses, of keras-vis' loop."""
    tf = net.tf
    cache, best, lowest, seen = 0.0, None, np.inf, []
    for _ in range(steps):
        if jitter is not None:
            offsets = [np.random.randint(-value, value + 1) for value in jitter]
            x = scipy.ndimage.shift(x, [0, *offsets, 0], mode="wrap", order=0)
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            parts = loss_of(net, variable, layer, indices, weights)
            total = tf.add_n(parts)
        g = tape.gradient(total, variable).numpy()
        g = g / np.sqrt(max((g**2).sum(), 1e-12))
        g = g if modify is None else modify(g)
        cache = 0.95 * cache + 0.05 * g**2
        x = (x - g / np.sqrt(cache + 1e-7)).astype(np.float32)
        seen.append([float(part) for part in parts])
        if float(total) < lowest:
            best, lowest = x.copy(), float(total)
    return best, seen


def as_picture(x):
    x = x - x.mean()
    x = np.clip(x / (x.std() + 1e-7) * 0.1 + 0.5, 0, 1)
    return 255 * x


class Note(callbacks.OptimizerCallback):
    def __init__(self):
        self.seen, self.names = [], None

    def callback(self, i, named_losses, overall_loss, grads, wrt_value):
        self.seen.append([value for _, value in named_losses])
        self.names = [name for name, _ in named_losses]
        assert sum(self.seen[-1]) == pytest.approx(overall_loss, rel=1e-5)


@pytest.mark.parametrize(
    ("layer", "indices", "weights", "modifier", "jitter"),
    [
        ("top", [2], (1, 10, 10), None, None),
        ("first", [1, 3], (1, 10, 10), None, [1, 2]),
        ("second", [0], (2, 0, 1), "negate", None),
    ],
)
def test_activation_maximization(net, layer, indices, weights, modifier, jitter):
    note = Note()
    modify = None if modifier is None else (lambda g: -g)
    np.random.seed(1)
    expected, seen = descended(net, SEED[None], 6, layer, indices, weights, jitter, modify)
    np.random.seed(1)
    received = visualize_activation(
        net.model,
        utils.find_layer_idx(net.model, layer),
        indices,
        seed_input=SEED,
        input_range=(0.0, 255.0),
        act_max_weight=weights[0],
        lp_norm_weight=weights[1],
        tv_weight=weights[2],
        grad_modifier=modifier,
        max_iter=6,
        input_modifiers=None if jitter is None else [input_modifiers.Jitter(jitter)],
        callbacks=[note],
    )
    assert np.abs(received - as_picture(expected[0])).max() < 0.05
    np.testing.assert_allclose(note.seen, seen, rtol=1e-3)
    names = ["ActivationMax Loss", "L-6.0 Norm Loss", "TV(2.0) Loss"]
    assert note.names == [name for name, w in zip(names, weights, strict=True) if w]


def test_losses_and_optimizer_take_parts_of_live_models(net):
    model = net.model
    layer = model.get_layer("second")
    terms = [
        (losses.ActivationMaximization(layer, 1), 2),
        (LPNorm(model.input), 10),
        (TotalVariation(model.input), 10),
    ]
    expected, _ = descended(net, SEED[None], 3, "second", [1], (2, 10, 10))
    optimizer = Optimizer(model.input, terms)
    assert optimizer.wrt_tensor_is_input_tensor
    found, grads, value = optimizer.minimize(SEED, max_iter=3, verbose=False)
    assert np.abs(found - as_picture(expected[0])).max() < 0.05
    assert np.sum(grads**2) == pytest.approx(1, rel=1e-5)
    assert value.shape == (1, 14, 12, 3)
    picture = visualize_activation_with_losses(model.input, terms, seed_input=SEED, max_iter=2)
    assert picture.dtype == np.uint8


def gradient(net, x, index, layer=None):
    tf = net.tf
    outputs = [net.model.get_layer(layer or "first").output, net.model.output]
    part = net.keras.Model(net.model.inputs, outputs)
    with tf.GradientTape() as tape:
        x = tf.Variable(x)
        features, top = part(x)
        score = tf.reduce_mean(top[:, index])
    return tape.gradient(score, x if layer is None else features).numpy(), features.numpy()


def test_saliency(net):
    g = np.abs(gradient(net, SEED[None], 3)[0])
    received = visualize_saliency(net.model, -1, 3, SEED)
    expected = g.max(axis=-1)
    expected = (expected - expected.min()) / (expected.max() - expected.min() + 1e-7)
    np.testing.assert_allclose(received, expected[0], atol=2e-5)
    received = visualize_saliency(net.model, -1, 3, SEED, grad_modifier="relu", keepdims=True)
    g = np.maximum(gradient(net, SEED[None], 3)[0], 0)
    np.testing.assert_allclose(received, (g / (g.max() + 1e-7))[0], atol=2e-5)
    terms = [(losses.ActivationMaximization(net.model.layers[-1], 3), -1)]
    again = visualize_saliency_with_losses(net.model.input, terms, SEED)
    np.testing.assert_allclose(again, expected[0], atol=2e-5)


@pytest.mark.parametrize(
    ("options", "layer"), [({}, "second"), ({"penultimate_layer_idx": 2}, "pool")]
)
def test_cam(net, options, layer):
    g, features = gradient(net, SEED[None], 1, layer)
    weights = (g / (g.max() + 1e-7)).mean(axis=(0, 1, 2))
    heat = np.maximum((features[0] * weights).sum(axis=-1), 0)
    heat = scipy.ndimage.zoom(heat, [14 / heat.shape[0], 12 / heat.shape[1]])
    expected = (heat - heat.min()) / (heat.max() - heat.min() + 1e-7)
    received = visualize_cam(net.model, -1, 1, SEED, **options)
    np.testing.assert_allclose(received, expected, atol=5e-5)


POINTS = [[1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-1, -1]]


def rectified_network():
    """The network of keras-vis' own tests, with gradients that can be followed by hand."""

    def dense(name, units, activation):
        settings = {"name": name, "units": units, "activation": activation, "use_bias": False}
        return {"class_name": "Dense", "config": settings}

    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "x"}}
    layers = [start, dense("hidden", 2, "relu"), dense("score", 1, "linear")]
    weights = [np.float32([[-1, 1], [-1, 1]]), np.float32([[-1], [1]])]
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    return ph.load((config, weights))


@pytest.mark.parametrize(
    ("modifier", "active", "dead"),
    [(None, [1, 1], [1, 1]), ("guided", [1, 1], [0, 0]), ("rectified", [1, 1], [1, 1])],
)
def test_backprop_modifiers(modifier, active, dead):
    model = rectified_network()
    if modifier is not None:
        model = backend.modify_model_backprop(model, modifier)
    network = model if modifier else utils.apply_modifications(model)
    terms = [(losses.ActivationMaximization(network.layers[-1], 0), -1)]
    optimizer = Optimizer(network.input, terms, norm_grads=False)
    for point, expected in zip(POINTS, [active] * 3 + [dead] * 3, strict=True):
        grads = optimizer.minimize(np.float32([point]), max_iter=1, verbose=False)[1]
        assert grads.tolist() == [expected]
    if modifier != "rectified":
        grads = optimizer.minimize(np.zeros((1, 2)), max_iter=1, verbose=False)[1]
        assert grads.tolist() == [[0, 0]]


def test_the_softmax_is_swapped_as_the_readme_of_keras_vis_does(keras):
    network = keras.Sequential(
        [keras.layers.Input((6,)), keras.layers.Dense(3, activation="softmax", name="preds")]
    )
    index = utils.find_layer_idx(network, "preds")
    network.layers[index].activation = keras.activations.linear
    changed = utils.apply_modifications(network)
    x = np.arange(6, dtype=np.float32)[np.newaxis]
    kernel, bias = network.layers[index].get_weights()
    np.testing.assert_allclose(changed.predict([x])[0], x @ kernel + bias, rtol=1e-5)


def test_one_run_gives_what_two_do(net):
    terms = [
        (TotalVariation(net.model.input), 10),
        (losses.ActivationMaximization(net.model.get_layer("second"), [1, 4]), 3),
    ]
    quick, plain = Optimizer(net.model.input, terms), Optimizer(net.model.input, terms)
    assert quick._single is not None
    plain._single = None
    for one, other in zip(quick._step(SEED[None]), plain._step(SEED[None]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_losses_of_ones_own(net):
    class Brightness(Loss):
        def build_loss(self):
            return Expression(None, lambda img: -img.mean())

    optimizer = Optimizer(net.model.input, [(Brightness(), 1)])
    _, grads, _ = optimizer.minimize(SEED, max_iter=1, verbose=False)
    assert np.allclose(grads, -1 / np.sqrt(grads.size))

    class Nothing(Loss):
        def build_loss(self):
            return 3

    with pytest.raises(ph.InvalidArgumentError, match="Expression"):
        Optimizer(net.model.input, [(Nothing(), 1)])


def test_starts_at_random_numbers_of_the_range(net):
    backend.set_random_seed()
    first = visualize_activation(net.model, -1, 0, max_iter=2)
    backend.set_random_seed()
    assert np.array_equal(first, visualize_activation(net.model, -1, 0, max_iter=2))
    drawn = utils.random_array((1, 20, 20, 3), mean=127.5, std=12.75)
    assert (drawn.mean(), drawn.std()) == (pytest.approx(127.5), pytest.approx(12.75, rel=1e-5))


def test_jitter_is_scipys_wrap():
    array = np.random.default_rng(0).normal(size=(1, 9, 8, 2)).astype(np.float32)
    for jitter in (0.3, 3, [2, 7]):
        np.random.seed(4)
        received = input_modifiers.Jitter(jitter).pre(array)
        np.random.seed(4)
        limits = {0.3: [2, 2], 3: [3, 3]}.get(jitter if np.isscalar(jitter) else None, [2, 7])
        offsets = [np.random.randint(-limit, limit + 1) for limit in limits]
        expected = scipy.ndimage.shift(array, [0, *offsets, 0], mode="wrap", order=0)
        assert np.array_equal(received, expected)


def test_grad_modifiers():
    g = np.float32([-2, 4])
    assert grad_modifiers.get("negate")(g).tolist() == [2, -4]
    assert grad_modifiers.get("absolute")(g).tolist() == [2, 4]
    assert grad_modifiers.get("invert")(g).tolist() == pytest.approx([-0.5, 0.25])
    assert grad_modifiers.get("small_values")(g).tolist() == pytest.approx([0.5, 0.25])
    assert grad_modifiers.get("relu")(g) is g
    assert g.tolist() == [0, 4]
    with pytest.raises(ph.InvalidArgumentError, match="no grad modifier 'larger'"):
        grad_modifiers.get("larger")


def test_small_things(net, tmp_path):
    assert overlay(np.uint8([[200]]), np.uint8([[101]]), alpha=0.5).tolist() == [[150]]
    tiles = [np.full((2, 3, 1), n + 1, np.uint8) for n in range(3)]
    sheet = utils.stitch_images(tiles, margin=1, cols=2)[..., 0]
    assert sheet.shape == (5, 7)
    assert sheet[[0, 0, 3, 3], [0, 4, 0, 4]].tolist() == [1, 2, 3, 0]
    assert utils.stitch_images([]) is None
    assert utils.listify((1, 2)) == [(1, 2)]
    assert list(utils.reverse_enumerate("ab")) == [(1, "b"), (0, "a")]
    assert utils.slicer[:, 3, ...] == (slice(None), Ellipsis, 3)
    assert utils.get_img_shape(np.zeros((2, 5, 4, 3))) == (2, 3, 5, 4)
    assert get_num_filters(net.model.layers[1]) == 6
    assert utils.normalize(np.float32([1, 3]), 2, 4).tolist() == pytest.approx([2, 4])
    assert utils.bgr2rgb(np.arange(3).reshape(1, 1, 3)).ravel().tolist() == [2, 1, 0]
    path = tmp_path / "picture.png"
    Image.fromarray(utils.draw_text(np.full((30, 60, 3), 255, np.uint8), "Step")).save(path)
    assert utils.load_img(path, target_size=(15, 30)).shape == (15, 30, 3)
    assert utils.load_img(path, grayscale=True).min() < 100


def test_writes_films_and_prints(net, tmp_path, capsys):
    film = callbacks.GifGenerator(tmp_path / "film")
    visualize_activation(net.model, -1, 0, max_iter=3, callbacks=[film], verbose=True)
    with Image.open(tmp_path / "film.gif") as frames:
        assert (frames.n_frames, frames.size) == (3, (12, 14))
    assert capsys.readouterr().out.startswith("Iteration: 1, named_losses: [('ActivationMax Loss'")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: LPNorm(m.input, p=0.5), "p must be 1"),
        (lambda m: visualize_activation(m, -1, 0, seed_input=SEED[0]), "seed_input of shape"),
        (lambda m: visualize_activation(m, -1, 0, max_iter=0), "max_iter"),
        (lambda m: visualize_saliency(m, -1, 0, SEED, backprop_modifier="gided"), "'gided'"),
        (lambda m: visualize_cam(m, 1, 0, SEED), "penultimate_layer_idx"),
        (lambda m: visualize_cam(m, 1, 0, SEED, penultimate_layer_idx=3), "before layer_idx 1"),
        (lambda m: visualize_cam(m, -1, 0, SEED, penultimate_layer_idx=5), "has places.*'top'"),
        (lambda m: visualize_cam(m, -1, 0, SEED, penultimate_layer_idx=-9), "6 layers; .* -9"),
        (lambda m: visualize_cam(m, 99, 0, SEED), "has 6 layers; received index 99"),
        (lambda m: visualize_activation(m, 99, 1), "has 6 layers; received index 99"),
        (lambda m: visualize_saliency(m, -7, 1, SEED), "has 6 layers; received index -7"),
        (
            lambda m: utils.find_layer_idx(m, "firs"),
            "6 layers .*'firs'; .* 'first'",
        ),
        (lambda m: overlay(SEED, SEED[0]), "one shape"),
    ],
)
def test_what_is_refused(net, call, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        call(net.model)


def test_a_name_that_is_far_from_all_is_answered_with_a_few(keras):
    layers = [keras.layers.Dense(2, name=f"layer_{at}") for at in range(60)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    with pytest.raises(ph.InvalidArgumentError, match="None of the 60 layers") as caught:
        utils.find_layer_idx(model, "nope")
    assert "the first of them are 'layer_0'" in str(caught.value)
    assert str(caught.value).count("layer_") == 5


@pytest.mark.parametrize("rectifier", ["relu6", "layer", "relu"])
def test_a_rule_that_changes_nothing_is_said(keras, rectifier):
    """As in keras-vis, whose rule is for Relu and not for Relu6."""
    activation = {"layer": "linear"}.get(rectifier, rectifier)
    layers = [keras.layers.Conv2D(3, 3, activation=activation)]
    if rectifier == "layer":
        layers.append(keras.layers.ReLU(max_value=4.0))
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(2, name="top")]
    )
    seed = np.random.default_rng(0).uniform(0, 1, (8, 8, 1))
    plain = visualize_saliency(model, -1, 0, seed)
    if rectifier == "relu":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            guided = visualize_saliency(model, -1, 0, seed, backprop_modifier="guided")
        assert np.abs(guided - plain).max() > 0.01
        return
    with pytest.warns(ph.PhospheneWarning, match="1 rectifier is a ReLU with a largest") as caught:
        guided = visualize_saliency(model, -1, 0, seed, backprop_modifier="guided")
    assert [each.filename for each in caught] == [__file__]
    np.testing.assert_array_equal(guided, plain)
