"""Attention layers against Keras."""

import json

import numpy as np
import pytest
from layers.checking import Given, Whole, check, row, rows

import phosphene as ph

pytestmark = [
    pytest.mark.keras,
    pytest.mark.filterwarnings("ignore:.*does not support masking"),
    pytest.mark.filterwarnings("ignore:.*Exception encountered"),
]

QUERY, VALUE = (3, 6), (5, 6)
RANDOM = np.random.default_rng(1)
QUERY_MASK = Given(np.array([[1, 1, 0], [1, 0, 0]], bool))
VALUE_MASK = Given(np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], bool))
SCORE_MASK = Given(RANDOM.random((2, 3, 5)) < 0.6)


def layer(name, *arguments, **settings):
    return lambda keras: getattr(keras.layers, name)(*arguments, **settings)


def multi_head(**settings):
    return layer("MultiHeadAttention", **({"num_heads": 2, "key_dim": 4} | settings))


def grouped(**settings):
    heads = {"head_dim": 4, "num_query_heads": 6, "num_key_value_heads": 2}
    return layer("GroupQueryAttention", **(heads | settings))


def called(*names, **settings):
    """Return a call with further inputs under names."""

    def call(layer, query, value, *others):
        return layer(query, value, **dict(zip(names, others, strict=True)), **settings)

    return call


def attended(x):
    """Show the mask of a tensor: attention leaves masked steps out."""
    import keras

    return keras.layers.Attention()([x, x])


def on_embeddings(*, query=True, value=True, key=None, **settings):
    """Return a call on embedded numbers, with masks or without; the result's mask shows too."""

    def call(layer, *ids):
        import keras

        masks = [query, value] + ([] if key is None else [key])
        parts = [
            keras.layers.Embedding(3, 6, mask_zero=mask)(each)
            for each, mask in zip(ids, masks, strict=True)
        ]
        result = layer(*parts, **settings)
        outputs = result if isinstance(result, (list, tuple)) else [result]
        return [*outputs, attended(outputs[0])]

    return call


def on_itself(layer, ids):
    import keras

    x = keras.layers.Embedding(3, 6, mask_zero=True)(ids)
    return attended(keras.layers.Add()([x, layer(x, x)]))


def twice(layer, ids, others):
    import keras

    embed = keras.layers.Embedding(3, 6, mask_zero=True)
    query, value = embed(ids), embed(others)
    query = keras.layers.Dense(6)(layer(query, value))
    return attended(layer(query, keras.layers.Dropout(0.1)(value)))


IDS = Whole((6,), 3)
OTHERS = Whole((4,), 3)


