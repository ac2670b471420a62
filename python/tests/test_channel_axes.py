"""Networks with their channels first see what their twins with channels last see."""

import keras
import numpy as np
import pytest

import phosphene as ph

LAYERS = keras.layers


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


def network(first):
    """Return a network with branches, normalizations and layers without a word on channels."""
    where = {"data_format": "channels_first" if first else "channels_last"}
    axis = 1 if first else -1
    inputs = keras.Input((3, 20, 16) if first else (20, 16, 3), name="seen")
    x = LAYERS.Rescaling(2.0, -1.0, name="scaled")(inputs)
    x = LAYERS.Conv2D(6, 3, padding="same", name="conv", **where)(x)
    x = LAYERS.BatchNormalization(axis=axis, name="normal")(x)
    x = LAYERS.Activation("relu", name="rectified")(x)
    side = LAYERS.DepthwiseConv2D(3, padding="same", name="depthwise", **where)(x)
    x = LAYERS.Add(name="sum")([x, LAYERS.Dropout(0.5, name="dropped")(side)])
    x = LAYERS.Concatenate(axis=axis, name="joined")([x, side])
    x = keras.ops.tanh(x)
    x = LAYERS.MaxPooling2D(2, name="pooled", **where)(x)
    x = keras.Sequential(
        [LAYERS.Conv2D(5, 3, name="within", activation="softplus", **where)], name="nested"
    )(x)
    x = LAYERS.GlobalAveragePooling2D(name="mean", **where)(x)
    return keras.Model(inputs, LAYERS.Dense(4, activation="softmax", name="class")(x))


@pytest.fixture(scope="module")
def twins():
    """Return a network with its channels last, and one with them first and the same weights."""
    random = np.random.default_rng(0)
    last, first = network(False), network(True)
    weights = [random.normal(0, 0.4, each.shape) for each in last.get_weights()]
    for place, variable in enumerate(last.weights):
        if variable.path.endswith("variance"):
            weights[place] = random.uniform(0.5, 1.5, variable.shape)
    last.set_weights(weights)
    first.set_weights(weights)
    return tuple(ph.load(model, preprocessing=(1 / 255, 0)) for model in (last, first))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).random((2, 20, 16, 3), np.float32)


def turned(array):
    return np.moveaxis(array, -1, 1)


def test_every_output_knows_the_axis_of_its_channels(twins):
    last, first = twins
    assert last.input_channel_axis == 3
    assert first.input_channel_axis == 1
    for path, other in zip(last.channel_axes, first.channel_axes, strict=True):
        rank = len(last.shapes[path])
        assert last.channel_axes[path] == rank - 1
        assert first.channel_axes[other] == 1


