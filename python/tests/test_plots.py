"""Plots of traces: what is drawn where, read back from the figure, and from pixels of the files."""

import inspect
import itertools
from dataclasses import fields

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import phosphene as ph
from phosphene import InvalidArgumentError, ModelFileError
from phosphene._display import plots
from phosphene._display.panels import Choice
from phosphene._models.outputs import Facts, Outputs

VIRIDIS_LOW, VIRIDIS_HIGH = (68, 1, 84), (253, 231, 36)  # the ends of matplotlib's colour map
PINK = (255, 0, 200)
SEQUENCES = Facts(are_sequences=True)


def trace_plot(trace, *, facts=None, **options):
    return plots.trace_plot(Outputs(trace, facts), Choice(**options))


def save_trace(trace, folder, *, facts=None, **options):
    return plots.save_trace(Outputs(trace, facts), folder, Choice(**options))


@pytest.fixture
def trace():
    ramp = np.arange(2 * 20 * 30, dtype=np.float32).reshape(2, 20, 30)
    channels = np.zeros((2, 16, 16, 5), np.float32)
    channels[1] = np.arange(5)
    return {
        "ramp": ramp,
        "conv": channels,
        "block/conv#1": np.ones((2, 40, 20, 3), np.float32),
        "small": np.ones((2, 14, 40), np.float32),
        "dense": np.array([[0.1, 0.7, 0.2], [1, 2, 3]], np.float32),
    }


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def has_colour(image, colour):
    return bool((np.abs(image.astype(int) - colour).max(axis=-1) <= 2).any())


def test_only_large_outputs_in_order_with_name_and_shape(trace):
    assert titles(trace_plot(trace)) == [
        "ramp\n(20, 30)",
        "conv\n(16, 16, 5)",
        "block/conv#1\n(40, 20, 3)",
    ]


@pytest.mark.parametrize(("smallest", "count"), [((14, 40), 1), ((14, 30), 2), ((21, 21), 0)])
def test_min_size_is_height_and_width(trace, smallest, count):
    chosen = {path: trace[path] for path in ("ramp", "small")}
    if count:
        assert len(trace_plot(chosen, min_size=smallest).axes) == count
    else:
        with pytest.raises(InvalidArgumentError, match=r"at least 21x21: ramp \(20, 30\), small"):
            trace_plot(chosen, min_size=smallest)


def test_matrix_is_drawn_as_it_is(trace):
    (axes,) = trace_plot(trace, layers="ramp", sample=1).axes
    np.testing.assert_array_equal(axes.images[0].get_array(), trace["ramp"][1])
    assert axes.images[0].get_clim() == (600, 1199)  # the second sample of the ramp
    assert axes.get_xlabel() == "600 … 1.2e+03"


def test_mosaic_holds_the_first_channels_with_gaps(trace):
    (axes,) = trace_plot(trace, layers=["conv"], sample=-1, channels=4).axes
    drawn = axes.images[0].get_array()
    assert drawn.shape == (33, 33)  # 2 x 2 tiles of 16 and a gap of 1
    assert drawn.mask[16].all()
    assert drawn.mask[:, 16].all()
    corners = drawn[::32, ::32].data  # one pixel of each tile
    np.testing.assert_array_equal(corners, [[0, 1], [2, 3]])
    assert axes.get_xlabel().startswith("4 of 5 channels, 0 … 3")


def test_chosen_channels(trace):
    (axes,) = trace_plot(trace, layers="conv", sample=1, channels=[4, 2]).axes
    assert set(axes.images[0].get_array().compressed()) == {2, 4}
    with pytest.raises(InvalidArgumentError, match=r"'conv' has 5 channels, 0 to 4; received 7"):
        trace_plot(trace, layers="conv", channels=[0, 7])
    with pytest.raises(InvalidArgumentError, match="at least one"):
        trace_plot(trace, layers="conv", channels=[])
    # Layers that aren't drawn needn't have them.
    small = {"conv": np.zeros((1, 20, 20, 8)), "small": np.zeros((1, 4, 4, 2))}
    assert len(trace_plot(small, channels=[7]).axes) == 1


def test_scale_panel_and_shared(trace):
    own = trace_plot(trace, layers=["ramp", "conv"], sample=1)
    assert [axes.images[0].get_clim() for axes in own.axes] == [(600, 1199), (0, 4)]
    shared = trace_plot(trace, layers=["ramp", "conv"], sample=1, scale="shared")
    panels, colour_bar = shared.axes[:2], shared.axes[2]
    assert [axes.images[0].get_clim() for axes in panels] == [(0, 1199)] * 2
    assert colour_bar.get_ylim() == (0, 1199)


