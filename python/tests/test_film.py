"""Pictures on their way: frames, films, and callbacks that look."""

import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageSequence
from test_maximize import one_thread

import phosphene as ph
from phosphene._display import film
from phosphene._display.series_panels import number_text
from phosphene._vision.maximization.frame import Frame
from phosphene._vision.maximization.picture import Picture
from phosphene._vision.maximization.picture_files import read_recipe

QUIET = {"progress": False}

__all__ = ["one_thread"]  # pytest finds the fixture here


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


@pytest.fixture(scope="module")
def climbed(wardrobe):
    ph.set_threads(1)  # before the fixture that each test has
    return ph.maximize(wardrobe, ["Bag", ("conv1", 2)], steps=12, frames=5, **QUIET)


def shown(path):
    with Image.open(path) as opened:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(opened)]


def test_frames_are_spread_from_start_to_end(wardrobe, climbed):
    assert [frame.step for frame in climbed.frames] == [0, 3, 6, 9, 12]
    without = ph.maximize(wardrobe, ["Bag", ("conv1", 2)], steps=12, **QUIET)
    np.testing.assert_array_equal(without.images, climbed.images)
    assert without.scores == climbed.scores
    assert without.frames == ()
    start, *_, last = climbed.frames
    assert start.images.std() < 2  # faint noise
    assert last.scores > start.scores
    assert last.images.shape == climbed.images.shape


def test_scores_of_frames_are_those_of_their_pictures(wardrobe, climbed):
    for frame in climbed.frames:
        pixels = (frame.images[:1] / 255).astype(np.float32)
        seen = ph.maximize(wardrobe, "Bag", start=pixels, steps=1, frames=2, **QUIET).frames[0]
        # The frame's pixels are rounded to whole numbers.
        assert seen.scores[0] == pytest.approx(frame.scores[0], abs=0.05)
        assert np.abs(seen.images - frame.images[:1].astype(int)).max() <= 2


@pytest.mark.parametrize("count", [1, 2, 13, 50])
def test_any_number_of_frames(wardrobe, count):
    picture = ph.maximize(wardrobe, "Bag", steps=12, frames=count, **QUIET)
    steps = [frame.step for frame in picture.frames]
    assert len(steps) == min(count, 13)
    assert steps[-1] == 12
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "a.webp"])
def test_films_show_the_way_and_the_picture(climbed, tmp_path, name):
    path = climbed.save(tmp_path / name, seconds=0.1)
    expected = [np.asarray(_at(climbed, frame).to_pil().convert("RGB")) for frame in climbed.frames]
    expected.append(np.asarray(climbed.to_pil().convert("RGB")))
    received = shown(path)
    # A picture that is like the one before is only shown for longer.
    assert len(received) in (5, 6)
    for one, other in zip([received[0], received[-1]], [expected[0], expected[-1]], strict=True):
        assert one.shape == other.shape
        error = np.abs(one.astype(float) - other).mean()
        assert error < (0.01 if name == "a.apng" else 3)
    with Image.open(path) as opened:
        assert opened.info["loop"] == 0


def test_films_end_with_the_best_picture(climbed, tmp_path):
    from dataclasses import replace

    assert climbed.steps == (12, 12)
    # As if the first of two pictures had been found after 6 of 12 steps.
    first, second = climbed.frames[2], climbed.frames[-1]
    images = np.stack([first.images[0], second.images[1]])
    found = replace(climbed, images=images, steps=(6, 12))
    received = shown(found.save(tmp_path / "a.apng"))
    assert len(received) == 5
    sheet = received[3][16:156, 16:156, 0]  # the first picture of the sheet after 9 steps
    np.testing.assert_array_equal(sheet, np.kron(first.images[0, ..., 0], np.ones((5, 5))))
    early = replace(climbed, images=first.images, steps=(3, 6))
    assert len(shown(early.save(tmp_path / "b.apng"))) == 3


def test_the_step_of_the_best_picture(wardrobe):
    options = {"steps": 24, "frames": 25, "n": 4, "parametrization": "maco", "size": 28}
    best = ph.maximize(wardrobe, "Bag", **options, **QUIET)
    for number, step in enumerate(best.steps):
        # Judged after every third step.
        judged = {frame.step: frame.scores[number] for frame in best.frames[3::3]}
        assert best.scores[number] == max(judged.values())
        assert step == max(judged, key=judged.get)
        np.testing.assert_array_equal(best.images[number], best.frames[step].images[number])
    assert min(best.steps) < 24


