"""Several networks joined: their own values and gradients, beside Keras' with both in one model."""

import json
import warnings

import numpy as np
import pytest
from conformance.keras_side import relative_l2, scatter_weights
from conftest import relative_error

import phosphene as ph
from phosphene._engine.library import check, ffi, lib

QUIET = {"progress": False}
MEANS = np.float32([103.939, 116.779, 123.68])
"""What the preprocessing of the old ImageNet networks subtracts."""


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


@pytest.fixture(scope="module")
def networks(keras):
    """Three networks that take pixels, numbers from -1 to 1, and blue first."""
    keras.utils.clear_session()
    layers = keras.layers
    pixels = keras.Sequential(
        [
            layers.Input((8, 9, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(4, 3, activation="tanh", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, name="scores"),
        ],
        name="pixels",
    )
    x = keras.Input((8, 9, 3), name="x")
    conv = layers.Conv2D(6, 3, activation="relu", name="conv")(x)
    scores = layers.Dense(5, name="scores")(layers.Flatten()(conv))
    centred = keras.Model(x, [scores, conv], name="centred")
    y = keras.Input((None, None, 3), name="y")
    pooled = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3, name="conv")(y))
    reversed_ = keras.Model(y, layers.Dense(3, name="scores")(pooled), name="reversed")
    made = {"pixels": pixels, "centred": centred, "reversed": reversed_}
    for seed, network in enumerate(made.values()):
        scatter_weights(network, seed)
    return made


@pytest.fixture(scope="module")
def parts(networks):
    return {
        "pixels": ph.load(networks["pixels"]),
        "centred": ph.load(networks["centred"], preprocessing="tf"),
        "reversed": ph.load(networks["reversed"], preprocessing="caffe"),
    }


@pytest.fixture(scope="module")
def joined(parts):
    return ph.join(parts)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((2, 8, 9, 3), np.float32)


def prepared(x):
    """Return what each of the networks makes of a picture from 0 to 1, in Keras or in NumPy."""
    return {"pixels": 255 * x, "centred": 2 * x - 1, "reversed": 255 * x[..., ::-1] - MEANS}


def test_values_are_those_of_keras(networks, joined, x):
    found = joined(x)
    assert list(found) == ["pixels", "centred", "reversed"]
    for name, own in prepared(x).items():
        expected = networks[name](own)
        received = found[name]
        if name == "centred":
            assert relative_error(received[1], expected[1]) < 2e-5
            expected, received = expected[0], received[0]
        assert relative_error(received, expected) < 2e-5
    assert joined.input_shape == (None, 8, 9, 3)
    assert joined.preprocessing.value_range == (0, 1)


def test_gradients_of_sums_are_those_of_keras(keras, networks, joined, x):
    import tensorflow as tf

    middle = {
        name: keras.Model(networks[name].inputs, networks[name].get_layer("conv").output)
        for name in ("pixels", "centred")
    }
    source = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(source)
        own = prepared(source)
        total = 0.5 * networks["pixels"](own["pixels"])[:, 3]
        total += 0.25 * networks["centred"](own["centred"])[0][:, 4]
        total -= 2 * networks["reversed"](own["reversed"])[:, 1] / 255
        total += 3 * tf.reduce_mean(middle["pixels"](own["pixels"])[..., 2], axis=(1, 2))
        total -= tf.reduce_mean(middle["centred"](own["centred"]) ** 2, axis=(1, 2, 3))
    expected = tape.gradient(total, source)
    objective = (
        0.5 * ph.logit(3, output="pixels")
        + 0.25 * ph.logit(4, output="centred")
        - ph.probability(1, output="reversed") / 127.5
        + 3 * ph.channel("pixels/conv", 2)
        - ph.energy("centred/conv")
    )
    received = ph.gradient(joined, x, objective)
    assert relative_l2(received, expected) < 2e-5


def test_keras_reads_the_whole(keras, networks, joined, x):
    network = keras.models.model_from_json(json.dumps(joined.config))
    for name, part in networks.items():
        network.get_layer(name).set_weights(part.get_weights())
    received, expected = joined(x), network(x)
    for name in ("pixels", "reversed"):
        assert relative_error(received[name], expected[name]) < 2e-5


def test_live_models_and_files_are_loaded_first(networks, parts, tmp_path, x):
    file = parts["centred"].save(tmp_path / "centred.safetensors")
    joined = ph.join({"pixels": networks["pixels"], "centred": file})
    found = joined(x)
    np.testing.assert_array_equal(found["pixels"], parts["pixels"](255 * x))
    own = 2 * x.astype(np.float64) - 1
    np.testing.assert_allclose(found["centred"][0], parts["centred"](own)[0], atol=1e-5)


