"""Arrays that recipes carry, and the start pictures that they name."""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LARGEST_CARRIED = 1 << 20
"""Bytes of a start picture that a recipe still carries; it only names larger ones."""


def stated_array(array: NDArray[np.float32]) -> dict[str, Any]:
    """Return an array as a recipe carries it."""
    content = base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()
    return {"shape": list(array.shape), "float32": content}


def array_of(stated: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return an array that a recipe carries."""
    content = base64.b64decode(stated["float32"])
    return np.frombuffer(content, "<f4").astype(np.float32).reshape(stated["shape"])


def stated_start(array: NDArray[np.float32]) -> dict[str, Any]:
    """Return a start picture as a recipe names it, with its numbers where they are few enough."""
    content = array.astype("<f4").tobytes()
    stated = {"sha256": hashlib.sha256(content).hexdigest(), "shape": list(array.shape)}
    if len(content) <= LARGEST_CARRIED:
        stated["zlib"] = base64.b85encode(zlib.compress(content, 9)).decode()
    return stated


def start_of(stated: dict[str, Any] | None, given: Any) -> NDArray[np.float32] | None:
    """Return the start picture that a recipe asks for."""
    if stated is None:
        if given is not None:
            raise InvalidArgumentError("The picture was made without a start; leave start out.")
        return None
    try:
        shape = tuple(int(length) for length in stated["shape"])
        if given is None and "zlib" not in stated:
            raise InvalidArgumentError(
                f"The picture was made from a start of shape {shape} that its recipe names but "
                "doesn't carry; hand it over as start=."
            )
        if given is not None:
            content = np.ascontiguousarray(given, dtype="<f4").tobytes()
        else:
            # Never more than the stated size, whatever the compressed bytes would expand to; for
            # zlib 0 would be no limit.
            size = 4 * math.prod(shape)
            if min(shape, default=0) < 1 or size > LARGEST_CARRIED:
                raise ValueError(f"a carried start has the shape {shape}")
            content = zlib.decompressobj().decompress(base64.b85decode(stated["zlib"]), size)
        if hashlib.sha256(content).hexdigest() != stated["sha256"]:
            raise InvalidArgumentError("start isn't the array that the picture was made from.")
        return np.frombuffer(content, "<f4").astype(np.float32).reshape(shape)
    except InvalidArgumentError:
        raise
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ModelFileError(f"The start picture in the recipe is damaged: {error}.") from error