def _by_hand(values, images, frame, limits):
    """Return a picture of one signal or row, found after 9 steps, with one frame of step 0."""
    return Picture(
        images=images, input=values[None].astype(np.float32), scores=(2.0,), history=((1.0,),),
        make_recipe=dict, labels=("one",), limits=np.array(limits, float), steps=(9,),
        diagnoses=(None,), frames=(Frame(0, frame, (1.0,)),),
    )  # fmt: skip


def _blue(frame):
    """Return the rows that have something blue in them, the curve's colour."""
    red, _, blue = np.moveaxis(frame.astype(int), -1, 0)
    return np.flatnonzero((blue - red > 80).any(axis=1))


def test_films_of_signals_are_curves_on_one_scale(tmp_path):
    ramp = np.linspace(0, 1, 41)
    images = np.uint8(np.rint(255 * ramp)).reshape(1, 1, 41, 1)
    made = _by_hand(10 * ramp[:, None], images, images // 2, [[0, 10]])
    first, last = shown(made.save(tmp_path / "a.apng"))
    ends = [_blue(frame)[[0, -1]] for frame in (first, last)]
    assert ends[0][1] == ends[1][1]  # both begin at 0
    heights = [bottom - top for top, bottom in ends]
    assert heights[0] == pytest.approx(heights[1] / 2, rel=0.05)
    assert shown(made.save(tmp_path / "b.gif", scale=1))[0].shape[0] == 1  # as it was


def test_films_of_rows_are_bars_on_one_scale(tmp_path):
    images = np.full((1, 1, 20, 1), 255, np.uint8)
    made = _by_hand(np.full(20, 4.0), images, images // 5, [[0, 4]])
    first, last = shown(made.save(tmp_path / "a.apng"))
    assert len(_blue(first)) == pytest.approx(len(_blue(last)) / 5, abs=2)


def test_columns_are_lines_of_their_own_ranges(tmp_path):
    """Age 45 of 18 to 90, a flag, an income: each number beside the ends of its range."""
    limits = [[18, 90], [0, 1], [5000, 105000]]
    images = np.uint8([[[[95], [255], [51]]]])
    made = _by_hand(np.array([45, 1, 25000]), images, images // 3, limits)
    (axes,) = made.plot().axes
    assert {each.get_text() for each in axes.texts} == {
        "18", "45", "90", "0", "1", "5,000", "25,000", "105,000"
    }  # fmt: skip
    marks = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 1]
    np.testing.assert_allclose(np.ravel(marks), [27 / 72, 1, 0.2])
    assert len(shown(made.save(tmp_path / "a.gif"))) == 2
    many = np.linspace(0, 1, 20)
    limits = np.stack([np.zeros(20), np.arange(1, 21)], axis=1)
    row = _by_hand(many * limits[:, 1], np.zeros((1, 1, 20, 1), np.uint8), images, limits)
    (axes,) = row.plot().axes
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], many, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (60874.3, 7e4, "60,874"), (37.68, 72, "37.7"), (0.5, 1, "0.5"), (0.0134, 1, "0.01"),
        (5.00047, 0.001, "5.00047"), (1e5, 3e6, "100,000"), (4.58e-5, 2e-4, "4.58e-05"),
        (1e9, 1e10, "1e+09"), (-0.001, 10, "0"), (0, 1, "0"), (0.1, None, "0.1"),
        (1200, None, "1,200"),
    ],
)  # fmt: skip
def test_numbers_to_a_hundredth_of_their_range(value, span, text):
    assert number_text(value, span) == text


def test_a_column_that_never_varies_has_no_line():
    images = np.zeros((1, 1, 2, 1), np.uint8)
    (axes,) = _by_hand(np.array([3, 7]), images, images, [[0, 10], [7, 7 + 7e-6]]).plot().axes
    assert "always 7" in [each.get_text() for each in axes.texts]
    assert {line.get_ydata()[0] for line in axes.lines} == {0}


