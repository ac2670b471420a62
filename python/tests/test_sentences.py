"""Parts of sentences that messages are made of."""

import inspect
import re

import pytest

import phosphene as ph
from phosphene._models import classes
from phosphene._sentences import counted, nearest, suggestion, with_article


@pytest.mark.parametrize(
    ("wanted", "known", "found"),
    [
        ("cat", ["crate", "tiger cat", "castle", "Egyptian cat", "cat"], ["cat"]),
        ("Cat", ["crate", "Egyptian cat", "tiger cat"], ["tiger cat", "Egyptian cat", "crate"]),
        ("Tiger_Cat", ["tiger", "big tiger cat"], ["big tiger cat", "tiger"]),
        ("Adam", ["adam", "nadam"], ["adam", "nadam"]),
        ("ston", ["stone", "wood"], ["stone"]),
        ("", ["stone"], []),
    ],
)
def test_names_with_the_word_come_before_those_spelled_alike(wanted, known, found):
    assert nearest(wanted, known)[: len(found)] == found
    assert len(nearest(wanted, known, most=1)) == min(1, len(found))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("ston", "the closest name is 'stone'"),
        ("stone woo", "the closest names are 'stone', 'wood'"),
        ("xyz", "it begins with 'stone', 'wood'"),
    ],
)
def test_suggestions_are_counted(wanted, sentence):
    assert suggestion(wanted, ["stone", "wood"], "it begins with", cutoff=0.4) == sentence


def test_counts():
    assert [counted(n, "sample") for n in (0, 1, 2)] == ["0 samples", "1 sample", "2 samples"]
    assert [counted(n, "index", "indices") for n in (1, 2)] == ["1 index", "2 indices"]


@pytest.mark.parametrize(
    ("article", "names"),
    [
        ("an", "int AveragePooling2D UpSampling2D LSTM RNN ndarray ELU object Embedding"),
        ("a", "str float ReLU GRU Dense uint8 UnitNormalization SeparableConv2D MaxPooling1D"),
    ],
)
def test_articles(article, names):
    assert [with_article(name).split()[0] for name in names.split()] == [article] * 9


def test_options_called_otherwise_elsewhere_are_known():
    for wrong, right in {
        "iterations": "steps",
        "step": "steps",
        "lr": "optimizer",
        "sise": "size",
    }.items():
        sentence = rf"ph\.maximize has no option '{wrong}'; the nearest is '{right}'"
        with pytest.raises(TypeError, match=sentence):
            ph.maximize(None, 0, **{wrong: 1})
    assert list(inspect.signature(ph.maximize).parameters)[:3] == ["model", "objective", "steps"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"optimizer": "Adam"}, "received 'Adam'; the closest is 'adam'"),
        ({"parametrization": "Natural"}, "received 'Natural'; the closest is 'natural'"),
        ({"parametrization": "xyz"}, r"received 'xyz'\.$"),
        ({"optimizer": 3}, r"received 3\.$"),
    ],
)
def test_capitals_lead_to_the_name_that_was_meant(options, sentence):
    with pytest.raises(ph.InvalidArgumentError, match=sentence):
        ph.maximize(ph.zoo.wardrobe(), 0, steps=1, progress=False, **options)


def test_networks_as_arguments_of_join():
    with pytest.raises(ph.InvalidArgumentError, match=r"takes a dict of .*received 2 arguments"):
        ph.join(ph.zoo.wardrobe(), ph.zoo.wardrobe())


def test_frames_are_short_in_a_notebook():
    model = ph.zoo.wardrobe()
    picture = ph.maximize(model, ["Bag", "Shirt"], steps=2, frames=2, progress=False)
    assert re.fullmatch(r"Frame\(step 0: 2 of 28x28x1; scores \S+, \S+\)", repr(picture.frames[0]))
    assert re.fullmatch(r"Frame\(step 2: 1 of 28x28x1; score \S+\)", repr(picture[0].frames[-1]))


def test_classes_with_the_word_come_first():
    names = ("crate", "castle", "oxcart", "tiger cat", "Egyptian cat")
    with pytest.raises(ph.InvalidArgumentError, match="names are 'tiger cat', 'Egyptian cat', 'c"):
        classes.index_of(names, "cat")
