"""The article's function and its script."""

import numpy as np
import pytest
from PIL import Image

import phosphene as ph
from phosphene.compat.pattern import PLOT_PATTERN_PROCCESS, Model


def chain(*units, rows=50):
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, rows, 30], "name": "x"}}
    ]
    layers += [{"class_name": "Dense", "config": {"name": f"dense_{n}", "units": n}} for n in units]
    weights, inputs = {}, 30
    for n in units:
        weights[f"dense_{n}/kernel"] = np.ones((inputs, n))
        weights[f"dense_{n}/bias"] = np.zeros(n)
        inputs = n
    return ph.load(
        ({"class_name": "Sequential", "config": {"name": "net", "layers": layers}}, weights)
    )


def panels_of(folder, monkeypatch, model, pattern, **options):
    """Return the titles on each page."""
    from phosphene._display.figures import PanelGrid

    pages = []
    label = PanelGrid.label

    def noted(grid, number, title, caption):
        if number == 0:
            pages.append([])
        pages[-1].append(title)
        box = grid.axes[number].get_position()
        width, height = grid.figure.get_size_inches()
        assert box.width * width == pytest.approx(box.height * height)  # stretched to a square
        label(grid, number, title, caption)

    monkeypatch.setattr(PanelGrid, "label", noted)
    return PLOT_PATTERN_PROCCESS(model, pattern, folder, **options), pages


def test_layers_behind_the_first_that_are_strictly_larger(tmp_path, monkeypatch):
    model = chain(40, 17, 16, 15, 20)
    files, pages = panels_of(
        tmp_path, monkeypatch, model, np.ones((1, 50, 30)), grid_size=(1, 2), PLOT_MODEL=False
    )
    assert pages == [
        ["dense_17\n(1, 50, 17)", "dense_16\n(1, 50, 16)"],
        ["dense_20\n(1, 50, 20)"],
    ]
    assert files == [tmp_path / "0.png", tmp_path / "1.png"]
    for file in files:
        with Image.open(file) as picture:
            assert picture.format == "PNG"


def test_limit_holds_for_rows_too(tmp_path, monkeypatch):
    options = {"limit_size_layer": (50, 5), "PLOT_MODEL": False}
    _, pages = panels_of(
        tmp_path, monkeypatch, chain(9, 8, rows=51), np.ones((1, 51, 30)), **options
    )
    assert pages == [["dense_8\n(1, 51, 8)"]]
    with pytest.warns(UserWarning, match="limit_size_layer"):
        assert PLOT_PATTERN_PROCCESS(chain(9, 8), np.ones((1, 50, 30)), tmp_path, **options) == []


def test_the_architecture_is_drawn_too(tmp_path):
    files = PLOT_PATTERN_PROCCESS(chain(40, 20), np.ones((1, 50, 30)), tmp_path / "new")
    assert [file.name for file in files] == ["0.png", "net neural network architecture.png"]


@pytest.mark.parametrize(
    "options", [{"grid_size": (0, 3)}, {"grid_size": 3}, {"limit_size_layer": (15,)}]
)
def test_arguments_are_checked(tmp_path, options):
    with pytest.raises(ph.InvalidArgumentError, match=next(iter(options))):
        PLOT_PATTERN_PROCCESS(chain(40, 20), np.ones((1, 50, 30)), tmp_path, **options)
    with pytest.raises(ph.InvalidArgumentError, match=r"has shape \(1, 7, 30\)"):
        PLOT_PATTERN_PROCCESS(chain(40, 20), np.ones((1, 7, 30)), tmp_path)


SCRIPT = """
from keras.models import *
from keras.layers import *
import os
import numpy as np
from phosphene.compat.pattern import *

def build_model():
    model = Sequential()
    model.add(Input((50, 50)))
    model.add(Dense(75, activation="relu"))
    model.add(Dense(50, activation="relu", name="my_dense"))
    model.add(Dense(25))
    model.add(Flatten())
    model.add(Dense(5, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    return model

model_ = build_model()
pattern = np.random.sample((1, 50, 50))
os.makedirs("PLOT_PATTERN_PROCCESS")
PLOT_PATTERN_PROCCESS(
    model=model_,
    pattern=pattern,
    FOLDER_TO_SAVE="PLOT_PATTERN_PROCCESS",
    PLOT_MODEL=True,
    grid_size=(2, 2),
)
part = Model(input=model_.inputs[0], output=model_.layers[1].output)
"""
"""The steps of the article, with Keras' own network."""


@pytest.mark.keras
def test_the_script_of_the_article(keras, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(SCRIPT, names)
    model = names["model_"]
    assert sorted(file.name for file in (tmp_path / "PLOT_PATTERN_PROCCESS").iterdir()) == [
        "0.png",
        f"{model.name} neural network architecture.png",
    ]
    expected = ph.trace(model, names["pattern"])["my_dense"]
    received = np.asarray(names["part"](names["pattern"]))
    np.testing.assert_allclose(received, expected, atol=1e-5)


@pytest.mark.keras
def test_model_takes_new_keywords_too_and_says_what_it_needs(keras, networks):
    network = networks.conv
    wanted = [layer.name for layer in network.layers]
    assert [layer.name for layer in Model(network.inputs, network.outputs).layers][1:] == wanted
    assert len(Model(inputs=network.inputs, outputs=network.outputs[0]).outputs) == 1
    with pytest.raises(ph.InvalidArgumentError, match="not both"):
        Model(inputs=network.inputs, input=network.inputs, output=network.outputs)
    with pytest.raises(ph.InvalidArgumentError, match="tensors of a live Keras model"):
        Model(input=1, output=2)