def test_grid_limits_the_panels(trace):
    assert titles(trace_plot(trace, grid=(1, 2))) == ["ramp\n(20, 30)", "conv\n(16, 16, 5)"]


@pytest.mark.parametrize("kind", ["bars", "heat"])
def test_vectors_when_asked(trace, kind):
    (axes,) = trace_plot(trace, layers="den*", kind=kind).axes
    if kind == "bars":
        heights = [bar.get_height() for bar in axes.patches]
    else:
        heights = axes.images[0].get_array().ravel()
    np.testing.assert_array_equal(heights, trace["dense"][0])


def test_chosen_layers_are_drawn_whatever_their_size(trace):
    chosen = ["dense\n(3,)", "small\n(14, 40)"]
    assert titles(trace_plot(trace, layers=["dense", "small"])) == chosen
    assert titles(trace_plot(trace, layers=["d*", "s*"])) == chosen


def test_what_was_asked_for_by_name_is_drawn_whatever_its_size(trace):
    asked = Facts(are_named=True)
    few = {path: trace[path] for path in ("dense", "small", "ramp")}
    dense, small, ramp = "dense\n(3,)", "small\n(14, 40)", "ramp\n(20, 30)"
    assert titles(trace_plot(few, facts=asked)) == [dense, small, ramp]
    # Unless a size is asked for as well, which is that of pictures.
    assert titles(trace_plot(few, facts=asked, min_size=(15, 15))) == [dense, ramp]
    assert titles(trace_plot(few)) == [ramp]


def test_what_was_asked_for_by_name_is_drawn_however_many_there_are(trace, tmp_path):
    many = {f"layer{number}": trace["ramp"] for number in range(11)}
    assert len(trace_plot(many).axes) == 9
    assert len(trace_plot(many, layers="layer*").axes) == 11
    assert len(trace_plot(many, facts=Facts(are_named=True)).axes) == 11
    assert len(trace_plot(many, layers="layer*", grid=(2, 2)).axes) == 4
    assert len(save_trace(many, tmp_path, facts=Facts(are_named=True))) == 2


def test_sequences_are_curves_one_below_the_other():
    values = np.float32([[[0, 4, 9], [1, 3, 9], [2, np.nan, 9], [3, 1, 9], [4, 0, 9]]])
    (axes,) = trace_plot({"conv": values}, facts=SEQUENCES, layers="conv", channels=2).axes
    first, second = (line.get_ydata() for line in axes.lines if line.get_color() == "C0")
    # From 0 to 4 in nine tenths of a row each, the first channel on top.
    np.testing.assert_allclose(first, 1 + 0.9 * np.arange(5) / 4)
    np.testing.assert_allclose(second, 0.9 * np.array([4, 3, np.nan, 1, 0]) / 4)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "1"]
    assert axes.get_xlabel() == "2 of 3 channels, 0 … 4, NaN or inf in pink"
    assert axes.get_title() == "conv\n(5 steps →, 3 channels)"


def test_sequences_as_colours_go_to_the_right_too():
    values = np.arange(40, dtype=np.float32).reshape(1, 20, 2)
    (axes,) = trace_plot({"conv": values}, facts=SEQUENCES, kind="heat").axes
    np.testing.assert_array_equal(axes.images[0].get_array(), values[0].T)


def test_of_sequences_the_steps_count():
    """Their channels are no height."""
    short, long = np.zeros((1, 14, 30)), np.zeros((1, 15, 2))
    found = titles(trace_plot({"short": short, "long": long}, facts=SEQUENCES))
    assert found == ["long\n(15 steps →, 2 channels)"]


def test_all_that_draw_have_the_same_options():
    """So that one page explains them, `Trace.plot`'s."""
    options = {each.name: each.default for each in fields(Choice)}
    drawing = {
        ph.Trace.plot: set(),
        ph.Trace.save: {"folder"},
        ph.Watch.plot: {"at"},
        ph.Watch.film: {"path", "seconds", "frames"},
        ph.render: {"folder", "out"},
    }
    for function, own in drawing.items():
        stated = {
            name: each.default
            for name, each in inspect.signature(function).parameters.items()
            if name not in own | {"self"}
        }
        assert stated.items() <= options.items(), function
        assert set(options) - set(stated) <= {"sample", "scale"}, function


