"""The names of tf-keras-vis 0.8.7, with its numbers, computed by Phosphene.

A script changes ``tf_keras_vis`` to ``phosphene.compat.tf_keras_vis`` in its imports. Models are
live Keras models of any backend, `phosphene.Model` or files; the model itself is never changed,
``clone=False`` included. Scores and regularizers of one's own are functions of what they get,
written with arithmetic, indexing and NumPy's functions; modifiers of gradients and maps get and
return arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat._channels import seen
from phosphene.compat._network import Network
from phosphene.compat._tensors import Tensor, called, gradient, stack
from phosphene.compat.tf_keras_vis._modifying import modified_by
from phosphene.compat.tf_keras_vis.utils import listify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__version__ = "0.8.7"

__all__ = ["ModelVisualization", "listify"]


class ModelVisualization(ABC):
    """What looks into a model.

    Parameters
    ----------
    model
        A live Keras model, or anything that `phosphene.load` takes.
    model_modifier
        A `ModelModifier`, a function of a `Network`, or a list of them. What needs more than a
        `Network` has, such as ``lambda model: keras.Model(model.inputs, model.layers[-2].output)``,
        gets a clone of a live Keras model.
    clone
        Accepted for old scripts; the model is never changed.
    """

    def __init__(self, model: Any, model_modifier: Any = None, clone: bool = True) -> None:
        del clone
        self.model = Network(model)
        for modifier in listify(model_modifier):
            self.model = modified_by(modifier, self.model, model)

    @abstractmethod
    def __call__(self, *args: Any, **options: Any) -> Any:
        """Look into the model."""

    def _get_scores_for_multiple_outputs(self, score: Any) -> list[Callable[..., Any]]:
        scores = listify(score)
        for each in scores:
            if not callable(each):
                raise InvalidArgumentError(f"A score is a function; received {each!r:.60}.")
        if len(scores) != len(self.model.outputs):
            raise InvalidArgumentError(
                f"The model has {len(self.model.outputs)} outputs and needs as many scores; "
                f"received {len(scores)}."
            )
        return scores

    def _get_seed_inputs_for_multiple_inputs(self, seed_input: Any) -> list[NDArray[np.float32]]:
        return _seeds(self.model, listify(seed_input))

    def _calculate_scores(
        self, outputs: Sequence[Tensor], score_functions: Sequence[Callable[..., Any]]
    ) -> list[Tensor]:
        axes = map(self.model.channel_axis, self.model.outputs)
        return [
            _mean_score(called(function, seen(function, output, axis)), function)
            for output, function, axis in zip(outputs, score_functions, axes, strict=True)
        ]

    def _cotangents(
        self, outputs: Sequence[NDArray[Any]], scores: Sequence[Callable[..., Any]]
    ) -> tuple[list[Tensor], list[NDArray[np.float32]]]:
        """Return the scores, and the gradient of their sum with respect to each output."""
        tensors = [Tensor(output) for output in outputs]
        values = self._calculate_scores(tensors, scores)
        return values, gradient(values, tensors)


def _seeds(network: Network, given: Sequence[Any]) -> list[NDArray[np.float32]]:
    """Return one float32 array with a batch axis for each input."""
    if len(given) != len(network.inputs):
        raise InvalidArgumentError(
            f"The model has {len(network.inputs)} inputs and needs as many seed inputs; received "
            f"{len(given)}."
        )
    seeds = []
    for value, wanted in zip(given, network.inputs, strict=True):
        array = np.asarray(value, np.float32)
        if array.ndim == len(wanted.shape) - 1:
            array = array[np.newaxis]
        if not wanted.accepts(array.shape):
            raise InvalidArgumentError(
                f"The input {wanted.name!r} has shape {wanted.shape}; received a seed input of "
                f"shape {np.shape(value)}."
            )
        seeds.append(np.ascontiguousarray(array))
    return seeds


def _mean_score(score: Any, function: Any) -> Tensor:
    """Return one number a sample."""
    if isinstance(score, (list, tuple)) and score:
        score = stack(score)
    if not isinstance(score, Tensor) or score.ndim == 0:
        raise InvalidArgumentError(
            "A score is computed from the output that it gets and has one value for each sample, "
            f"such as lambda output: output[:, 3]; received {score!r:.60} from {function!r:.60}."
        )
    return score.mean(axis=tuple(range(1, score.ndim))) if score.ndim > 1 else score