def test_layers_have_the_name_of_their_network_before_them(joined, x):
    assert joined["centred/conv"].kind == "Conv2D"
    with pytest.raises(ph.InvalidArgumentError, match="'pixels/conv', 'centred/conv'"):
        joined["conv"]
    seen = ph.trace(joined, x, ["pixels/conv", "reversed/conv"])
    assert seen["pixels/conv"].shape == (2, 6, 7, 4)
    alone = joined.submodel("reversed/conv")(x)
    np.testing.assert_array_equal(seen["reversed/conv"], alone)


def address(model, key):
    """Return where a weight lies."""
    struct = ffi.new("ph_array *")
    check(lib.ph_model_weight(model.handle, key.encode(), struct))
    return int(ffi.cast("uintptr_t", struct.data))


def test_no_weight_is_copied(parts, joined):
    for name, part in parts.items():
        for weight in part.architecture.weights():
            key = weight["key"]
            assert address(joined, f"{name}/{key}") == address(part, key)


def test_networks_of_one_preprocessing_take_it_as_it_is(networks, x):
    x = 4 * x - 2
    pair = {name: ph.load(networks[name], preprocessing="torch") for name in ("pixels", "reversed")}
    joined = ph.join(pair)
    assert joined.preprocessing.to_json() == pair["pixels"].preprocessing.to_json()
    found = joined(x)
    for name, part in pair.items():
        np.testing.assert_array_equal(found[name], part(x))
    assert len(joined.layers) == 3


def test_the_digest_is_that_of_weights_and_structure(networks, parts, joined, tmp_path, x):
    assert ph.join(parts).digest == joined.digest
    weights = dict(
        zip(
            (each["key"] for each in joined.architecture.weights()),
            joined.get_weights(),
            strict=True,
        )
    )
    assert ph.load((joined.config, weights)).digest == joined.digest
    weights["pixels/scores/bias"] = weights["pixels/scores/bias"] + 1
    assert ph.load((joined.config, weights)).digest != joined.digest
    again = ph.load(joined.save(tmp_path / "joined.safetensors"))
    assert again.digest == joined.digest
    assert again.preprocessing == joined.preprocessing
    np.testing.assert_array_equal(again(x)["pixels"], joined(x)["pixels"])


def test_a_picture_for_two_networks(parts, tmp_path):
    names = ("pixels", "centred")
    options = {"steps": 24, "regularizers": (), **QUIET}
    joined = ph.join({name: parts[name] for name in names})
    both = 0.5 * ph.logit(2, output="pixels") + 0.5 * ph.logit(1, output="centred")
    picture = ph.maximize(joined, both, **options)
    own = prepared(picture.input)
    scores = [parts["pixels"](own["pixels"])[0, 2], parts["centred"](own["centred"])[0][0, 1]]
    assert picture.score == pytest.approx(np.mean(scores), rel=1e-4)
    assert picture.labels[0] == "0.5 pixels · 2 + 0.5 centred · 1"
    np.testing.assert_allclose(picture.images, 255 * picture.input, atol=0.501)
    # Neither of both alone goes as far as both together.
    for name, index in zip(names, (2, 1), strict=True):
        one = ph.maximize(joined, ph.logit(index, output=name), **options)
        alone = joined(one.input)
        mean = (alone["pixels"][0, 2] + alone["centred"][0][0, 1]) / 2
        assert picture.score > mean
    again = ph.join({name: parts[name] for name in names})
    replayed = ph.replay(picture.save(tmp_path / "both.png"), again, **QUIET)
    np.testing.assert_array_equal(replayed.input, picture.input)
    assert replayed.recipe == picture.recipe


def test_a_picture_for_one_of_them_is_the_one_that_it_makes_alone(networks):
    """The batch normalization of the other one doesn't count among the statistics."""
    alone = ph.load(networks["pixels"])
    joined = ph.join({"other": alone, "own": alone})
    whole = ph.maximize(alone, 2, steps=6, **QUIET)
    part = ph.maximize(joined, ph.logit(2, output="own"), steps=6, **QUIET)
    assert "statistics" in str(part.recipe["regularizers"])
    np.testing.assert_allclose(part.history, whole.history, rtol=1e-5)
    np.testing.assert_allclose(part.input, whole.input, atol=1e-3)


