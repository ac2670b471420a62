"""Pictures rendered again from their files."""

import json
import warnings

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from test_maximize import linear_network, one_thread

import phosphene as ph
from phosphene._vision.maximization.picture_files import read_recipe

QUIET = {"progress": False}

__all__ = ["one_thread"]  # pytest finds the fixture here


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


def assert_same(first, second):
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.input, second.input)
    assert first.scores == second.scores
    assert first.recipe == second.recipe
    assert first.labels == second.labels


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n": 2, "seed": 5, "size": 40, "parametrization": "pixel"},
        {"transforms": (), "regularizers": [ph.regularizers.TotalVariation(0.1)]},
        {"value_range": (0, 0.5), "optimizer": "rmsprop"},
    ],
)
def test_replay_is_bit_equal_and_silent(wardrobe, tmp_path, options):
    made = ph.maximize(wardrobe, ["Bag", ("conv1", 2)], steps=6, **QUIET, **options)
    path = made.save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(ph.replay(path, wardrobe, **QUIET), made)


@pytest.mark.parametrize("how", ["dict", "text", "path", "JSON"])
def test_a_recipe_is_replayed_as_it_is(wardrobe, tmp_path, how):
    """One document, without the picture, gives the same bits; what was handed over stays."""
    start = np.random.default_rng(0).uniform(0.2, 0.8, (1, 28, 28, 1)).astype(np.float32)
    made = ph.maximize(wardrobe, ["Bag", ("conv1", 2)], n=2, steps=4, start=start, **QUIET)
    for picture in (made, made[2]):
        text = json.dumps(picture.recipe)
        path = tmp_path / "recipe.json"
        path.write_text(text, "utf-8")
        forms = {"dict": picture.recipe, "text": str(path), "path": path, "JSON": text}
        document = forms[how]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_same(ph.replay(document, wardrobe, **QUIET), picture)
        assert json.dumps(picture.recipe) == text


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "a dict with a list of objectives.*nothing in it"),
        ({"objectives": 1, "steps": 3}, "with 'objectives', 'steps'"),
        ({"objectives": [{1, 2}]}, "A recipe holds what JSON has.*set"),
        ({"objectives": []}, "The recipe has the format None"),
        (b"{}", "received a bytes as the recipe|received bytes"),
        (7, "received an int as the recipe"),
    ],
)
def test_what_is_no_recipe(wardrobe, document, sentence):
    with pytest.raises(ph.PhospheneError, match=sentence) as caught:
        ph.replay(document, wardrobe, **QUIET)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"hello", "is no PNG, GIF or WebP file, and no JSON document"),
        (b"{ not json", "is damaged"),
        (b"{\xff\xfe}", "and no JSON document"),
        (b"[1]", "and no JSON document"),
        (b"", "and no JSON document"),
    ],
)
def test_files_without_a_recipe(wardrobe, tmp_path, content, sentence):
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(ph.ModelFileError, match=sentence):
        ph.replay(tmp_path / "recipe.json", wardrobe, **QUIET)


@pytest.mark.parametrize("text", ["{", " {'objectives': []}", "{" * 5000])
def test_texts_that_only_begin_like_a_recipe(wardrobe, text):
    with pytest.raises(ph.InvalidArgumentError, match="begins like JSON, and is none") as raised:
        ph.replay(text, wardrobe)
    assert len(str(raised.value)) < 400


def test_another_network_is_told_apart_from_that_of_a_recipe(wardrobe):
    random = np.random.default_rng(0)
    made = ph.maximize(linear_network(random.normal(size=(8, 8, 1))), 0, steps=2, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match="The picture of the recipe was made with"):
        ph.replay(made.recipe, wardrobe, **QUIET)
    other = linear_network(random.normal(size=(8, 8, 1)))
    with pytest.warns(UserWarning, match="differ from that of the recipe.*another one"):
        ph.replay(made.recipe, other, **QUIET)


