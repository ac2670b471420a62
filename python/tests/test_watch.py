"""Looks at a network while it is trained."""

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from test_maximize import one_thread

import phosphene as ph
from phosphene._display.panels import Choice
from phosphene._display.run_plots import Drawing
from phosphene._models.intake import Architecture
from phosphene._vision.stores import read_npz, write_npz
from phosphene._vision.watching.run import Run

__all__ = ["one_thread"]  # pytest finds the fixture here

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "small",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 1], "name": "x"}},
            {"class_name": "Conv2D", "config": {"name": "conv", "filters": 2, "kernel_size": [3, 3],
             "padding": "same", "activation": "relu"}},
            {"class_name": "Flatten", "config": {"name": "flat"}},
            {"class_name": "Dense", "config": {"name": "scores", "units": 2}},
        ],
    },
}  # fmt: skip
X = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)


def weights(seed, size=1.0):
    random = np.random.default_rng(seed)
    shapes = {"conv/kernel": (3, 3, 1, 2), "conv/bias": (2,), "scores/kernel": (128, 2),
              "scores/bias": (2,)}  # fmt: skip
    return {
        key: (size * random.normal(size=shape)).astype(np.float32) for key, shape in shapes.items()
    }


def checkpoint(seed, size=1.0):
    return ph.load((CONFIG, weights(seed, size)))


@pytest.fixture
def watch(tmp_path):
    """Three looks, each with larger numbers than the one before."""
    watch = ph.Watch(X, units=[("conv", 1)], folder=tmp_path / "run", options={"steps": 3})
    for epoch in range(3):
        watch.look(checkpoint(1, 1 + epoch), epoch=epoch, logs={"loss": 1 / (1 + epoch)})
    return watch


