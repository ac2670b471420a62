"""Gradient descent on an input, as keras-vis does it."""

from __future__ import annotations

import operator
import sys
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._errors import InvalidArgumentError
from phosphene._models.layer import Layer
from phosphene._models.network import Model
from phosphene._vision.objectives.objectives import channel
from phosphene.compat._channels import applied, seen
from phosphene.compat._layer import NetworkLayer
from phosphene.compat._network import Network
from phosphene.compat._tensors import Tensor, gradient
from phosphene.compat.vis import grad_modifiers
from phosphene.compat.vis.callbacks import Print
from phosphene.compat.vis.losses import Expression
from phosphene.compat.vis.utils.utils import EPSILON, deprocess_input, random_array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from phosphene._vision.objectives.terms import Objective
    from phosphene.compat.vis.losses import Loss


class Optimizer:
    """Lowers a weighted sum of losses.

    Parameters
    ----------
    input_tensor
        ``model.input``, or a model.
    losses
        Pairs of a `Loss` and a weight; those of weight 0 are left out.
    input_range
        The smallest and the largest value of the input.
    wrt_tensor
        The output of a layer whose gradient is wanted instead of that of the input; then the input
        stays as it is.
    norm_grads
        Whether gradients are scaled to a length of 1.
    """

    def __init__(
        self,
        input_tensor: Any,
        losses: Sequence[tuple[Loss, float]],
        input_range: tuple[float, float] = (0, 255),
        wrt_tensor: Any = None,
        norm_grads: bool = True,
    ) -> None:
        self.input_range = input_range
        """The smallest and the largest value of the input."""
        self.norm_grads = norm_grads
        """Whether gradients are scaled to a length of 1."""
        self.wrt_tensor_is_input_tensor = wrt_tensor is None or wrt_tensor is input_tensor
        """Whether the input is what changes."""
        self.loss_names: list[str] = []
        """The names of the losses."""
        self._terms: list[tuple[float, Expression]] = []
        for loss, weight in losses:
            if weight != 0:
                built = loss.build_loss()
                if not isinstance(built, Expression):
                    raise InvalidArgumentError(
                        f"build_loss() of {loss.name!r} returns an Expression, such as "
                        "Expression(layer, lambda output: output[..., 3].mean()); received a "
                        f"{type(built).__name__}."
                    )
                self._terms.append((float(weight), built))
                self.loss_names.append(loss.name)
        wrt = None if self.wrt_tensor_is_input_tensor else wrt_tensor
        layers = [term.layer for _, term in self._terms if term.layer is not None]
        network = _network(input_tensor, [*layers, *([] if wrt is None else [wrt])])
        self._paths = [
            None if term.layer is None else _path(network, term.layer) for _, term in self._terms
        ]
        self._wrt = None if wrt is None else _path(network, wrt)
        self._outputs = tuple(dict.fromkeys(path for path in self._paths if path is not None))
        self._network = network.with_outputs(self._outputs)
        self.input_axis: int = network.input_axis()
        """The axis of the input that its channels lie along, batch counted."""
        self._axes: dict[str | None, int] = {
            path: network.channel_axis(path) for path in (*self._outputs, self._wrt) if path
        }
        self._axes[None] = self.input_axis
        self._single = None if wrt is not None else self._single_loss()
        shape = network.inputs[0].shape
        if len(network.inputs) != 1:
            raise InvalidArgumentError(
                f"keras-vis is for networks of one input; {network.name!r} has "
                f"{len(network.inputs)}."
            )
        self._shape = (1, *shape[1:])

    def minimize(
        self,
        seed_input: Any = None,
        max_iter: int = 200,
        input_modifiers: Any = None,
        grad_modifier: Any = None,
        callbacks: Any = None,
        verbose: bool = True,
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return the best input as a picture, and gradient and value of the last step.

        Parameters
        ----------
        seed_input
            Where to start; random by default.
        max_iter
            How many steps.
        input_modifiers
            A list of `InputModifier`.
        grad_modifier
            The name of a function of `grad_modifiers`, or a function.
        callbacks
            A list of `OptimizerCallback`.
        verbose
            Whether losses are printed.
        """
        max_iter = whole("max_iter", max_iter, 1)
        x = self._seed(seed_input)
        modifiers = list(input_modifiers or [])
        modify: Callable[..., Any] = (
            np.asarray if grad_modifier is None else grad_modifiers.get(grad_modifier)
        )
        called = [*(callbacks or []), *([Print()] if verbose else [])]
        cache: Any = np.float32(0)
        best, lowest = None, np.inf
        for step in range(max_iter):
            for modifier in modifiers:
                changed = applied(modifier, modifier.pre, x, self.input_axis)
                x = np.ascontiguousarray(changed, np.float32)
            losses, overall, found, wrt_value = self._step(x)
            grads = np.asarray(modify(found), np.float32)
            for each in called:
                each.callback(
                    step, list(zip(self.loss_names, losses, strict=True)), overall, grads, wrt_value
                )
            if self.wrt_tensor_is_input_tensor:
                change, cache = self._rmsprop(grads, cache)
                x = x + change
            for modifier in reversed(modifiers):
                x = np.asarray(applied(modifier, modifier.post, x, self.input_axis), np.float32)
            if overall < lowest:
                best, lowest = x.copy(), overall
        for each in called:
            each.on_end()
        if best is None:
            raise InvalidArgumentError(
                f"The losses were {dict(zip(self.loss_names, losses, strict=True))} at the last of "
                f"{max_iter} steps and never a number below infinity; try another seed_input."
            )
        return deprocess_input(best[0], self.input_range), grads, wrt_value

    @property
    def channel_axis(self) -> int:
        """The axis of what changes that its channels lie along, batch counted."""
        return self._axes[self._wrt]

    def space_of(self, seed_input: Any) -> tuple[int, ...]:
        """Return the lengths of the axes of an input but for that of its channels."""
        shape = list(np.shape(seed_input))
        del shape[self.input_axis - len(self._shape)]
        return tuple(shape)

    def _rmsprop(
        self, grads: NDArray[Any], cache: Any = None, decay_rate: float = 0.95
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the change of the input, and the mean square of gradients."""
        old = np.zeros_like(grads) if cache is None else cache
        cache = np.float32(decay_rate) * old + np.float32(1 - decay_rate) * grads**2
        return np.asarray(-grads / np.sqrt(cache + EPSILON), np.float32), cache

    def _single_loss(self) -> tuple[int, Objective] | None:
        """Return the only loss of a layer, and what it is minus, if one run gives its gradient."""
        pairs = zip(self._terms, self._paths, strict=True)
        found = [
            (number, term.filters, path)
            for number, ((_, term), path) in enumerate(pairs)
            if path is not None
        ]
        if len(found) != 1 or not found[0][1]:
            return None
        number, filters, path = found[0]
        return number, reduce(operator.add, (channel(path, index) for index in filters))

    def _step(
        self, x: NDArray[np.float32]
    ) -> tuple[list[float], float, NDArray[np.float32], NDArray[np.float32]]:
        """Return weighted losses, their sum, the gradient and what it belongs to."""
        if self._single is not None and len(x) == 1:
            return self._quick_step(x, *self._single)
        wanted = [*self._outputs, *([] if self._wrt is None else [self._wrt])]
        outputs = self._network.run([x], wanted) if wanted else []
        image = Tensor(x)
        tensors = [Tensor(each) for each in outputs[: len(self._outputs)]]
        by_path: dict[Any, Tensor] = dict(zip(self._outputs, tensors, strict=True))
        by_path[None] = image
        values: list[Any] = [
            np.float32(weight) * term.function(seen(term, by_path[path], self._axes[path]))
            for (weight, term), path in zip(self._terms, self._paths, strict=True)
        ]
        _check(values)
        direct, *cotangents = gradient(values, [image, *tensors])
        grads = np.zeros_like(x) if self._wrt is None else np.zeros_like(outputs[-1])
        if cotangents:
            grads = self._network.gradients([x], cotangents, at=self._wrt)[0]
        if self._wrt is None:
            grads = grads + direct
        numbers = [float(each.value) for each in values]
        return *self._finished(numbers, grads), x if self._wrt is None else outputs[-1]

    def _quick_step(
        self, x: NDArray[np.float32], number: int, objective: Objective
    ) -> tuple[list[float], float, NDArray[np.float32], NDArray[np.float32]]:
        """Return what `_step` does, from one run of the network instead of two."""
        image = Tensor(x)
        others = {
            index: np.float32(weight) * term.function(seen(term, image, self.input_axis))
            for index, (weight, term) in enumerate(self._terms)
            if index != number
        }
        _check(list(others.values()))
        score, gradients = self._network.score([x], objective)
        weight = np.float32(self._terms[number][0])
        grads = gradient(others.values(), [image])[0] - weight * gradients[0]
        values = {index: float(each.value) for index, each in others.items()}
        values[number] = float(-weight * score[0])
        return *self._finished([values[index] for index in sorted(values)], grads), x

    def _finished(
        self, losses: list[float], grads: NDArray[np.float32]
    ) -> tuple[list[float], float, NDArray[np.float32]]:
        """Return losses, their sum, and the gradient in its length."""
        if self.norm_grads:
            grads = grads / np.sqrt(np.maximum(np.sum(grads**2), np.float32(1e-12)))
        return losses, float(np.sum(losses, dtype=np.float32)), np.array(grads)

    def _seed(self, seed_input: Any) -> NDArray[np.float32]:
        low, high = self.input_range
        if seed_input is None:
            if None in self._shape:
                raise InvalidArgumentError(f"The input has shape {self._shape}: pass a seed_input.")
            shape = [length or 1 for length in self._shape]
            drawn = random_array(shape, mean=(low + high) / 2, std=0.05 * (high - low))
            return drawn.astype(np.float32)
        seed = np.array(seed_input, np.float32)
        if seed.ndim == len(self._shape) - 1:
            seed = seed[np.newaxis]
        fits = seed.ndim == len(self._shape) and all(
            wanted in (None, has)
            for has, wanted in zip(seed.shape[1:], self._shape[1:], strict=True)
        )
        if not fits:
            raise InvalidArgumentError(
                f"The input has shape {self._shape}; received a seed_input of shape "
                f"{np.shape(seed_input)}."
            )
        return seed


def _check(values: Sequence[Any]) -> None:
    if not all(isinstance(each, Tensor) and each.ndim == 0 for each in values):
        raise InvalidArgumentError(
            "A loss is one number that is computed from what its function gets, such as "
            "lambda output: output[..., 3].mean()."
        )


def _network(given: Any, parts: Sequence[Any]) -> Network:
    """Return the network that the input and the layers belong to."""
    if isinstance(given, list) and len(given) == 1:  # model.inputs
        given = given[0]
    if isinstance(given, Network):
        return given
    for part in parts:
        if isinstance(part, NetworkLayer):
            return part.network
    if isinstance(given, Model):
        return Network(given)
    home = sys.modules.get(type(given).__module__.split(".")[0])
    tensor = getattr(given, "_keras_history", None) is not None
    if not tensor or home is None:
        return Network(given)
    outputs = [getattr(part, "output", part) for part in parts]
    return Network(home.Model(given, outputs or given))


def _path(network: Network, layer: Any) -> str:
    """Return the path of a layer, or of the layer whose output a Keras tensor is."""
    if isinstance(layer, NetworkLayer):
        return network.path_of(layer)
    if isinstance(layer, Layer):
        return layer.call or layer.path
    history = getattr(layer, "_keras_history", None)
    name = layer.name if history is None else history[0].name
    return network.path_of(network.get_layer(name=name))
