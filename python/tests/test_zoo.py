"""The network and the pictures that come with the package."""

import json

import numpy as np

import phosphene as ph
from phosphene.zoo import DATA


def test_wardrobe_names_the_garments():
    """All are test pictures that the network named rightly when it was trained (see its script)."""
    images, labels = ph.zoo.garments()
    answers = ph.zoo.wardrobe().predict(images)
    np.testing.assert_array_equal(answers.argmax(axis=1), labels)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


def test_garments_are_what_the_network_takes():
    images, labels = ph.zoo.garments()
    assert images.shape == (20, 28, 28, 1)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0, 1)  # black background, white highlights
    np.testing.assert_array_equal(labels, np.repeat(np.arange(10), 2))


def test_classes_and_preprocessing():
    model = ph.zoo.wardrobe()
    # The list of Fashion-MNIST's README (zalandoresearch/fashion-mnist, "Labels").
    assert list(model.classes) == [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    assert model.preprocessing.value_range == (0, 1)


def test_accuracy_and_size_are_as_promised():
    card = json.loads((DATA / "wardrobe.json").read_text())
    assert card["test_accuracy"] >= 0.92
    assert (DATA / "wardrobe.keras").stat().st_size < 2e6
