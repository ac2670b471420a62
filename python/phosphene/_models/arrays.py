"""What users hand over, as arrays that the engine takes; never written to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._models.config import escaped
from phosphene._sentences import counted, with_article

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.network import Model
    from phosphene._models.structure import Structure

_FLOAT32 = np.dtype(np.float32)
_LARGEST_WHOLE = 2**24


@dataclass(frozen=True)
class InputType:
    """What one input of a network takes."""

    name: str
    shape: tuple[int | None, ...]
    """With the batch axis; None where any length goes."""
    dtype: np.dtype[Any]
    id_count: int | None = None
    """The number of different ids, if the input goes straight into an embedding."""
    form: str = "picture"
    """What its numbers lie along: ``"picture"``, ``"signal"``, ``"volume"`` or ``"row"``."""
    channel_axis: int = -1
    """The axis of its channels, batch counted."""

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Return whether an array of this shape fits."""
        return len(shape) == len(self.shape) and all(
            wanted is None or wanted == length
            for wanted, length in zip(self.shape, shape, strict=True)
        )


def input_types(description: Mapping[str, Any]) -> tuple[InputType, ...]:
    """Return the types of the inputs of a model that the engine describes."""
    sizes: dict[str, int] = {}
    for layer in description["layers"]:
        if layer["kind"] in ("Embedding", "ReversibleEmbedding") and layer["weights"]:
            for source in layer["connected_to"]:
                rows = layer["weights"][0]["shape"][0]
                sizes[source] = min(rows, sizes.get(source, rows))
    types = []
    for each in description["inputs"]:
        kind = np.dtype(each.get("dtype", "float32")).kind
        dtype = {"i": np.int32, "b": np.bool_}.get(kind, np.float32)
        count = sizes.get(escaped(each["name"]))
        form, axis = str(each["form"]), int(each["channel_axis"])
        shape = tuple(each["shape"])
        types.append(InputType(each["name"], shape, np.dtype(dtype), count, form, axis))
    return tuple(types)


def model_inputs(model: Model, x: Any) -> list[NDArray[Any]]:
    """Return what a user hands over as the arrays of the network's inputs.

    Parameters
    ----------
    model
        The network.
    x
        For a network of one input an array-like, a picture or a list of pictures; for several
        the structure that the Keras model takes, a list in the order of the inputs, or a dict by
        their names. Pictures (PIL or paths) go through `Model.prepare`; arrays are taken as they
        are, cast to float32, to whole numbers where the network takes these. A missing batch
        axis is added when the rank is exactly one short.

    Raises
    ------
    InvalidArgumentError
        For text, no elements, no numbers, or a shape that doesn't fit.
    """
    types = model.input_types
    if len(types) == 1:
        only = types[0]
        if (
            type(x) is np.ndarray
            and x.dtype == _FLOAT32 == only.dtype
            and x.flags.c_contiguous
            and only.accepts(x.shape)
            and x.size
        ):
            return [x]
        if isinstance(x, Mapping):
            x = _parts(x, types, model.input_structure)[0]
        if takes_pictures(only) and (
            is_picture(x) or (isinstance(x, (list, tuple)) and x and all(map(is_picture, x)))
        ):
            x = model.prepare(x)
        return [fitted(x, only, "The input")]
    parts = _parts(x, types, model.input_structure)
    arrays = [
        fitted(part, each, f"Input {each.name!r}") for part, each in zip(parts, types, strict=True)
    ]
    if len({len(array) for array in arrays}) > 1:
        sizes = ", ".join(f"{t.name!r} {len(a)}" for t, a in zip(types, arrays, strict=True))
        raise InvalidArgumentError(f"All inputs need the same batch size; received {sizes}.")
    return arrays