OBJECTIVES = [
    ph.channel("conv", 5),
    ph.channel("conv", np.array([5, 1])),
    ph.channel("normal", 2, pre_activation=True),
    ph.channel("rectified", 5, pre_activation=True),
    ph.neuron("sum", 4),
    ph.neuron("joined", 11, position=(19, 2)),
    ph.neuron("pooled", 3, position=(9, 0)),
    ph.channel("nested/within", 4),
    ph.channel("nested", 4),
    ph.direction("dropped", [1, 2, 3, -1, 0, 1], cosine_power=1),
    ph.channel("joined", 9) - 0.5 * ph.energy("conv") + ph.diversity("sum"),
    ph.channel("scaled", 2),
    ph.logit(3),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_objectives_and_gradients_are_the_same(twins, x, objective):
    last, first = twins
    expected = ph.gradient(last, x, objective)
    assert np.abs(expected).max() > 0
    found = ph.gradient(first, turned(x), objective)
    np.testing.assert_allclose(found, turned(expected), rtol=1e-4, atol=1e-6)


def test_activations_to_match_have_the_layers_own_shape(twins, x):
    last, first = twins
    wanted = ph.trace(last, x, "joined")["joined"][:1]
    expected = ph.gradient(last, x, ph.match("joined", wanted))
    found = ph.gradient(first, turned(x), ph.match("joined", turned(wanted)))
    np.testing.assert_allclose(found, turned(expected), rtol=1e-4, atol=1e-6)


def test_a_channel_that_is_missing_is_said(twins, x):
    with pytest.raises(ph.InvalidArgumentError, match=r"layer 'conv' has 6 channels, 0 to 5"):
        ph.gradient(twins[1], turned(x), ph.channel("conv", 6))
    with pytest.raises(ph.InvalidArgumentError, match=r"positions have shape \(20, 16\)"):
        ph.gradient(twins[1], turned(x), ph.neuron("conv", 0, position=(20, 0)))


@pytest.mark.parametrize(
    "options",
    [
        {"objective": ph.channel("joined", 3)},
        {"objective": ph.logit(2), "n": 2},
        {"objective": 2, "size": 32, "views": 2, "transforms": [ph.transforms.Crop(0.9, 0.5)]},
        {"objective": ph.channel("conv", 1), "parametrization": "pixel"},
        {"objective": 1, "regularizers": [ph.regularizers.Statistics(1)], "steps": 8},
    ],
    ids=["channel", "logit", "crops", "pixel", "statistics"],
)
def test_pictures_are_the_same(twins, options):
    options = {"steps": 6, "progress": False, **options}
    objective = options.pop("objective")
    expected, found = (ph.maximize(model, objective, **options) for model in twins)
    assert found.images.shape == expected.images.shape
    assert found.images.shape[-1] == 3
    assert np.abs(found.images.astype(int) - expected.images).max() <= 1
    np.testing.assert_allclose(found.input, turned(expected.input), atol=1e-3)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-3)


def test_a_start_may_have_either_layout(twins, x):
    options = {
        "steps": 1,
        "transforms": (),
        "parametrization": "pixel",
        "optimizer": ph.optimizers.SGD(1e-12),
        "progress": False,
    }
    for start in (x[:1], turned(x[:1])):
        picture = ph.maximize(twins[1], 0, start=start, **options)
        np.testing.assert_allclose(picture.images[0] / 255, x[0], atol=0.01)


def test_a_prior_is_read_in_either_layout(twins, x):
    options = {"steps": 2, "progress": False}
    expected = ph.maximize(twins[0], 0, prior=x, **options)
    for prior in (x, turned(x)):
        found = ph.maximize(twins[1], 0, prior=prior, **options)
        assert np.abs(found.images.astype(int) - expected.images).max() <= 1


def test_a_warning_of_the_range_comes_from_gradients_and_traces_too(twins, x):
    for see in (ph.trace, ph.gradient):
        model = ph.load((twins[1].config, weights_of(twins[1])), preprocessing=(1 / 255, 0))
        with pytest.warns(UserWarning, match="expects inputs from 0 to 1"):
            see(model, 255 * turned(x))


def weights_of(model):
    return {each["key"]: model.weight(each["key"]) for each in model.architecture.weights()}


def test_cards_are_the_same(twins):
    cards = [
        ph.maximize(model, ph.channel("conv", 1), steps=6, progress=False).card(
            model, seeds=1, random_weights=False, progress=False
        )
        for model in twins
    ]
    np.testing.assert_allclose(cards[0].scrambled, cards[1].scrambled, rtol=1e-3)
    np.testing.assert_allclose(cards[0].shifted, cards[1].shifted, rtol=1e-3)


def pages(trace, folder):
    return [page.read_bytes() for page in trace.save(folder, min_size=(4, 4), channels=[0, 4])]


def test_traces_are_drawn_the_same(twins, x, tmp_path):
    last, first = twins
    names = ["conv", "joined", "nested"]
    expected = pages(ph.trace(last, x, names), tmp_path / "last")
    assert expected == pages(ph.trace(first, turned(x), names), tmp_path / "first")

    drawn = []
    for name, model, inputs in (("last", last, x), ("first", first, turned(x))):
        store = tmp_path / f"stored {name}"
        ph.trace(model, inputs, names, store=store)
        found = ph.render(store, min_size=(4, 4), scale="set")
        drawn.append([page.read_bytes() for page in found])
    assert drawn[0] == drawn[1]


