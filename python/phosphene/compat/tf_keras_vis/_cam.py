"""What class activation maps share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.compat._channels import last
from phosphene.compat._images import zoom
from phosphene.compat._network import plain_training
from phosphene.compat.tf_keras_vis import ModelVisualization
from phosphene.compat.tf_keras_vis.utils import Values, normalize, relu, zoom_factor
from phosphene.compat.tf_keras_vis.utils.model_modifiers import penultimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class ActivationMap(ModelVisualization):
    """A map of the regions of a convolution's output that speak for a score."""

    def _shown(
        self,
        cam: NDArray[Any],
        seeds: list[NDArray[Any]],
        seed_input: Any,
        expand: bool,
        normalized: bool,
    ) -> Any:
        """Return maps in the size of each input."""
        if not expand:
            cam = cam.view(Values)
            return normalize(cam) if normalized else cam
        places = [last(seed, self.model.input_axis(n)).shape for n, seed in enumerate(seeds)]
        maps = [zoom(cam, zoom_factor(cam.shape, shape)) for shape in places]
        if normalized:
            maps = [normalize(each) for each in maps]
        if len(self.model.inputs) == 1 and not isinstance(seed_input, list):
            return maps[0]
        return maps


class GradientMap(ActivationMap):
    """A map from the gradient of a score with respect to that output."""

    def __call__(
        self,
        score: Any,
        seed_input: Any,
        penultimate_layer: Any = None,
        seek_penultimate_conv_layer: bool = True,
        gradient_modifier: Callable[..., Any] | None = None,
        activation_modifier: Callable[..., Any] | None = relu,
        training: bool = False,
        expand_cam: bool = True,
        normalize_cam: bool = True,
        unconnected_gradients: Any = None,
    ) -> Any:
        """Return a map for each sample.

        Parameters
        ----------
        score
            A `Score`, a function of the output, or a list with one for each output.
        seed_input
            An array, or a list with one for each input.
        penultimate_layer
            The layer that is looked at, by index, name or as a layer; the last by default.
        seek_penultimate_conv_layer
            Whether the search goes back from there to the nearest convolution.
        gradient_modifier
            A function of gradients.
        activation_modifier
            A function of the map.
        training
            Only False is supported.
        expand_cam
            Whether the map is resized to the input.
        normalize_cam
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
        path = penultimate(self.model, penultimate_layer, seek_penultimate_conv_layer)
        *outputs, features = self.model.run(seeds, [*self.model.outputs, path])
        values, cotangents = self._cotangents(outputs, scores)
        gradients = self.model.gradients(seeds, cotangents, at=path)[0]
        if gradient_modifier is not None:
            gradients = np.asarray(gradient_modifier(gradients))
        axis = self.model.channel_axis(path)
        gradients, features = last(gradients, axis), last(features, axis)
        cam = self._cam(gradients, features, [each.value for each in values], activation_modifier)
        return self._shown(cam, seeds, seed_input, expand_cam, normalize_cam)

    @abstractmethod
    def _cam(
        self,
        gradients: NDArray[Any],
        features: NDArray[Any],
        scores: list[NDArray[Any]],
        modifier: Callable[..., Any] | None,
    ) -> NDArray[Any]:
        """Return the map of each sample; channels come last."""


def modified(modifier: Callable[..., Any] | None, values: NDArray[Any]) -> NDArray[Any]:
    """Return what a modifier makes of values."""
    return values if modifier is None else np.asarray(modifier(values))