def test_few_columns_of_one_range_are_lines_too():
    images = np.zeros((1, 1, 5, 1), np.uint8)
    row = _by_hand(np.array([0.5, 0, 1, 0.25, 0.75]), images, images, [[0, 1]])
    (axes,) = row.plot().axes
    assert axes.get_title() == "one\n(5 columns)"
    assert [each.get_text() for each in axes.get_yticklabels()] == list("01234")
    one = _by_hand(np.array([0.5]), images[:, :, :1], images[:, :, :1], [[0, 1]])
    assert [axes.get_title() for axes in one.plot().axes] == ["one\n(1 column)"]


def test_many_columns_have_numbers_and_the_extreme_ones_values():
    images = np.zeros((1, 1, 30, 1), np.uint8)
    values = np.full(30, 0.5)
    values[[3, 12, 7, 21]] = 0.9, 0.8, 0.1, 0.2
    figure = _by_hand(values, images, images, [[0, 1]]).plot()
    (axes,) = figure.axes
    words, _ = axes.get_xlabel().split("\n")
    assert words == "highest 3: 0.9, 12: 0.8 · lowest 7: 0.1, 21: 0.2"
    figure.canvas.draw()
    low, high = axes.get_xlim()
    shown = [int(place) for place in axes.get_xticks() if low < place < high]
    assert shown == list(range(0, 30, 4))


@pytest.mark.parametrize("columns", [5, 40])
def test_captions_of_tables_side_by_side_are_not_cut(columns):
    images = np.zeros((2, 1, columns, 1), np.uint8)
    limits = np.stack([np.zeros(columns), np.arange(1, columns + 1)], axis=1)
    one = _by_hand(limits[:, 1] / 2, images[:1], images[:1], limits)
    two = replace(
        one, images=images, input=np.repeat(one.input, 2, axis=0), scores=(58590.0, -58590.0),
        labels=("one", "two"), steps=(9, 9), diagnoses=(None, None), history=((1.0,),) * 2,
    )  # fmt: skip
    for axes, score in zip(two.plot().axes, ("5.859e+04", "-5.859e+04"), strict=True):
        assert axes.get_xlabel().endswith(f"score {score}")
        assert "…" not in axes.get_xlabel()


def test_wide_numbers_stand_beside_the_numbers_of_columns():
    images = np.zeros((1, 1, 2, 1), np.uint8)
    limits = [[-1234567, 3000000], [0, 1]]
    figure = _by_hand(np.array([1e6, 0.5]), images, images, limits).plot()
    figure.canvas.draw()
    (axes,) = figure.axes
    wide = next(each for each in axes.texts if each.get_text() == "-1,234,567")
    number = axes.get_yticklabels()[0].get_window_extent()
    assert number.x1 < wide.get_window_extent().x0
    right = next(each for each in axes.texts if each.get_text() == "3,000,000")
    assert right.get_window_extent().x1 < figure.bbox.width


def _at(picture, frame):
    return replace(picture, images=frame.images, scores=frame.scores)


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "a.webp", "a.png"])
def test_films_carry_their_recipe(wardrobe, climbed, tmp_path, name):
    path = climbed.save(tmp_path / name)
    assert read_recipe(path)["frames"] == 5
    again = ph.replay(path, wardrobe, **QUIET)
    np.testing.assert_array_equal(again.images, climbed.images)
    assert again.recipe == climbed.recipe
    for one, other in zip(again.frames, climbed.frames, strict=True):
        assert (one.step, one.scores) == (other.step, other.scores)
        np.testing.assert_array_equal(one.images, other.images)


def test_coarse_stages_are_enlarged(wardrobe, tmp_path):
    picture = ph.maximize(wardrobe, "Bag", stages=[(14, 4), (28, 4)], frames=5, **QUIET)
    assert [frame.step for frame in picture.frames] == [0, 2, 4, 6, 8]
    sides = [frame.images.shape[1] for frame in picture.frames]
    assert sides == [14, 14, 14, 28, 28]
    assert {frame.shape for frame in shown(picture.save(tmp_path / "a.gif"))} == {(224, 224, 3)}