def projected(build, **more):
    """Return the rows that both layers with projections share."""
    return {
        "plain": row(build(), QUERY, VALUE, call=called()),
        "key": row(build(), QUERY, VALUE, VALUE, call=called("key")),
        "without bias": row(build(use_bias=False), QUERY, VALUE, call=called()),
        "use_gate": row(build(use_gate=True), QUERY, VALUE, call=called()),
        "dropout": row(build(dropout=0.3), QUERY, VALUE, call=called()),
        "sliding_window": row(build(sliding_window=2), VALUE, VALUE, call=called()),
        "sliding_window, causal": row(
            build(sliding_window=2), VALUE, VALUE, call=called(use_causal_mask=True)
        ),
        "causal": row(build(), QUERY, VALUE, call=called(use_causal_mask=True)),
        "causal, dropout": row(build(dropout=0.3), VALUE, VALUE, call=called(use_causal_mask=True)),
        "scores": row(build(), QUERY, QUERY, call=called(return_attention_scores=True)),
        "scores, causal": row(
            build(), QUERY, QUERY, call=called(return_attention_scores=True, use_causal_mask=True)
        ),
        "attention_mask": row(build(), QUERY, VALUE, SCORE_MASK, call=called("attention_mask")),
        "attention_mask, causal": row(
            build(), QUERY, VALUE, SCORE_MASK, call=called("attention_mask", use_causal_mask=True)
        ),
        "attention_mask of floats": row(
            build(),
            QUERY,
            VALUE,
            Given(SCORE_MASK.values.astype(np.float32)),
            call=called("attention_mask"),
            smooth=False,
        ),
        "attention_mask of one query": row(
            build(), QUERY, VALUE, Given(SCORE_MASK.values[:, :1]), call=called("attention_mask")
        ),
        "attention_mask of heads": row(
            build(),
            QUERY,
            VALUE,
            Given(RANDOM.random((2, 1, 3, 5)) < 0.6),
            call=called("attention_mask"),
        ),
        "query_mask": row(build(), QUERY, VALUE, QUERY_MASK, call=called("query_mask")),
        "value_mask": row(build(), QUERY, VALUE, VALUE_MASK, call=called("value_mask")),
        "value_mask, dropout": row(
            build(dropout=0.3), QUERY, VALUE, VALUE_MASK, call=called("value_mask")
        ),
        "key_mask": row(build(), QUERY, VALUE, VALUE, VALUE_MASK, call=called("key", "key_mask")),
        "all masks": row(
            build(),
            QUERY,
            VALUE,
            QUERY_MASK,
            VALUE_MASK,
            SCORE_MASK,
            call=called("query_mask", "value_mask", "attention_mask"),
        ),
        "masks of embeddings": row(build(), IDS, OTHERS, call=on_embeddings()),
        "mask of the query": row(build(), IDS, OTHERS, call=on_embeddings(value=False)),
        "mask of the value": row(build(), IDS, OTHERS, call=on_embeddings(query=False)),
        "mask of the key": row(
            build(), IDS, OTHERS, OTHERS, call=on_embeddings(query=False, value=False, key=True)
        ),
        "masks, dropout": row(build(dropout=0.3), IDS, OTHERS, call=on_embeddings()),
        "masks, scores": row(build(), IDS, IDS, call=on_embeddings(return_attention_scores=True)),
        "masks, causal": row(build(), IDS, IDS, call=on_embeddings(use_causal_mask=True)),
        "on itself": row(build(), IDS, call=on_itself),
        "twice": row(build(), IDS, OTHERS, call=twice),
        **more,
    }


def with_masks(layer, query, value, query_mask, value_mask):
    return layer([query, value], mask=[query_mask, value_mask])


def with_a_value_mask(layer, query, value, value_mask):
    return layer([query, value], mask=[None, value_mask])


def settings_of_a_call(**settings):
    return lambda layer, *inputs: layer(list(inputs), **settings)


def listed(**settings):
    call = on_embeddings(**settings)
    return lambda layer, *ids: call(lambda *parts, **more: layer(list(parts), **more), *ids)


def plain_attention(build):
    """Return the rows that both layers without projections share."""
    return {
        "plain": row(build(), QUERY, VALUE),
        "key": row(build(), QUERY, (5, 4), VALUE),
        "dropout": row(build(dropout=0.3), QUERY, VALUE),
        "causal": row(build(), VALUE, VALUE, call=settings_of_a_call(use_causal_mask=True)),
        "scores": row(build(), QUERY, VALUE, call=settings_of_a_call(return_attention_scores=True)),
        "masks": row(build(), QUERY, VALUE, QUERY_MASK, VALUE_MASK, call=with_masks),
        "a value mask": row(build(), QUERY, VALUE, VALUE_MASK, call=with_a_value_mask),
        "masks of embeddings": row(build(), IDS, OTHERS, call=listed()),
        "mask of the query": row(build(), IDS, OTHERS, call=listed(value=False)),
        "mask of the value": row(build(), IDS, OTHERS, call=listed(query=False)),
        "masks, causal": row(build(), IDS, IDS, call=listed(use_causal_mask=True)),
        "masks, scores": row(build(), IDS, OTHERS, call=listed(return_attention_scores=True)),
    }


def attention(name):
    return lambda **settings: layer(name, **settings)


