"""Why a layer couldn't be run on symbolic tensors, in a sentence that says how to go on."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

from phosphene._errors import PhospheneError, UnsupportedError

_REASONS = (
    (r"cannot be used as a boolean", "it decides by the value of a tensor (if, while, and, or)"),
    (
        r"have any actual numerical value|convert it to a(n int| float| NumPy)|'numpy'|__array__",
        "it reads the value of a tensor (float(), int(), numpy())",
    ),
    (r"input to a TensorFlow function", "it calls TensorFlow itself, not keras.ops"),
    (r"input to a JAX function|not a valid JAX type|jax", "it calls JAX itself, not keras.ops"),
    (r"torch|must be Tensor, not KerasTensor", "it calls PyTorch itself, not keras.ops"),
)
_FOREIGN = {"keras", "tensorflow", "jax", "torch", "numpy", "optree", "phosphene", "jaxlib"}


def refusal(layer: Any, error: Exception) -> UnsupportedError:
    """Return the error that names a layer and why its ``call`` couldn't be run symbolically."""
    if isinstance(error, UnsupportedError):
        return error
    return refused(layer, f"{_reason(error)}{_place(error)}")


def refused(layer: Any, reason: str) -> UnsupportedError:
    """Return the error that names a layer and why it can't be expanded."""
    kind = type(layer).__name__
    if hasattr(layer, "compile"):  # a model can't have a handler if it is the one to be loaded
        way = "or move that part into a layer and give a handler for the layer"
        kind_of_part = "Part"
    else:
        way, kind_of_part = "or give a handler for it", kind
    return UnsupportedError(
        f"{kind} {getattr(layer, 'name', '')!r} can't be expanded: {reason}. Write its call with "
        f"keras.ops on whole tensors, {way}: "
        f"phosphene.load(model, handlers={{{kind_of_part!r}: function}})."
    )


def first_sentence(error: BaseException) -> str:
    """Return the first line of a message, without a full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".:") if lines else type(error).__name__


def _reason(error: Exception) -> str:
    if isinstance(error, PhospheneError):
        return str(error).rstrip(".")
    message = str(error)
    for pattern, reason in _REASONS:
        if re.search(pattern, message):
            return reason
    if isinstance(error, AttributeError) and "KerasTensor" in message:
        name = re.search(r"attribute '(\w+)'", message)
        if name is not None:
            return f"it uses {name[1]!r}, which only the backend's own tensors have"
    return f"{first_sentence(error)} ({type(error).__name__})"


def _place(error: Exception) -> str:
    """Return the line of the user's code that the error comes from."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not _FOREIGN.intersection(path.parts) and not frame.filename.startswith("<frozen"):
            line = f": {frame.line:.80}" if frame.line else ""
            return f" (line {frame.lineno} of {path.name}{line})"
    return ""