def test_outputs_of_other_ranks_are_left_out_or_named():
    volumes = {"conv3d": np.zeros((1, 20, 20, 20, 2)), "image": np.zeros((1, 20, 20))}
    assert titles(trace_plot(volumes)) == ["image\n(20, 20)"]
    with pytest.raises(InvalidArgumentError, match=r"conv3d \(20, 20, 20, 2\)"):
        trace_plot(volumes, layers="conv3d")


def test_globs_keep_the_order(trace):
    assert titles(trace_plot(trace, layers=["*conv*"])) == [
        "conv\n(16, 16, 5)",
        "block/conv#1\n(40, 20, 3)",
    ]


def test_colours_on_the_page(trace):
    page = pixels(trace_plot(trace, layers="ramp"))
    assert has_colour(page, VIRIDIS_LOW)
    assert has_colour(page, VIRIDIS_HIGH)
    assert not has_colour(page, PINK)


def test_nan_and_infinity_are_pink_and_don_t_hide_the_rest():
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(1, 20, 20)
    values[0, 5, 5:9] = np.nan
    values[0, 8, 5:9] = np.inf
    figure = trace_plot({"layer": values})
    assert "NaN or inf in pink" in figure.axes[0].get_xlabel()
    page = pixels(figure)
    assert has_colour(page, PINK)
    assert has_colour(page, VIRIDIS_HIGH)


@pytest.mark.parametrize("columns", [1, 3])
def test_long_names_stay_inside_their_panel(columns):
    name = "functional_with_a_long_name/residual_stage_4/bottleneck_block_12/separable_conv2d_7#3"
    figure = trace_plot({f"{name}{i}": np.ones((1, 20, 20)) for i in range(3)}, grid=(3, columns))
    width = figure.bbox.width
    figure.canvas.draw()
    boxes = [axes.title.get_window_extent() for axes in figure.axes[:columns]]
    assert boxes[0].x0 >= 0
    assert boxes[-1].x1 <= width
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    shown = figure.axes[0].get_title().split("\n")[0]
    assert shown.startswith("functional_w")
    assert shown.endswith("_7#30")


def test_user_s_settings_hold(trace):
    with mpl.rc_context({"figure.figsize": (12, 5), "axes.titlesize": 20, "figure.facecolor": "k"}):
        figure = trace_plot(trace, layers="conv", cmap="gray")
        assert figure.get_size_inches()[0] == 12
        assert figure.axes[0].title.get_fontsize() == 17  # 0.85 of the user's
        assert figure.get_facecolor() == (0, 0, 0, 1)
    assert figure.axes[0].images[0].cmap.name == "gray"


def test_nothing_is_left_in_pyplot(trace):
    from matplotlib import pyplot as plt

    with mpl.rc_context({"backend": "agg"}):
        trace_plot(trace)
    assert plt.get_fignums() == []


def test_notebooks_can_show_it(trace):
    assert trace_plot(trace)._repr_png_().startswith(b"\x89PNG")


def test_trace_is_not_changed(trace):
    before = {path: array.copy() for path, array in trace.items()}
    trace_plot(trace)
    for path, array in trace.items():
        np.testing.assert_array_equal(array, before[path])


def test_saved_pages_are_numbered_and_complete(trace, tmp_path):
    folder = tmp_path / "new" / "pages"
    files = save_trace(trace, folder, grid=(1, 2))
    assert [file.name for file in files] == ["0.png", "1.png"]
    assert sorted(file.name for file in folder.iterdir()) == ["0.png", "1.png"]
    with Image.open(files[0]) as first, Image.open(files[1]) as second:
        assert has_colour(np.asarray(first.convert("RGB")), VIRIDIS_HIGH)
        assert first.width > 500
        assert second.width > 400


def test_unwritable_folder_is_one_sentence(trace, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelFileError, match=r"folder '.*pages'.*Not a directory"):
        save_trace(trace, tmp_path / "file" / "pages")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "cnv"}, r"no layer 'cnv'; the closest name is 'conv'"),
        ({"sample": 2}, r"sample must be a number below 2, the batch size, received 2"),
        ({"channels": 0}, r"channels must be .* a whole number, 1 or more; received 0"),
        ({"grid": (0, 3)}, r"grid must be two whole numbers, 1 or more; received \(0, 3\)"),
        ({"grid": 3}, r"grid must be two whole numbers, 1 or more; received 3"),
        ({"min_size": 15}, r"min_size must be two whole numbers"),
        ({"kind": "pie"}, r"kind must be one of .* received 'pie'"),
        ({"scale": "log"}, r"scale must be 'panel' or 'shared', received 'log'"),
        ({"cmap": "viridiss"}, r"received 'viridiss'; did you mean 'viridis'"),
    ],
)
def test_refusals(trace, options, message):
    with pytest.raises(InvalidArgumentError, match=message):
        trace_plot(trace, **options)


