"""Networks with their channels first: the numbers of their twins with the channels last.

TensorFlow on a CPU can't run such convolutions, so the real tools can't be asked; what the twins
give is compared with these in the other tests.
"""

import copy

import numpy as np
import pytest
from PIL import Image

import phosphene as ph
from phosphene.compat import vis
from phosphene.compat._tensors import Tensor, gradient
from phosphene.compat.tf_keras_vis.activation_maximization import ActivationMaximization
from phosphene.compat.tf_keras_vis.activation_maximization.callbacks import GifGenerator2D
from phosphene.compat.tf_keras_vis.activation_maximization.input_modifiers import (
    Jitter,
    Rotate,
    Rotate2D,
    Scale,
)
from phosphene.compat.tf_keras_vis.gradcam import Gradcam, GradcamPlusPlus
from phosphene.compat.tf_keras_vis.layercam import Layercam
from phosphene.compat.tf_keras_vis.saliency import Saliency
from phosphene.compat.tf_keras_vis.scorecam import Scorecam
from phosphene.compat.tf_keras_vis.utils.model_modifiers import ExtractIntermediateLayer
from phosphene.compat.tf_keras_vis.utils.scores import CategoricalScore
from phosphene.compat.vis import input_modifiers, losses
from phosphene.compat.vis.optimizer import Optimizer
from phosphene.compat.vis.regularizers import TotalVariation
from phosphene.compat.vis.utils import utils
from phosphene.compat.vis.visualization import (
    get_num_filters,
    visualize_activation,
    visualize_cam,
    visualize_saliency,
)

IMAGES = np.random.default_rng(0).uniform(0, 4, (2, 14, 12, 3)).astype(np.float32)
FIRST = np.ascontiguousarray(np.moveaxis(IMAGES, -1, 1))
TOLERANCE = 2e-4
"""Of the largest number: sums in another order, over some steps of an optimizer."""


def chain(order):
    """Return a small classifier of pictures."""
    shape = [None, 14, 12, 3] if order == "channels_last" else [None, 3, 14, 12]
    place = {"data_format": order}
    layers = [
        ("InputLayer", {"name": "image", "batch_shape": shape}),
        ("Conv2D", {"name": "one", "filters": 6, "kernel_size": 3, "activation": "relu", **place}),
        ("MaxPooling2D", {"name": "pool", "pool_size": 2, **place}),
        ("Conv2D", {"name": "two", "filters": 5, "kernel_size": 2, "activation": "relu", **place}),
        ("GlobalAveragePooling2D", {"name": "mean", **place}),
        ("Dense", {"name": "top", "units": 4}),
    ]
    entries = [{"class_name": kind, "config": config} for kind, config in layers]
    config = {"class_name": "Sequential", "config": {"name": order, "layers": entries}}
    random = np.random.default_rng(4)
    shapes = [(3, 3, 3, 6), (6,), (2, 2, 6, 5), (5,), (5, 4), (4,)]
    weights = [random.normal(0, 0.3, each) for each in shapes]
    return ph.load((copy.deepcopy(config), weights))


@pytest.fixture(scope="module")
def models():
    """Return the twins: channels first, channels last."""
    return chain("channels_first"), chain("channels_last")


def agree(received, expected, *, turned=False):
    """Compare the results of the twins; those that are inputs have to be turned."""
    received, expected = np.asarray(received), np.asarray(expected)
    if turned:
        received = np.moveaxis(received, -3, -1)
    assert received.shape == expected.shape
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(received, expected, atol=TOLERANCE * scale)


def both(models, run):
    """Return what a script gives with each of the twins and the images as it takes them."""
    results = []
    for model, images in zip(models, (FIRST, IMAGES), strict=True):
        np.random.seed(5)
        results.append(run(model, images))
    return results


SCORE = CategoricalScore([2, 1])


@pytest.mark.parametrize("method", [Gradcam, GradcamPlusPlus, Layercam, Scorecam])
@pytest.mark.parametrize("options", [{}, {"penultimate_layer": "one"}, {"expand_cam": False}])
def test_class_activation_maps(models, method, options):
    agree(*both(models, lambda model, x: method(model)(SCORE, x, **options)))


def test_fewer_channels_of_score_cam(models):
    agree(*both(models, lambda model, x: Scorecam(model)(SCORE, x, max_N=3, batch_size=4)))