def test_frames_of_what_was_stopped_early(wardrobe):
    def stop(progress):
        return progress.step == 7

    with pytest.raises(ph.Cancelled) as caught:
        ph.maximize(wardrobe, "Bag", steps=12, frames=5, callbacks=[stop], **QUIET)
    assert [frame.step for frame in caught.value.picture.frames] == [0, 3, 6]


def test_small_pictures_are_enlarged(wardrobe, tmp_path):
    picture = ph.maximize(wardrobe, "Bag", steps=2, frames=2, **QUIET)
    assert shown(picture.save(tmp_path / "a.gif"))[0].shape == (224, 224, 3)
    assert shown(picture.save(tmp_path / "b.gif", scale=2))[0].shape == (56, 56, 3)
    labelled = picture.save(tmp_path / "c.gif", labelled=True)
    assert shown(labelled)[0].shape[0] > shown(labelled)[0].shape[1]  # with the label below


def test_films_keep_few_colours_true():
    from phosphene._display.film import _with_palette

    paper = np.full((40, 40, 3), 255, np.uint8)
    paper[10:20] = (28, 28, 30)
    paper[20:30] = np.random.default_rng(0).integers(0, 255, (10, 40, 3))
    for shaded in (False, True):
        drawn = np.asarray(_with_palette(Image.fromarray(paper), shaded=shaded).convert("RGB"))
        assert (drawn[:10] == 255).all()


def test_callbacks_see_the_picture_as_it_stands(wardrobe, climbed):
    seen = {}

    def look(progress):
        if progress.step in (3, 12):
            seen[progress.step] = progress.picture()

    late = []
    objectives = ["Bag", ("conv1", 2)]
    ph.maximize(wardrobe, objectives, steps=12, callbacks=[look, late.append], **QUIET)
    assert seen[3].steps == (3, 3)
    for step, index in ((3, 1), (12, 4)):
        np.testing.assert_array_equal(seen[step].images, climbed.frames[index].images)
        assert seen[step].scores == climbed.frames[index].scores
        assert [len(each) for each in seen[step].history] == [step, step]
        assert seen[step].labels == climbed.labels
    with pytest.raises(ph.InvalidArgumentError, match="only while the callback runs"):
        late[0].picture()
    assert (late[0].step, late[0].steps) == (1, 12)


def test_previews_are_replaced_in_place(wardrobe, monkeypatch):
    calls = []

    class Place:
        def update(self, picture):
            calls.append(("update", picture))

    def display(picture, *, display_id):
        calls.append(("display", picture))
        return Place()

    shell = type("ZMQInteractiveShell", (), {})()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    preview = ph.Preview(every=4)
    for _ in range(2):
        calls.clear()
        picture = ph.maximize(wardrobe, "Bag", steps=9, callbacks=[preview], **QUIET)
        assert [call for call, _ in calls] == ["display", "update", "update", "update"]
        assert calls[-1][1].images.shape == picture.images.shape
    ipython.get_ipython = lambda: None
    calls.clear()
    ph.maximize(wardrobe, "Bag", steps=2, callbacks=[preview], **QUIET)
    assert calls == []


def test_evenly():
    assert film.evenly(3, 5) == [0, 1, 2]
    assert film.evenly(9, 3) == [0, 4, 8]
    assert film.evenly(7, 1) == [6]


def test_refusals(wardrobe, climbed, tmp_path):
    plain = ph.maximize(wardrobe, "Bag", steps=1, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match=r"ask for it with ph\.maximize\("):
        plain.save(tmp_path / "a.gif")
    with pytest.raises(ph.InvalidArgumentError, match=r"seconds must be a number from 0\.02 to 60"):
        climbed.save(tmp_path / "a.gif", seconds=0)
    with pytest.raises(ph.InvalidArgumentError, match="frames must be a whole number"):
        ph.maximize(wardrobe, "Bag", frames=-1, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match="frames must lie between 0 and 10000"):
        ph.maximize(wardrobe, "Bag", frames=10**5, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match="every must be a number of steps"):
        ph.Preview(every=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_pictures_without_a_recipe(tmp_path, name):
    Image.new("RGB", (8, 8)).save(tmp_path / name)
    place = {"a.gif": "comment", "a.webp": "XMP metadata"}[name]
    with pytest.raises(ph.ModelFileError, match=f"carries no recipe: it has no {place}"):
        read_recipe(tmp_path / name)
