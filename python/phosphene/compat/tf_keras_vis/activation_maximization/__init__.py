"""Activation maximization: the input that raises a score most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._errors import InvalidArgumentError
from phosphene.compat._channels import applied, seen
from phosphene.compat._network import plain_training
from phosphene.compat._tensors import Tensor, called, gradient
from phosphene.compat.tf_keras_vis import ModelVisualization, _seeds
from phosphene.compat.tf_keras_vis.activation_maximization._optimizers import steps_of
from phosphene.compat.tf_keras_vis.activation_maximization.callbacks import managed_callbacks
from phosphene.compat.tf_keras_vis.activation_maximization.input_modifiers import Jitter, Rotate2D
from phosphene.compat.tf_keras_vis.activation_maximization.regularizers import (
    Norm,
    TotalVariation2D,
)
from phosphene.compat.tf_keras_vis.utils import (
    Values,
    for_each_input,
    get_input_names,
    get_num_of_steps_allowed,
    is_mixed_precision,
    listify,
)
from phosphene.compat.tf_keras_vis.utils.regularizers import LegacyRegularizer
from phosphene.compat.tf_keras_vis.utils.scores import (
    BinaryScore,
    CategoricalScore,
    InactiveScore,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ActivationMaximization",
    "Jitter",
    "LegacyRegularizer",
    "ModelVisualization",
    "Norm",
    "Rotate2D",
    "TotalVariation2D",
    "get_input_names",
    "get_num_of_steps_allowed",
    "is_mixed_precision",
    "listify",
    "managed_callbacks",
]

Arrays = list["NDArray[np.float32]"]
Penalties = dict[str, list[tuple[str, Callable[..., Any]]]]

_LINEAR = (BinaryScore, CategoricalScore, InactiveScore)
"""Scores whose gradient is the same for all outputs."""


class ActivationMaximization(ModelVisualization):
    """Climb from a seed to an input that raises a score."""

    def __call__(
        self,
        score: Any,
        seed_input: Any = None,
        input_range: Any = (0, 255),
        input_modifiers: Any = [Jitter(jitter=4), Rotate2D(degree=1)],
        regularizers: Any = [TotalVariation2D(weight=1.0), Norm(weight=0.3, p=1)],
        steps: int = 200,
        optimizer: Any = None,
        gradient_modifier: Callable[..., Any] | None = None,
        callbacks: Any = None,
        training: bool = False,
        unconnected_gradients: Any = None,
        activation_modifiers: Any = None,
    ) -> Any:
        """Return the input after the last step.

        Parameters
        ----------
        score
            A `Score`, a function of the output, or a list with one for each output.
        seed_input
            Where to start: an array, or a list with one for each input; by default one sample
            that `numpy.random` draws.
        input_range
            The smallest and the largest value, None for no limit; or a list with one pair for each
            input. Only what is returned is clipped.
        input_modifiers
            What is done to the input before each step: a function, a list, or a dict by input.
        regularizers
            Penalties: a `Regularizer`, a list, or a dict by input.
        steps
            How many.
        optimizer
            A Keras optimizer or one of `phosphene.optimizers`; by default RMSprop with a learning
            rate of 1 and a rho of 0.999.
        gradient_modifier
            A function of the gradient.
        callbacks
            A `Callback`, or a list of them.
        training
            Only False is supported.
        unconnected_gradients
            Accepted for old scripts; they are zeros.
        activation_modifiers
            A function of what is returned, or a dict by input.

        Returns
        -------
        ndarray, or a list of them
            A list if the model has several inputs, or `seed_input` was one.
        """
        arguments = {name: value for name, value in locals().items() if name != "self"}
        del arguments["callbacks"]
        plain_training(training)
        names = get_input_names(self.model)
        axes = [self.model.input_axis(index) for index in range(len(names))]
        scores = self._get_scores_for_multiple_outputs(score)
        ranges = _ranges(input_range, len(names))
        values = self._start(seed_input, ranges)
        modifiers = for_each_input(input_modifiers, names, "input modifiers")
        joint = _legacy(regularizers)
        regularizers = [] if joint else regularizers
        penalties = _named(for_each_input(regularizers, names, "regularizers"))
        finishers = _finishers(activation_modifiers, names)
        climbers = [steps_of(optimizer)() for _ in names]
        count = whole("steps", get_num_of_steps_allowed(steps), 1)
        constant: Arrays | None = None
        with managed_callbacks(callbacks, **arguments) as active:
            for step in range(count):
                for index, name in enumerate(names):
                    for modifier in modifiers[name]:
                        changed = applied(modifier, modifier, values[index], axes[index])
                        values[index] = np.ascontiguousarray(changed, np.float32)
                outputs: Arrays = []
                score_values: list[Tensor] = []
                if active or constant is None:
                    outputs = self.model.run(values)
                    score_values, cotangents = self._cotangents(outputs, scores)
                    if all(type(each) in _LINEAR for each in scores):
                        constant = cotangents
                else:
                    cotangents = constant
                found = self.model.gradients(values, [-each for each in cotangents])
                penalized, slopes = _penalize(penalties, joint, values, names, axes)
                found = [a + b for a, b in zip(found, slopes, strict=True)]
                if gradient_modifier is not None:
                    found = [np.asarray(gradient_modifier(each), np.float32) for each in found]
                moved = zip(values, climbers, found, strict=True)
                values = [value - climb(slope) for value, climb, slope in moved]
                shown = _clipped(values, ranges, finishers)
                for callback in active:
                    callback(
                        step,
                        shown,
                        [each.view(Values) for each in found],
                        [each.value.view(Values) for each in score_values],
                        [each.view(Values) for each in outputs],
                        regularizations=[(name, each.view(Values)) for name, each in penalized],
                        overall_score=[
                            *[(-each.value).view(Values) for each in score_values],
                            *[each.view(Values) for _, each in penalized],
                        ],
                    )
        if len(names) == 1 and not isinstance(seed_input, list):
            return shown[0]
        return shown

    def _start(self, seed_input: Any, ranges: Sequence[tuple[Any, Any]]) -> Arrays:
        given = listify(seed_input)
        if given:
            return _seeds(self.model, given)
        seeds = []
        for (low, high), wanted in zip(ranges, self.model.inputs, strict=True):
            if None in wanted.shape[1:]:
                raise InvalidArgumentError(
                    f"The input {wanted.name!r} has shape {wanted.shape}: pass a seed_input."
                )
            if low is None and high is None:
                low, high = 0.0, 1.0
            low = high - abs(high / 2.0) if low is None else low
            high = low + abs(low * 2.0) if high is None else high
            drawn = np.random.uniform(low, high, (1, *wanted.shape[1:]))  # type: ignore[arg-type]
            seeds.append(drawn.astype(np.float32))
        return seeds


def _legacy(regularizers: Any) -> list[LegacyRegularizer]:
    """Return the regularizers if they are of the old kind, which get all inputs; else none."""
    given = regularizers.values() if isinstance(regularizers, dict) else listify(regularizers)
    old = [isinstance(each, LegacyRegularizer) for part in given for each in listify(part)]
    if not any(old):
        return []
    if isinstance(regularizers, dict) or any(isinstance(each, (list, tuple)) for each in given):
        raise InvalidArgumentError(
            "The regularizers of tf_keras_vis.utils.regularizers get all inputs together: hand "
            "them over as one list, without names of inputs."
        )
    if not all(old):
        raise InvalidArgumentError(
            "The regularizers of tf_keras_vis.utils.regularizers can't be mixed with those of "
            "tf_keras_vis.activation_maximization.regularizers: take all of one kind."
        )
    return list(given)


def _penalize(
    penalties: Penalties,
    joint: Sequence[LegacyRegularizer],
    values: Arrays,
    names: Sequence[str],
    axes: Sequence[int],
) -> tuple[list[tuple[str, NDArray[Any]]], Arrays]:
    """Return the penalties by name, and the gradient of their sum with respect to each input."""
    tensors = [Tensor(value) for value in values]
    results = []
    for tensor, name, axis in zip(tensors, names, axes, strict=True):
        for title, function in penalties[name]:
            results.append((title, called(function, seen(function, tensor, axis))))
    for function in joint:
        turned = [seen(function, *each) for each in zip(tensors, axes, strict=True)]
        results.append((function.name, function(turned)))
    for title, result in results:
        if not isinstance(result, Tensor):
            raise InvalidArgumentError(
                "A regularizer is computed from the input that it gets; received "
                f"{result!r:.60} from {title}."
            )
    slopes = gradient([result for _, result in results], tensors)
    return [(title, np.asarray(result.value)) for title, result in results], slopes


def _named(regularizers: dict[str, list[Any]]) -> Penalties:
    several = len(regularizers) > 1
    named: Penalties = {}
    for name, each in regularizers.items():
        titles = [getattr(one, "name", f"regularizer-{n}") for n, one in enumerate(each)]
        # One of several with the same name counts, the last, as in tf-keras-vis.
        by_title = dict(zip(titles, each, strict=True))
        suffix = f"({name})" if several else ""
        named[name] = [(title + suffix, one) for title, one in by_title.items()]
    return named


def _ranges(input_range: Any, count: int) -> list[tuple[Any, Any]]:
    ranges = listify(input_range, return_empty_list_if_none=False, convert_tuple_to_list=False)
    ranges = ranges * count if len(ranges) == 1 else ranges
    ranges = [(None, None) if each is None else each for each in ranges]
    if len(ranges) != count or any(len(each) != 2 for each in ranges):
        raise InvalidArgumentError(
            "input_range is a pair (low, high), None, or a list with one for each of the "
            f"{count} inputs; received {input_range!r:.60}."
        )
    for low, high in ranges:
        if low is not None and high is not None and type(low) is not type(high):
            raise TypeError(
                f"Both ends of input_range are of one type; received {low!r} and {high!r}."
            )
    return ranges


def _finishers(modifiers: Any, names: Sequence[str]) -> list[Callable[..., Any] | None]:
    if modifiers is None or isinstance(modifiers, dict):
        given = modifiers or {}
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise InvalidArgumentError(
                f"The inputs are {list(names)}; received activation modifiers for {unknown}."
            )
        return [given.get(name) for name in names]
    return [modifiers, *[None] * (len(names) - 1)]


def _clipped(
    values: Arrays,
    ranges: Sequence[tuple[Any, Any]],
    finishers: Sequence[Callable[..., Any] | None],
) -> list[Any]:
    shown = []
    for value, (low, high), finish in zip(values, ranges, finishers, strict=True):
        least = np.float32(-np.inf if low is None else low)
        clipped = np.clip(value, least, np.float32(np.inf if high is None else high)).view(Values)
        shown.append(clipped if finish is None else finish(clipped))
    return shown
