"""What a caller must not do ends in a sentence, in C as in Python: never in a crash or a hang."""

import json
import os
import threading

import numpy as np
import pytest

import phosphene as ph


def network(*layers, **options):
    """Return a Functional configuration of ``(class, name, config, inbound)`` tuples."""
    entries = [
        {
            "class_name": kind,
            "config": {"name": name, **config},
            "name": name,
            "inbound_nodes": calls,
        }
        for kind, name, config, calls in layers
    ]
    last = entries[-1]["name"]
    config = {"name": "model", "layers": entries, "input_layers": [["x", 0, 0]]}
    return {
        "class_name": "Functional",
        "config": config | {"output_layers": [[last, 0, 0]]} | options,
    }


def image(*shape):
    return ("InputLayer", "x", {"batch_shape": [None, *shape]}, [])


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


READS_X = [[["x", 0, 0, {}]]]


def test_a_layer_that_is_called_on_nothing():
    config = network(image(3), ("Concatenate", "join", {}, [{"args": [], "kwargs": {}}]))
    with pytest.raises(ph.InvalidArgumentError, match="'join' is called on nothing"):
        ph.load((config, {}))


@pytest.mark.parametrize("axis", [2**63 - 1, [2**63 - 1], 2**63 - 2])
def test_axes_beyond_all_measure(axis):
    layer = {"class_name": "BatchNormalization", "config": {"name": "normalization", "axis": axis}}
    config = {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {"class_name": "InputLayer", "config": {"batch_shape": [None, 3, 4, 4, 2]}},
                {"class_name": "TimeDistributed", "config": {"name": "each", "layer": layer}},
            ]
        },
    }
    with pytest.raises(ph.InvalidArgumentError, match="isn't a feature axis"):
        ph.load((config, []))


def test_channels_beyond_all_measure_are_read_in_no_time():
    """Nothing of so many numbers is made before there are weights."""
    config = network(image(6, 2**31), ("BatchNormalization", "norm", {}, READS_X))
    weights = {f"norm/{name}": np.ones(3) for name in ("gamma", "beta", "moving_mean")}
    with pytest.raises(ph.InvalidArgumentError, match=r"must have shape \(2147483648,\)"):
        ph.load((config, weights | {"norm/moving_variance": np.ones(3)}))


def test_an_input_without_axes():
    layers = [{"class_name": "Flatten", "config": {"name": "flat"}}]
    config = {"name": "s", "layers": layers, "build_input_shape": []}
    with pytest.raises(ph.InvalidArgumentError, match="1 to 8 positive lengths"):
        ph.load(({"class_name": "Sequential", "config": config}, {}))


def test_windows_beyond_all_measure():
    settings = {"pool_size": [1 << 20, 1 << 20], "padding": "same"}
    with pytest.raises(ph.UnsupportedError, match="at most 2\\^20 elements"):
        ph.load((network(image(4, 4, 1), ("MaxPooling2D", "pool", settings, READS_X)), {}))


def test_models_called_twice_by_models_called_twice():
    inner = network(image(2), ("ReLU", "r", {}, READS_X))
    for _ in range(30):
        twice = [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]]
        nested = ("Functional", "inner", inner["config"] | {"name": "inner"}, twice)
        inner = network(image(2), nested, output_layers=[["inner", 2, 0]])
    with pytest.raises(ph.UnsupportedError, match="calls layers more than"):
        ph.load((inner, {}))


def test_pictures_beyond_all_measure():
    dense = ("Dense", "d", {"units": 1}, [[["flat", 0, 0, {}]]])
    config = network(image(30000, 1), ("Flatten", "flat", {}, READS_X), dense)
    model = ph.load((config, {"d/kernel": np.ones((30000, 1)), "d/bias": np.zeros(1)}))
    with pytest.raises(ph.UnsupportedError, match="at most 4096 by 4096 pixels"):
        ph.maximize(model, 0, progress=False)


