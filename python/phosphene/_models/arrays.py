"""What users hand over, as arrays that the engine takes; never written to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.network import Model

_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True)
class InputType:
    """What one input of a network takes."""

    name: str
    shape: tuple[int | None, ...]
    """With the batch axis; None where any length goes."""
    dtype: np.dtype[Any]

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Return whether an array of this shape fits."""
        return len(shape) == len(self.shape) and all(
            wanted is None or wanted == length
            for wanted, length in zip(self.shape, shape, strict=True)
        )


def input_type(description: Mapping[str, Any]) -> InputType:
    """Return the type of an input that the engine describes."""
    kind = np.dtype(description.get("dtype", "float32")).kind
    dtype = {"i": np.int32, "u": np.int32, "b": np.bool_}.get(kind, np.float32)
    return InputType(description["name"], tuple(description["shape"]), np.dtype(dtype))


def model_inputs(model: Model, x: Any) -> list[NDArray[Any]]:
    """Return what a user hands over as the arrays of the network's inputs.

    Parameters
    ----------
    model
        The network.
    x
        For a network of one input an array-like, a picture or a list of pictures; for several a
        list in the order of the inputs, or a dict by their names. Pictures (PIL or paths) go
        through `Model.prepare`; arrays are taken as they are, cast to float32. A missing batch
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
        if isinstance(x, Mapping) and list(x) == [only.name]:
            x = x[only.name]
        if takes_pictures(only) and (
            is_picture(x) or (isinstance(x, (list, tuple)) and x and all(map(is_picture, x)))
        ):
            x = model.prepare(x)
        return [_fitted(x, only, "The input")]
    parts = _parts(x, types)
    arrays = [
        _fitted(part, each, f"Input {each.name!r}") for part, each in zip(parts, types, strict=True)
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
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise InvalidArgumentError(f"batch_size must be a whole number above 0; received {size!r}.")
    total = len(arrays[0])
    return [
        [array[start : start + size] for array in arrays] for start in range(0, total, int(size))
    ]


def _parts(x: Any, types: Sequence[InputType]) -> list[Any]:
    """Return one value for each of several inputs."""
    names = [each.name for each in types]
    if isinstance(x, Mapping):
        if set(x) != set(names):
            raise InvalidArgumentError(
                f"The model's inputs are {names}; received a dict with {list(x)}."
            )
        return [x[name] for name in names]
    if isinstance(x, (list, tuple)) and len(x) == len(types):
        return list(x)
    received = f"{len(x)} values" if isinstance(x, (list, tuple)) else f"a {type(x).__name__}"
    raise InvalidArgumentError(
        f"The model has {len(types)} inputs, {', '.join(names)}: pass a list of {len(types)} "
        f"arrays or a dict by name; received {received}."
    )


def _fitted(value: Any, wanted: InputType, what: str) -> NDArray[Any]:
    """Return one input as a C-ordered array of the right type and rank."""
    array = as_array(value, what)
    shape = array.shape
    if array.ndim == len(wanted.shape) - 1:
        array = array[np.newaxis]
    if not wanted.accepts(array.shape):
        raise InvalidArgumentError(
            f"{what} has shape {shape}; the model takes {wanted.shape}"
            f"{_advice(shape, wanted.shape)}."
        )
    return np.asarray(array, wanted.dtype, order="C")


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