def test_watched_layers_are_drawn_the_same(twins, x, tmp_path):
    drawn = []
    for name, model, inputs in (("last", twins[0], x), ("first", twins[1], turned(x))):
        watch = ph.Watch(inputs, ["conv", "joined"], folder=tmp_path / name)
        watch.look(model)
        figure = ph.Watch.open(tmp_path / name).plot(at=0)
        figure.savefig(tmp_path / f"{name}.png", metadata={"Software": None})
        drawn.append((tmp_path / f"{name}.png").read_bytes())
    assert drawn[0] == drawn[1]


FIRST = {"data_format": "channels_first"}
CHAINS = {
    "signal": ((2, 24), [("Conv1D", (4, 3), FIRST), ("ReLU", (), {})], [1, 1, 1]),
    "volume": ((2, 6, 6, 6), [("Conv3D", (3, 3), FIRST)], [1, 1]),
    "groups": (
        (4, 8, 8),
        [
            ("Dropout", (0.1,), {}),
            ("GroupNormalization", (2,), {"axis": 1}),
            ("SpatialDropout2D", (0.1,), FIRST),
        ],
        [1, 1, 1, 1],
    ),
    "steps": (
        (5, 3, 8, 8),
        [
            ("TimeDistributed", (LAYERS.Conv2D(4, 3, **FIRST),), {}),
            ("ConvLSTM2D", (2, 3), FIRST | {"return_sequences": True}),
            ("ConvLSTM2D", (2, 3), FIRST),
        ],
        [2, 2, 2, 1],
    ),
    "an end": (
        (3, 8, 8),
        [("Conv2D", (4, 3), FIRST), ("Permute", ((2, 3, 1),), {}), ("ELU", (), {})],
        [1, 1, 3, 3],
    ),
    "a kept axis": (
        (3, 8, 8),
        [
            ("GlobalMaxPooling2D", (), FIRST | {"keepdims": True}),
            ("Flatten", (), {}),
            ("Dense", (2,), {}),
        ],
        [1, 1, 1, 1],
    ),
    "nothing said": ((3, 8, 8), [("Rescaling", (2.0,), {}), ("Flatten", (), {})], [1, 1, 1]),
    "one word against the look": ((3, 8, 8), [("Conv2D", (4, 3), {})], [3, 3]),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_layers_say_inherit_and_end_the_axis(chain):
    shape, layers, axes = CHAINS[chain]
    tensors = [keras.Input(shape)]
    for kind, args, settings in layers:
        tensors.append(getattr(LAYERS, kind)(*args, **settings)(tensors[-1]))
    model = ph.load(keras.Model(tensors[0], tensors[-1]))
    assert [model.input_channel_axis, *model.channel_axes.values()] == axes


@pytest.mark.parametrize("chain", ["signal", "volume"])
def test_signals_and_volumes_have_the_networks_shape(chain):
    shape, layers, _ = CHAINS[chain]
    pictures = []
    for first in (False, True):
        inputs = keras.Input(shape if first else (*shape[1:], shape[0]))
        x = inputs
        for kind, args, settings in layers:
            x = getattr(LAYERS, kind)(*args, **(settings if first else {}))(x)
        model = keras.Model(inputs, x)
        random = np.random.default_rng(0)
        model.set_weights([random.normal(0, 1, each.shape) for each in model.get_weights()])
        options = {"steps": 6, "progress": False, "parametrization": "fourier"}
        objective = ph.channel(model.layers[1].name, 2)
        pictures.append(
            ph.maximize(ph.load(model, preprocessing=(1 / 255, 0)), objective, **options)
        )
    np.testing.assert_allclose(pictures[1].input, turned(pictures[0].input), atol=1e-3)
    np.testing.assert_allclose(
        pictures[1].images.astype(int), pictures[0].images.astype(int), atol=1
    )
