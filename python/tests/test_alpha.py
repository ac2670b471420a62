"""Transparency: what mattered little to the objective over all steps fades."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_any_input import linear_network, one_thread, smooth

import phosphene as ph

__all__ = ["one_thread"]  # pytest finds the fixture here

QUIET = {"progress": False}


def expected(kernel):
    """Return the opacity of a linear network's picture: its gradient is the same at each step."""
    size = np.abs(kernel).mean(axis=-1)
    return np.minimum(size / np.percentile(size, 80), 1)


@pytest.mark.parametrize("kind", ["natural", "fourier", "maco", "pixel"])
def test_the_gradient_of_a_linear_network_is_its_weights(kind):
    kernel = np.random.default_rng(4).normal(0, 1, (12, 12, 3))
    model = linear_network(kernel)
    options = {"parametrization": kind, "size": 12, "transforms": (), "steps": 5, "n": 2}
    picture = ph.maximize(model, 0, alpha=True, **options, **QUIET)
    assert picture.alpha.shape == (2, 12, 12)
    for alpha in picture.alpha:
        np.testing.assert_allclose(alpha, expected(kernel), atol=1e-4)
    plain = ph.maximize(model, 0, **options, **QUIET)
    assert plain.alpha is None
    np.testing.assert_array_equal(plain.images, picture.images)


def test_penalties_of_the_picture_do_not_matter():
    kernel = np.random.default_rng(4).normal(0, 1, (12, 12, 1))
    penalty = [ph.regularizers.TotalVariation(100)]
    options = {"parametrization": "pixel", "transforms": (), "steps": 5, "regularizers": penalty}
    picture = ph.maximize(linear_network(kernel), 0, alpha=True, **options, **QUIET)
    np.testing.assert_allclose(picture.alpha[0], expected(kernel), atol=1e-4)


def test_slices_of_a_volume_are_transparent_too():
    kernel = smooth((5, 8, 10, 2))
    options = {"parametrization": "pixel", "transforms": (), "steps": 3}
    picture = ph.maximize(linear_network(kernel), 0, alpha=True, **options, **QUIET)
    slices = picture.alpha.reshape(2, 8, 3, 10).swapaxes(1, 2).reshape(6, 8, 10)
    sizes = np.abs(kernel).mean(axis=-1)
    np.testing.assert_allclose(
        slices[:5] / slices.max(),
        np.minimum(sizes / np.percentile(np.append(sizes.ravel(), np.zeros(80)), 80), 1),
        atol=1e-4,
    )
    assert not slices[5].any()


def test_a_saved_picture_has_the_transparency(tmp_path):
    wardrobe = ph.zoo.wardrobe()
    picture = ph.maximize(wardrobe, "Bag", steps=8, alpha=True, **QUIET)
    assert picture.alpha.min() >= 0
    assert picture.alpha.max() == 1
    with Image.open(picture.save(tmp_path / "bag.png", alpha=True, scale=2)) as image:
        assert image.mode == "RGBA"
        assert image.size == (56, 56)
        stored = np.asarray(image)[::2, ::2]
    np.testing.assert_array_equal(stored[..., 3], np.rint(255 * picture.alpha[0]))
    np.testing.assert_array_equal(stored[..., :1], picture.image)
    np.testing.assert_array_equal(ph.replay(tmp_path / "bag.png", wardrobe).alpha, picture.alpha)


def test_several_pictures_fade_to_white():
    picture = ph.maximize(ph.zoo.wardrobe(), ["Bag", "Coat"], steps=8, alpha=True, **QUIET)
    opaque = picture.alpha[..., np.newaxis].astype(np.float64)
    assert opaque.min() < 0.5  # something does fade
    faded = np.rint(255 * (1 - opaque) + opaque * picture.images).astype(np.uint8)
    expected = replace(picture, images=faded).to_pil()
    # Halves may be rounded to either side.
    np.testing.assert_allclose(
        np.asarray(picture.to_pil(alpha=True), int), np.asarray(expected, int), atol=1
    )


def test_what_was_not_asked_for_is_not_there():
    picture = ph.maximize(ph.zoo.wardrobe(), "Bag", steps=1, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match=r"alpha=True"):
        picture.to_pil(alpha=True)
