"""Grad-CAM++: Grad-CAM with weights from higher derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.compat.tf_keras_vis import ModelVisualization
from phosphene.compat.tf_keras_vis._cam import GradientMap, modified
from phosphene.compat.tf_keras_vis.utils import is_mixed_precision, normalize, zoom_factor
from phosphene.compat.tf_keras_vis.utils.model_modifiers import ModelModifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "GradcamPlusPlus",
    "ModelModifier",
    "ModelVisualization",
    "is_mixed_precision",
    "normalize",
    "zoom_factor",
]


class GradcamPlusPlus(GradientMap):
    """Class activation maps with weights from higher derivatives; called like `Gradcam`.

    References
    ----------
    Chattopadhyay, Sarkar, Howlader, Balasubramanian: Grad-CAM++, 2018.
    """

    def _cam(
        self,
        gradients: NDArray[Any],
        features: NDArray[Any],
        scores: list[NDArray[Any]],
        modifier: Callable[..., Any] | None,
    ) -> NDArray[Any]:
        space = tuple(range(1, features.ndim - 1))
        exponential = sum(np.exp(each) for each in scores)
        first = np.reshape(exponential, (-1,) + (1,) * (gradients.ndim - 1)) * gradients
        second = first * gradients
        third = second * gradients
        below = second * np.float32(2) + third * features.sum(axis=space, keepdims=True)
        shares = second / (below + (second == 0))
        total = shares.sum(axis=space, keepdims=True)
        shares = shares / (total + (total == 0))
        weights = (modified(modifier, first) * shares).sum(axis=space, keepdims=True)
        return modified(modifier, (weights * features).sum(axis=-1))