def as_array(value: Any, what: str) -> NDArray[Any]:
    """Return an array-like or a tensor of another library as an array of real numbers.

    Parameters
    ----------
    value
        Anything that NumPy understands, or a TensorFlow, JAX or PyTorch tensor.
    what
        How the message calls it.
    """
    if isinstance(value, (str, bytes, os.PathLike)):
        raise InvalidArgumentError(f"{what} must be numbers; received the text {value!r:.60}.")
    if hasattr(value, "detach"):  # PyTorch refuses to convert what has a gradient
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
        if array.dtype == object and hasattr(value, "__dlpack__"):
            array = np.from_dlpack(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise InvalidArgumentError(f"{what} can't be read as an array: {error}.") from None
    if array.dtype.kind not in "fiub" and array.dtype.name not in ("bfloat16",):
        raise InvalidArgumentError(
            f"{what} must be real numbers; received an array of type {array.dtype}"
            + (", which is text." if array.dtype.kind in "SU" else ".")
        )
    if array.size == 0:
        raise InvalidArgumentError(f"{what} is empty: received shape {array.shape}.")
    return array


def takes_pictures(wanted: InputType) -> bool:
    """Return whether an input has the rank of a batch of pictures."""
    return len(wanted.shape) == 4


def is_picture(value: Any) -> bool:
    """Return whether `value` is a PIL picture or a path."""
    return isinstance(value, (str, os.PathLike)) or hasattr(value, "getbands")


def open_picture(source: Any, mode: str) -> Any:
    """Return a picture, from a PIL picture or a path, as a PIL picture of a mode."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if hasattr(source, "getbands"):
        return source.convert(mode)
    path = Path(source)
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert(mode)
    except UnidentifiedImageError:
        raise ModelFileError(f"{path} is no picture that Pillow can read.") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ModelFileError(
            f"{str(path)!r:.80} can't be read as a picture: {error.strerror}."
        ) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise ModelFileError(f"{path} is a damaged picture: {error}.") from None


def batches(arrays: Sequence[NDArray[Any]], size: Any) -> list[list[NDArray[Any]]]:
    """Return the inputs cut into batches of at most `size` samples; None doesn't cut."""
    if size is None:
        return [list(arrays)]
    size = whole("batch_size", size, 1)
    total = len(arrays[0])
    return [[array[start : start + size] for array in arrays] for start in range(0, total, size)]


def _parts(x: Any, types: Sequence[InputType], structure: Structure) -> list[Any]:
    """Return one value for each input of a network that takes a structure of them."""
    parts = structure.flatten(x)
    if parts is not None:
        return parts
    names = [each.name for each in types]
    if isinstance(x, Mapping):
        if set(x) != set(names):
            raise InvalidArgumentError(
                f"The model's inputs are {names}; received a dict with {list(x)}."
            )
        return [x[name] for name in names]
    if isinstance(x, (list, tuple)) and len(x) == len(types):
        return list(x)
    received = (
        counted(len(x), "value") if isinstance(x, (list, tuple)) else with_article(type(x).__name__)
    )
    raise InvalidArgumentError(
        f"The model has {len(types)} inputs, {', '.join(names)}: pass a list of {len(types)} "
        f"arrays or a dict by name; received {received}."
    )


def fitted(value: Any, wanted: InputType, what: str) -> NDArray[Any]:
    """Return one input as a C-ordered array of the right type and rank, or refuse it.

    Parameters
    ----------
    value
        What a user hands over; the batch axis may be missing.
    wanted
        What the network takes.
    what
        How the message calls it.
    """
    array = as_array(value, what)
    shape = array.shape
    if array.ndim == len(wanted.shape) - 1:
        array = array[np.newaxis]
    if not wanted.accepts(array.shape):
        # A maximized picture converts to the pixels to look at.
        is_picture_of_ours = hasattr(value, "images") and hasattr(value, "input")
        advice = "; picture.input has that" if is_picture_of_ours else _advice(shape, wanted.shape)
        raise InvalidArgumentError(
            f"{what} has shape {shape}; the model takes {wanted.shape}{advice}."
        )
    if wanted.dtype.kind == "i":
        _check_whole(array, wanted, what)
    return np.asarray(array, wanted.dtype, order="C")


def _check_whole(array: NDArray[Any], wanted: InputType, what: str) -> None:
    """Refuse fractions, and ids that an embedding behind the input doesn't have."""
    if array.dtype.kind == "f" and not np.array_equal(array, np.trunc(array)):
        raise InvalidArgumentError(
            f"{what} must be whole numbers (the model takes int32); received fractions."
        )
    low, high = array.min(), array.max()
    if max(abs(float(low)), abs(float(high))) > _LARGEST_WHOLE:
        raise InvalidArgumentError(
            f"{what} must be whole numbers of at most 2**24, which float32 holds exactly; received "
            f"{low:g} to {high:g}."
        )
    if wanted.id_count is None:
        return
    if low < 0 or high >= wanted.id_count:
        raise InvalidArgumentError(
            f"{what} must be ids from 0 to {wanted.id_count - 1}, as many as its embedding has; "
            f"received {low:g} to {high:g}."
        )


def _advice(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> str:
    """Say how an array could be made to fit, if that is plain."""
    lengths = [length for length in wanted[1:] if length is not None]
    if len(wanted) != 4 or len(lengths) != 3:
        return ", None being the number of samples"
    tail = shape[-3:]
    if len(shape) in (3, 4) and sorted(tail) == sorted(lengths) and tail != wanted[1:]:
        return "; the axes are in another order, see numpy.transpose"
    if len(shape) in (3, 4):
        return "; model.prepare(images) resizes pictures"
    return ", None being the number of samples"
