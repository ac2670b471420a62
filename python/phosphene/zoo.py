"""A small network that comes with Phosphene, and pictures to show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.model import Model

__all__ = ["garments", "wardrobe"]

DATA = Path(__file__).parent / "data"


def wardrobe() -> Model:
    """Load a convolutional network that names garments.

    It was trained with Keras on Fashion-MNIST, by ``python/examples/train_wardrobe.py``, half of
    the time on pictures that had been changed to mislead it, which makes it look at shapes.

    Returns
    -------
    Model
        Input (28, 28, 1), black 0 to white 1; ten classes, named in ``model.classes``.

    Examples
    --------
    >>> wardrobe().classes[9]
    'Ankle boot'
    """
    from phosphene._models.model import load

    card = json.loads((DATA / "wardrobe.json").read_text())
    return load(DATA / "wardrobe.keras", preprocessing=(1 / 255, 0), classes=card["classes"])


def garments() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return two test pictures of each class of `wardrobe`.

    Returns
    -------
    images : (20, 28, 28, 1) ndarray of float32
        0 (black) to 1 (white), as `wardrobe` expects them.
    labels : (20,) ndarray of int64
        The classes, each twice, in order.

    Examples
    --------
    >>> images, labels = garments()
    >>> images.shape, labels[:4].tolist()
    ((20, 28, 28, 1), [0, 0, 1, 1])
    """
    with np.load(DATA / "garments.npz") as file:
        images = file["images"].astype(np.float32) / np.float32(255)
        labels = file["labels"].astype(np.int64)
    return images, labels
