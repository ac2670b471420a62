"""Transparency: what mattered little to the objective over all steps fades."""

import numpy as np
import pytest
from PIL import Image, ImageSequence
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


def tiles(sheet, picture):
    """Return the two pictures of a sheet, one pixel for each of theirs."""
    scale = (sheet.width - 48) // 2 // picture.images.shape[2]
    step = 16 + scale * picture.images.shape[2]
    pixels = np.asarray(sheet)[16:step:scale]
    return [pixels[:, left : left + step - 16 : scale] for left in (16, 16 + step)]


def test_a_sheet_has_the_transparency(tmp_path):
    picture = ph.maximize(ph.zoo.wardrobe(), ["Bag", "Coat"], steps=8, alpha=True, **QUIET)
    assert picture.alpha.min() < 0.5  # something does fade
    with Image.open(picture.save(tmp_path / "two.png", alpha=True)) as sheet:
        assert sheet.mode == "RGBA"
        assert sheet.getpixel((0, 0))[3] == 0
        for tile, pixels, alpha in zip(
            tiles(sheet, picture), picture.images, picture.alpha, strict=True
        ):
            np.testing.assert_array_equal(tile[..., :3], np.repeat(pixels, 3, axis=-1))
            np.testing.assert_array_equal(tile[..., 3], np.rint(255 * alpha))
        below = np.asarray(sheet)[-40:, :, 3]
        assert below.max() == 255  # letters
        assert np.median(below) == 0


@pytest.mark.parametrize("name", ["two.apng", "two.webp"])
@pytest.mark.parametrize("alpha", [True, "optimized"])
def test_films_have_the_transparency(tmp_path, name, alpha):
    objectives = ["Bag", "Coat"]
    made = ph.maximize(
        ph.zoo.wardrobe(), objectives, steps=8, frames=3, alpha=alpha, size=28, **QUIET
    )
    for picture, count in ((made, 2), (made[0], 1)):
        with Image.open(picture.save(tmp_path / name, alpha=True)) as film:
            assert film.n_frames > 1
            for frame in ImageSequence.Iterator(film):
                seen = frame.convert("RGBA")
                whole = np.asarray(seen)[::8, ::8][np.newaxis]  # 28 pixels are shown as 224
                for tile, expected in zip(
                    tiles(seen, picture) if count == 2 else whole, picture.alpha, strict=True
                ):
                    np.testing.assert_allclose(tile[..., 3], np.rint(255 * expected), atol=1)
        with Image.open(picture.save(tmp_path / name)) as film:
            assert np.asarray(film.convert("RGBA"))[..., 3].min() == 255


def test_what_a_format_lacks_is_refused(tmp_path):
    picture = ph.maximize(ph.zoo.wardrobe(), "Bag", steps=2, frames=2, alpha=True, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match=r"GIF has no opacity between.*alpha=True"):
        picture.save(tmp_path / "bag.gif", alpha=True)
    with pytest.raises(ph.InvalidArgumentError, match=r"seconds is how long a film.*bag\.png"):
        picture.save(tmp_path / "bag.png", seconds=0.1)
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_asked_for_is_not_there():
    picture = ph.maximize(ph.zoo.wardrobe(), "Bag", steps=1, **QUIET)
    with pytest.raises(ph.InvalidArgumentError, match=r"alpha=True"):
        picture.to_pil(alpha=True)
