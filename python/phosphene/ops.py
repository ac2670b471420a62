"""The functions of ``keras.ops`` on symbolic values, for the handlers of `phosphene.load`.

A handler says what a layer computes that Phosphene doesn't know: it gets the layer and the values
that the layer is called on, and returns a value. Nothing is computed meanwhile; the functions here
and the operators of a `Value` note what shall be computed. They have the names and parameters of
Keras' own, and take values, numbers and arrays. Arrays of numbers alone, such as
``numpy.arange(9)``, are made with NumPy.

Examples
--------
>>> import numpy as np
>>> import phosphene as ph
>>> def swish(layer, x):
...     return x / (1 + ph.ops.exp(-layer.get_config()["beta"] * x))
>>> config = {"class_name": "Sequential", "config": {"name": "net", "layers": [
...     {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "x"}},
...     {"class_name": "Swish", "config": {"name": "swish", "beta": 2.0}}]}}
>>> model = ph.load((config, {}), handlers={"Swish": swish})
>>> model([[0.0, 1.0]]).round(3)
array([[0.   , 0.881]], dtype=float32)
"""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from phosphene._models.handlers.layer import HandledLayer
from phosphene._models.symbolic.functions import SEVERAL, Function, functions
from phosphene._models.symbolic.value import Value, call, outputs_of
from phosphene._options import check_options

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HandledLayer", "Value", *sorted({name.split(".")[0] for name in functions()})]


def _made(function: Function, public: str) -> Callable[..., Any]:
    """Return a function of values for a row of the table."""
    signature = function.signature

    def compute(*args: Any, **kwargs: Any) -> Any:
        check_options(kwargs, compute, f"ph.ops.{public}")
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        config = {name: given[name] for name in function.settings}
        if "data_format" in config:
            config["data_format"] = config["data_format"] or "channels_last"
        positional: list[Any] = []
        for name, parameter in signature.parameters.items():
            if name not in function.settings:
                starred = parameter.kind is inspect.Parameter.VAR_POSITIONAL
                positional += given[name] if starred else [given[name]]
        module = f"keras.src.ops.{function.module}"
        value = call(module, function.class_name, config, positional, {})
        return outputs_of(value) if function.name in SEVERAL else value

    compute.__name__ = compute.__qualname__ = function.name
    compute.__module__ = __name__
    compute.__signature__ = signature  # type: ignore[attr-defined]
    returned = "values" if function.name in SEVERAL else "a value"
    compute.__doc__ = f"Return {returned}: ``keras.ops.{public}``, which documents the parameters."
    return compute


def __getattr__(name: str) -> Any:
    if name == "image":
        made: Any = SimpleNamespace(
            **{
                function.name: _made(function, public)
                for public, function in functions().items()
                if public.startswith("image.")
            }
        )
    elif name in functions():
        made = _made(functions()[name], name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
