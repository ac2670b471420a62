"""What Keras 2 computes otherwise than Keras 3, and layers that only it has, against tf_keras."""

import warnings

import numpy as np
import pytest
from conftest import relative_error

import phosphene as ph

pytestmark = pytest.mark.keras

RANDOM = np.random.default_rng(0)
IDS = RANDOM.integers(0, 3, (4, 6))
OTHERS = RANDOM.integers(0, 3, (4, 6))
IDS[0] = 0


def embedded(layers, ids, *, mask=True):
    return layers.Embedding(3, 4, mask_zero=mask)(ids)


def attended(layers, x):
    """Show the mask of a tensor: attention leaves masked steps out."""
    return layers.Attention()([x, x])


def merged(name, *masks, **settings):
    def build(layers, *ids):
        parts = [embedded(layers, each, mask=mask) for each, mask in zip(ids, masks, strict=True)]
        x = getattr(layers, name)(**settings)(parts)
        return [x, attended(layers, x)]

    return build


def multi_head(**settings):
    call = {key: settings.pop(key) for key in tuple(settings) if key.startswith(("use_c", "ret"))}

    def build(layers, ids, others):
        query, value = embedded(layers, ids), embedded(layers, others)
        result = layers.MultiHeadAttention(2, 3, **settings)(query, value, **call)
        result = list(result) if isinstance(result, (list, tuple)) else [result]
        # The masks stay with query and value, too.
        shown = attended(layers, layers.Add()([query, result[0]]))
        return [*result, shown, attended(layers, value)]

    return build


def softmax(**settings):
    def build(layers, ids):
        x = layers.Dense(1)(embedded(layers, ids))
        return layers.Softmax(**settings)(layers.Reshape((6,))(x), mask=layers.Embedding(3, 1)(ids))

    return build


def attention(name, **settings):
    def build(layers, ids, others):
        query, value = embedded(layers, ids), embedded(layers, others)
        return getattr(layers, name)(**settings)([query, value])

    return build


def on_numbers(make):
    return lambda layers, ids: make(layers)(embedded(layers, ids, mask=False))


NETWORKS = {
    **{
        f"{name} {masks}": merged(name, *masks)
        for name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
        for masks in ((True, True), (True, False))
    },
    "Concatenate": merged("Concatenate", True, True),
    "Concatenate, one mask": merged("Concatenate", True, False),
    "Concatenate steps": merged("Concatenate", True, True, axis=1),
    "Dot": lambda layers, *ids: layers.Dot(2)([embedded(layers, each) for each in ids]),
    "MultiHeadAttention": multi_head(),
    "MultiHeadAttention, causal": multi_head(use_causal_mask=True),
    "MultiHeadAttention, scores": multi_head(return_attention_scores=True),
    "MultiHeadAttention, dropout": multi_head(dropout=0.3),
    "Attention": attention("Attention", use_scale=True),
    "Attention, concat": attention("Attention", score_mode="concat"),
    "AdditiveAttention": attention("AdditiveAttention"),
    "hard_sigmoid": on_numbers(lambda layers: layers.Activation("hard_sigmoid")),
    "gelu": on_numbers(lambda layers: layers.Dense(3, activation="gelu")),
    "ThresholdedReLU": on_numbers(lambda layers: layers.ThresholdedReLU(theta=0.02)),
    "LeakyReLU": on_numbers(lambda layers: layers.LeakyReLU(alpha=0.1)),
    "PReLU": on_numbers(lambda layers: layers.PReLU(shared_axes=[1])),
    "ReLU": on_numbers(lambda layers: layers.ReLU(0.04, 0.3, 0.01)),
    "BatchNormalization": on_numbers(lambda layers: layers.BatchNormalization(axis=[1, 2])),
    "BatchNormalization, renorm": on_numbers(lambda layers: layers.BatchNormalization(renorm=True)),
    "LayerNormalization": on_numbers(lambda layers: layers.LayerNormalization(axis=[1, 2])),
    "GroupNormalization": on_numbers(lambda layers: layers.GroupNormalization(2)),
    "UnitNormalization": on_numbers(lambda layers: layers.UnitNormalization()),
    "EinsumDense": on_numbers(
        lambda layers: layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")
    ),
}


@pytest.fixture(scope="module")
def tf_keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("tf_keras")


@pytest.mark.parametrize("name", NETWORKS)
def test_values_are_those_of_keras_2(tf_keras, name):
    tf_keras.backend.clear_session()
    build = NETWORKS[name]
    count = build.__code__.co_argcount - 1
    if build.__code__.co_flags & 4:  # *ids
        count = 2
    inputs = [tf_keras.Input((6,), dtype="int32") for _ in range(count)]
    network = tf_keras.Model(inputs, build(tf_keras.layers, *inputs))
    random = np.random.default_rng(1)
    network.set_weights([np.abs(random.normal(size=each.shape)) for each in network.get_weights()])
    feed = [IDS, OTHERS][:count]
    received = ph.load(network)(feed if count > 1 else feed[0])
    expected = network(feed if count > 1 else feed[0], training=False)
    if not isinstance(expected, (list, tuple)):
        received, expected = [received], [expected]
    for ours, theirs in zip(received, expected, strict=True):
        assert relative_error(ours, np.asarray(theirs)) < 2e-5


def test_a_causal_layer_of_tensorflow_2_8_is_causal():
    shape = {"batch_input_shape": [None, 5, 3], "dtype": "float32", "name": "x"}
    attention = {"name": "a", "causal": True, "use_scale": False, "dropout": 0}
    layers = [
        {"class_name": "InputLayer", "name": "x", "config": shape, "inbound_nodes": []},
        {
            "class_name": "Attention",
            "name": "a",
            "config": attention,
            "inbound_nodes": [[["x", 0, 0, {}], ["x", 0, 0, {}]]],
        },
    ]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["a", 0, 0]]}
    config = {"name": "network", "layers": layers, **ends}
    model = ph.load(({"class_name": "Functional", "config": config}, {}))
    x = RANDOM.normal(size=(1, 5, 3)).astype(np.float32)
    changed = x.copy()
    changed[:, 3:] += 1
    np.testing.assert_array_equal(model(x)[:, :3], model(changed)[:, :3])
