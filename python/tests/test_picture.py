"""Pictures: what they hold, show and save. Those here are made by hand, not by the engine."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from phosphene import InvalidArgumentError, ModelFileError
from phosphene._vision.maximization.frame import Frame
from phosphene._vision.maximization.picture import Picture
from phosphene._vision.maximization.picture_files import read_recipe

RECIPE = {"format": "phosphene-recipe/1", "objectives": [{"terms": []}], "seed": 7}


def picture(count=1, height=28, width=28, channels=1):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, height, width, channels), np.uint8)
    return Picture(
        images=images,
        input=images.astype(np.float32) / 255,
        scores=tuple(float(number) for number in range(count)),
        history=((0.0, 1.0),) * count,
        make_recipe=lambda: dict(RECIPE),
        labels=tuple(f"label {number}" for number in range(count)),
    )


def opened(content):
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_pixels_are_the_picture(tmp_path, channels):
    made = picture(channels=channels)
    path = made.save(tmp_path / "a.png", scale=1)
    with Image.open(path) as image:
        pixels = np.asarray(image).reshape(28, 28, channels)
    np.testing.assert_array_equal(pixels, made.image)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_scale_repeats_pixels(tmp_path):
    made = picture(channels=3)
    with Image.open(made.save(tmp_path / "a.png", scale=3)) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (84, 84, 3)
    for row in range(3):
        for column in range(3):
            np.testing.assert_array_equal(pixels[row::3, column::3], made.image)


def test_png_carries_the_recipe(tmp_path):
    path = picture(2).save(str(tmp_path / "a.PNG"))
    with Image.open(path) as image:
        carried = json.loads(image.text["phosphene"])
    assert carried == RECIPE | {"labels": ["label 0", "label 1"], "scores": [0.0, 1.0]}
    assert read_recipe(path) == carried


def test_notebooks_show_no_stamps():
    small, large = (
        opened(picture()._repr_png_()),
        opened(picture(height=300, width=400)._repr_png_()),
    )
    assert min(small.size) >= 224
    assert small.width % 28 == 0
    assert large.size == (400, 300)


@pytest.mark.parametrize("size", [(28, 28), (30, 20), (300, 400)])
@pytest.mark.parametrize("count", [1, 3])
def test_a_saved_picture_is_what_notebooks_show(tmp_path, size, count):
    made = picture(count, *size, channels=3)
    with Image.open(made.save(tmp_path / "a.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(opened(made._repr_png_())))


def test_one_picture_with_its_label(tmp_path):
    made = picture()
    with Image.open(made.save(tmp_path / "a.png", labelled=True)) as image:
        sheet = np.asarray(image.convert("RGB"))
        assert json.loads(image.text["phosphene"])["labels"] == ["label 0"]
    tile = np.repeat(np.repeat(made.image[..., 0], 8, axis=0), 8, axis=1)
    np.testing.assert_array_equal(sheet[16 : 16 + 224, 16 : 16 + 224, 1], tile)
    assert (sheet[16 + 224 :] < 128).any()  # ink


def with_everything(count):
    made = picture(count)
    return replace(
        made,
        alpha=np.random.default_rng(1).random((count, 28, 28), np.float32),
        diagnoses=tuple(f"diagnosis {number}" for number in range(count)),
        steps=tuple(range(count)),
        history=tuple((0.0, float(number)) for number in range(count)),
        frames=(Frame(2, made.images[::-1], made.scores[::-1]),),
    )


def test_pictures_are_taken_one_by_one():
    made = with_everything(3)
    assert [len(each) for each in made] == [1, 1, 1]
    last = made[-1]
    assert (last.labels, last.scores, last.score) == (("label 2",), (2.0,), 2.0)
    assert (last.diagnosis, last.steps, last.history) == ("diagnosis 2", (2,), ((0.0, 2.0),))
    np.testing.assert_array_equal(last.images, made.images[2:])
    np.testing.assert_array_equal(last.input, made.input[2:])
    np.testing.assert_array_equal(last.alpha, made.alpha[2:])
    np.testing.assert_array_equal(last.frames[0].images, made.images[:1])
    assert last.frames[0].scores == (0.0,)
    assert last.recipe == RECIPE | {"shown": [2]}
    assert made[1:].labels == ("label 1", "label 2")
    assert made[1:][::-1][0].recipe == RECIPE | {"shown": [2]}
    assert made[:].recipe == picture()[0].recipe == RECIPE


@pytest.mark.parametrize(
    ("index", "labels"),
    [
        ("Coat", ["Coat", "Coat"]),
        ([0, 2], ["Bag", "Dress"]),
        ((-2, 0), ["Dress", "Bag"]),
        (["Dress", "Coat"], ["Dress", "Coat", "Coat"]),
        (np.array([2, 2]), ["Dress", "Dress"]),
        (np.array([True, False, False, True]), ["Bag", "Coat"]),
        (slice(None, None, 2), ["Bag", "Dress"]),
        (np.int64(1), ["Coat"]),
    ],
)
def test_several_pictures_are_taken(index, labels):
    made = replace(picture(4), labels=("Bag", "Coat", "Dress", "Coat"))
    found = made[index]
    assert list(found.labels) == labels
    places = {"Bag": [0], "Coat": [1, 3], "Dress": [2]}
    for label, image in zip(found.labels, found.images, strict=True):
        assert any((image == made.images[place]).all() for place in places[label])


def test_a_label_that_no_picture_has():
    with pytest.raises(IndexError, match=r"label 'labl 1': the closest names are 'label 1', 'labe"):
        picture(3)["labl 1"]
    with pytest.raises(IndexError, match=r"'Sock': the labels begin with 'label 0', 'label 1'\."):
        picture(2)["Sock"]


@pytest.mark.parametrize("index", [3, -4, True, [0, 3], 1.0, slice(3, 4), [], None])
def test_pictures_that_there_are_not(index):
    with pytest.raises(IndexError, match="numbered from 0 to 2; received"):
        picture(3)[index]


@pytest.mark.parametrize("index", [[0, [1]], (np.array([0, 1]), 1), [()]])
def test_lists_of_lists_are_refused(index):
    with pytest.raises(InvalidArgumentError, match="holds numbers, labels and slices; received"):
        picture(3)[index]


def test_a_list_that_holds_itself_is_refused():
    endless = [0]
    endless.append(endless)
    with pytest.raises(InvalidArgumentError, match="holds numbers, labels and slices; received"):
        picture(3)[endless]


def test_labels_are_in_a_picture():
    made = picture(3)
    assert "label 1" in made
    assert "label 3" not in made
    assert 1 not in made


def test_slices_of_volumes_stand_apart():
    """Five slices of 4 by 6 in two rows of three: gaps and the empty place show the page."""
    volume = np.arange(5 * 4 * 6).reshape(5, 4, 6)
    grid = np.zeros((2, 3, 4, 6), np.uint8)
    grid.reshape(6, 4, 6)[:5] = volume
    images = grid.swapaxes(1, 2).reshape(1, 8, 18, 1)
    for axis in (-1, 1):
        values = np.expand_dims(volume.astype(np.float32)[None] / 255, axis)
        made = replace(picture(), images=images, input=values)
        drawn = np.asarray(made.to_pil())
        assert drawn.shape == (9, 20)
        np.testing.assert_array_equal(drawn[:4, 7:13], volume[1])
        np.testing.assert_array_equal(drawn[5:, 7:13], volume[4])
        assert (drawn[4] == 255).all()
        assert (drawn[:, 13] == 255).all()
        assert (drawn[5:, 14:] == 255).all()
    (axes,) = made.plot().axes
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(shown[5:, 7:13, 0], volume[4])
    assert (shown[5:, 14:, 3] == 0).all()  # nothing is drawn there
    assert shown[..., 3].sum() == 255 * 5 * 4 * 6
    two = replace(made, images=np.repeat(images, 2, axis=-1))
    assert np.asarray(two.plot().axes[0].images[0].get_array())[..., 3].sum() == 2 * 255 * 120


@pytest.mark.parametrize("count", [2, 3, 7, 10, 20])
def test_sheet_holds_every_picture_in_order(count):
    made = picture(count, channels=3)
    sheet = np.asarray(made.to_pil())
    found = []
    for image in made.images:
        tile = np.repeat(np.repeat(image, 5, axis=0), 5, axis=1)  # 28 pixels become 140
        hits = np.argwhere((sheet[: -tile.shape[0], :, :] == tile[0, 0]).all(axis=-1))
        places = [
            (y, x)
            for y, x in hits
            if x + 140 <= sheet.shape[1] and (sheet[y : y + 140, x : x + 140] == tile).all()
        ]
        assert len(places) == 1
        found += places
    assert found == sorted(found)
    assert (sheet[:, 0] == 255).all()  # a margin, nothing cut off
    assert (sheet[:, -1] == 255).all()


def test_ten_pictures_make_two_full_rows():
    assert picture(10).to_pil().width > 1.9 * picture(10).to_pil().height


def test_labels_are_on_the_sheet_and_fit():
    plain, labelled = picture(2), picture(2)
    long = Picture(**{**vars(labelled), "labels": ("x" * 400, "")})
    sheet, other = np.asarray(plain.to_pil()), np.asarray(long.to_pil())
    assert sheet.shape == other.shape
    below = sheet[16 + 140 :]
    assert (below < 128).any()  # ink
    assert (other[:, 16 + 140 : 16 + 140 + 16] == 255).all()  # the gap between the tiles is free


def test_array_protocol():
    one, two = picture(), picture(2)
    assert np.asarray(one).shape == (28, 28, 1)
    assert np.asarray(two).shape == (2, 28, 28, 1)
    assert np.asarray(one, dtype=np.float32).dtype == np.float32
    copied = np.array(one)
    copied[:] = 0
    assert one.image.any()


def test_repr_names_labels_and_scores():
    assert repr(picture(2)) == "Picture(2 of 28x28x1; label 0: 0, label 1: 1)"


def test_attributes_can_t_be_assigned():
    with pytest.raises(AttributeError):
        picture().scores = (1.0,)


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.tif"])
def test_other_formats_are_refused(tmp_path, name):
    with pytest.raises(InvalidArgumentError, match=r"saved as \.png.*received '.*a"):
        picture().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scale", [0, 1.5, True])
def test_scale_is_a_whole_number(scale):
    with pytest.raises(InvalidArgumentError, match=f"scale must be .* received {scale!r}"):
        picture().to_pil(scale=scale)


def test_missing_folders_are_made(tmp_path):
    assert picture().save(tmp_path / "made" / "for it" / "a.png").is_file()


def test_unwritable_place_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelFileError, match=r"Can't write '.*a\.png': "):
        picture().save(tmp_path / "file" / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        picture().save(tmp_path / "b.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["b.png", "file"]


def test_files_without_a_recipe_are_refused(tmp_path):
    plain = tmp_path / "plain.png"
    Image.new("L", (4, 4)).save(plain)
    with pytest.raises(ModelFileError, match=r"plain\.png' carries no recipe"):
        read_recipe(plain)
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    with pytest.raises(ModelFileError, match=r"text\.png' is no PNG"):
        read_recipe(text)
    with pytest.raises(ModelFileError, match=r"missing\.png': No such file"):
        read_recipe(tmp_path / "missing.png")
    whole = picture(3).save(tmp_path / "whole.png").read_bytes()
    cut = tmp_path / "cut.png"
    for length in range(8, len(whole) - 40, max(1, len(whole) // 40)):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut\.png"):
            read_recipe(cut)


@pytest.mark.parametrize("text", ["{", "[]", '{"objectives": 3}', "null"])
def test_damaged_recipes_are_refused(tmp_path, text):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("phosphene", text)
    Image.new("L", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ModelFileError, match=r"recipe in '.*a\.png' is damaged"):
        read_recipe(tmp_path / "a.png")