def test_empty_trace_is_refused():
    with pytest.raises(InvalidArgumentError, match="the trace is empty"):
        trace_plot({})


@pytest.mark.parametrize("sign", [1, -1])
def test_no_bar_is_lost_between_the_pixels(sign):
    # One of many outputs stands out; it has to be seen wherever it is.
    for place in (0, 503, 504, 505, 999):
        probabilities = np.full((1, 1000), np.nan if place == 504 else 1e-5, np.float32)
        probabilities[0, place] = sign
        figure = trace_plot({"image": np.ones((1, 20, 20)), "scores": probabilities}, layers="*")
        axes = figure.axes[1]
        image = pixels(figure)
        box = axes.get_window_extent()
        middle = len(image) - int((box.y0 + box.y1) / 2)
        row = image[middle, int(box.x0) + 2 : int(box.x1) - 2]
        blue = (np.abs(row.astype(int) - [31, 119, 180]).max(axis=-1) <= 2).sum()
        assert 1 <= blue <= 4, (place, blue)
        assert axes.dataLim.x0 == -0.5
        assert axes.dataLim.x1 == 999.5


@pytest.mark.parametrize("facts", [Facts(), Facts(are_named=True)])
@pytest.mark.parametrize("layers", [None, ["volume"]])
def test_volumes_are_not_called_small(facts, layers):
    trace = {"volume": np.zeros((1, 20, 20, 20, 2))}
    with pytest.raises(InvalidArgumentError, match=r"not outputs of .*: volume \(20, 20, 20, 2\);"):
        trace_plot(trace, facts=facts, layers=layers)


def test_bars_have_the_names_of_classes():
    values = np.array([[0.2, 0.7, np.nan]], np.float32)
    facts = Facts(are_named=True, classes={"classes": ("cat", "dog", "a name " * 20)})
    (axes,) = trace_plot({"classes": values}, facts=facts).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts[:4] == ["cat", "0.20", "dog", "0.70"]
    assert texts[4].startswith("a name")
    assert texts[5] == "nan"
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.2, 0.7, 0])
    box = axes.get_window_extent()
    for text in axes.texts:
        extent = text.get_window_extent()
        assert box.x0 <= extent.x0
        assert extent.x1 <= box.x1
    # Downwards, in order.
    heights = [axes.transData.transform((0, bar.get_y()))[1] for bar in axes.patches]
    assert heights == sorted(heights, reverse=True)


def test_of_many_classes_the_highest_is_named():
    values = np.zeros((1, 30), np.float32)
    values[0, 17] = 1
    classes = {"classes": tuple(f"class {number}" for number in range(30))}
    figure = trace_plot({"classes": values}, facts=Facts(are_named=True, classes=classes))
    assert figure.axes[0].get_xlabel() == "0 … 1, highest: class 17"
    wrong = Facts(are_named=True, classes={"classes": ("cat", "dog")})
    assert not trace_plot({"classes": values}, facts=wrong).axes[0].texts


def test_class_names_of_a_network_are_on_its_traces():
    images, _ = ph.zoo.garments()
    (axes,) = ph.trace(ph.zoo.wardrobe(), images[:1], "classes").plot().axes
    assert [text.get_text() for text in axes.texts][::2] == list(ph.zoo.wardrobe().classes)


@pytest.mark.parametrize(
    ("count", "rows"),
    [(1, [1]), (3, [3]), (4, [2, 2]), (5, [3, 2]), (7, [4, 3]), (8, [4, 4]), (9, [3, 3, 3])],
)
def test_rows_are_nearly_full(count, rows):
    trace = {str(number): np.zeros((1, 20, 20)) for number in range(count)}
    for facts in (Facts(), Facts(are_named=True)):
        axes = trace_plot(trace, facts=facts).axes
        tops = [round(each.get_position().y1, 6) for each in axes]
        assert [tops.count(top) for top in sorted(set(tops), reverse=True)] == rows
        # What isn't full stands in the middle.
        last = axes[-rows[-1] :]
        assert last[0].get_position().x0 + last[-1].get_position().x1 == pytest.approx(1, abs=1e-6)
