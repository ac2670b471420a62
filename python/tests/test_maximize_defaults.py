"""What maximization does when nothing is stated, and the penalty that knows the training."""

import numpy as np
import pytest

import phosphene as ph

QUIET = {"progress": False}


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


def normalized_network(side=16, channels=3, *, trained=True, first=False):
    """Return a network whose normalization remembers a mean and a variance, and these."""
    random = np.random.default_rng(5)
    mean, variance = random.normal(0, 1, 4), random.uniform(0.05, 0.4, 4)
    if not trained:
        mean, variance = np.zeros(4), np.ones(4)
    gamma, beta = random.uniform(0.5, 2, 4), random.normal(0, 1, 4)
    shape = [None, side, side, channels]
    order = {"data_format": "channels_first" if first else "channels_last"}
    if first:
        shape = [None, channels, side, side]
    layers = [
        ("InputLayer", {"batch_shape": shape, "name": "input"}),
        ("Conv2D", {"name": "conv", "filters": 4, "kernel_size": 3, "use_bias": False} | order),
        ("BatchNormalization", {"name": "norm", "epsilon": 1e-3, "axis": 1 if first else -1}),
        ("ReLU", {"name": "relu"}),
        ("GlobalAveragePooling2D", {"name": "mean"} | order),
        ("Dense", {"name": "classes", "units": 2, "activation": "softmax"}),
    ]
    listed = [{"class_name": name, "config": config} for name, config in layers]
    config = {"class_name": "Sequential", "config": {"name": "normalized", "layers": listed}}
    kernel = random.normal(0, 0.3, (3, 3, channels, 4))
    dense = random.normal(0, 1, (4, 2))
    weights = [kernel, gamma, beta, mean, variance, dense, np.zeros(2)]
    model = ph.load(
        (config, [each.astype(np.float32) for each in weights]), preprocessing=(1 / 255, 0)
    )
    return model, mean, variance


def distance(model, picture, mean, variance):
    """Return the penalty of one view of the whole picture, from the layer before."""
    values = ph.trace(model, picture.input)["conv"]
    deviation = np.sqrt(variance)
    shift = (values.mean(axis=(0, 1, 2)) - mean) / deviation
    stretch = values.std(axis=(0, 1, 2)) / deviation - 1
    return float(np.mean(shift**2 + stretch**2))


def test_statistics_bring_layers_back_to_their_training():
    model, mean, variance = normalized_network()
    options = {"steps": 160, "transforms": (), "parametrization": "pixel", **QUIET}
    optimizer = ph.optimizers.Adam(0.1)
    free = ph.maximize(model, 0, regularizers=(), optimizer=optimizer, **options)
    penalty = [ph.regularizers.Statistics(1000)]
    tied = ph.maximize(model, 0, regularizers=penalty, optimizer=optimizer, **options)
    assert distance(model, tied, mean, variance) < 0.5 * distance(model, free, mean, variance)


def test_statistics_follow_the_axis_of_channels():
    """The same network with its channels first makes the same picture."""
    last, first = (
        ph.maximize(normalized_network(first=first)[0], 0, steps=12, **QUIET)
        for first in (False, True)
    )
    (one,), (other,) = first.recipe["regularizers"], last.recipe["regularizers"]
    assert one["kind"] == "statistics"
    # Of a network that was never trained they are far off, and count less than 15.
    assert one["weight"] == pytest.approx(other["weight"], rel=1e-3)
    assert one["weight"] < 15
    np.testing.assert_allclose(np.moveaxis(first.input, 1, 3), last.input, atol=2e-3)


@pytest.mark.parametrize("trained", [True, False])
def test_statistics_are_minded_where_there_are_some(trained):
    model, *_ = normalized_network(trained=trained)
    kinds = [
        each["kind"] for each in ph.maximize(model, 0, steps=2, **QUIET).recipe["regularizers"]
    ]
    assert kinds == (["statistics"] if trained else [])
    layer = ph.maximize(model, ("conv", 0), steps=2, **QUIET)
    assert layer.recipe["regularizers"] == []


def test_scenes_without_normalizations_are_compared_with_leaves(tmp_path):
    model, *_ = normalized_network(side=64, trained=False)
    picture = ph.maximize(model, 0, steps=4, **QUIET)
    measured = picture.recipe["regularizers"][1]
    # Of a network that was never trained they are far off, and count less than 160.
    assert (measured["kind"], measured["of"]) == ("statistics", "dead_leaves")
    assert measured["weight"] < 160
    path = picture.save(tmp_path / "picture.png")
    np.testing.assert_array_equal(ph.replay(path, model).images, picture.images)
    given = [ph.regularizers.Statistics(80), ph.regularizers.TotalVariation(20)]
    stated = ph.maximize(model, 0, steps=4, regularizers=given, **QUIET)
    assert stated.recipe["regularizers"] == [
        ph.regularizers.Statistics(80, of="dead_leaves").to_json(),
        ph.regularizers.TotalVariation(20).to_json(),
    ]


def test_leaves_follow_the_axis_of_channels():
    """The same network with its channels first makes the same picture."""
    penalty = [ph.regularizers.Statistics(20, of="dead_leaves")]
    last, first = (
        ph.maximize(
            normalized_network(side=32, first=first)[0], 0, steps=6, regularizers=penalty, **QUIET
        )
        for first in (False, True)
    )
    np.testing.assert_allclose(np.moveaxis(first.input, 1, 3), last.input, atol=2e-3)


def test_leaves_need_pictures():
    model, *_ = normalized_network(channels=2)
    penalty = [ph.regularizers.Statistics(1, of="dead_leaves")]
    with pytest.raises(ph.InvalidArgumentError, match="pictures of one channel or three"):
        ph.maximize(model, 0, steps=2, regularizers=penalty, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match="'training', 'dead_leaves' or None"):
        ph.regularizers.Statistics(1, of="leaves")


def test_statistics_need_normalizations():
    model, *_ = normalized_network(trained=False)
    penalty = [ph.regularizers.Statistics(1)]
    with pytest.raises(ph.InvalidArgumentError, match="needs batch normalizations"):
        ph.maximize(model, 0, steps=2, regularizers=penalty, **QUIET)


def test_replay_of_chosen_defaults(tmp_path):
    model, *_ = normalized_network(side=64)
    picture = ph.maximize(model, 1, steps=4, **QUIET)
    assert picture.image.shape == (85, 85, 3)
    path = picture.save(tmp_path / "picture.png")
    np.testing.assert_array_equal(ph.replay(path, model).images, picture.images)


def test_natural_pictures_have_one_contrast():
    model, *_ = normalized_network(channels=1)
    picture = ph.maximize(model, 0, steps=8, parametrization="natural", **QUIET)
    before = np.log(picture.input / (1 - picture.input))
    np.testing.assert_allclose([before.mean(), before.std()], [0, 1.5], atol=1e-3)


def test_a_start_picture_stays_what_it_is():
    model, *_ = normalized_network(side=64)
    start = np.full((1, 64, 64, 3), 0.25, np.float32)
    picture = ph.maximize(model, 0, steps=1, start=start, transforms=(), **QUIET)
    assert picture.recipe["parametrization"]["kind"] == "fourier"
    assert abs(picture.images.mean() - 64) < 8
    with pytest.raises(ph.InvalidArgumentError, match=r"'natural'.*leave start out"):
        ph.maximize(model, 0, steps=1, start=start, parametrization="natural", **QUIET)
