"""Saliency maps and SmoothGrad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.compat._network import plain_training
from phosphene.compat.tf_keras_vis import ModelVisualization
from phosphene.compat.tf_keras_vis.utils import Values, get_num_of_steps_allowed, listify, normalize

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "ModelVisualization",
    "Saliency",
    "get_num_of_steps_allowed",
    "listify",
    "normalize",
]


class Saliency(ModelVisualization):
    """How much a score changes with each pixel.

    References
    ----------
    Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2014. Smilkov, Thorat, Kim,
    Viegas, Wattenberg: SmoothGrad, 2017.
    """

    def __call__(
        self,
        score: Any,
        seed_input: Any,
        smooth_samples: int = 0,
        smooth_noise: float = 0.20,
        keepdims: bool = False,
        gradient_modifier: Callable[..., Any] | None = np.abs,
        training: bool = False,
        normalize_map: bool = True,
        unconnected_gradients: Any = None,
    ) -> Any:
        """Return a map for each sample.

        Parameters
        ----------
        score
            A `Score`, a function of the output, or a list with one for each output.
        seed_input
            An array, or a list with one for each input.
        smooth_samples
            How many noisy copies are averaged (SmoothGrad); 0 for the plain gradient.
        smooth_noise
            The standard deviation of the noise in units of the range of each sample.
        keepdims
            Whether channels stay apart; by default the largest counts.
        gradient_modifier
            A function of gradients.
        training
            Only False is supported.
        normalize_map
            Whether each map is stretched to the range from 0 to 1.
        unconnected_gradients
            Accepted for old scripts; they are zeros.

        Returns
        -------
        ndarray, or a list of them
            A list if the model has several inputs, or `seed_input` was one.
        """
        del unconnected_gradients
        plain_training(training)
        scores = self._get_scores_for_multiple_outputs(score)
        seeds = self._get_seed_inputs_for_multiple_inputs(seed_input)
        if smooth_samples > 0:
            smooth_samples = get_num_of_steps_allowed(smooth_samples)
            noisy = [_noisy(seed, smooth_samples, smooth_noise) for seed in seeds]
            maps = [np.zeros_like(seed) for seed in seeds]
            for sample in range(smooth_samples):
                found = self._gradients([each[sample] for each in noisy], scores, gradient_modifier)
                maps = [total + each for total, each in zip(maps, found, strict=True)]
            maps = [each / np.float32(smooth_samples) for each in maps]
        else:
            maps = self._gradients(seeds, scores, gradient_modifier)
        maps = [
            np.asarray(each).view(Values)
            if keepdims
            else np.max(each, axis=self.model.input_axis(number))
            for number, each in enumerate(maps)
        ]
        if normalize_map:
            maps = [normalize(each) for each in maps]
        if len(self.model.inputs) == 1 and not isinstance(seed_input, list):
            return maps[0]
        return maps

    def _gradients(
        self,
        seeds: list[NDArray[Any]],
        scores: list[Callable[..., Any]],
        modifier: Callable[..., Any] | None,
    ) -> list[NDArray[Any]]:
        _, cotangents = self._cotangents(self.model.run(seeds), scores)
        found = self.model.gradients(seeds, cotangents)
        return found if modifier is None else [np.asarray(modifier(each)) for each in found]


def _noisy(seed: NDArray[Any], count: int, noise: float) -> NDArray[np.float32]:
    """Return noisy copies along a new first axis."""
    copies = np.broadcast_to(seed, (count, *seed.shape))
    axes = tuple(range(2, copies.ndim))
    reach = copies.max(axis=axes, keepdims=True) - copies.min(axis=axes, keepdims=True)
    drawn = np.random.normal(0.0, np.float32(noise) * reach, copies.shape)
    return np.asarray(copies + drawn.astype(np.float32), np.float32)
