"""Models: what they say and compute, pictures in and out, refreshing, saving, pickling."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, TINY_WEIGHTS, outputs_of, relative_error

import phosphene as ph
from phosphene._engine.plan import KEPT_PLANS
from phosphene._models.model import as_model

X = np.float32([[1, 2], [-1, 3]])


def test_shapes_and_counts(tiny):
    assert tiny.input_shape == (None, 2)
    assert tiny.output_shape == (None, 2)
    assert tiny.count_params() == 9 + 8
    assert [array.shape for array in tiny.get_weights()] == [(2, 3), (3,), (3, 2), (2,)]
    assert repr(tiny) == "<Model 'tiny': (None, 2) -> (None, 2)>"
    assert tiny.config["config"]["name"] == "tiny"


@pytest.mark.keras
@pytest.mark.parametrize("name", ["dense", "conv", "branched", "nested", "two_inputs"])
def test_outputs_and_their_structure_are_those_of_keras(networks, name):
    network = getattr(networks, name)
    model = ph.load(network)
    random = np.random.default_rng(0)
    x = [random.normal(size=(5, *shape.shape[1:])).astype("f") for shape in network.inputs]
    x = x[0] if len(x) == 1 else x
    expected = outputs_of(network, x)
    received = model(x)
    assert isinstance(received, list) == (len(expected) > 1)
    received = received if isinstance(received, list) else [received]
    cut = model.predict(x, batch_size=2)
    cut = cut if isinstance(cut, list) else [cut]
    for ours, parts, theirs in zip(received, cut, expected, strict=True):
        assert relative_error(ours, theirs) < 1e-5
        assert relative_error(parts, theirs) < 1e-5
    assert model.count_params() == network.count_params()


@pytest.mark.keras
def test_a_dict_of_outputs_comes_back_as_one(keras):
    layers = keras.layers
    x = layers.Input((3,), name="x")
    outputs = {"zebra": layers.Dense(2, name="a")(x), "apple": layers.Dense(4, name="b")(x)}
    network = keras.Model(x, outputs)
    received = ph.load(network)(np.ones((1, 3)))
    expected = network(np.ones((1, 3)))
    assert set(received) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(received[key], value, rtol=1e-5)


@pytest.mark.keras
def test_submodels(networks, keras):
    network = networks.conv
    model = ph.load(network)
    x = np.random.default_rng(0).normal(size=(3, 12, 12, 3)).astype(np.float32)
    part = model.submodel("conv_b")
    theirs = keras.Model(network.inputs, network.get_layer("conv_b").output)([x], training=False)
    assert relative_error(part(x), np.asarray(theirs)) < 1e-5
    both = model.submodel(["conv_a", -1])(x)
    assert relative_error(both[1], np.asarray(network(x, training=False))) < 1e-5
    rest = model.submodel("scores", inputs="conv_b")
    assert relative_error(rest(part(x)), both[1]) < 1e-5
    assert relative_error(rest.predict(part(x), batch_size=2), both[1]) < 1e-5
    assert repr(rest) == "<Submodel of 'conv_net': conv_b -> scores>"
    with pytest.raises(ph.InvalidArgumentError, match=r"'conv_b' has outputs of shape"):
        rest(x)


def test_a_live_model_loaded_is_a_snapshot_until_it_is_refreshed(networks, keras):
    network = keras.models.clone_model(networks.conv)
    model = ph.load(network)
    x = np.random.default_rng(0).normal(size=(2, 12, 12, 3)).astype(np.float32)
    before = model(x)
    for weight in network.weights:
        weight.assign(weight + 0.25)
    np.testing.assert_array_equal(model(x), before)
    model.refresh(network)
    assert relative_error(model(x), np.asarray(network(x, training=False))) < 1e-5
    plans = model._core
    assert model.refresh(network)._core is plans  # nothing had changed: the plans are kept


def test_a_live_model_passed_directly_is_read_at_each_call(networks, keras):
    network = keras.models.clone_model(networks.conv)
    x = np.random.default_rng(0).normal(size=(2, 12, 12, 3)).astype(np.float32)
    first = ph.trace(network, x)["scores"]
    model = as_model(network)
    assert as_model(network) is model
    network.get_layer("scores").set_weights([np.zeros((6, 10)), np.arange(10.0)])
    second = ph.trace(network, x)["scores"]
    assert relative_error(second, np.asarray(network(x, training=False))) < 1e-5
    assert not np.array_equal(first, second)
    network.layers[-1].activation = keras.activations.linear
    np.testing.assert_array_equal(ph.trace(network, x)["scores"], [np.arange(10)] * 2)


def test_update_takes_weights_and_refuses_others(tiny):
    halved = {key: 0.5 * array for key, array in TINY_WEIGHTS.items()}
    assert tiny.update(halved) is tiny
    np.testing.assert_array_equal(tiny.weight("hidden/kernel"), halved["hidden/kernel"])
    for wrong, message in (
        ({}, "Missing weights: 'hidden/kernel'"),
        (halved | {"other/kernel": [1]}, "Unknown weights: 'other/kernel'"),
        (halved | {"hidden/bias": np.ones(4)}, r"'hidden/bias' must have shape \(3,\)"),
        ("weights.h5", "received a str"),
        ([1, 2], "4 weights, received a list of 2"),
    ):
        with pytest.raises(ph.InvalidArgumentError, match=message):
            tiny.update(wrong)
    with pytest.raises(ph.InvalidArgumentError, match=r"Weights go to update\(\)"):
        tiny.refresh(halved)
    np.testing.assert_array_equal(tiny.weight("hidden/kernel"), halved["hidden/kernel"])
    tiny.update(list(TINY_WEIGHTS.values()))
    np.testing.assert_array_equal(tiny.weight("scores/bias"), TINY_WEIGHTS["scores/bias"])


def test_saving_and_opening_keeps_everything(tmp_path):
    model = ph.load((TINY, TINY_WEIGHTS), preprocessing=(1 / 127.5, -1), classes=["a", "ö"])
    path = model.save(tmp_path / "tiny.safetensors")
    again = ph.load(path)
    assert again.digest == model.digest
    assert again.classes == ("a", "ö")
    assert again.preprocessing == model.preprocessing
    np.testing.assert_array_equal(again(X), model(X))
    assert [each.name for each in tmp_path.iterdir()] == ["tiny.safetensors"]
    other = ph.load(path, classes=["c", "d"], preprocessing="tf")
    other.save(path)
    assert ph.load(path).classes == ("c", "d")
    assert ph.load(path).preprocessing.sentence.endswith("(preprocessing='tf')")


def test_saving_makes_missing_folders(tiny, tmp_path):
    path = tiny.save(tmp_path / "made" / "for it" / "tiny.safetensors")
    np.testing.assert_array_equal(ph.load(path)(X), tiny(X))


def test_saving_where_it_is_not_possible(tiny, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ph.ModelFileError, match="file"):
        tiny.save(tmp_path / "file" / "tiny.safetensors")
    with pytest.raises(ph.InvalidArgumentError, match=r"\.safetensors; received"):
        tiny.save(tmp_path / "tiny.keras")


def test_pickling_keeps_path_and_digest(tiny, tmp_path):
    path = tiny.save(tmp_path / "tiny.safetensors")
    model = ph.load(path, classes=["a", "b"])
    pickled = pickle.dumps(model)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert (again.digest, again.classes) == (model.digest, ("a", "b"))
    assert copy.deepcopy(model).digest == model.digest
    ph.load((TINY, {key: 2 * array for key, array in TINY_WEIGHTS.items()})).save(path)
    with pytest.raises(ph.ModelFileError, match="changed since"):
        pickle.loads(pickled)
    with pytest.raises(ph.InvalidArgumentError, match="save it with"):
        pickle.dumps(tiny)


def test_many_threads_get_the_same(tiny):
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    expected = tiny(x)
    right = []

    def work():
        right.extend(np.array_equal(ph.trace(tiny, x)["scores"], expected) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 200


def test_plans_are_kept_but_not_any_number(tiny):
    shapes = [(size, 2) for size in range(1, KEPT_PLANS + 5)]
    first = tiny.plan({}, shapes[:1])
    assert tiny.plan({}, shapes[:1]) is first
    for shape in shapes[1:]:
        tiny.plan({}, [shape])
    assert tiny.plan({}, shapes[:1]) is not first


def test_plans_write_into_given_arrays_and_check_them(tiny):
    plan = tiny.plan({}, [(2, 2)])
    out = np.empty((2, 2), np.float32)
    assert plan.run([X], [out])[0] is out
    np.testing.assert_array_equal(out, tiny(X))
    for arrays, given, message in (
        ([X[:1]], None, r"shape \(2, 2\) is needed, received shape \(1, 2\)"),
        ([X, X], None, "1 array needed, received 2"),
        ([X], [np.empty((2, 3), np.float32)], "writable"),
        ([X], [np.empty((2, 2))], "float64"),
        ([X], [], "out needs 1"),
    ):
        with pytest.raises(ph.InvalidArgumentError, match=message):
            plan.run(arrays, given)
    assert plan.description


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a", "b", "c"], "2 outputs, received 3 class names"),
        ([1, 2], "list of names"),
        (3, "list of names"),
        ("nowhere.txt", "nowhere.txt"),
    ],
)
def test_class_names_are_checked(classes, message):
    with pytest.raises(ph.PhospheneError, match=message):
        ph.load((TINY, TINY_WEIGHTS), classes=classes)


def test_class_names_from_a_file(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("Bücher\nStein\n", "utf-8")
    assert ph.load((TINY, TINY_WEIGHTS), classes=path).classes == ("Bücher", "Stein")


@pytest.mark.parametrize(
    "preprocessing",
    ["imagenet", (1,), (0, 1), (float("nan"), 0), ((1, 2), (1, 2, 3)), 3, ("a", "b"), ((), 0)],
)
def test_preprocessing_is_checked(preprocessing):
    with pytest.raises(ph.InvalidArgumentError, match="preprocessing"):
        ph.load((TINY, TINY_WEIGHTS), preprocessing=preprocessing)


@pytest.mark.keras
@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
def test_preprocessing_equals_that_of_keras(networks, keras, mode):
    from keras.src.applications.imagenet_utils import preprocess_input

    pixels = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3), np.uint8)
    model = ph.load(networks.conv, preprocessing=mode)
    expected = preprocess_input(pixels.astype(np.float32), data_format="channels_last", mode=mode)
    received = model.prepare(pixels)
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(model.picture(received), pixels)
    low, high = model.preprocessing.value_range
    assert low <= received.min() <= received.max() <= high


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("vgg16", "caffe"),
        ("resnet50", "caffe"),
        ("resnet50v2", "tf"),
        ("mobilenet_0.25_224", "tf"),
        ("mobilenetv2_1.00_224", "tf"),
        ("densenet121", "torch"),
        ("my_own", None),
    ],
)
def test_families_are_known_by_name(keras, name, mode):
    network = keras.Sequential([keras.layers.Input((4, 4, 3)), keras.layers.Flatten()], name=name)
    found = ph.load(network).preprocessing
    assert found.assumed == (mode is None)
    if mode is not None:
        given = ph.load(network, preprocessing=mode).preprocessing
        assert found.to_json() == given.to_json()


@pytest.mark.keras
def test_pictures_are_resized_and_converted(networks):
    image = pytest.importorskip("PIL.Image")
    model = ph.load(networks.conv, preprocessing=(1, 0))
    gray = np.full((30, 20), 7, np.uint8)
    for picture in (gray, image.fromarray(gray), gray[..., np.newaxis], np.stack([gray] * 4, -1)):
        prepared = model.prepare(picture)
        assert prepared.shape == (1, 12, 12, 3)
        np.testing.assert_array_equal(prepared, 7)
    assert model.prepare([gray, gray[:5]]).shape == (2, 12, 12, 3)
    with pytest.raises(ph.InvalidArgumentError, match=r"received \(3,\)"):
        model.prepare(np.zeros(3))


def test_a_network_without_pictures_says_so(tiny):
    with pytest.raises(ph.InvalidArgumentError, match="takes no pictures"):
        tiny.prepare(np.zeros((4, 4, 3)))


@pytest.mark.keras
def test_inputs_out_of_range_are_warned_of_at_each_call(networks):
    model = ph.load(networks.conv, preprocessing="tf")
    x = np.full((1, 12, 12, 3), 200.0)
    for see in (ph.trace, ph.trace, ph.Model.predict, ph.gradient):
        with pytest.warns(ph.PhospheneWarning, match="expects inputs from -1 to 1") as caught:
            see(model, x)
        assert [each.filename for each in caught] == [__file__]
    ph.trace(model, x / 255)  # warnings are errors here


@pytest.mark.keras
@pytest.mark.parametrize(
    ("preprocessing", "stated"),
    [
        ((1 / 255, 0), "from 0 to 1 (preprocessing=); received 0 to 9999."),
        ("tf", "from -1 to 1: RGB, x / 127.5 - 1 (preprocessing='tf'); received 0 to 9999."),
        ("caffe", "from -123.7 to 151.1: BGR minus (103.939, 116.779, 123.68) (preprocessing='c"),
    ],
)
def test_a_range_is_stated_once(networks, preprocessing, stated):
    model = ph.load(networks.conv, preprocessing=preprocessing)
    x = np.zeros((1, 12, 12, 3))
    x[0, 0, 0] = 9999
    with pytest.warns(ph.PhospheneWarning) as caught:
        model(x)
    assert f"'conv_net' expects inputs {stated}" in str(caught[0].message)


MEAN, VARIANCE = np.float32([5, -1, 0]), np.float32([4, 0.25, 1])
LOW, HIGH = [-1, -2.5, -3], [11, 0.5, 3]  # three deviations to both sides


def measured(kind, shape, mean, variance, *, settings):
    """Return a network that begins with statistics of its inputs."""
    names = ("mean", "variance")
    if kind == "BatchNormalization":
        names = ("gamma", "beta", "moving_mean", "moving_variance")
    config = {"name": "first", "axis": -1}
    weights = dict(zip(names[-2:], (mean, variance), strict=True))
    if settings:
        config |= {name: value.tolist() for name, value in weights.items()}
        weights = {}
    elif kind == "BatchNormalization":
        weights |= {"gamma": np.ones_like(mean), "beta": np.zeros_like(mean)}
    else:
        weights["count"] = np.zeros((), np.float32)
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "x"}},
        {"class_name": kind, "config": config},
    ]
    if len(shape) == 2:
        layers.append({"class_name": "MaxPooling1D", "config": {"name": "pool", "pool_size": 2}})
    config = {"class_name": "Sequential", "config": {"name": "measured", "layers": layers}}
    return ph.load((config, {f"first/{name}": array for name, array in weights.items()}))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("BatchNormalization", False), ("Normalization", False), ("Normalization", True)],
)
def test_the_range_of_signals_is_found_in_their_statistics(kind, settings):
    found = measured(kind, (20, 3), MEAN, VARIANCE, settings=settings).preprocessing
    assert not found.assumed
    np.testing.assert_allclose(found.apply(np.zeros((1, 3))), [LOW], atol=1e-5)
    np.testing.assert_allclose(found.apply(np.full((1, 3), 255)), [HIGH], atol=1e-5)
    assert found.sentence == f"-3 to 11, three deviations around the mean ({kind} found)"


@pytest.mark.parametrize("settings", [False, True])
def test_columns_have_ranges_of_their_own(settings):
    """Two deviations around each mean, but 0 to 1 where 40 % are ones: their variance is 0.24."""
    mean, variance = np.float32([40, -1, 0.4, 7]), np.float32([400, 0.25, 0.24, 0])
    model = measured("Normalization", (4,), mean, variance, settings=settings)
    found = model.preprocessing
    assert (found.assumed, found.measured) == (False, True)
    np.testing.assert_allclose(found.apply(np.zeros((1, 4))), [[0, -2, 0, 7]], atol=1e-5)
    np.testing.assert_allclose(found.apply(np.full((1, 4), 255)), [[80, 0, 1, 7]], atol=1e-5)
    said = "a range for each of 4 columns, 2 deviations around its mean (Normalization found)"
    assert found.sentence == said
    assert f"Input: {said}" in str(model.summary())


def test_one_normalization_for_all_columns():
    found = measured(
        "Normalization", (3,), np.full(1, 5.0), np.full(1, 4.0), settings=True
    ).preprocessing
    np.testing.assert_allclose(found.value_range, (1, 9), atol=1e-5)
    assert found.sentence == "1 to 9, 2 deviations around the mean (Normalization found)"


def test_columns_of_rows_that_are_like_the_user_s():
    rows = np.array([[20, 0, 1e5], [60, 1, 2e4], [35, 1, 5e4]])
    model = measured("Normalization", (3,), np.zeros(1), np.ones(1), settings=True)
    found = ph.load((model.config, {}), like=rows).preprocessing
    np.testing.assert_allclose(found.apply(np.zeros((1, 3))), [[20, 0, 2e4]], rtol=1e-6)
    np.testing.assert_allclose(found.apply(np.full((1, 3), 255)), [[60, 1, 1e5]], rtol=1e-6)
    assert found.sentence == "a range for each of 3 columns of 3 rows (like=)"


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"scale": 1 / 50}, 0, 50),
        ({"scale": 1 / 50, "offset": -0.4}, -30, 70),  # becomes -1 to 1
        ({"scale": 1 / 255}, 0, 255),
        ({"scale": 0.02, "offset": 0.5}, -25, 25),
        ({"scale": 1 / 127.5, "offset": -1}, 0, 255),
        ({"scale": -0.5}, -2, 0),
    ],
)
def test_the_range_of_signals_that_are_rescaled(settings, low, high):
    """By hand: what becomes 0 to 1, or -1 to 1 where something is subtracted."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 20, 3], "name": "x"}},
        {"class_name": "Rescaling", "config": {"name": "first", "offset": 0, **settings}},
        {"class_name": "MaxPooling1D", "config": {"name": "pool", "pool_size": 2}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "signals", "layers": layers}}
    found = ph.load((config, {})).preprocessing
    np.testing.assert_allclose(found.value_range, (low, high), rtol=1e-5, atol=1e-4)
    # Only bytes are certain.
    assert (found.assumed, found.measured) == ((low, high) != (0, 255), True)


