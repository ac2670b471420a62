"""Sets of patterns traced into files, and pictures of what is there."""

import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from test_maximize import one_thread

import phosphene as ph
from phosphene._vision.tracing import patterns
from phosphene._vision.tracing.patterns import batches_of
from phosphene._vision.tracing.trace_files import StoredTrace

__all__ = ["one_thread"]  # pytest finds the fixture here

X = np.float32([[1, 2], [-1, 3], [0, 1]])


@pytest.fixture(scope="module")
def wardrobe():
    return ph.zoo.wardrobe()


@pytest.fixture(scope="module")
def garments():
    return ph.zoo.garments()[0]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def one_by_one(array):
    """Return a generator of patterns without a batch axis."""
    return (pattern for pattern in array)


@pytest.mark.parametrize("form", ["npz", "json"])
@pytest.mark.parametrize("patterns", [X, one_by_one(X), one_by_one(X[:, np.newaxis])])
def test_files_hold_what_a_trace_does(tiny, tmp_path, form, patterns):
    if not isinstance(patterns, np.ndarray):
        patterns = iter(list(patterns) or X)  # parameters are shared by the forms
    folder = tmp_path / "made" / "for it"
    stored, whole = ph.trace(tiny, patterns, store=folder, store_as=form), ph.trace(tiny, X)
    assert names(folder) == [f"0.{form}", f"1.{form}", f"2.{form}", "trace.json"]
    assert stored.samples == 3
    assert list(stored) == list(whole)
    for path in whole:
        np.testing.assert_allclose(stored[path], whole[path], rtol=1e-6)
        assert stored[path].dtype == np.float32


def test_files_are_read_without_phosphene(tiny, tmp_path):
    ph.trace(tiny, X, store=tmp_path)
    with np.load(tmp_path / "1.npz") as file:
        assert sorted(file) == ["hidden", "scores"]
        np.testing.assert_array_equal(file["hidden"], [[0, 3, 0]])
    ph.trace(tiny, X, "hidden", store=tmp_path / "json", store_as="json")
    document = json.loads((tmp_path / "json" / "1.json").read_text())
    stated = document["layers"]["hidden"]
    assert stated == {"shape": [1, 3], "dtype": "float32", "values": [[0, 3, 0]]}


def test_json_has_null_for_nan(tiny, tmp_path):
    stored = ph.trace(tiny, [[np.nan, 1.0]], "scores", store=tmp_path, store_as="json")
    assert "NaN" not in (tmp_path / "0.json").read_text()
    assert np.isnan(stored["scores"]).all()


