"""Grad-CAM: which regions of a convolution's output speak for a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene.compat.tf_keras_vis import ModelVisualization
from phosphene.compat.tf_keras_vis._cam import GradientMap, modified
from phosphene.compat.tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from phosphene.compat.tf_keras_vis.utils import is_mixed_precision, normalize, zoom_factor
from phosphene.compat.tf_keras_vis.utils.model_modifiers import ModelModifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "Gradcam",
    "GradcamPlusPlus",
    "ModelModifier",
    "ModelVisualization",
    "is_mixed_precision",
    "normalize",
    "zoom_factor",
]


class Gradcam(GradientMap):
    """Gradient-weighted class activation maps.

    References
    ----------
    Selvaraju, Das, Vedantam, Cogswell, Parikh, Batra: Grad-CAM: Why did you say that?, 2016.
    """

    def _cam(
        self,
        gradients: NDArray[Any],
        features: NDArray[Any],
        scores: list[NDArray[Any]],
        modifier: Callable[..., Any] | None,
    ) -> NDArray[Any]:
        del scores
        weights = gradients.mean(axis=tuple(range(1, gradients.ndim - 1)), keepdims=True)
        return modified(modifier, (features * weights).sum(axis=-1))
