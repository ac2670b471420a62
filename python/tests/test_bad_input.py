"""What can't work is said in one sentence before the first step."""

import warnings

import numpy as np
import pytest

import phosphene as ph

NETWORKS = {
    "grey": ([8, 8, 1], 64),
    "row": ([5], 5),
}


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread, which is fastest for networks this small on a busy machine."""
    ph.set_threads(1)
    yield
    ph.set_threads(None)


def network(kind="grey", **options):
    """Return a network of one dense layer."""
    shape, length = NETWORKS[kind]
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "x"}},
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        {"class_name": "Dense", "config": {"name": "scores", "units": 3}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
    kernel = np.random.default_rng(0).normal(size=(length, 3)).astype(np.float32)
    return ph.load((config, [kernel, np.zeros(3, np.float32)]), **options)


def refused(model, objective, **options):
    """Return the sentence that a call is refused with, and make sure that no step was done."""
    steps = []
    options = {"steps": 2, "callbacks": [steps.append], "progress": False} | options
    with pytest.raises(ph.InvalidArgumentError) as caught:
        ph.maximize(model, objective, **options)
    assert steps == []
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        (("scoers", 0), "'model' has no layer 'scoers'; the closest name is 'scores'"),
        (("scores", 3), "index 3 doesn't exist: layer 'scores' has 3 channels, 0 to 2"),
        (("scores", -1), "whole number, 0 or more"),
        (7, "index 7 doesn't exist: output 'scores' has 3 channels, 0 to 2"),
        (ph.neuron("scores", 0, (4, 4)), "position [4, 4] doesn't exist in layer 'scores'"),
        ("Bag", "class"),
        (1.5, "An objective is made by ph.channel"),
        (None, "An objective is made by ph.channel"),
        ([], "1 to 1024 objectives are needed, received 0"),
        (0 * ph.logit(0), "an objective whose weights are all 0 is the same for every picture"),
        (ph.direction("scores", [1, 2]), "vector of length 2 doesn't fit: layer 'scores'"),
    ],
)
def test_objectives_that_dont_exist(objective, sentence):
    assert sentence in refused(network(), objective)


@pytest.mark.keras
def test_a_target_without_a_way_to_the_input(keras):
    x = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(4, 3, name="maps")(x)
    largest = keras.ops.cast(keras.ops.argmax(maps, axis=-1), "float32")
    model = keras.Model(x, keras.layers.Reshape((6, 6, 1), name="largest")(largest))
    sentence = refused(model, ph.channel("largest", 0))
    assert "the objective can't be reached" in sentence
    assert "layer 'largest'" in sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "steps must be a whole number, 1 or more; received 0"),
        ({"seed": 2**64}, "seed must be a whole number from 0 to 18446744073709551615"),
        ({"seed": -1}, "seed must be a whole number from 0 to"),
        ({"n": 1025}, "n must be a whole number from 1 to 1024; received 1025"),
        ({"size": 5000}, "size must be two lengths from 4 to 4096, received [5000, 5000]"),
        ({"views": 257}, "views must lie between 1 and 256, received 257"),
        ({"parametrization": "wavelet"}, "received 'wav"),
        ({"parametrization": 3}, "must be 'natural', 'fourier', 'maco' or 'pixel'"),
        ({"optimizer": "lbfgs"}, "optimizer must be 'adam', 'nadam', 'rmsprop', 'sgd' or one of"),
        ({"redirected_steps": -1}, "redirected_steps must be a whole number, 0 or more"),
        ({"background": 2}, "background must be a number from 0 to 1; received 2"),
        ({"callbacks": print}, "callbacks must be a list of functions"),
        ({"callbacks": [3]}, "callbacks must be a list of functions"),
        ({"transforms": ph.transforms.Jitter(1)}, "transforms must be a list of options"),
        ({"transforms": [ph.transforms.Jitter(8)]}, "a jitter must be smaller than the canvas"),
        ({"transforms": [ph.transforms.Pad(100)]}, "received 100 pixels for a canvas of 8 by 8"),
        ({"regularizers": [None]}, "regularizers must be a list of options"),
        ({"value_range": "tf"}, "value_range must be the network's input for black and for white"),
        ({"value_range": (0, np.inf)}, "value_range must be the network's input for black"),
    ],
)
def test_options_out_of_range(options, sentence):
    assert sentence in refused(network(), 0, **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ph.optimizers.Adam(-1),
        lambda: ph.optimizers.NAdam(1, beta1=1.0),
        lambda: ph.optimizers.SGD(1, momentum=2),
        lambda: ph.regularizers.Lp(1, 0),
        lambda: ph.regularizers.TotalVariation(-1),
        lambda: ph.regularizers.Distance(-1),
        lambda: ph.transforms.Jitter(-1),
        lambda: ph.transforms.Scale(0, 1),
        lambda: ph.transforms.Rotate(200),
        lambda: ph.transforms.Crop(0, 1),
    ],
)
def test_options_are_checked_where_they_are_made(make):
    with pytest.raises(ph.InvalidArgumentError, match="received"):
        make()


@pytest.mark.parametrize("preprocessing", [None, "tf", (1.0, 0.0)])
def test_a_start_in_the_wrong_range(preprocessing):
    model = network(preprocessing=preprocessing)
    low, high = {None: (0, 1), "tf": (-1, 1), (1.0, 0.0): (0, 255)}[preprocessing]
    for values in ((low, 2 * high + 1), (low - (high - low), high), (1000, 1001)):
        start = np.linspace(*values, 64).reshape(1, 8, 8, 1)
        sentence = refused(model, 0, start=start)
        assert f"where black to white is {low} to {high} for 'model'" in sentence
        assert f"numbers from {values[0]} to {values[1]}" in sentence
    # A little outside, as resizing leaves it, is clipped.
    near = np.linspace(low - 0.05 * (high - low), high, 64).reshape(1, 8, 8, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.maximize(model, 0, start=near, steps=1, progress=False)


def test_a_range_that_is_assumed_of_what_is_no_picture():
    model = network("row")
    said = "0 to 1 is assumed: state it by value_range="
    for _ in range(2):
        with pytest.warns(ph.PhospheneWarning, match=said) as caught:
            ph.maximize(model, 0, steps=1, progress=False)
        assert [each.filename for each in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.maximize(model, 0, steps=1, value_range=(-3, 3), progress=False)
        ph.maximize(network("row", like=[[-3, 3]]), 0, steps=1, progress=False)
        ph.maximize(model, 0, steps=1, start=np.full((1, 5), 0.5), progress=False)


def test_a_range_that_is_assumed_of_a_picture():
    """Nobody says whether 0 to 255 or -1 to 1 was meant: a grey that is 0.5 suits neither."""
    said = (
        "Nothing says which numbers black and white are for 'model', so that 0 to 1 is assumed: "
        "state it by value_range="
    )
    with pytest.warns(ph.PhospheneWarning, match=said) as caught:
        ph.maximize(network(), [0, 0], n=2, steps=1, progress=False)
    assert [each.filename for each in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.maximize(network(), 0, steps=1, value_range=(0, 255), progress=False)
        ph.maximize(network(preprocessing="tf"), 0, steps=1, progress=False)


TABLE = np.array([[18, 0, 2e4], [90, 1, 5e3], [44, 1, 1e5], [39, 0, 3e4]])


def table_network(**options):
    """Return a network that adds up three columns."""
    layers = [
        ("InputLayer", {"batch_shape": [None, 3], "name": "x"}),
        ("Dense", {"name": "sum", "units": 1}),
    ]
    listed = [{"class_name": kind, "config": config} for kind, config in layers]
    config = {"class_name": "Sequential", "config": {"name": "table", "layers": listed}}
    weights = [np.float32([[1 / 72], [1], [-1 / 95000]]), np.zeros(1, np.float32)]
    return ph.load((config, weights), **options)


@pytest.mark.parametrize("how", ["like", "value_range", "prior"])
def test_columns_lie_in_ranges_of_their_own(how, tmp_path):
    """The network likes the highest age, the flag, and the lowest income."""
    model = table_network(**({"like": TABLE} if how == "like" else {}))
    ends = (TABLE.min(axis=0), TABLE.max(axis=0))
    stated = {"like": {}, "value_range": {"value_range": ends}, "prior": {"prior": TABLE}}[how]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = ph.maximize(model, 0, steps=200, progress=False, **stated)
    age, flag, income = picture.input[0]
    assert (picture.input >= ends[0]).all()
    assert (picture.input <= ends[1]).all()
    if how != "prior":  # which moves along what the columns have in common
        assert age > 85
        assert flag > 0.9
        assert income < 1.2e4
    assert picture.score > 1.2
    np.testing.assert_allclose(picture.score, age / 72 + flag - income / 95000, rtol=1e-5)
    again = ph.replay(picture.save(tmp_path / "row.png"), model, progress=False)
    np.testing.assert_array_equal(again.input, picture.input)


def test_a_column_whose_ends_are_alike_keeps_its_number():
    ends = ([18, 1, 5e3], [90, 1, 1e5])
    picture = ph.maximize(table_network(), 0, steps=9, value_range=ends, progress=False)
    assert picture.input[0, 1] == pytest.approx(1, abs=2e-6)
    rows = np.float32([[18, 0.1, 5e3], [90, 0.1, 1e5], [20, 0.1, 2e4]])
    ends = (rows.astype(float).min(axis=0), rows.astype(float).max(axis=0))
    ends[0][1] = ends[1][1] = 0.1  # not as float32 has it
    picture = ph.maximize(table_network(), 0, prior=rows, steps=9, value_range=ends, progress=False)
    assert picture.input[0, 1] == pytest.approx(0.1, abs=2e-6)
    card = picture.card(table_network(), rows, random_weights=False, progress=False)
    assert np.abs(card.scrambled).max() < 3


def test_a_recipe_with_scales_for_other_columns():
    from phosphene._vision.maximization.render import render

    recipe = {
        "objectives": [ph.logit(0).to_json()],
        "steps": 1,
        "input": {"scale": [1, 2], "offset": [0]},
    }
    message = "input scale needs 1 number or 3, one for each column, received 2"
    with pytest.raises(ph.InvalidArgumentError, match=message):
        render(table_network(), recipe, progress=False)


def test_a_start_among_columns():
    model = table_network(like=TABLE)
    still = {"steps": 1, "optimizer": ph.optimizers.SGD(1e-9), "progress": False}
    picture = ph.maximize(model, 0, start=TABLE[3], **still)
    np.testing.assert_allclose(picture.input[0], [39, 0.001, 3e4], rtol=1e-3)
    message = r"start holds 2 in column 1, which lies between 0 and 1 for 'table': say"
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(model, 0, start=[40, 2, 3e4], steps=1, progress=False)


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (
            ([0, 0], [1, 1]),
            "value_range has 2 smallest and largest numbers, and 'table' takes 3 co",
        ),
        (([0, 2, 0], [1, 1, 1]), "that at 1 is received as 2 to 1"),
        (([0, np.nan, 0], [1, 1, 1]), r"one for each channel or column, such as \(rows.min"),
        (([], []), "value_range must be the network's input for black and for white"),
    ],
)
def test_ranges_of_columns_that_are_none(ends, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(table_network(), 0, value_range=ends, steps=1, progress=False)


def test_a_prior_names_the_column_that_is_out_of_range():
    ends = ([18, 0, 5e3], [90, 1, 6e4])
    message = "in which column 2 lies between 5000 and 6e[+]04 .* received 5000 to 1e[+]05"
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(table_network(), 0, value_range=ends, prior=TABLE, progress=False)


def test_a_start_of_pixels_is_named_by_what_it_is():
    pixels = np.full((1, 8, 8, 1), 200, np.uint8)
    assert "numbers from 200 to 200, where black to white is 0 to 1" in refused(
        network(), 0, start=pixels
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ph.maximize(network(), 0, start=pixels, value_range=(0, 255), steps=1, progress=False)


def test_a_start_that_is_black_to_the_eye():
    model = network(preprocessing=(1.0, 0.0))
    with pytest.warns(ph.PhospheneWarning, match="which is black to the eye") as caught:
        ph.maximize(model, 0, start=np.full((1, 8, 8, 1), 0.5), steps=1, progress=False)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (np.zeros((1, 5, 5, 1)), "start must have shape (1, 8, 8, 1), received (1, 5, 5, 1)"),
        (np.zeros((3, 8, 8, 1)), "start must have shape (1, 8, 8, 1), received (3, 8, 8, 1)"),
        (np.full((1, 8, 8, 1), np.nan), "start holds NaN or infinity"),
        ("missing.png", "missing.png"),
        ([["a"]], "start must be real numbers"),
    ],
)
def test_starts_that_dont_fit(start, sentence):
    steps = []
    with pytest.raises(ph.PhospheneError) as caught:
        ph.maximize(network(), 0, start=start, callbacks=[steps.append], progress=False)
    assert sentence in str(caught.value)
    assert steps == []


def test_options_of_pictures_for_a_row():
    row = network("row", like=[0, 1])
    assert "size applies to pictures" in refused(row, 0, size=8)
    assert "start must have shape (1, 5)" in refused(row, 0, start=np.zeros((1, 4)))


def test_what_is_known_of_one_input_is_not_said_of_another():
    """The Normalization is of ages; nothing says what the other row holds."""
    layers = [
        ("InputLayer", "age", {"batch_shape": [None, 1]}, []),
        ("InputLayer", "rest", {"batch_shape": [None, 2]}, []),
        ("Normalization", "norm", {"axis": -1, "mean": [45.0], "variance": [100.0]}, ["age"]),
        ("Concatenate", "both", {"axis": -1}, ["norm", "rest"]),
        ("Dense", "sum", {"units": 1}, ["both"]),
    ]
    listed = [
        {
            "class_name": kind,
            "name": name,
            "config": {"name": name, **settings},
            "inbound_nodes": [[[each, 0, 0, {}] for each in inputs]] if inputs else [],
        }
        for kind, name, settings, inputs in layers
    ]
    config = {
        "class_name": "Functional",
        "config": {
            "name": "two",
            "layers": listed,
            "input_layers": [["age", 0, 0], ["rest", 0, 0]],
            "output_layers": [["sum", 0, 0]],
        },
    }
    model = ph.load((config, [np.ones((3, 1), np.float32), np.zeros(1, np.float32)]))
    options = {"steps": 99, "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        age = ph.maximize(model, 0, given={"rest": [0, 0]}, **options)
    assert 60 < age.input[0, 0] < 65  # two deviations above the mean
    with pytest.warns(ph.PhospheneWarning, match="between which numbers the columns of 'two'"):
        rest = ph.maximize(model, 0, given={"age": [45]}, **options)
    assert 0.5 < rest.input.min() < rest.input.max() < 1