def test_a_step_of_nothing_by_nothing(wardrobe):
    with pytest.raises(ph.InvalidArgumentError, match="epsilon"):
        ph.maximize(wardrobe, 0, optimizer=ph.optimizers.Adam(0.1, epsilon=0), progress=False)


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(ph.ModelFileError, match="is not a file"):
        ph.load(tmp_path / "pipe.safetensors")


def test_an_edited_file_is_a_matter_of_the_file(wardrobe, tmp_path):
    path = tmp_path / "edited.safetensors"
    wardrobe.save(path)
    path.write_bytes(path.read_bytes().replace(b'"classes/bias"', b'"classes/bios"'))
    with pytest.raises(ph.ModelFileError, match="edited or incomplete: weight 'classes/bias'"):
        ph.load(path)


def test_two_threads_may_save_to_one_place(wardrobe, tmp_path):
    path = tmp_path / "model.safetensors"
    failures = []

    def save():
        try:
            for _ in range(20):
                wardrobe.save(path)
        except ph.PhospheneError as error:
            failures.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert ph.load(path).digest == wardrobe.digest
    assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_gradient_at_one_of_two_equal_branches():
    """Keras' own answer: the sum's gradient at one summand, whatever else the summand equals."""
    join = ("Add", "join", {}, [[["x", 0, 0, {}], ["drop", 0, 0, {}]]])
    model = ph.load((network(image(3), ("Dropout", "drop", {"rate": 0.5}, READS_X), join), {}))
    x = np.ones((1, 3), np.float32)
    gradient = ph.gradient(model, x, cotangent=("join", np.ones((1, 3))), at="drop")
    np.testing.assert_array_equal(gradient, np.ones((1, 3)))


def test_names_with_meaning_in_paths():
    first = ("ReLU", "a#1", {}, READS_X)
    second = ("ReLU", "a", {}, [[["x", 0, 0, {}]], [["a#1", 0, 0, {}]]])
    model = ph.load((network(image(2), first, second, output_layers=[["a", 1, 0]]), {}))
    assert sorted(ph.trace(model, np.ones((1, 2)))) == ["a", "a#1", "a%231"]


def test_what_an_objective_yields_doesnt_depend_on_its_neighbours():
    """Unit 1 is off everywhere, so it is aimed at before its rectifier; unit 0 isn't."""
    config = network(image(4, 4, 1), ("Conv2D", "c", CONVOLUTION, READS_X))
    kernel = np.array([1.0, -1.0], np.float32).reshape(1, 1, 1, 2)
    model = ph.load((json.dumps(config), {"c/kernel": kernel, "c/bias": np.array([0.0, -9.0])}))
    with pytest.warns(ph.PhospheneWarning, match="whose unit 1 is off"):
        picture = ph.maximize(model, [("c", 0), ("c", 1)], steps=4, progress=False)
    aims = [each["terms"][0]["pre_activation"] for each in picture.recipe["objectives"]]
    assert aims == [False, True]


CONVOLUTION = {"filters": 2, "kernel_size": [1, 1], "activation": "relu"}


def test_one_transform_alone_is_no_list(wardrobe):
    with pytest.raises(ph.InvalidArgumentError, match="transforms must be a list"):
        ph.maximize(wardrobe, 0, transforms=ph.transforms.Jitter(1), progress=False)


@pytest.mark.keras
def test_operations_of_keras_align_as_numpy_does(keras):
    x = keras.Input((4, 3))
    pooled = keras.layers.Reshape((1, 3))(keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    network = keras.Model(x, x * pooled + x)
    values = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    expected = np.asarray(network(values))
    np.testing.assert_allclose(ph.load(network)(values), expected, rtol=1e-5, atol=1e-6)
    network = keras.Model(x, 1 - x * np.float32([2, 3, 4]))
    np.testing.assert_allclose(ph.load(network)(values), network(values), rtol=1e-6, atol=1e-6)