@pytest.mark.keras
@pytest.mark.parametrize(
    ("keras", "backend"), [("keras", "tensorflow"), ("keras", "jax"), ("tf_keras", "tensorflow")]
)
def test_training(keras, backend, tmp_path):
    for needed in (keras, backend):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} isn't installed")
    paths = {"PYTHONPATH": str(Path(ph.__file__).parents[1]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    script = Path(__file__).with_name("watched_training.py")
    finished = subprocess.run(
        [sys.executable, str(script), keras, str(tmp_path / "run")],
        env={**os.environ, **paths, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stdout == "fine\n", finished.stderr


def test_a_look_holds_what_a_trace_does(watch):
    assert len(watch) == 3
    for epoch, look in enumerate(watch):
        expected = ph.trace(checkpoint(1, 1 + epoch), X)
        assert list(look) == list(expected)
        for path in expected:
            np.testing.assert_array_equal(look[path], expected[path])
        assert (look.epoch, look.batch, look.label) == (epoch, None, f"epoch {epoch}")
    with np.load(watch[1].path) as file:
        np.testing.assert_array_equal(file["layers/conv"], watch[1]["conv"])


def test_pictures_of_units_go_on_from_the_last_look(watch):
    first = ph.maximize(checkpoint(1), [("conv", 1)], steps=3, progress=False)
    np.testing.assert_array_equal(watch[0].pictures, first.images)
    assert watch[0].scores == pytest.approx(first.scores)
    assert watch[0].titles == first.labels
    start = (127.5 + 0.7 * (first.images - 127.5)) / 255
    second = ph.maximize(
        checkpoint(1, 2), [("conv", 1)], steps=1, start=start.astype(np.float32), progress=False
    )
    np.testing.assert_array_equal(watch[1].pictures, second.images)


@pytest.mark.parametrize(
    "options",
    [
        {"stages": [(4, 2), (8, 2)]},
        {"parametrization": "maco", "start": X[:1], "over": np.tri(8), "size": 8},
        {"parametrization": "pixel", "start": X[:1], "regularizers": [ph.regularizers.Distance(1)]},
        {"early_stop": 0.9, "steps": 40},
        {"n": 2, "size": 12},
        {"frames": 3, "alpha": True},
    ],
    ids=["stages", "maco over a start", "accentuation", "early stop", "several", "frames"],
)
def test_any_option_of_the_pictures_lasts(tmp_path, options):
    options = {"steps": 3} | options if "stages" not in options else options
    watch = ph.Watch(X, (), units=[0], folder=tmp_path, options=options)
    for epoch in range(3):
        watch.look(checkpoint(epoch), epoch=epoch)
        watch = ph.Watch.open(tmp_path)
    assert {look.pictures.shape for look in watch} == {watch[0].pictures.shape}
    assert np.isfinite([look.scores for look in watch]).all()
    assert not {"frames", "transparency"} & set(Run.open(tmp_path).about["recipe"])
    if "over" in options:  # what isn't to change is the start, at each look
        kept = np.rint(255 * X[0])[np.tri(8) == 0]
        for look in watch:
            assert np.abs(look.pictures[0][np.tri(8) == 0].astype(float) - kept).max() <= 1


CONVOLUTION = {"filters": 2, "padding": "same", "name": "first"}


@pytest.mark.parametrize(
    ("shape", "first"),
    [
        ((30,), None),
        ((8, 8, 5), None),
        ((8, 8, 2), None),
        ((20, 3), {"class_name": "Conv1D", "config": CONVOLUTION | {"kernel_size": [3]}}),
        ((6, 6, 6, 2), {"class_name": "Conv3D", "config": CONVOLUTION | {"kernel_size": [3] * 3}}),
    ],
    ids=str,
)
def test_inputs_of_any_kind_are_drawn(tmp_path, shape, first):
    source = {"batch_shape": [None, *shape], "name": "x"}
    layers = [
        {"class_name": "InputLayer", "config": source},
        {"class_name": "Flatten", "config": {"name": "flat"}},
        {"class_name": "Dense", "config": {"name": "scores", "units": 2}},
    ]
    if first is not None:
        layers.insert(1, first)
    config = {"class_name": "Sequential", "config": {"name": "any", "layers": layers}}
    shapes = [each["shape"] for each in Architecture(config).weights()]
    model = ph.load((config, [np.sin(np.arange(np.prod(each))).reshape(each) for each in shapes]))
    options = {"steps": 2, "value_range": (0, 1)}
    watch = ph.Watch(np.zeros((1, *shape)), units=[0, 1], folder=tmp_path, options=options)
    watch.look(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch.look(model)
    figure = watch.plot([0, 1], ["scores"], kind="bars")
    assert len(figure.axes) == 6
    if len(shape) == 3:
        assert np.asarray(figure.axes[1].images[0].get_array()).ndim == 2
    watch.film(tmp_path / "run.gif", "scores", kind="heat")


@pytest.mark.parametrize("shape", [(20, 3), (5,), (30,)], ids=str)
def test_signals_and_rows_are_drawn_as_their_pictures_are(tmp_path, shape):
    """Curves, lines or bars of the network's own numbers; broken weights leave a gap."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "x"}},
        {"class_name": "MaxPooling1D", "config": {"name": "pool", "pool_size": 2}},
        {"class_name": "Flatten", "config": {"name": "flat"}},
        {"class_name": "Dense", "config": {"name": "scores", "units": 2}},
    ]
    if len(shape) == 1:
        del layers[1]
    config = {"class_name": "Sequential", "config": {"name": "any", "layers": layers}}
    count = np.prod(shape) // len(shape)
    kernel = np.sin(np.arange(2.0 * count)).reshape(-1, 2).astype(np.float32)
    options = {"steps": 3, "value_range": (-3, 3)}
    watch = ph.Watch(np.zeros((1, *shape)), (), units=[0], folder=tmp_path, options=options)
    watch.look(ph.load((config, [kernel, np.zeros(2)])))
    picture = ph.maximize(ph.load((config, [kernel, np.zeros(2)])), 0, progress=False, **options)
    look = ph.Watch.open(tmp_path)[0]
    np.testing.assert_array_equal(look.inputs, picture.input)
    drawn, alone = (each.plot().axes[0] for each in (look, picture))
    assert not drawn.images
    for one, other in zip(drawn.lines, alone.lines, strict=True):
        np.testing.assert_allclose(one.get_ydata(), other.get_ydata(), rtol=1e-6)
    heights = [[bar.get_height() for bar in axes.patches] for axes in (drawn, alone)]
    np.testing.assert_allclose(*heights)
    assert len(drawn.texts) == len(alone.texts)
    with pytest.warns(ph.PhospheneWarning, match="is missing at a look"):
        lost = watch.look(ph.load((config, [kernel * np.nan, np.zeros(2)])))
    assert np.isnan(lost.inputs).all()
    watch.film(tmp_path / "run.gif")


def test_captions_that_are_too_long_leave_out_the_channels(watch):
    """A range is written with an ellipsis, so that nothing else may look like one."""
    from phosphene._display.figures import PanelGrid

    page = PanelGrid([0.5], 3)
    page.label(0, "conv", f"9 of 16 channels, {'0 … 5.7 · ' * 12}", "0 … 5.7 · run 0 … 6.01")
    assert page.axes[0].get_xlabel() == "0 … 5.7 · run 0 … 6.01"
    page.label(0, "conv", "9 of 16 channels, 0 … 5.7", "0 … 5.7")
    assert page.axes[0].get_xlabel() == "9 of 16 channels, 0 … 5.7"


@pytest.mark.parametrize(
    "own",
    [
        {"parametrization": "maco", "size": 12},
        {"parametrization": "fourier", "prior": np.random.default_rng(1).random((12, 8, 8, 1))},
    ],
    ids=["maco", "prior"],
)
def test_what_takes_no_start_begins_anew_at_each_look(tmp_path, own):
    options = {"steps": 2} | own
    watch = ph.Watch(X, (), units=[0], folder=tmp_path, options=options)
    looks = [watch.look(checkpoint(seed)) for seed in (1, 2)]
    for seed, look in zip((1, 2), looks, strict=True):
        alone = ph.maximize(checkpoint(seed), 0, progress=False, **options)
        np.testing.assert_array_equal(look.pictures, alone.images)
        assert list(look) == []


def train(watch, epochs, first=0, steps=None):
    """Call a watch as Keras does; without `steps` no batch is reported."""
    watch.set_params({"epochs": epochs, "steps": steps})
    watch.set_model(checkpoint(1))
    watch.on_train_begin()
    for epoch in range(first, epochs):
        watch.on_epoch_begin(epoch)
        for batch in range(steps or 0):
            watch.on_train_batch_end(batch, {})
        watch.on_epoch_end(epoch, {})
    watch.on_train_end()
    return [look.label for look in watch]


@pytest.mark.parametrize("is_opened", [False, True], ids=["the same", "opened"])
def test_epochs_are_counted_on(tmp_path, is_opened):
    watch = ph.Watch(X, "scores", folder=tmp_path)
    assert train(watch, 2) == ["before training", "epoch 1", "epoch 2"]
    watch = ph.Watch.open(tmp_path) if is_opened else watch
    assert train(watch, 2)[3:] == ["epoch 3", "epoch 4"]
    assert train(watch, 5, first=4)[5:] == ["epoch 5"]  # as Keras counts with an initial_epoch
    assert train(watch, 3, first=1)[6:] == ["epoch 2", "epoch 3"]  # from an older checkpoint
    assert watch.epochs == 5


def test_a_watch_that_comes_later_knows_the_epoch():
    assert train(ph.Watch(X, "scores"), 6, first=4) == ["epoch 4", "epoch 5", "epoch 6"]


def test_batches_are_counted_on():
    watch = ph.Watch(X, "scores", every=2)
    assert train(watch, 2, steps=4) == [
        "before training",
        *("epoch 1, batch 2", "epoch 1", "epoch 2, batch 2", "epoch 2"),
    ]
    assert train(watch, 1, steps=3)[5:] == ["epoch 3, batch 2", "epoch 3"]


def test_a_training_that_comes_to_nan_is_seen(watch):
    broken = weights(1)
    broken["conv/bias"][:] = np.nan
    missing = "What the units like is missing at a look: .*NaN"
    with pytest.warns(ph.PhospheneWarning, match=missing) as caught:
        look = watch.look(broken)
    assert caught[0].filename == __file__
    assert np.isnan(look["scores"]).all()
    assert np.isnan(look.scores).all()
    assert (look.pictures == 127).all()
    assert watch.plot(min_size=(4, 4)).axes


def test_a_stopped_run_is_opened_again(watch):
    again = ph.Watch.open(watch.folder)
    assert len(again) == 3
    assert again[1].logs == {"loss": 0.5}
    np.testing.assert_array_equal(again[2]["conv"], watch[2]["conv"])
    added = again.look(weights(1, 3), label="once more")  # weights alone: the structure is known
    np.testing.assert_array_equal(added["scores"], again[2]["scores"])
    assert added.pictures.shape == watch[0].pictures.shape
    assert [look.label for look in ph.Watch.open(watch.folder)][-1] == "once more"


def test_files_of_all_kinds(watch, tmp_path):
    path = checkpoint(1, 2).save(tmp_path / "old.safetensors")
    look = watch.look(path)
    assert look.label == "old.safetensors"
    np.testing.assert_array_equal(look["scores"], watch[1]["scores"])
    in_order = list(weights(1, 2).values())
    np.testing.assert_array_equal(watch.look(in_order)["scores"], watch[1]["scores"])


def test_colours_stay_the_same_over_the_run(watch):
    figures = [watch.plot(at, min_size=(4, 4)) for at in range(3)]
    limits = {figure.axes[0].images[0].get_clim() for figure in figures}
    everything = np.stack([look["conv"][0] for look in watch])
    assert limits == {(everything.min(), everything.max())}
    assert figures[1].axes[0].get_title().startswith("conv")
    assert figures[1].texts[0].get_text() == "epoch 1 · loss 0.5"
    shown = figures[1].axes[0].images[0].get_array()[:8, :8]
    np.testing.assert_array_equal(shown, watch[1]["conv"][0, :, :, 0])
    # The unit's picture comes behind the layers.
    np.testing.assert_array_equal(
        figures[1].axes[1].images[0].get_array(), watch[1].pictures[0, ..., 0]
    )


def test_several_looks_stand_below_each_other(watch):
    figure = watch.plot([0, -1], ["conv", "scores"], kind="bars")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        f"epoch {epoch}\n{name}" for epoch in (0, 2) for name in ("conv", "scores", "conv · 1")
    ]
    bars = [figure.axes[number] for number in (1, 4)]
    assert bars[0].get_ylim() == bars[1].get_ylim()


@pytest.mark.parametrize("name", ["run.gif", "run.apng", "run.webp"])
def test_films_show_every_look(watch, tmp_path, name):
    path = watch.film(tmp_path / name, min_size=(4, 4), seconds=0.1)
    drawing = Drawing(watch.looks, Choice(min_size=(4, 4)))
    with Image.open(path) as film:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
        assert film.info.get("loop") == 0
    assert len(frames) == 3
    for frame, look in zip(frames, watch, strict=True):
        difference = np.asarray(frame, float) - np.asarray(drawing.frame(look), float)
        # GIF has 256 colours a picture, WebP blurs colours.
        assert np.abs(difference).mean() < (0.01 if name == "run.apng" else 2)


def test_long_films_are_thinned(watch, tmp_path):
    path = watch.film(tmp_path / "a.gif", min_size=(4, 4), frames=2)
    with Image.open(path) as film:
        assert film.n_frames == 2
        assert film.info["duration"] >= 400
        film.seek(1)
        assert film.info["duration"] == 1500


def test_units_are_drawn_where_no_layer_is_large_enough(watch):
    assert [axes.get_title() for axes in watch.plot().axes] == ["what conv · 1\nlikes best"]


def test_what_is_watched_by_name_is_drawn_whatever_its_size():
    watch = ph.Watch(X, ["conv", "scores"])
    watch.look(checkpoint(1))
    titles = ["conv\n(8, 8, 2)", "scores\n(2,)"]
    assert [axes.get_title() for axes in watch.plot().axes] == titles
    assert [axes.get_title() for axes in watch.plot(layers="conv*").axes] == titles[:1]
    every = ph.Watch(X)
    every.look(checkpoint(1))
    with pytest.raises(ph.InvalidArgumentError, match="at least 15x15"):
        every.plot()


def test_an_earlier_run_is_replaced_when_asked_for(watch):
    mine = watch.folder / "looks" / "notes.txt"
    mine.write_text("kept")
    again = ph.Watch(X[:1], "conv", folder=watch.folder, overwrite=True)
    assert len(ph.Watch.open(watch.folder)) == 3  # until there is a look to take their place
    again.look(checkpoint(2))
    opened = ph.Watch.open(watch.folder)
    assert len(opened) == len(again) == 1
    assert list(opened[0]) == ["conv"]
    assert opened[0].titles == ()
    assert mine.read_text() == "kept"
    assert sorted(path.name for path in watch.folder.iterdir()) == [
        "inputs.npz", "looks", "model.json", "run.json",
    ]  # fmt: skip


def test_an_earlier_run_that_can_t_be_removed(watch):
    (watch.folder / "inputs.npz").unlink()
    (watch.folder / "inputs.npz").mkdir()
    again = ph.Watch(X, folder=watch.folder, overwrite=True)
    with pytest.raises(ph.ModelFileError, match="can't be removed: Is a directory"):
        again.look(checkpoint(2))


def test_a_temporary_folder_goes_with_the_watch():
    watch = ph.Watch(X, "conv")
    watch.look(checkpoint(1))
    folder = watch.folder
    assert folder.is_dir()
    del watch
    assert not folder.exists()


def test_a_full_disk_doesn_t_end_a_training(watch):
    watch.set_model(checkpoint(1))
    (watch.folder / "looks" / "000003.npz").mkdir()  # in the way
    missing = "A look at the training is missing: Can't write"
    with pytest.warns(ph.PhospheneWarning, match=missing) as caught:
        watch.on_epoch_end(3, {})
    assert caught[0].filename == __file__


def test_nothing_is_imported_or_printed(capfd):
    code = "import phosphene as ph, sys; ph.Watch([1.0]); print('keras' in sys.modules)"
    path = {"PYTHONPATH": str(Path(ph.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **path})
    assert capfd.readouterr() == ("False\n", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must be 'epoch' or a number of batches, 1 or more; received 0"),
        ({"every": "step"}, "received 'step'"),
        ({"every": True}, "received True"),
        ({"options": {"stepz": 3}}, r"ph\.maximize, which has no option 'stepz'; .* 'steps'"),
        ({"options": {"model": None}}, "has no option 'model'"),
        ({"options": [3], "units": [0]}, r"options must be a dict .* received \[3\]"),
        ({"options": {"steps": 3}}, "options are for the pictures of units, of which none"),
        ({"options": {"steps": 0}, "units": [0]}, "steps must be a whole number, 1 or more"),
        ({"options": {"optimizer": "adm"}, "units": [0]}, "optimizer must be 'adam'"),
        ({"options": {"seed": None}, "units": [0]}, "seed must be a whole number"),
        ({"options": {"transforms": 3}, "units": [0]}, "transforms must be a list"),
        ({"options": {"stages": [(8, 2)], "size": 8}, "units": [0]}, "stages say sizes"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.Watch(X, **options)
    with pytest.raises(ph.InvalidArgumentError, match="x is empty"):
        ph.Watch(X[:0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((1, 9, 8, 1)),), "shape"),
        ((X, "cnv"), "conv"),
        ((X, None, [("cnv", 1)]), "conv"),
        ((X, None, [5]), "5"),
    ],
)
def test_what_doesn_t_fit_is_said_at_the_first_look(arguments, message, tmp_path):
    x, layers, units = (*arguments, None, ())[:3] if len(arguments) < 3 else arguments
    options = {"steps": 1} if units else None
    watch = ph.Watch(x, layers, units=units, folder=tmp_path / "run", options=options)
    with pytest.raises(ph.InvalidArgumentError, match=message):
        watch.look(checkpoint(1))
    assert not (tmp_path / "run" / "run.json").exists()


def test_refusals(watch, tmp_path):
    already = r"holds a watched training already.*open.*overwrite=True"
    with pytest.raises(ph.InvalidArgumentError, match=already):
        ph.Watch(X, folder=watch.folder)
    with pytest.raises(
        ph.InvalidArgumentError, match=r"numbered from 0 \('.*'\) to 2 \('.*'\); received 3"
    ):
        watch.plot(3, min_size=(4, 4))
    with pytest.raises(ph.InvalidArgumentError, match=r"saved as \.gif, \.apng or \.webp"):
        watch.film(tmp_path / "run.mp4")
    with pytest.raises(ph.InvalidArgumentError, match=r"seconds must be .* received 0"):
        watch.film(tmp_path / "run.gif", seconds=0)
    with pytest.raises(ph.InvalidArgumentError, match="frames must be"):
        watch.film(tmp_path / "run.gif", frames=0)
    with pytest.raises(ph.InvalidArgumentError, match="'cnv' wasn't watched"):
        watch[0]["cnv"]
    empty = ph.Watch(X)
    with pytest.raises(ph.InvalidArgumentError, match="Nothing has been looked at yet"):
        empty.plot()
    with pytest.raises(ph.InvalidArgumentError, match="Weights alone"):
        empty.look(weights(1))
    with pytest.raises(ph.ModelFileError, match="holds no watched training"):
        ph.Watch.open(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["run.json", "looks/000001.npz", "inputs.npz", "model.json"])
@pytest.mark.parametrize("how", ["cut", "noise", "empty"])
def test_damaged_files_are_named(watch, name, how):
    path = watch.folder / name
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "noise": b"\x00" + os.urandom(200),
                      "empty": b""}[how])  # fmt: skip
    with pytest.raises(ph.ModelFileError, match=rf"{path.name} can't be read any more"):
        ph.Watch.open(watch.folder).look(weights(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path.write_bytes(content)
        assert len(ph.Watch.open(watch.folder)) == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", "conv"),
        ("layers", [3]),
        ("titles", 5),
        ("limits", [[0, "1"]]),
        ("limits", [0, 1]),
        ("inputs", "1"),
        ("inputs", -1),
        ("every", 0),
        ("recipe", []),
        ("recipe.start", 5),
        ("recipe.parametrization", "fourier"),
        ("recipe.steps", "many"),
        ("channel_axes", {"first": "x"}),
        ("are_sequences", 1),
        ("are_named", "no"),
    ],
)
def test_runs_of_other_types_are_damaged(watch, key, value):
    path = watch.folder / "run.json"
    about = json.loads(path.read_text())
    place, _, key = key.rpartition(".")
    (about[place] if place else about)[key] = value
    path.write_text(json.dumps(about))
    with pytest.raises(ph.ModelFileError, match=rf"run\.json can't be read any more: .*{key}"):
        ph.Watch.open(watch.folder)


def test_comments_that_no_archive_holds_are_refused(watch, tmp_path):
    with pytest.raises(ph.ModelFileError, match="at most 65535 fit into the comment"):
        watch.look(checkpoint(9), label="x" * 70_000)
    assert len(ph.Watch.open(watch.folder)) == 3


@pytest.mark.parametrize("damage", [{6: 1, 8: 1}, {8: 99, 10: 99}], ids=["encrypted", "method"])
def test_archives_that_can_t_be_unpacked_are_damaged(tmp_path, damage):
    path = write_npz(tmp_path / "a.npz", {"x": X})
    content = bytearray(path.read_bytes())
    (flags, value), (central, also) = damage.items()
    content[flags] = value
    content[content.index(b"PK\x01\x02") + central] = also
    path.write_bytes(content)
    with pytest.raises(ph.ModelFileError, match="can't be read any more"):
        read_npz(path, "x")


@pytest.mark.parametrize("at", [[], None, 1.0])
def test_looks_are_named_by_numbers(at):
    watch = ph.Watch(X, "scores")
    watch.look(checkpoint(1))
    with pytest.raises(
        ph.InvalidArgumentError, match="at must be the number or the label of a look"
    ):
        watch.plot(at)


def test_looks_are_named_by_their_labels(tmp_path):
    watch = ph.Watch(X, "scores")
    looks = [watch.look(checkpoint(1), epoch=epoch) for epoch in (1, 2, 2)]
    assert watch["epoch 1"] is looks[0]
    assert watch["epoch 2"] is looks[2]
    assert watch.save(tmp_path / "look.png", "epoch 1").is_file()
    assert watch.save(tmp_path / "looks.png", ["epoch 1", -1]).is_file()
    with pytest.raises(
        ph.InvalidArgumentError, match=r"No look has the label 'epoch 3': .*'epoch 2'"
    ):
        watch.plot("epoch 3")


def test_a_film_shows_all_looks(watch, tmp_path):
    with pytest.raises(ph.InvalidArgumentError, match="A film shows all looks: leave at out"):
        watch.save(tmp_path / "a.gif", at=99)
    assert not (tmp_path / "a.gif").exists()


def test_a_folder_that_is_a_file_is_refused_at_once(tmp_path):
    (tmp_path / "notes").write_text("")
    for folder in ("notes", "notes/run"):
        for overwrite in (False, True):
            with pytest.raises(ph.InvalidArgumentError, match="notes' is a file"):
                ph.Watch(X, folder=tmp_path / folder, overwrite=overwrite)


def test_large_starts_are_kept_for_later_looks(tmp_path, monkeypatch):
    """A recipe only names what is larger than it may carry."""
    from phosphene._vision import carried

    monkeypatch.setattr(carried, "LARGEST_CARRIED", 100)
    start = np.random.default_rng(1).random((8, 8, 1)).astype(np.float32)
    options = {"steps": 3, "start": start}
    watch = ph.Watch(X, (), units=[("conv", 1)], folder=tmp_path / "run", options=options)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ph.PhospheneWarning)
        watch.look(checkpoint(1), epoch=0)
        watch.look(checkpoint(1, 2), epoch=1)
        ph.Watch.open(tmp_path / "run").look(checkpoint(1, 3), epoch=2)
    for size, look in enumerate(ph.Watch.open(tmp_path / "run"), 1):
        expected = ph.maximize(checkpoint(1, size), ("conv", 1), progress=False, **options)
        np.testing.assert_array_equal(look.pictures, expected.images)
        assert look.scores == pytest.approx(expected.scores)


def test_bars_of_classes_have_their_names(tmp_path):
    watch = ph.Watch(X, ["conv", "scores"], folder=tmp_path / "run")
    for size in (1, 2):
        watch.look(ph.load((CONFIG, weights(1, size)), classes=["cat", "dog"]), epoch=size)
    figure = ph.Watch.open(tmp_path / "run").plot([0, 1])
    bars = [figure.axes[number] for number in (1, 3)]
    assert [text.get_text() for text in bars[0].texts][::2] == ["cat", "dog"]
    assert bars[0].get_xlim() == bars[1].get_xlim()
