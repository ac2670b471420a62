"""What a subclassed model was built on: symbolic tensors of the same shapes and structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError

if TYPE_CHECKING:
    from phosphene._models.intake.expansion.backend import Keras


def built_inputs(keras: Keras, model: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments for a call of a model, as it was built or called before.

    The batch is left free; other lengths are those that the model was built with.

    Raises
    ------
    InvalidArgumentError
        If the model wasn't built yet, or Keras doesn't know all of what it was called on.
    """
    name = f"{type(model).__name__} {model.name!r}"
    shapes = dict(getattr(model, "_build_shapes_dict", None) or {})
    if not model.built or not shapes:
        raise InvalidArgumentError(
            f"{name} has no weights yet, because its input shape isn't known: call it once on some "
            "of its data."
        )
    parameters = keras.signature(model.call).parameters
    wanted = [
        parameter.name
        for parameter in parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    known: dict[str, Any] = {}
    for key, shape in shapes.items():
        parameter = key.removesuffix("_shape")
        if parameter not in parameters or parameter in known:
            parameter = wanted[0]
        known[parameter] = _tensors(keras, shape)
    unknown = [
        name
        for name in wanted
        if name not in known and parameters[name].default is parameters[name].empty
    ]
    if unknown:
        raise InvalidArgumentError(
            f"{name} is called on several arguments, and Keras keeps the shape of the first one "
            f"alone; {unknown[0]!r} isn't known. Load it as a Functional model: "
            "keras.Model(inputs, model(*inputs)), where inputs are keras.Input tensors."
        )
    args = []
    for parameter in wanted:
        if parameter not in known:
            break
        args.append(known.pop(parameter))
    return tuple(args), known


def _tensors(keras: Keras, shape: Any) -> Any:
    """Return symbolic tensors in the structure of some shapes."""
    if isinstance(shape, dict):
        return {key: _tensors(keras, each) for key, each in shape.items()}
    if all(length is None or isinstance(length, int) for length in shape):
        free = (None, *shape[1:]) if shape else ()
        return keras.KerasTensor(free, "float32")
    return type(shape)(_tensors(keras, each) for each in shape)