@pytest.mark.parametrize("form", ["npz", "json"])
def test_the_same_call_goes_on_where_it_was_stopped(tiny, tmp_path, form):
    def stopping():
        yield X[0]
        yield X[1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ph.trace(tiny, stopping(), store=tmp_path, store_as=form)
    assert names(tmp_path) == [f"0.{form}", f"1.{form}", "trace.json"]
    assert len(StoredTrace.open(tmp_path).files) == 2
    before = [(tmp_path / f"{at}.{form}").stat().st_mtime_ns for at in range(2)]
    stored = ph.trace(tiny, iter(X), store=tmp_path, store_as=form)
    after = [(tmp_path / f"{at}.{form}").stat().st_mtime_ns for at in range(2)]
    assert before == after
    np.testing.assert_allclose(stored["scores"], ph.trace(tiny, X)["scores"], rtol=1e-6)


def test_only_what_has_changed_is_computed_again(tiny, tmp_path, monkeypatch):
    computed = []
    original = StoredTrace.put
    monkeypatch.setattr(
        StoredTrace, "put", lambda self, at, *rest: (computed.append(at), original(self, at, *rest))
    )

    def again(model, patterns, layers=None):
        computed.clear()
        stored = ph.trace(model, patterns, layers, store=tmp_path, overwrite=True)
        expected = ph.trace(model, patterns, layers)
        for path in expected:
            np.testing.assert_allclose(stored[path], expected[path], rtol=1e-6)
        return list(computed)

    assert again(tiny, X) == [0, 1, 2]
    assert again(tiny, X) == []
    other = X.copy()
    other[1] = 7
    assert again(tiny, other) == [1]
    assert again(tiny, other, "hidden") == [0, 1, 2]
    arrays = {weight["key"]: tiny.weight(weight["key"]) for weight in tiny.architecture.weights()}
    arrays["hidden/bias"][0] += 1
    assert again(ph.load((tiny.config, arrays)), other, "hidden") == [0, 1, 2]
    (tmp_path / "2.npz").write_bytes(b"PK damaged")
    assert again(ph.load((tiny.config, arrays)), other, "hidden") == [2]


def test_a_shorter_set_has_no_more_patterns(tiny, tmp_path):
    ph.trace(tiny, X, store=tmp_path)
    assert ph.trace(tiny, X[:2], store=tmp_path, overwrite=True).samples == 2
    assert len(StoredTrace.open(tmp_path).files) == 2
    assert names(tmp_path) == ["0.npz", "1.npz", "trace.json"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("patterns", "layers", "form", "sentence"),
    [
        (X[:2], None, "npz", "of 3 patterns, and only 2 came: replace it with overwrite=True"),
        (X, "hidden", "npz", "of other layers or of another model: replace it with overwrite=True"),
        (X, None, "json", "in another form: replace it with overwrite=True"),
        (X[[0, 2, 1]], None, "npz", "of other patterns: replace it with overwrite=True"),
    ],
)
def test_another_trace_in_the_folder_is_refused_and_left_alone(
    tiny, tmp_path, patterns, layers, form, sentence
):
    ph.trace(tiny, X, store=tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(ph.InvalidArgumentError, match=sentence):
        ph.trace(tiny, patterns, layers, store=tmp_path, store_as=form)
    assert contents(tmp_path) == before
    replaced = ph.trace(tiny, patterns, layers, store=tmp_path, store_as=form, overwrite=True)
    count = len(patterns)
    assert names(tmp_path) == [*(f"{at}.{form}" for at in range(count)), "mine.txt", "trace.json"]
    for path, array in ph.trace(tiny, patterns, layers).items():
        np.testing.assert_allclose(replaced[path], array, rtol=1e-6)


def test_a_longer_set_goes_on_from_a_shorter_one(tiny, tmp_path):
    ph.trace(tiny, X[:2], store=tmp_path)
    assert ph.trace(tiny, X, store=tmp_path).samples == 3


def test_files_that_are_none_of_ours_are_left_alone(tiny, tmp_path):
    (tmp_path / "0.npz").write_bytes(b"something of mine")
    for overwrite in (False, True):
        with pytest.raises(ph.InvalidArgumentError, match=r"holds a file 0\.npz that is no trace"):
            ph.trace(tiny, X, store=tmp_path, overwrite=overwrite)
        assert contents(tmp_path) == {"0.npz": b"something of mine"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_further_on_that_are_none_of_ours_are_left_alone(tiny, tmp_path, overwrite):
    np.savez(tmp_path / "1.npz", mine=X)
    before = (tmp_path / "1.npz").read_bytes()
    with pytest.raises(ph.InvalidArgumentError, match=r"holds a file 1\.npz that is no trace"):
        ph.trace(tiny, X, store=tmp_path, overwrite=overwrite)
    assert (tmp_path / "1.npz").read_bytes() == before


@pytest.mark.parametrize("form", ["npz", "json"])
def test_a_set_that_was_broken_off_shows_nothing_of_another(tiny, tmp_path, form):
    def stopping():
        yield X[0]
        raise KeyboardInterrupt

    ph.trace(tiny, X, store=tmp_path, store_as=form)
    with pytest.raises(KeyboardInterrupt):
        ph.trace(tiny, stopping(), "hidden", store=tmp_path, store_as=form, overwrite=True)
    assert [path.name for path in StoredTrace.open(tmp_path).files] == [f"0.{form}"]


def test_one_pattern_is_in_memory_at_a_time(wardrobe, garments, tmp_path):
    def peak(count):
        tracemalloc.start()
        ph.trace(wardrobe, (garments[at % 20] for at in range(count)), store=tmp_path / str(count))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    one = sum(array.nbytes for array in ph.trace(wardrobe, garments[:1]).values())
    assert peak(12) - peak(3) < one / 2


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches(tiny, size):
    patterns = (pattern for pattern in [X[0], X[1:2], X])
    batches = list(batches_of(tiny, patterns, size))
    assert max(len(batch[0]) for batch in batches) == size
    np.testing.assert_array_equal(
        np.concatenate([batch[0] for batch in batches]), np.concatenate([X[:2], X])
    )


def test_what_lies_in_files_is_read_row_by_row(tiny, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        rows = file.create_dataset("x", data=X)
        assert patterns.is_set(tiny, rows)
        seen = ph.trace(tiny, rows, store=tmp_path / "a")
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert patterns.is_set(tiny, mapped)
    np.testing.assert_array_equal(
        seen["scores"], ph.trace(tiny, mapped, store=tmp_path / "b")["scores"]
    )
    assert not patterns.is_set(tiny, X)
    assert not patterns.is_set(tiny, X.tolist())


def test_pictures_from_files(wardrobe, garments, tmp_path):
    paths = []
    for at in range(2):
        paths.append(tmp_path / f"{at}.png")
        Image.fromarray((garments[at, ..., 0] * 255).astype(np.uint8)).save(paths[-1])
    seen = ph.trace(wardrobe, paths, "classes" if "classes" in wardrobe.shapes else None,
                    store=tmp_path / "out")  # fmt: skip
    assert seen.samples == 2


def test_several_inputs(tmp_path):
    def entry(kind, name, config, inbound):
        nodes = [[[each, 0, 0, {}] for each in inbound]] if inbound else []
        return {"class_name": kind, "name": name, "config": {"name": name, **config},
                "inbound_nodes": nodes}  # fmt: skip

    config = {
        "class_name": "Functional",
        "config": {
            "name": "pair",
            "layers": [
                entry("InputLayer", "left", {"batch_input_shape": [None, 2]}, []),
                entry("InputLayer", "right", {"batch_input_shape": [None, 2]}, []),
                entry("Add", "sum", {}, ["left", "right"]),
            ],
            "input_layers": [["left", 0, 0], ["right", 0, 0]],
            "output_layers": [["sum", 0, 0]],
        },
    }
    model = ph.load((config, {}))
    seen = ph.trace(model, ({"left": row, "right": 2 * row} for row in X), store=tmp_path)
    np.testing.assert_array_equal(seen["sum"], 3 * X)


def test_render_draws_every_pattern(wardrobe, garments, tmp_path):
    stored = ph.trace(wardrobe, iter(garments[:3]), "conv1*", store=tmp_path)
    pages = ph.render(tmp_path)
    assert [page.relative_to(tmp_path / "pictures").as_posix() for page in pages] == [
        "0/0.png", "1/0.png", "2/0.png",
    ]  # fmt: skip
    whole = ph.trace(wardrobe, garments[:3], "conv1*")
    (expected,) = whole.save(tmp_path / "expected", sample=1)
    np.testing.assert_array_equal(
        np.asarray(Image.open(pages[1])), np.asarray(Image.open(expected))
    )
    (drawn,) = stored.save(tmp_path / "stored", sample=-2)
    np.testing.assert_array_equal(np.asarray(Image.open(drawn)), np.asarray(Image.open(expected)))


def test_render_pages_and_places(wardrobe, garments, tmp_path):
    ph.trace(wardrobe, garments[:2], store=tmp_path / "traces", store_as="json")
    pages = ph.render(tmp_path / "traces", out=tmp_path / "out", grid=(1, 1), min_size=(14, 14))
    folders = {page.parent.name for page in pages}
    assert folders == {"0", "1"}
    assert len(pages) > 2
    assert all(page.is_file() for page in pages)


def test_a_scale_for_the_whole_set(tiny, tmp_path, monkeypatch):
    from phosphene._display import plots

    drawn = []
    original = plots.draw_panel
    monkeypatch.setattr(
        plots,
        "draw_panel",
        lambda axes, panel, cmap, limits, **options: (
            drawn.append((panel.path, limits)),
            original(axes, panel, cmap, limits, **options),
        )[1],
    )
    ph.trace(tiny, X, store=tmp_path)
    ph.render(tmp_path, "hidden", kind="heat", scale="set")
    assert set(drawn) == {("hidden", (0.0, 3.0))}
    assert len(drawn) == 3


def test_sets_that_are_not_finished_are_drawn_as_far_as_they_are(tiny, tmp_path):
    def stopping():
        yield X[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        ph.trace(tiny, stopping(), store=tmp_path)
    assert len(ph.render(tmp_path, layers="hidden", kind="bars")) == 1


@pytest.mark.parametrize("form", ["npz", "json"])
@pytest.mark.parametrize("how", ["cut", "noise", "empty", "gone", "layer"])
def test_damaged_files_are_named(tiny, tmp_path, form, how):
    stored = ph.trace(tiny, X, store=tmp_path, store_as=form)
    path = tmp_path / f"1.{form}"
    content = path.read_bytes()
    damage = {"cut": content[: len(content) // 2], "noise": b"\x00\xff" * 50}
    damage["layer"] = content.replace(b"hidden", b"hedden")
    path.write_bytes(damage.get(how, b""))
    if how == "gone":
        path.unlink()
    for read in (
        lambda: stored["hidden"],
        lambda: ph.render(tmp_path, layers="hidden", kind="bars"),
    ):
        with pytest.raises(
            ph.ModelFileError, match=rf"1\.{form} can't be read any more: "
        ) as caught:
            read()
        assert "\n" not in str(caught.value)


def test_refusals(tiny, tmp_path):
    with pytest.raises(ph.InvalidArgumentError, match="empty"):
        ph.trace(tiny, iter([]), store=tmp_path)
    with pytest.raises(ph.InvalidArgumentError, match="give store="):
        ph.trace(tiny, iter(X))
    with pytest.raises(ph.InvalidArgumentError, match=r"give store=.*store_as='json' alone"):
        ph.trace(tiny, X, store_as="json")
    with pytest.raises(ph.InvalidArgumentError, match="give store=, the folder"):
        ph.trace(tiny, X, overwrite=True)
    with pytest.raises(ph.InvalidArgumentError, match="store_as must be one of"):
        ph.trace(tiny, X, store=tmp_path, store_as="h5")
    with pytest.raises(ph.InvalidArgumentError, match="has shape"):
        ph.trace(tiny, iter([X[0], np.zeros(5)]), store=tmp_path / "part")
    with pytest.raises(ph.ModelFileError, match="holds no stored traces"):
        ph.render(tmp_path)
    ph.trace(tiny, X, store=tmp_path)
    with pytest.raises(ph.InvalidArgumentError, match="scale must be 'panel', 'shared' or 'set'"):
        ph.render(tmp_path, scale="run")
    with pytest.raises(ph.InvalidArgumentError, match="sample must be a number below 3"):
        ph.trace(tiny, X, store=tmp_path).plot("hidden", sample=3)
    (tmp_path / "trace.json").write_text("{}")
    with pytest.raises(ph.ModelFileError, match="has the format None"):
        ph.render(tmp_path)