TABLE = {
    "AdditiveAttention": {
        **plain_attention(attention("AdditiveAttention")),
        "without scale": row(layer("AdditiveAttention", use_scale=False), QUERY, VALUE),
    },
    "Attention": {
        **plain_attention(attention("Attention")),
        "use_scale": row(layer("Attention", use_scale=True), QUERY, VALUE),
        "concat": row(layer("Attention", score_mode="concat"), QUERY, VALUE),
        "concat, use_scale": row(
            layer("Attention", score_mode="concat", use_scale=True), QUERY, VALUE
        ),
        "rank 4": row(layer("Attention"), (2, *QUERY), (2, *VALUE)),
    },
    "GroupQueryAttention": projected(
        grouped,
        **{
            "one head of values": row(grouped(num_key_value_heads=1), QUERY, VALUE, call=called()),
            "as many heads": row(grouped(num_key_value_heads=6), QUERY, VALUE, call=called()),
        },
    ),
    "MultiHeadAttention": projected(
        multi_head,
        **{
            "value_dim": row(multi_head(value_dim=3), QUERY, VALUE, call=called()),
            "value_dim, use_gate": row(
                multi_head(value_dim=3, use_gate=True), QUERY, VALUE, call=called()
            ),
            "output_shape": row(multi_head(output_shape=4), QUERY, VALUE, call=called()),
            "output_shape of two axes": row(
                multi_head(output_shape=(2, 3)), QUERY, VALUE, call=called()
            ),
            "features of value": row(multi_head(), QUERY, (5, 3), call=called()),
            "one head": row(multi_head(num_heads=1), QUERY, VALUE, call=called()),
            "two axes": row(multi_head(), (2, 3, 6), (4, 5, 6), call=called()),
            "one axis of two": row(
                multi_head(attention_axes=2), (2, 3, 6), (2, 5, 6), call=called()
            ),
            "the first axis of two": row(
                multi_head(attention_axes=(1,)), (2, 3, 6), (5, 3, 6), call=called()
            ),
            "a negative axis": row(
                multi_head(attention_axes=(-2,)), (2, 3, 6), (2, 5, 6), call=called()
            ),
            "axes and scores": row(
                multi_head(attention_axes=(2,)),
                (3, 3, 6),
                (3, 3, 6),
                call=called(return_attention_scores=True),
            ),
            "attention_mask of two axes": row(
                multi_head(),
                (2, 3, 6),
                (4, 5, 6),
                Given(RANDOM.random((2, 2, 3, 4, 5)) < 0.6),
                call=called("attention_mask"),
            ),
        },
    ),
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)


def multi_head_refusal(**settings):
    return "MultiHeadAttention", {"num_heads": 2, "key_dim": 4} | settings, 3


def grouped_refusal(**settings):
    heads = {"head_dim": 4, "num_query_heads": 6, "num_key_value_heads": 2}
    return "GroupQueryAttention", heads | settings, 3


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (multi_head_refusal(num_heads=0), "must be positive, received 0, 4 and 4"),
        (multi_head_refusal(value_dim=-1), "must be positive, received 2, 4 and -1"),
        (multi_head_refusal(output_shape=[0]), r"output_shape needs positive.*received \[0\]"),
        (multi_head_refusal(sliding_window=0), "sliding_window must be positive, received 0"),
        (multi_head_refusal(attention_axes=[2]), r"attention_axes must be different.*\[2\]"),
        (grouped_refusal(num_query_heads=5), "multiple of num_key_value_heads.*4, 5 and 2"),
        (("MultiHeadAttention", {"num_heads": 2, "key_dim": 4}, 2), "needs inputs .batch, steps"),
        (("Attention", {}, 2), "needs inputs .batch, ..., steps, features"),
        (("Attention", {"score_mode": "sum"}, 3), "'dot' or 'concat', received 'sum'"),
    ],
)
def test_bad_settings_are_refused(case, message):
    name, settings, rank = case
    shape = [None, 5, 6][:rank]
    takes_list = name == "Attention"
    config = {
        "name": "network",
        "layers": [
            {
                "class_name": "InputLayer",
                "name": "x",
                "config": {"batch_shape": shape, "name": "x"},
                "inbound_nodes": [],
            },
            {
                "class_name": name,
                "name": "attention",
                "config": {"name": "attention", **settings},
                "inbound_nodes": [
                    {"args": [[tensor("x")] * 2] if takes_list else [tensor("x")] * 2, "kwargs": {}}
                ],
            },
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["attention", 0, 0]],
    }
    with pytest.raises(ph.PhospheneError, match=message):
        ph.load((json.dumps({"class_name": "Functional", "config": config}), {}))


def tensor(name):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
