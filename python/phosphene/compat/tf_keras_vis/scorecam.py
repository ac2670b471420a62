"""Score-CAM: which channels of a convolution raise a score when they mask the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat._channels import back, last
from phosphene.compat._images import zoom
from phosphene.compat._network import plain_training
from phosphene.compat.tf_keras_vis import ModelVisualization
from phosphene.compat.tf_keras_vis._cam import ActivationMap, modified
from phosphene.compat.tf_keras_vis.utils import (
    EPSILON,
    Values,
    get_num_of_steps_allowed,
    is_mixed_precision,
    listify,
    normalize,
    relu,
    zoom_factor,
)
from phosphene.compat.tf_keras_vis.utils.model_modifiers import ModelModifier, penultimate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = [
    "ModelModifier",
    "ModelVisualization",
    "ScoreCAM",
    "Scorecam",
    "get_num_of_steps_allowed",
    "is_mixed_precision",
    "listify",
    "normalize",
    "zoom_factor",
]


class Scorecam(ActivationMap):
    """Score-weighted class activation maps, without gradients.

    References
    ----------
    Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu: Score-CAM, 2020.
    """

    def __call__(
        self,
        score: Any,
        seed_input: Any,
        penultimate_layer: Any = None,
        seek_penultimate_conv_layer: bool = True,
        activation_modifier: Callable[..., Any] | None = relu,
        batch_size: int = 32,
        max_N: int | None = None,
        training: bool = False,
        expand_cam: bool = True,
        normalize_cam: bool = True,
    ) -> Any:
        """Return a map for each sample.

        Parameters
        ----------
        score
            A `Score`, a function of the output, or a list with one for each output. It gets the
            softmax of the network's output.
        seed_input
            An array, or a list with one for each input.
        penultimate_layer, seek_penultimate_conv_layer, activation_modifier
            As for `Gradcam`.
        batch_size
            How many masked inputs are computed at a time.
        max_N
            Only the channels that vary most are looked at, so many of each sample (Faster
            Score-CAM); all by default.
        training, expand_cam, normalize_cam
            As for `Gradcam`.

        Returns
        -------
        ndarray, or a list of them
            A list if the model has several inputs, or `seed_input` was one.
        """
        plain_training(training)
        scores = self._get_scores_for_multiple_outputs(score)
        seeds = self._get_seed_inputs_for_multiple_inputs(seed_input)
        path = penultimate(self.model, penultimate_layer, seek_penultimate_conv_layer)
        features = last(self.model.run(seeds, [path])[0], self.model.channel_axis(path))
        features = _varied(features, max_N)
        samples, channels = features.shape[0], features.shape[-1]
        axes = [self.model.input_axis(number) for number in range(len(seeds))]
        images = [last(seed, axis) for seed, axis in zip(seeds, axes, strict=True)]
        masks = [_masks(features, image) for image in images]
        parts = []
        for batch in _masked(masks, images, batch_size):
            placed = (back(part, axis) for part, axis in zip(batch, axes, strict=True))
            parts.append(self.model.run([np.ascontiguousarray(part) for part in placed]))
        weights = np.zeros((samples, channels), np.float32)
        for function, predictions in zip(scores, zip(*parts, strict=True), strict=True):
            joined = np.concatenate(predictions)
            joined = _softmax(joined.reshape(channels, samples, joined.shape[-1]))
            each = [_weights(function(one.view(Values)), samples) for one in joined]
            weights += np.array(each, np.float32).reshape(channels, samples, -1).mean(axis=2).T
        cam = np.einsum("n...c,nc->n...", features, weights)
        cam = modified(activation_modifier, cam)
        return self._shown(cam, seeds, seed_input, expand_cam, normalize_cam)


ScoreCAM = Scorecam


def _varied(features: NDArray[Any], count: int | None) -> NDArray[Any]:
    """Return the channels that vary most in any of the samples."""
    channels = features.shape[-1]
    if count is None or count <= 0:
        count = channels
    elif count > channels:
        raise InvalidArgumentError(f"max_N must be {channels} or less; received {count}.")
    count = get_num_of_steps_allowed(count)
    if count >= channels:
        return features
    spread = features.std(axis=tuple(range(1, features.ndim - 1)))
    largest = np.argsort(-spread, axis=-1, kind="stable")[:, :count]
    return features[..., list(dict.fromkeys(largest.ravel().tolist()))]


def _masks(features: NDArray[Any], seed: NDArray[Any]) -> NDArray[Any]:
    """Return the channels in the size of the input, each from 0 to 1, channels first."""
    factor = zoom_factor(features.shape[1:-1], seed.shape[1:-1])
    large = zoom(features, (1, *factor, 1))
    axes = tuple(range(1, large.ndim - 1))
    low, high = large.min(axis=axes, keepdims=True), large.max(axis=axes, keepdims=True)
    return np.moveaxis((large - low) / (high - low + EPSILON), -1, 0)


def _masked(
    masks: list[NDArray[Any]], seeds: list[NDArray[Any]], batch_size: int
) -> Iterator[list[NDArray[Any]]]:
    """Yield the inputs masked by each channel of each sample, a batch at a time."""
    channels, samples = masks[0].shape[:2]
    for start in range(0, channels * samples, batch_size):
        numbers = np.arange(start, min(start + batch_size, channels * samples))
        channel, sample = np.divmod(numbers, samples)
        yield [
            np.asarray(mask[channel, sample][..., np.newaxis] * seed[sample], np.float32)
            for mask, seed in zip(masks, seeds, strict=True)
        ]


def _softmax(values: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _weights(score: Any, samples: int) -> Any:
    """Return a score if it has a value for each sample."""
    count = len(score) if np.ndim(score) else 1
    if count != samples:
        raise InvalidArgumentError(
            f"A score has one value for each of the samples, {samples} here; received {count}."
        )
    return score
