"""The gradient of an objective: which way each pixel should go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array, model_inputs
from phosphene._models.model import Model, as_model
from phosphene._vision.objectives.objectives import as_objective, logit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._vision.objectives.terms import Objective

RULES = ("plain", "guided", "deconvolution", "redirected")


def gradient(
    model: Any,
    x: Any,
    objective: Any = None,
    *,
    at: Any = None,
    cotangent: Any = None,
    rule: Literal["plain", "guided", "deconvolution", "redirected"] = "plain",
) -> Any:
    """Return the gradient of an objective with respect to the input, or to a layer's output.

    It says for each number of the input how fast the objective grows with it. Its absolute value
    is the saliency map of Simonyan et al.

    Parameters
    ----------
    model
        A `Model`, or anything that `load` takes. A live Keras model is read at each call.
    x : array_like of the model's `input_shape`
        In the range that the network was trained on; or pictures, see `Model.prepare`. The batch
        axis may be missing.
    objective
        See `channel`, `neuron`, `logit`, `probability`, `energy`, `direction`, `match` and
        `diversity`. Short for one: a class index
        or name, an array with the class index of each sample, a pair ``("conv2", 7)``. By default
        what the network says: the top class of several, the predicted side of a single sigmoid,
        the value of a single linear output.
    at
        A layer; the gradient is taken with respect to its output instead of the input.
    cotangent : array_like
        The gradient of something of the caller's own with respect to the model's output, in its
        shape; or a pair of a layer and the gradient with respect to that layer's output. Used
        instead of `objective`.
    rule
        How the gradient passes ReLU: ``"plain"`` as its derivative, ``"guided"`` only where it is
        positive and the input was too, ``"deconvolution"`` wherever it is positive; and as
        ``"redirected"`` through ReLU, ReLU6 and clipping that would block all of a sample's
        gradient, unless it drives them further to where they are flat.

    Returns
    -------
    ndarray of float32
        In the shape of the input with its batch axis (of the layer's output with `at`), not
        normalized; a list for a network of several inputs. Each sample has the gradient of its
        own number.

    Raises
    ------
    InvalidArgumentError
        If there is no such layer or class, or a shape doesn't fit.

    Notes
    -----
    The result is ``d objective(x)[n] / d x[n]``. Where ReLU is exactly 0 its derivative is 0, and
    max pooling passes the gradient to the first of equal largest values. One pass forward and one
    back.

    References
    ----------
    Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2014, section 3. Springenberg
    et al.: Striving for Simplicity, 2015, for ``"guided"``; Zeiler and Fergus: Visualizing and
    Understanding Convolutional Networks, 2014, for ``"deconvolution"``; Olah, Mordvintsev and
    Schubert: Feature Visualization, 2017, and its code for ``"redirected"``.

    Examples
    --------
    >>> import numpy as np
    >>> import phosphene as ph
    >>> images, labels = ph.zoo.garments()
    >>> ph.gradient(ph.zoo.wardrobe(), images, labels).shape
    (20, 28, 28, 1)
    """
    _, gradients = value_and_gradient(model, x, objective, at=at, cotangent=cotangent, rule=rule)
    return gradients[0] if len(gradients) == 1 else gradients


def value_and_gradient(
    model: Any,
    x: Any,
    objective: Any = None,
    *,
    at: Any = None,
    cotangent: Any = None,
    rule: str = "plain",
) -> tuple[NDArray[np.float32] | None, list[NDArray[np.float32]]]:
    """Return the objective of each sample, and the gradients as a list; see `gradient`.

    With a cotangent there is no objective.
    """
    if rule not in RULES:
        raise InvalidArgumentError(
            f"rule must be {', '.join(map(repr, RULES[:-1]))} or {RULES[-1]!r}; received {rule!r}."
        )
    model = as_model(model)
    arrays = model_inputs(model, x)
    model.warn_about(arrays)
    path = None if at is None else model.path_of(at)
    if path is None and all(each.dtype.kind in "ib" for each in model.input_types):
        raise InvalidArgumentError(
            f"The inputs of {model.name!r} are whole numbers, which have no gradient: pass at= "
            "with the layer that embeds them, such as at='embedding'."
        )
    if cotangent is not None:
        if objective is not None:
            raise InvalidArgumentError("Give an objective or a cotangent, not both.")
        return None, _from_cotangent(model, arrays, cotangent, path, rule)
    sign: NDArray[np.float32] | None = None
    if objective is None:
        objective, sign = default_objective(model, arrays)
    found = as_objective(model, objective)
    request = {"gradient": {"objective": found.to_json(), "at": path, "rule": rule}}
    plan = model.plan(request, [array.shape for array in arrays], ("gradient", found, path, rule))
    score, *gradients = plan.run(arrays)
    if sign is not None:
        score = score * sign
        gradients = [each * sign.reshape(-1, *(1,) * (each.ndim - 1)) for each in gradients]
    return score, gradients


def default_objective(
    model: Model, arrays: list[NDArray[Any]]
) -> tuple[Objective, NDArray[np.float32] | None]:
    """Return what the network says about its inputs, and a sign for each sample, if one is needed.

    Parameters
    ----------
    model
        The model.
    arrays
        Its inputs.
    """
    outputs = model.json["outputs"]
    if len(outputs) > 1:
        names = [repr(name) for name in model.output_names.values()]
        raise InvalidArgumentError(
            f"{model.name!r} has {len(outputs)} outputs, so the objective must be said, such as "
            f"ph.logit(0, output={names[0]}); the outputs are {', '.join(names)}."
        )
    shape = outputs[0]["shape"]
    if len(shape) != 2:
        raise InvalidArgumentError(
            f"The output of {model.name!r} has shape {tuple(shape)}, so the objective must be "
            f"said, such as ph.neuron({outputs[0]['path']!r}, 0, position=(row, column))."
        )
    if shape[-1] == 1 and _last_activation(model) != "sigmoid":
        return logit(0), None
    values = model.plan({}, [array.shape for array in arrays], "outputs").run(arrays)[0]
    if shape[-1] == 1:
        return logit(0), np.where(values[:, 0] >= 0.5, 1, -1).astype(np.float32)
    top = np.argmax(values, axis=1)
    # One index where all samples agree: then the plan serves any batch of that size again.
    same = bool((top == top[0]).all())
    return logit(int(top[0]) if same else top), None


def _last_activation(model: Model) -> str | None:
    """Return the activation of the layer that computes the output."""
    layer = model[model.json["outputs"][0]["path"]].description
    while layer.get("layers"):
        layer = layer["layers"][-1]
    kind = {"Softmax": "softmax"}.get(layer["kind"])
    return layer.get("activation") or kind


def _from_cotangent(
    model: Model, arrays: list[NDArray[Any]], cotangent: Any, at: str | None, rule: str
) -> list[NDArray[np.float32]]:
    """Return the gradients of what the caller differentiates on."""
    layer, given = _layer_and_cotangent(model, cotangent)
    array = np.asarray(as_array(given, "The cotangent"), np.float32, order="C")
    shape = model.shapes[layer]
    # Functions such as a sum over all axes have no batch.
    wanted = (len(arrays[0]), *shape[1:]) if shape[:1] == (None,) else shape
    if array.ndim == len(wanted) - 1:
        array = array[np.newaxis]
    if array.ndim != len(wanted) or any(
        length not in (None, received) for length, received in zip(wanted, array.shape, strict=True)
    ):
        raise InvalidArgumentError(
            f"The cotangent of {layer!r} must have shape {wanted}, received {np.shape(given)}."
        )
    inputs = [*arrays, array]
    request = {"gradient": {"cotangent": layer, "at": at, "rule": rule}}
    plan = model.plan(request, [each.shape for each in inputs], ("cotangent", layer, at, rule))
    return plan.run(inputs)


def _layer_and_cotangent(model: Model, cotangent: Any) -> tuple[str, Any]:
    if isinstance(cotangent, tuple) and len(cotangent) == 2 and not np.isscalar(cotangent[0]):
        return model.path_of(cotangent[0]), cotangent[1]
    if isinstance(cotangent, tuple) and len(cotangent) == 2 and isinstance(cotangent[0], str):
        return model.path_of(cotangent[0]), cotangent[1]
    outputs = model.json["outputs"]
    if len(outputs) > 1:
        raise InvalidArgumentError(
            f"{model.name!r} has {len(outputs)} outputs: give cotangent=(layer, array)."
        )
    return outputs[0]["path"], cotangent
