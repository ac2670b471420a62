"""The table against Keras' own, character for character."""

from __future__ import annotations

import pytest
from conftest import TINY, TINY_WEIGHTS

import phosphene as ph

pytestmark = pytest.mark.keras


def keras_table(network, line_length=None):
    lines = []
    network.summary(line_length=line_length, print_fn=lines.append)
    return "\n".join(lines).rstrip("\n")


@pytest.mark.parametrize("name", ["dense", "conv", "branched", "nested", "two_inputs"])
@pytest.mark.parametrize("columns", ["80", "91", "200"])
def test_same_text_as_keras(networks, name, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    network = getattr(networks, name)
    table, _, note = str(ph.load(network).summary()).rpartition("\n")
    assert table == keras_table(network)
    assert note == " Input: 0 to 1 (assumed, nothing was found)"


def test_line_length(networks, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    table, _, _ = str(ph.load(networks.branched).summary(line_length=60)).rpartition("\n")
    assert table == keras_table(networks.branched, 60)


def test_sizes_are_written_as_keras_writes_them(keras):
    layers = keras.layers
    network = keras.Sequential([layers.Input((600,)), layers.Dense(700), layers.Dense(3)])
    network.layers[0].trainable = False
    table, _, _ = str(ph.load(network).summary()).rpartition("\n")
    assert table == keras_table(network)
    assert "1.60 MB" in table


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"preprocessing": "tf"}, "RGB, x / 127.5 - 1, so -1 to 1 (preprocessing='tf')"),
        ({"preprocessing": (1, 0)}, "0 to 255 (preprocessing=)"),
        ({"like": [[0.0, 200.0]]}, "0 to 255 (like=)"),
        ({"like": [[-0.5, 0.5]]}, "-1 to 1 (like=)"),
    ],
)
def test_what_is_known_of_the_input_is_said(options, note):
    summary = ph.load((TINY, TINY_WEIGHTS), **options).summary()
    assert str(summary).endswith(f"\n Input: {note}")
    assert repr(summary) == str(summary)
    assert summary._repr_html_().startswith("<pre")