def test_channels_first(keras, x):
    import tensorflow as tf

    keras.utils.clear_session()
    first, last = {}, {}
    for number, name in enumerate(("tf", "caffe")):
        orders = (first, "channels_first", (3, 8, 9)), (last, "channels_last", (8, 9, 3))
        for built, order, shape in orders:
            network = keras.Sequential(
                [
                    keras.layers.Input(shape),
                    keras.layers.Conv2D(4, 3, data_format=order, name="conv"),
                    keras.layers.GlobalAveragePooling2D(data_format=order),
                ]
            )
            scatter_weights(network, number)
            built[name] = network
    joined = ph.join({name: ph.load(net, preprocessing=name) for name, net in first.items()})
    assert joined.input_channel_axis == 1
    found = joined(np.moveaxis(x, -1, 1))
    own = prepared(tf.constant(x))
    assert relative_error(found["tf"], last["tf"](own["centred"])) < 2e-5
    assert relative_error(found["caffe"], last["caffe"](own["reversed"])) < 2e-5
    picture = ph.maximize(joined, ph.energy("tf/conv"), steps=2, **QUIET)
    assert picture.images.shape == (1, 8, 9, 3)


def chain(name, *layers, shape=(4,), version=None):
    """Return a small network without Keras, its kernels those of a seed."""
    entries = [{"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "x"}}]
    for kind, own, config in layers:
        entries.append({"class_name": kind, "config": {"name": own, **config}})
    config = {"class_name": "Sequential", "config": {"name": name, "layers": entries}}
    if version is not None:
        config["keras_version"] = version
    return config


def dense(units, **options):
    return ("Dense", "scores", {"units": units, "use_bias": False, **options})


def dense_model(units, *, version=None, activation="linear", seed=0, **options):
    kernel = np.random.default_rng(seed).normal(size=(4, units))
    config = chain("dense", dense(units, activation=activation), version=version)
    return ph.load((config, {"scores/kernel": kernel}), **options)


def test_each_network_keeps_the_meaning_of_its_version_of_keras(tmp_path):
    old = dense_model(3, version="2.15.0", activation="hard_sigmoid")
    new = dense_model(3, version="3.5.0", activation="hard_sigmoid")
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    for order in ({"old": old, "new": new}, {"new": new, "old": old}):
        joined = ph.join(order)
        for model in (joined, ph.load(joined.save(tmp_path / "both.safetensors"))):
            np.testing.assert_array_equal(model(x)["old"], old(x))
            np.testing.assert_array_equal(model(x)["new"], new(x))
    assert not np.allclose(old(x), new(x))


def test_each_output_has_its_own_names_of_classes(tmp_path):
    pets = dense_model(2, classes=["cat", "dog"])
    cars = dense_model(3, classes=["van", "bus", "cat"])
    joined = ph.join({"pets": pets, "cars": cars})
    for model in (joined, ph.load(joined.save(tmp_path / "both.safetensors"))):
        cats = ph.logit("cat", output="pets") - ph.logit("cat", output="cars")
        picture = ph.maximize(model, cats, steps=1, value_range=(0, 1), **QUIET)
        indices = [term["index"] for term in picture.recipe["objectives"][0]["terms"]]
        assert indices == [0, 2]
        assert picture.labels[0] == "pets · cat - cars · cat"
        with pytest.raises(ph.InvalidArgumentError, match="no class 'van'"):
            ph.maximize(model, ph.logit("van", output="pets"), **QUIET)
        with pytest.raises(ph.InvalidArgumentError, match="2 outputs: say which with output="):
            ph.maximize(model, "cat", **QUIET)
    same = ph.join({"a": pets, "b": dense_model(2, classes=["cat", "dog"], seed=1)})
    assert same.classes == ("cat", "dog")


def test_one_network_in_another_precision():
    kernel = np.random.default_rng(0).normal(size=(4, 1 << 15))
    config = chain("wide", dense(1 << 15))
    halves = ph.load((config, {"scores/kernel": kernel}), precision="bfloat16")
    joined = ph.join({"a": halves, "b": halves})
    assert joined.precision == "bfloat16"
    assert joined.digest == ph.join({"a": halves, "b": halves}).digest
    assert joined.digest != ph.join({"a": halves, "c": halves}).digest
    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(joined(x)["b"], halves(x))
    whole = ph.load((config, {"scores/kernel": kernel}))
    with pytest.raises(ph.InvalidArgumentError, match="same precision; received 'a' bfloat16, 'b'"):
        ph.join({"a": halves, "b": whole})


def test_a_picture_of_rounded_networks_is_rendered_again_with_their_file(tmp_path):
    kernel = np.random.default_rng(0).normal(size=(4, 1 << 15))
    config = chain("wide", dense(1 << 15))
    halves = ph.load((config, {"scores/kernel": kernel}), precision="bfloat16")
    joined = ph.join({"a": halves, "b": halves})
    options = {"steps": 3, "value_range": (0, 1), **QUIET}
    picture = ph.maximize(joined, ph.logit(7, output="b"), **options)
    file = joined.save(tmp_path / "joined.safetensors")
    again = ph.load(file, precision="bfloat16")
    assert again.digest == joined.digest
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replayed = ph.replay(picture.save(tmp_path / "picture.png"), again, **QUIET)
    np.testing.assert_array_equal(replayed.input, picture.input)
    assert replayed.labels == picture.labels


def test_networks_in_networks_are_called_by_their_names(tmp_path):
    pets, cars = (
        dense_model(2, classes=["cat", "dog"]),
        dense_model(3, seed=1, classes=["van", "bus", "car"]),
    )
    inner = ph.join({"a": pets, "b": cars})
    outer = ph.join({"x": ph.join({"i": inner, "j": pets}), "y": cars})
    names = ["x/i/a", "x/i/b", "x/j", "y"]
    options = {"steps": 1, "value_range": (0, 1), **QUIET}
    for model in (outer, ph.load(outer.save(tmp_path / "outer.safetensors"))):
        assert list(model.output_names.values()) == names
        wishes = ["dog", "car", "cat", "van"]
        for name, network, wanted in zip(names, (pets, cars, pets, cars), wishes, strict=True):
            picture = ph.maximize(model, ph.logit(wanted, output=name), **options)
            assert picture.labels == (f"{name} · {wanted}",)
            alone = network(picture.input)[0, network.classes.index(wanted)]
            assert picture.score == pytest.approx(alone, rel=1e-5)
        with pytest.raises(ph.InvalidArgumentError, match="it has 'x/i/a', 'x/i/b', 'x/j', 'y'"):
            ph.maximize(model, ph.logit(0, output="z"), **QUIET)


def test_outputs_whose_keys_are_other_outputs_paths_keep_their_paths():
    layers = [dense(1), dense(2)]
    entries = [
        {"class_name": "InputLayer", "name": "x", "config": {"batch_shape": [None, 4], "name": "x"},
         "inbound_nodes": []}
    ]  # fmt: skip
    for name, (kind, _, config) in zip(("one", "two"), layers, strict=True):
        config = {**config, "name": name}
        entries.append(
            {
                "class_name": kind,
                "name": name,
                "config": config,
                "inbound_nodes": [[["x", 0, 0, {}]]],
            }
        )

    def loaded(outputs):
        config = {"name": "m", "layers": entries, "input_layers": [["x", 0, 0]]}
        config["output_layers"] = {key: [name, 0, 0] for key, name in outputs.items()}
        weights = {"one/kernel": np.ones((4, 1)), "two/kernel": np.ones((4, 2))}
        return ph.load(({"class_name": "Functional", "config": config}, weights))

    assert loaded({"first": "one", "two": "two"}).output_names == {"one": "first", "two": "two"}
    assert loaded({"two": "one", "one": "two"}).output_names == {"two": "two", "one": "one"}


def test_networks_in_networks():
    inner = ph.join({"a": dense_model(2), "b": dense_model(3, seed=1)})
    outer = ph.join({"input": inner, "c": dense_model(1, seed=2)})
    x = np.ones((1, 4), np.float32)
    found, expected = outer(x), inner(x)
    np.testing.assert_array_equal(found["input"]["a"], expected["a"])
    np.testing.assert_array_equal(found["input"]["b"], expected["b"])
    assert outer["input/b/scores"].output_shape == (None, 3)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "takes a dict of networks by .* received an empty dict"),
        ([1], "takes a dict of networks by .* received a list"),
        ({"": "flat"}, "name of a joined network is a text without '/', '#' and ':'; received ''"),
        ({"a/b": "flat"}, "received 'a/b'"),
        ({3: "flat"}, "received 3"),
        ({"a": 3}, "load takes .* received an int"),
        ({"a": "flat", "b": "image"}, r"received 'a' \(None, 4\), 'b' \(None, 4, 4, 3\)"),
        ({"a": "image", "b": "large"}, r"'b' \(None, 8, 8, 3\)\. A Resizing layer .* fit\.$"),
        ({"a": "flat", "b": "ids"}, "same type of numbers; received 'a' float32, 'b' int32"),
        ({"a": "pair"}, "have one input each; 'a' has 2"),
    ],
)
def test_refusals(models, message):
    import recipes

    ids = chain("ids", ("Embedding", "ids", {"input_dim": 3, "output_dim": 2}))
    ids["config"]["layers"][0]["config"]["dtype"] = "int32"
    known = {
        "flat": dense_model(2),
        "image": ph.load((chain("image", ("Flatten", "f", {}), shape=(4, 4, 3)), {})),
        "large": ph.load((chain("large", ("Flatten", "f", {}), shape=(8, 8, 3)), {})),
        "ids": ph.load((ids, {"ids/embeddings": np.zeros((3, 2))})),
        "pair": recipes.pair(),
    }
    if isinstance(models, dict):
        models = {name: known.get(model, model) for name, model in models.items()}
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.join(models)
