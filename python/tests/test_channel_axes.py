"""Networks with their channels first see what their twins with channels last see."""

import warnings

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
    "steps normalized": (
        (5, 3, 8, 8),
        [("TimeDistributed", (LAYERS.BatchNormalization(axis=1),), {})],
        [2, 2],
    ),
    "another order": (
        (3, 8, 8),
        [("Conv2D", (4, 3), FIRST), ("Permute", ((2, 1, 3),), {}), ("ELU", (), {})],
        [1, 1, 2, 2],
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


OPERATORS = {
    # What a function makes of what TensorFlow or keras.ops has, an array, the axis of its channels
    # and those of its pixels; the axis of the result's channels, with them first and last.
    "add": (lambda k, x, channel, pixels: x + 1.0, 1, 3),
    "multiply": (lambda k, x, channel, pixels: k.multiply(x, x), 1, 3),
    "compare": (lambda k, x, channel, pixels: k.maximum(x, k.sign(x)), 1, 3),
    "gates": (lambda k, x, channel, pixels: x * k.mean(x, pixels, keepdims=True), 1, 3),
    "pad": (lambda k, x, channel, pixels: k.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 1, 3),
    "sum over pixels": (lambda k, x, channel, pixels: k.sum(x, pixels), 1, 1),
    "sum over rows": (lambda k, x, channel, pixels: k.sum(x, pixels[0]), 1, 2),
    "from the end": (lambda k, x, channel, pixels: k.max(x, [axis - 4 for axis in pixels]), 1, 1),
    "sum over channels": (lambda k, x, channel, pixels: k.sum(x, channel), 2, 2),
    "largest channel": (lambda k, x, channel, pixels: k.max(x, channel, keepdims=True), 3, 3),
    "sum of all": (lambda k, x, channel, pixels: x + k.sum(x), 1, 3),
    "squeeze": (
        lambda k, x, channel, pixels: k.squeeze(k.mean(x, pixels, keepdims=True), pixels),
        1,
        1,
    ),
    "to the end": (lambda k, x, channel, pixels: k.transpose(x, [0, *pixels, channel]), 3, 3),
    "sides exchanged": (lambda k, x, channel, pixels: k.transpose(x, [0, 2, 1, 3]), 2, 3),
    "an end": (lambda k, x, channel, pixels: k.reshape(x, (-1, 10, 18)), 2, 2),
}


class KerasFunctions:
    """The functions of keras.ops."""

    def __getattr__(self, name):
        return getattr(keras.ops, name)


class TensorFlowFunctions:
    """The functions of TensorFlow, by the names that keras.ops has for them."""

    def __init__(self, tensorflow):
        self._tensorflow = tensorflow

    def __getattr__(self, name):
        if name in ("max", "mean", "sum"):
            return getattr(self._tensorflow, f"reduce_{name}")
        return getattr(self._tensorflow, name)


@pytest.fixture(scope="module")
def tf_keras():
    """Return the Keras whose files have layers for operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("tf_keras")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("library", ["tensorflow", "keras.ops"])
def test_operators_keep_move_and_end_the_axis(request, library, name, first):
    kind, functions = keras, KerasFunctions()
    if library == "tensorflow":
        kind = request.getfixturevalue("tf_keras")
        functions = TensorFlowFunctions(pytest.importorskip("tensorflow"))
    make, *axes = OPERATORS[name]
    inputs = kind.Input((3, 8, 7) if first else (8, 7, 3))
    order = "channels_first" if first else "channels_last"
    maps = kind.layers.Conv2D(6, 3, data_format=order)(inputs)
    result = make(functions, maps, 1 if first else 3, [2, 3] if first else [1, 2])
    model = ph.load(kind.Model(inputs, result))
    axis = list(model.channel_axes.values())[-1]
    rank = len(model.output_shape)
    assert (axis, rank) == (axes[0 if first else 1], len(result.shape))


def operator_network(tf_keras, tf, first):
    """Return a network whose operators are layers of Keras 2, and its inputs' axes."""
    channel, pixels = (1, [2, 3]) if first else (3, [1, 2])
    inputs = tf_keras.Input((3, 20, 16) if first else (20, 16, 3))
    order = "channels_first" if first else "channels_last"
    x = tf_keras.layers.Conv2D(6, 3, padding="same", data_format=order)(inputs)
    x = tf.nn.relu(x * 2.0 + 0.5)
    x = tf.concat([x * tf.sigmoid(tf.reduce_mean(x, pixels, keepdims=True)), -x], channel)
    x = tf.nn.softmax(tf.math.squared_difference(x, 0.3), axis=channel)
    return tf_keras.Model(inputs, tf.reduce_max(x, pixels))


def test_objectives_on_operators_are_the_same(tf_keras, x):
    tf = pytest.importorskip("tensorflow")
    networks = [operator_network(tf_keras, tf, first) for first in (False, True)]
    random = np.random.default_rng(0)
    weights = [random.normal(0, 0.4, each.shape) for each in networks[0].get_weights()]
    for network in networks:
        network.set_weights(weights)
    last, first = (ph.load(network, preprocessing=(1 / 255, 0)) for network in networks)
    for path, other in zip(last.channel_axes, first.channel_axes, strict=True):
        assert first.channel_axes[other] == 1
        expected = ph.gradient(last, x, ph.channel(path, 5))
        assert np.abs(expected).max() > 0
        found = ph.gradient(first, turned(x), ph.channel(other, 5))
        np.testing.assert_allclose(found, turned(expected), rtol=1e-4, atol=1e-6, err_msg=path)


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