def test_statistics_of_pictures_are_left_alone():
    model = measured("BatchNormalization", (8, 8, 3), MEAN, VARIANCE, settings=False)
    assert model.preprocessing.assumed


def test_sources_that_are_none():
    for source in (3, None, ("a", "b", "c"), [TINY, TINY_WEIGHTS], object):
        with pytest.raises(ph.InvalidArgumentError, match="load takes a live Keras model"):
            ph.load(source)


def test_importing_brings_in_little():
    code = (
        "import numpy, sys, json; before = set(sys.modules); import phosphene;"
        "print(json.dumps(sorted({m.split('.')[0] for m in set(sys.modules) - before})))"
    )
    folder = Path(ph.__file__).parents[1]
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=folder))
    # Besides Python's own modules.
    assert set(loaded) - set(sys.stdlib_module_names) == {"phosphene", "_cffi_backend"}


def test_reading_a_model_file_brings_in_nothing_for_live_models(tmp_path):
    ph.load((TINY, TINY_WEIGHTS)).save(tmp_path / "tiny.safetensors")
    code = (
        "import sys; import phosphene; phosphene.load('tiny.safetensors');"
        "print([m for m in sys.modules if 'expansion' in m or 'symbolic' in m or '.live' in m])"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(ph.__file__).parents[1])}
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=path)
    assert loaded.strip() == b"[]"


@pytest.mark.parametrize(
    ("said", "spins"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, "0")],
)
def test_threads_that_wait_sleep_soon(said, spins):
    code = "import os; before = dict(os.environ); import phosphene; assert os.environ == before"
    environment = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    environment |= {"PYTHONPATH": str(Path(ph.__file__).parents[1]), "OMP_DISPLAY_ENV": "VERBOSE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | said, capture_output=True, check=True
    )
    assert f"GOMP_SPINCOUNT = '{spins}'" in done.stderr.decode()