@pytest.mark.parametrize("smooth_samples", [0, 2])
def test_saliency(models, smooth_samples):
    def run(model, x):
        map_ = Saliency(model)
        # The noise is drawn in the network's order, so that there is none to compare.
        return map_(SCORE, x, smooth_samples=smooth_samples, smooth_noise=0.0)

    agree(*both(models, run))
    whole = both(models, lambda model, x: Saliency(model)(SCORE, x, keepdims=True))
    agree(*whole, turned=True)


def modifiers():
    made = [Jitter(3), Rotate2D(10), Scale(), Rotate((1, 2), 0.0)]
    for each in made[1:]:
        each.random_generator = np.random.default_rng(1)
    return made


def test_activation_maximization(models, tmp_path):
    def run(model, x):
        film = GifGenerator2D(tmp_path / model.name)
        climb = ActivationMaximization(model)
        options = {"input_modifiers": modifiers(), "steps": 6, "callbacks": film}
        return climb(SCORE, seed_input=x, **options)

    agree(*both(models, run), turned=True)
    with Image.open(tmp_path / "channels_first.gif") as film:
        assert film.size == (12, 14)


def test_the_channel_of_a_layer(models):
    def run(model, x):
        climb = ActivationMaximization(model, ExtractIntermediateLayer("one"))
        return climb(CategoricalScore(3), seed_input=x, input_modifiers=None, steps=4)

    agree(*both(models, run), turned=True)


def test_own_functions_get_what_the_network_has(models):
    shapes = []

    def modifier(x):
        shapes.append(x.shape)
        return x

    def score(output):
        shapes.append(output.shape)
        return output[:, 2]

    def penalty(x):
        shapes.append(x.shape)
        return x.sum(axis=(1, 2, 3))

    climb = ActivationMaximization(models[0], ExtractIntermediateLayer("one"))
    climb(score, FIRST, input_modifiers=modifier, regularizers=penalty, steps=1)
    assert shapes == [(2, 3, 14, 12), (2, 6, 12, 10), (2, 3, 14, 12)]


@pytest.mark.parametrize("layer", ["one", "top"])
def test_activations_of_keras_vis(models, layer, tmp_path):
    def run(model, x):
        index = utils.find_layer_idx(model, layer)
        return visualize_activation(
            model,
            index,
            2,
            seed_input=x[0],
            input_range=(0.0, 255.0),
            max_iter=5,
            input_modifiers=[input_modifiers.Jitter(2)],
            callbacks=[vis.callbacks.GifGenerator(tmp_path / model.name)],
        )

    agree(*both(models, run), turned=True)
    with Image.open(tmp_path / "channels_first.gif") as film:
        assert film.size == (12, 14)


@pytest.mark.parametrize("filters", [3, -1, None])
def test_losses_of_keras_vis(models, filters):
    """Minus one is a filter too, and takes the way of two runs."""

    def run(model, x):
        network = utils.apply_modifications(model)
        terms = [
            (losses.ActivationMaximization(network.layers[1], filters), 1),
            (TotalVariation(network.input), 0.1),
        ]
        optimizer = Optimizer(network.input, terms, norm_grads=False)
        seen = []

        class Keep(vis.callbacks.OptimizerCallback):
            def callback(self, i, named_losses, overall_loss, grads, wrt_value):
                seen.append(overall_loss)

        optimizer.minimize(x[:1], 1, callbacks=[Keep()], verbose=False)
        return seen

    agree(*both(models, run))


def test_maps_of_keras_vis(models):
    for options in ({}, {"backprop_modifier": "guided"}):
        agree(
            *both(models, lambda model, x, o=options: visualize_saliency(model, -1, 2, x[0], **o))
        )
        agree(*both(models, lambda model, x, o=options: visualize_cam(model, -1, 1, x[0], **o)))
    whole = both(models, lambda model, x: visualize_saliency(model, -1, 2, x[:1], keepdims=True))
    agree(*whole, turned=True)
    layers = [utils.apply_modifications(model).layers for model in models]
    assert [get_num_filters(each[1]) for each in layers] == [6, 6]
    networks = [utils.apply_modifications(model) for model in models]
    assert [utils.get_img_shape(each) for each in networks] == [(None, 3, 14, 12)] * 2


def test_gradients_of_moved_axes():
    x = Tensor(FIRST)
    weights = np.random.default_rng(2).normal(size=IMAGES.shape).astype(np.float32)
    (found,) = gradient([(np.moveaxis(x, 1, -1) * weights).sum()], [x])
    np.testing.assert_array_equal(found, np.moveaxis(weights, -1, 1))
