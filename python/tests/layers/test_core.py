"""Dense layers, embeddings and what has no numbers of its own, against Keras."""

import pytest
from layers.checking import check, row, rows

pytestmark = pytest.mark.keras

TABLE = {
    "Dense": {
        "plain": row(lambda keras: keras.layers.Dense(4), (6,)),
        "without bias": row(lambda keras: keras.layers.Dense(4, use_bias=False), (6,)),
        "rank 3": row(lambda keras: keras.layers.Dense(4, activation="tanh"), (3, 6)),
    },
}


@pytest.mark.parametrize("key", rows(TABLE))
def test_values_and_gradients_are_those_of_keras(key):
    check(TABLE, key)
