"""Functions that a configuration takes for Keras' own: it keeps nothing of them but the name."""

from __future__ import annotations

from typing import Any

_DIFFERENT = {
    ("keras", "gelu"),  # keras.ops.gelu approximates, keras.activations.gelu doesn't
    ("jax", "gelu"),
    ("jax", "leaky_relu"),
    ("torch", "leaky_relu"),
}
"""What packages compute otherwise than Keras' activation of the same name."""

_SAME = ("keras", "tf_keras", "tensorflow", "jax", "jaxlib", "torch")


def is_misnamed(layer: Any) -> bool:
    """Return whether a layer ends with a function that isn't the one its name stands for.

    Keras writes a function of one's own called ``gelu`` as if it were ``keras.activations.gelu``.
    """
    parts = layer._flatten_layers() if hasattr(layer, "_flatten_layers") else (layer,)
    return any(
        _is_other(getattr(part, name, None))
        for part in parts
        for name in ("activation", "recurrent_activation")
    )


def _is_other(function: Any) -> bool:
    name, module = getattr(function, "__name__", None), getattr(function, "__module__", None)
    if not callable(function) or not isinstance(name, str):
        return False  # a layer, an object of a class: the configuration says more of it
    package = str(module or "torch").split(".")[0]  # functions in C don't say where they come from
    if package in ("keras", "tf_keras") and ".activations" in str(module):
        return False
    return package not in _SAME or (package, name) in _DIFFERENT
