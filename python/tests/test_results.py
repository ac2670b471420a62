"""Everything that can be shown is drawn, saved and displayed by the same names."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import phosphene as ph

PAGE = Path(__file__).resolve().parents[1] / "docs/results.md"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    model, (images, _) = ph.zoo.wardrobe(), ph.zoo.garments()
    picture = ph.maximize(model, "Bag", steps=2, frames=2, progress=False)
    watch = ph.Watch(images[:1], ["conv1", "classes"], folder=tmp_path_factory.mktemp("run"))
    for epoch in range(2):
        watch.look(model, epoch=epoch)
    return {
        "Trace": ph.trace(model, images[:1], ["conv1", "classes"]),
        "Picture": picture,
        "Card": picture.card(model, seeds=0, random_weights=False, progress=False),
        "Watch": watch,
        "Look": watch[0],
        "Diagram": ph.diagram(model),
    }


NAMES = ["Trace", "Picture", "Card", "Watch", "Look", "Diagram"]


@pytest.mark.parametrize("name", NAMES)
def test_plot_returns_a_figure(results, name):
    figure = results[name].plot()
    assert isinstance(figure, Figure)
    assert figure.axes


@pytest.mark.parametrize("name", NAMES)
def test_save_writes_a_picture(results, name, tmp_path):
    path = tmp_path / "new" / "result.png"
    written = results[name].save(path)
    assert written == ([path] if name == "Trace" else path)
    with Image.open(path) as image:
        assert len(np.unique(np.asarray(image.convert("L")))) > 3


@pytest.mark.parametrize("name", NAMES)
def test_another_ending_is_refused(results, name, tmp_path):
    if name == "Trace":  # a folder's name may end in anything
        return
    with pytest.raises(ph.InvalidArgumentError, match=r"received '.*\.bmp'"):
        results[name].save(tmp_path / "result.bmp")


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_show_it(results, name):
    shown = {
        kind: getattr(results[name], f"_repr_{kind}_")()
        for kind in ("png", "svg", "html")
        if hasattr(results[name], f"_repr_{kind}_")
    }
    assert shown
    for kind, content in shown.items():
        if kind == "png":
            assert content.startswith(b"\x89PNG")
        elif kind == "svg":
            assert ET.fromstring(content).tag.endswith("svg")
        else:
            assert "<" in content


def test_a_trace_is_one_file_or_a_folder(results, tmp_path):
    trace = results["Trace"]
    assert trace.save(tmp_path / "pages") == [tmp_path / "pages/0.png"]
    (path,) = trace.save(tmp_path / "one.PNG", channels=[3])
    assert path.is_file()
    with pytest.raises(ph.InvalidArgumentError, match="has 24 channels, 0 to 23; received 24"):
        trace.save(tmp_path / "two.png", channels=[24])


@pytest.mark.parametrize("ending", ["gif", "apng", "webp"])
def test_a_watch_is_saved_as_a_film_too(results, tmp_path, ending):
    path = results["Watch"].save(tmp_path / f"run.{ending}", layers="conv1", seconds=0.1)
    with Image.open(path) as film:
        assert film.format == {"gif": "GIF", "apng": "PNG", "webp": "WEBP"}[ending]


def test_looks_and_watches_know_their_options(results, tmp_path):
    watch, look = results["Watch"], results["Look"]
    assert len(look.plot("conv1", channels=4).axes) == 1
    assert watch.save(tmp_path / "two.png", [0, 1], "conv1").is_file()
    cases = {
        "look.plot has no option 'chanels'; the nearest is 'channels'": (look, "look.png"),
        "watch.save has no option 'chanels'; the nearest is 'channels'": (watch, "run.png"),
        "of a film, has no option 'chanels'; the nearest is 'channels'": (watch, "run.gif"),
    }
    for sentence, (result, name) in cases.items():
        with pytest.raises(TypeError, match=sentence):
            result.save(tmp_path / name, chanels=4)
    nothing = ph.Watch(np.zeros((1, 28, 28, 1)))
    assert nothing._repr_png_() is None


def test_the_page_lists_them_all(results):
    rows = re.findall(r"^\| `(\w+)` \|(.*)$", PAGE.read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == [*NAMES, "Summary"]