def test_one_of_several_is_replayed(wardrobe, tmp_path):
    made = ph.maximize(wardrobe, ["Bag", ("conv1", 2)], n=2, steps=6, **QUIET)
    for index, one in enumerate(made):
        again = ph.replay(one.save(tmp_path / "a.png"), wardrobe, **QUIET)
        assert_same(again, one)
        assert again.recipe["shown"] == [index]
    last = ph.replay(made[1:][-1].save(tmp_path / "a.png"), wardrobe, **QUIET)
    np.testing.assert_array_equal(last.images, made.images[3:])


@pytest.mark.parametrize("shown", [5, [], [1], [-1], [True], ["0"], [0, None]])
def test_numbers_of_pictures_that_there_are_not(wardrobe, tmp_path, shown):
    info = PngInfo()
    recipe = {"format": "phosphene-recipe/1", "shown": shown, "steps": 1}
    recipe["objectives"] = [{"terms": [{"kind": "logit", "index": 8}]}]
    info.add_text("phosphene", json.dumps(recipe))
    Image.new("L", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ph.ModelFileError, match="shown must be numbers of its 1 picture"):
        ph.replay(tmp_path / "a.png", wardrobe, **QUIET)


def test_other_weights_are_warned_of(wardrobe, tmp_path):
    random = np.random.default_rng(0)
    network = linear_network(random.normal(size=(28, 28, 1)))
    path = ph.maximize(network, 0, steps=3, **QUIET).save(tmp_path / "a.png")
    network[1][0][0] += 1
    with pytest.warns(UserWarning, match=r"a\.png'.*the model is another one"):
        ph.replay(path, network, **QUIET)


def test_another_network_has_its_own_labels(tmp_path):
    """Of one shape of input, with other classes."""
    first = ph.load(linear_network(np.full((8, 8, 1), 1.0)), classes=["thing"])
    other = ph.load(linear_network(np.full((8, 8, 1), 2.0)), classes=["beast"])
    made = ph.maximize(first, 0, n=2, steps=2, **QUIET)
    assert made.labels == ("thing", "thing")
    for picture, count in ((made, 2), (made[1], 1)):
        path = picture.save(tmp_path / "a.png")
        assert ph.replay(path, first, **QUIET).labels == ("thing",) * count
        with pytest.warns(UserWarning, match="the model is another one"):
            assert ph.replay(path, other, **QUIET).labels == ("beast",) * count


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 8, 3), "takes inputs of 8 by 8 by 1, 'linear' takes 8 by 8 by 3"),
        ((16, 16, 1), "takes inputs of 8 by 8 by 1, 'linear' takes 16 by 16 by 1"),
        ((64,), "takes inputs of 8 by 8 by 1, 'linear' takes 64 "),
    ],
)
def test_a_network_of_another_input_is_refused(tmp_path, shape, message):
    made = ph.maximize(ph.load(linear_network(np.full((8, 8, 1), 1.0))), 0, steps=2, **QUIET)
    assert made.recipe["engine"]["input_shape"] == [8, 8, 1]
    other = ph.load(linear_network(np.full(shape, 1.0)))
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.replay(made.save(tmp_path / "a.png"), other, **QUIET)


@pytest.mark.filterwarnings("ignore:The picture may differ")
def test_a_network_without_the_class_is_refused(wardrobe, tmp_path):
    path = ph.maximize(wardrobe, "Bag", steps=2, **QUIET).save(tmp_path / "a.png")
    other = ph.load(linear_network(np.full((28, 28, 1), 1.0)))
    with pytest.raises(ph.InvalidArgumentError, match=r"index 8 doesn't exist: output .* has 1 "):
        ph.replay(path, other, **QUIET)


def test_another_thread_count_is_warned_of(wardrobe, tmp_path):
    path = ph.maximize(wardrobe, 0, steps=3, **QUIET).save(tmp_path / "a.png")
    ph.set_threads(2)
    with pytest.warns(UserWarning, match="number of threads was 1, now it is 2"):
        ph.replay(path, wardrobe, **QUIET)


