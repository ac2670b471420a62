"""Small things that scripts for keras-vis use."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._sentences import counted, suggestion
from phosphene.compat._network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

EPSILON = np.float32(1e-7)


class _Slicer:
    """Index expressions for (samples, channels, ...), as (samples, ..., channels) has them."""

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple) or len(key) < 2:
            return key
        return (key[0], *key[2:], key[1])


slicer = _Slicer()
"""``slicer[:, 3, ...]`` is the index of channel 3 of an array with channels last."""


def reverse_enumerate(iterable: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Return indices and elements from the last to the first."""
    return zip(reversed(range(len(iterable))), reversed(iterable), strict=True)


def listify(value: Any) -> list[Any]:
    """Return a list as it is, anything else in a list of one."""
    return value if isinstance(value, list) else [value]


def add_defaults_to_kwargs(defaults: Mapping[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Return the arguments, with the defaults where there are none."""
    return {**defaults, **kwargs}


def get_identifier(identifier: Any, module_globals: Mapping[str, Any], module_name: str) -> Any:
    """Return a function as it is, or the one of that name in a module."""
    if callable(identifier):
        return identifier
    found = module_globals.get(identifier) if isinstance(identifier, str) else None
    if not callable(found):
        raise InvalidArgumentError(f"There is no {module_name} {identifier!r:.60}.")
    return found


def apply_modifications(model: Any, custom_objects: Any = None) -> Network:
    """Return a model as it is now, after activations of its layers were set.

    Parameters
    ----------
    model
        A live Keras model, or what this function or a backprop modifier returned before.
    custom_objects
        Accepted for old scripts; a live model needs none.
    """
    del custom_objects
    if isinstance(model, Network):
        return model
    from phosphene._models.intake import is_live_model
    from phosphene._models.model import load

    return Network(load(model) if is_live_model(model) else model)


def random_array(
    shape: Sequence[int], mean: float = 128.0, std: float = 20.0
) -> NDArray[np.float64]:
    """Return uniform random numbers with just this mean and deviation.

    Parameters
    ----------
    shape
        Of the array.
    mean, std
        Its mean and standard deviation.
    """
    array = np.random.random(shape)
    array = (array - np.mean(array)) / (np.std(array) + EPSILON)
    return np.asarray(array * std + mean)


def find_layer_idx(model: Any, layer_name: str) -> int:
    """Return the index of the layer with a name."""
    names = [layer.name for layer in model.layers]
    if layer_name not in names:
        near = suggestion(str(layer_name), names, "the first of them are")
        raise InvalidArgumentError(
            f"None of the {counted(len(names), 'layer')} is called {layer_name!r:.80}; {near}."
        )
    return names.index(layer_name)


def deprocess_input(
    input_array: NDArray[Any], input_range: tuple[float, float] = (0, 255)
) -> NDArray[Any]:
    """Return an input as a picture: its mean grey, its deviation a tenth of the range, clipped.

    Parameters
    ----------
    input_array
        An input without its batch axis.
    input_range
        The smallest and the largest value.
    """
    array = np.array(input_array, np.float32)
    array -= np.mean(array)
    array /= np.std(array) + EPSILON
    array = np.clip(array * np.float32(0.1) + np.float32(0.5), 0, 1)
    low, high = input_range
    return np.asarray((high - low) * array + low)


def stitch_images(
    images: Sequence[NDArray[Any]], margin: int = 5, cols: int = 5
) -> NDArray[Any] | None:
    """Return equally large pictures side by side, None for no pictures.

    Parameters
    ----------
    images
        Each (height, width, channels).
    margin
        Black pixels between them.
    cols
        Pictures in a row.
    """
    if len(images) == 0:
        return None
    height, width, channels = images[0].shape
    rows, columns = math.ceil(len(images) / cols), min(len(images), cols)
    size = (rows * (height + margin) - margin, columns * (width + margin) - margin, channels)
    sheet = np.zeros(size, images[0].dtype)
    for number, image in enumerate(images):
        top, left = number // cols * (height + margin), number % cols * (width + margin)
        sheet[top : top + height, left : left + width] = image
    return sheet


def get_img_shape(img: Any) -> tuple[Any, ...]:
    """Return the shape of an array or a model's input as (samples, channels, ...)."""
    if isinstance(img, Network):
        shape, axis = img.inputs[0].shape, img.input_axis()
    else:
        shape, axis = tuple(img.shape), len(img.shape) - 1
    return (shape[0], shape[axis], *shape[1:axis], *shape[axis + 1 :])


def load_img(path: Any, grayscale: bool = False, target_size: Any = None) -> NDArray[np.uint8]:
    """Return a picture file as an array (height, width, channels).

    Parameters
    ----------
    path
        The file.
    grayscale
        Whether it has one channel instead of three.
    target_size
        Height and width; None for those of the file.
    """
    from PIL import Image

    with Image.open(path) as file:
        image = file.convert("L" if grayscale else "RGB")
    if target_size:
        image = image.resize((target_size[1], target_size[0]), Image.Resampling.NEAREST)
    pixels = np.asarray(image, np.uint8)
    return pixels[..., np.newaxis] if grayscale else pixels


def lookup_imagenet_labels(indices: Any) -> list[str]:
    """Return the names of ImageNet's classes, from the file that keras.applications has fetched.

    Parameters
    ----------
    indices
        One, or a list.
    """
    path = Path.home() / ".keras" / "models" / "imagenet_class_index.json"
    try:
        names = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"The names of ImageNet's classes are read from {str(path)!r}, which Keras writes when "
            "keras.applications.imagenet_utils.decode_predictions is called once."
        ) from error
    return [names[str(index)][1] for index in listify(indices)]


def draw_text(
    img: NDArray[np.uint8],
    text: str,
    position: tuple[int, int] = (10, 10),
    font: Any = "FreeSans.ttf",
    font_size: int = 14,
    color: tuple[int, int, int] = (0, 0, 0),
) -> NDArray[np.uint8]:
    """Return a picture with a line of text.

    Parameters
    ----------
    img
        (height, width, 1 or 3 channels), uint8.
    text
        The line.
    position
        Of its top left corner: column and row.
    font
        A font file; Pillow's own font where it isn't found.
    font_size
        In pixels.
    color
        Red, green and blue; of a grey picture the first counts.
    """
    from PIL import Image, ImageDraw, ImageFont

    pixels = np.asarray(img, np.uint8)
    grey = pixels.shape[-1] == 1
    image = Image.fromarray(pixels[..., 0] if grey else pixels)
    try:
        letters: Any = ImageFont.truetype(font, font_size)
    except OSError:
        letters = ImageFont.load_default(font_size)
    ImageDraw.Draw(image).text(position, text, fill=color[0] if grey else color, font=letters)
    drawn = np.asarray(image)
    return drawn[..., np.newaxis] if grey else drawn


def bgr2rgb(img: NDArray[Any]) -> NDArray[Any]:
    """Return a picture with the order of its channels reversed."""
    return img[..., ::-1]


def normalize(array: NDArray[Any], min_value: float = 0.0, max_value: float = 1.0) -> NDArray[Any]:
    """Return an array stretched to a range.

    Parameters
    ----------
    array
        Any shape.
    min_value, max_value
        The range.
    """
    low, high = np.min(array), np.max(array)
    stretched = (array - low) / (high - low + EPSILON)
    return np.asarray((max_value - min_value) * stretched + min_value)
