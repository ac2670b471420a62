"""Weights in bfloat16: the same numbers as weights that were rounded outside."""

import numpy as np
import pytest

import phosphene as ph
from phosphene import InvalidArgumentError
from phosphene._models.intake import Architecture


def rounded(array):
    """Return floats rounded to 8 significant bits, to the even one of two neighbours."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.rint(mantissa * 256) / 256, exponent).astype(np.float32)


def network(*layers, shape):
    layers = [("InputLayer", {"batch_shape": [None, *shape], "name": "input"}), *layers]
    each = [{"class_name": kind, "config": config} for kind, config in layers]
    return {"class_name": "Sequential", "config": {"name": "net", "layers": each}}


DENSE = network(
    ("Dense", {"name": "first", "units": 96, "activation": "relu"}),
    ("Dense", {"name": "second", "units": 700}),
    ("Dense", {"name": "third", "units": 101, "activation": "softmax"}),
    shape=[700],
)
PICTURES = network(
    ("Conv2D", {"name": "conv1", "filters": 64, "kernel_size": 3, "activation": "relu"}),
    ("Conv2D", {"name": "conv2", "filters": 128, "kernel_size": 3, "padding": "same"}),
    ("BatchNormalization", {"name": "norm"}),
    ("Activation", {"name": "relu", "activation": "relu"}),
    ("MaxPooling2D", {"name": "pool"}),
    ("Conv2D", {"name": "conv3", "filters": 128, "kernel_size": 3, "activation": "relu"}),
    ("Flatten", {"name": "flatten"}),
    ("Dense", {"name": "dense", "units": 64, "activation": "relu"}),
    ("Dense", {"name": "logits", "units": 10}),
    shape=[18, 18, 3],
)
SEQUENCES = network(
    ("LSTM", {"name": "lstm", "units": 160, "return_sequences": True}),
    ("Dense", {"name": "dense", "units": 512}),
    shape=[5, 130],
)


def weights_of(config, seed=0):
    rng = np.random.default_rng(seed)
    weights = {}
    for each in Architecture(config).weights():
        array = rng.standard_normal(each["shape"])
        if each["key"].endswith("variance"):
            array = abs(array) + 1
        array /= np.sqrt(np.prod(each["shape"][:-1], dtype=int))
        weights[each["key"]] = array.astype(np.float32)
    return weights


def pair(config, seed=0):
    """Return a model of rounded storage, and one of floats that were rounded before."""
    weights = weights_of(config, seed)
    outside = {
        key: rounded(w) if w.ndim >= 2 and w.size >= 65536 else w for key, w in weights.items()
    }
    assert any((outside[key] != weights[key]).any() for key in weights)
    return ph.load((config, weights), precision="bfloat16"), ph.load((config, outside))


@pytest.mark.parametrize("batch", [1, 2, 7, 20])
@pytest.mark.parametrize("config", [DENSE, PICTURES, SEQUENCES], ids=["dense", "pictures", "lstm"])
def test_values_and_gradients_are_those_of_rounded_weights(config, batch):
    stored, outside = pair(config)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((batch, *stored.input_shape[1:])).astype(np.float32)
    expected = outside(x)
    np.testing.assert_allclose(stored(x), expected, atol=1e-5 * np.abs(expected).max(), rtol=0)
    layer = stored.layers[-1].name
    objective = ph.channel(layer, 3)
    expected = ph.gradient(outside, x, objective)
    np.testing.assert_allclose(
        ph.gradient(stored, x, objective), expected, atol=1e-5 * np.abs(expected).max(), rtol=0
    )
    for mine, other in zip(
        ph.trace(stored, x).values(), ph.trace(outside, x).values(), strict=True
    ):
        np.testing.assert_allclose(mine, other, atol=1e-5 * np.abs(other).max(), rtol=0)


def test_weights_are_read_as_they_are_stored():
    stored, outside = pair(DENSE)
    for mine, other in zip(stored.get_weights(), outside.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_numbers_that_round_in_every_way():
    edge = [1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-9, -3.4e38, 1e-40, np.inf, -np.inf, np.nan, -0.0]
    kernel = np.resize(np.array(edge, np.float32), (256, 256))
    config = network(("Dense", {"name": "d", "units": 256, "use_bias": False}), shape=[256])
    model = ph.load((config, {"d/kernel": kernel}), precision="bfloat16")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    expected = kernel.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(model.weight("d/kernel"), expected)
    handle = model.handle
    assert model.update({"d/kernel": kernel}).handle is handle
    x = np.zeros((1, 256), np.float32)
    assert np.isnan(model(x)).any()


def test_digest_update_and_files_keep_their_meaning(tmp_path):
    weights = weights_of(DENSE)
    whole, stored = ph.load((DENSE, weights)), ph.load((DENSE, weights), precision="bfloat16")
    assert (whole.precision, stored.precision) == ("float32", "bfloat16")
    assert whole.digest == stored.digest
    handle = stored.handle
    assert stored.update(weights).handle is handle
    other = weights_of(DENSE, seed=3)
    stored.update(other)
    assert stored.handle is not handle
    assert stored.digest == ph.load((DENSE, other)).digest
    np.testing.assert_array_equal(stored.weight("first/kernel"), rounded(other["first/kernel"]))
    np.testing.assert_array_equal(
        ph.load(stored.save(tmp_path / "a.safetensors")).weight("first/kernel"),
        stored.weight("first/kernel"),
    )
    whole.save(tmp_path / "b.safetensors")
    mapped = ph.load(tmp_path / "b.safetensors", precision="bfloat16")
    x = np.ones((2, 700), np.float32)
    np.testing.assert_array_equal(mapped(x), ph.load((DENSE, weights), precision="bfloat16")(x))


def test_recipes_state_the_precision(tmp_path):
    weights = weights_of(PICTURES)
    stored = ph.load((PICTURES, weights), precision="bfloat16")
    picture = ph.maximize(stored, ph.channel("logits", 2), steps=2, progress=False)
    assert picture.recipe["precision"] == "bfloat16"
    file = picture.save(tmp_path / "a.png")
    again = ph.replay(file, stored, progress=False)
    np.testing.assert_array_equal(again.images, picture.images)
    with pytest.raises(InvalidArgumentError, match="stored in bfloat16, the model's are stored in"):
        ph.replay(file, ph.load((PICTURES, weights)), progress=False)


def test_unknown_precisions_are_refused():
    with pytest.raises(InvalidArgumentError, match="float32 or bfloat16, received 'int4'"):
        ph.load((DENSE, weights_of(DENSE)), precision="int4")