def test_small_starts_are_carried(wardrobe, tmp_path):
    images, _ = ph.zoo.garments()
    made = ph.maximize(wardrobe, 0, start=images[3:4], steps=4, **QUIET)
    assert_same(ph.replay(made.save(tmp_path / "a.png"), wardrobe, **QUIET), made)


def test_large_starts_are_asked_for(tmp_path):
    shape = (300, 300, 3)  # 1.08 million bytes
    random = np.random.default_rng(1)
    model = ph.load(linear_network(random.normal(size=shape) / 1000))
    start = random.random((1, *shape)).astype(np.float32)
    made = ph.maximize(model, 0, start=start, steps=2, parametrization="pixel", **QUIET)
    path = made.save(tmp_path / "a.png")
    assert "zlib" not in read_recipe(path)["start"]
    with pytest.raises(ph.InvalidArgumentError, match="hand it over as start="):
        ph.replay(path, model, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match="isn't the array"):
        ph.replay(path, model, start=start + 1, **QUIET)
    assert_same(ph.replay(path, model, start=start, **QUIET), made)


def test_a_start_that_wasn_t_is_refused(wardrobe, tmp_path):
    path = ph.maximize(wardrobe, 0, steps=2, **QUIET).save(tmp_path / "a.png")
    with pytest.raises(ph.InvalidArgumentError, match="made without a start"):
        ph.replay(path, wardrobe, start=np.zeros((1, 28, 28, 1)), **QUIET)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "phosphene-recipe/9"}, "format 'phosphene-recipe/9'"),
        ({"start": {"sha256": "0", "shape": [1], "zlib": "?"}}, "isn't the array|damaged"),
        ({"start": 3}, "damaged"),
        ({"start": {"sha256": "0", "shape": [0], "zlib": "?"}}, "damaged: a carried start has"),
        ({"start": {"sha256": "0", "shape": [10**9], "zlib": "?"}}, "damaged: a carried start has"),
        ({"objectives": [{"terms": [{"kind": "logit", "index": [1]}]}]}, "index for each sample"),
        ({"objectives": [{"terms": [{"kind": "channel", "layer": "gone", "index": 0}]}]}, "gone"),
        ({"steps": -3}, "step"),
        ({"engine": {"model_digest": "0", "input_shape": 3}}, "takes inputs of no shape"),
        ({"engine": {"model_digest": "0", "input_shape": ["x", {}]}}, "takes inputs of 'x' by {}"),
        ({"engine": {"model_digest": "0", "input_shape": [1]}, "given": 5}, "takes inputs of 1, "),
    ],
)
def test_edited_recipes_are_refused(wardrobe, tmp_path, change, message):
    import dataclasses

    made = ph.maximize(wardrobe, 0, steps=2, **QUIET)
    edited = dataclasses.replace(made, make_recipe=lambda: made.recipe | change)
    with pytest.raises(ph.PhospheneError, match=message):
        ph.replay(edited.save(tmp_path / "a.png"), wardrobe, **QUIET)


@pytest.mark.parametrize("labels", [5, ["Bag", "Bag"], [3], "B"])
def test_labels_that_aren_t_titles_are_refused(wardrobe, tmp_path, labels):
    info = PngInfo()
    recipe = {"format": "phosphene-recipe/1", "labels": labels, "steps": 1}
    recipe["objectives"] = [{"terms": [{"kind": "logit", "index": 8}]}]
    info.add_text("phosphene", json.dumps(recipe))
    Image.new("L", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ph.ModelFileError, match="labels must be 1 text,"):
        ph.replay(tmp_path / "a.png", wardrobe, **QUIET)


def test_pictures_too_large_to_be_opened_are_refused(tmp_path, monkeypatch):
    Image.new("L", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16)
    with pytest.raises(ph.ModelFileError, match=r"a\.png"):
        read_recipe(tmp_path / "a.png")


def test_the_file_comes_first(wardrobe, tmp_path):
    path = ph.maximize(wardrobe, 0, steps=2, **QUIET).save(tmp_path / "a.png")
    with pytest.raises(ph.InvalidArgumentError, match=r"and then the model.*received a Model"):
        ph.replay(wardrobe, path)
