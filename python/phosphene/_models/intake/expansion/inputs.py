"""What a subclassed model was built on: symbolic tensors of the same shapes and structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError

if TYPE_CHECKING:
    from phosphene._models.intake.expansion.backend import Keras
    from phosphene._models.symbolic.network import Network
    from phosphene._models.symbolic.parts import Tensor


def built_inputs(keras: Keras, model: Any, like: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments for a call of a model, as it was built or called before.

    The batch is left free; other lengths are those that the model was built with.

    Parameters
    ----------
    keras
        Keras.
    model
        A built model.
    like
        Some of its inputs, or None; they stand in where Keras didn't keep all shapes.

    Raises
    ------
    InvalidArgumentError
        If the model wasn't built yet, or Keras doesn't know all of what it was called on.
    """
    name = f"{type(model).__name__} {model.name!r}"
    parameters = keras.signature(model.call).parameters
    positional = [
        parameter
        for parameter in parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    required = [each.name for each in positional if each.default is each.empty]
    known: dict[str, Any] = {}
    for key, shape in dict(getattr(model, "_build_shapes_dict", None) or {}).items():
        parameter = key.removesuffix("_shape")
        if parameter not in parameters or parameter in known:
            parameter = positional[0].name
        if shape is not None:
            known[parameter] = _tensors(keras, shape)
    if like is not None and not set(required) <= known.keys():
        several = len(required) > 1 and isinstance(like, (list, tuple))
        known = dict(zip(required, like if several else [like], strict=False))
        known = {key: _tensors_like(keras, value) for key, value in known.items()}
    unknown = [each for each in required if each not in known]
    if unknown:
        what = "what it was called on" if not known else f"what {unknown[0]!r} was in its call"
        inputs = ", ".join(required)
        raise InvalidArgumentError(
            f"{name} is built, but Keras didn't keep {what}: pass some of its inputs, "
            f"phosphene.load(model, like={f'[{inputs}]' if len(required) > 1 else inputs})."
        )
    args = []
    for each in positional:
        if each.name not in known:
            break
        args.append(known.pop(each.name))
    return tuple(args), known


def name_element_types(network: Network) -> None:
    """Say that inputs are whole numbers where nothing but embeddings reads them.

    Keras keeps the shapes that a model was built on, but not the types.
    """
    for tensor in network.inputs:
        if _is_for_embeddings(network, tensor):
            tensor.entry.config["dtype"] = "int32"


def _is_for_embeddings(network: Network, tensor: Tensor) -> bool:
    reads = 0
    for entry in network.entries:
        for call in entry.calls:
            given = (
                call.args[0] if entry.network is not None else [*call.args, *call.kwargs.values()]
            )
            for place, each in enumerate(given):
                if each is not tensor:
                    continue
                reads += entry.class_name == "Embedding"
                if entry.network is not None:
                    if not _is_for_embeddings(entry.network, entry.network.inputs[place]):
                        return False
                    entry.network.inputs[place].entry.config["dtype"] = "int32"
                    reads += 1
                elif entry.class_name not in ("Embedding", "NotEqual"):
                    return False
    return reads > 0


def _tensors(keras: Keras, shape: Any) -> Any:
    """Return symbolic tensors in the structure of some shapes."""
    if isinstance(shape, dict):
        return {key: _tensors(keras, each) for key, each in shape.items()}
    if all(length is None or isinstance(length, int) for length in shape):
        free = (None, *shape[1:]) if shape else ()
        return keras.KerasTensor(free, "float32")
    return type(shape)(_tensors(keras, each) for each in shape)


def _tensors_like(keras: Keras, value: Any) -> Any:
    """Return symbolic tensors in the structure of some arrays, of their types."""
    if isinstance(value, dict):
        return {key: _tensors_like(keras, each) for key, each in value.items()}
    if isinstance(value, (list, tuple)) and any(np.ndim(each) > 0 for each in value):
        return [_tensors_like(keras, each) for each in value]
    dtype = keras.standardize_dtype(getattr(value, "dtype", np.asarray(value).dtype))
    kinds = {"i": "int32", "u": "int32", "b": "bool"}
    shape = tuple(getattr(value, "shape", np.shape(value)))
    return keras.KerasTensor((None, *shape[1:]), kinds.get(dtype[0], "float32"))
