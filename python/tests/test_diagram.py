"""Drawings of architectures: what is in them and that nothing lies over anything else."""

import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

import phosphene as ph
from phosphene._display.layout import arrange

SVG = "{http://www.w3.org/2000/svg}"


def edges(drawing):
    return {(source, key) for key, box in drawing.boxes.items() for source in box.sources}


def test_a_box_for_each_layer_with_shapes_and_names():
    model = ph.zoo.wardrobe()
    drawing = ph.diagram(model)
    assert [box.title for box in drawing.boxes.values()] == [each.name for each in model.layers]
    texts = [text.text for text in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]
    assert {"conv1", "Conv2D", "(None, 28, 28, 24)", "1,176", "Dense, softmax"} <= set(texts)
    plain = [box.rows for box in ph.diagram(model, shapes=False).boxes.values()]
    assert not any(plain)


def test_sequential_networks_show_their_input(tiny):
    assert edges(ph.diagram(tiny)) == {
        (("x", 0), ("hidden", 0)),
        (("hidden", 0), ("scores", 0)),
    }


@pytest.mark.keras
def test_calls_of_shared_layers_and_nested_models(networks):
    drawing = ph.diagram(networks.branched)
    titles = [box.title for box in drawing.boxes.values()]
    assert titles[-2:] == ["shared (call 1)", "shared (call 2)"]
    assert (("shared", 0), ("shared", 1)) in edges(drawing)
    nested = ph.diagram(networks.nested).boxes
    assert nested["inner", 0].kind == "Sequential, 3 layers"
    two = ph.diagram(networks.two_inputs).boxes
    assert len([box for box in two.values() if not box.sources]) == 2
    assert any(("input", "(None, 3), (None, 4)") in box.rows for box in two.values())


@pytest.mark.parametrize("seed", range(8))
def test_boxes_keep_apart_and_lines_pass_between_them(seed):
    random = np.random.default_rng(seed)
    count = 25
    boxes = {
        n: (float(random.uniform(40, 200)), float(random.uniform(20, 60))) for n in range(count)
    }
    sources = {
        n: list(random.choice(n, min(n, random.integers(1, 4)), replace=False)) if n else []
        for n in range(count)
    }
    layout = arrange(boxes, sources, (20, 30))
    corners = {}
    for key, (x, y) in layout.centres.items():
        width, height = boxes[key]
        corners[key] = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        assert min(corners[key]) >= -1e-6
        assert corners[key][2] <= layout.size[0] + 1e-6
        assert corners[key][3] <= layout.size[1] + 1e-6
    for a, b in itertools.combinations(corners.values(), 2):
        assert a[2] + 19 < b[0] or b[2] + 19 < a[0] or a[3] + 5 < b[1] or b[3] + 5 < a[1]
    assert len(layout.lines) == sum(map(len, sources.values()))
    for points in layout.lines:
        assert all(lower[1] > upper[1] for upper, lower in itertools.pairwise(points))
        for upper, lower in zip(points[1:-1:2], points[2:-1:2], strict=True):
            assert upper[0] == lower[0]  # straight where it passes a row
            for left, top, right, bottom in corners.values():
                assert not (left <= upper[0] <= right and top < lower[1] and bottom > upper[1])


def test_saves_png_and_svg(tmp_path, tiny):
    drawing = ph.diagram(tiny)
    width, height = drawing.size
    with Image.open(drawing.save(tmp_path / "net.png")) as picture:
        assert picture.size == (2 * width, 2 * height)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
        assert {(0xFB, 0xE9, 0xD3), (0xE3, 0xF0, 0xE3)} <= colours  # Dense and input
    root = ElementTree.parse(drawing.save(tmp_path / "net.svg")).getroot()
    assert (root.get("width"), root.get("height")) == (str(width), str(height))
    assert drawing._repr_svg_() == drawing.svg
    with pytest.raises(ph.InvalidArgumentError, match=r"svg or \.png"):
        drawing.save(tmp_path / "net.jpg")
    for scale in (0, -1, 1e9, float("nan"), "large"):
        with pytest.raises(ph.InvalidArgumentError, match="scale"):
            drawing.image(scale)


def test_names_are_escaped():
    layer = {"class_name": "ReLU", "config": {"name": "<a & b>"}}
    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "x"}}
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": [start, layer]}}
    root = ElementTree.fromstring(ph.diagram(ph.load((config, {}))).svg)
    assert "<a & b>" in [text.text for text in root.iter(f"{SVG}text")]
