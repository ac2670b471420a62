"""LayerCAM: each position of a convolution's output weighted by its own gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene.compat.tf_keras_vis._cam import modified
from phosphene.compat.tf_keras_vis.gradcam import Gradcam
from phosphene.compat.tf_keras_vis.utils import relu

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Gradcam", "Layercam"]


class Layercam(Gradcam):
    """Class activation maps whose positions have weights of their own.

    References
    ----------
    Jiang, Zhang, Hou, Cheng, Wei: LayerCAM: Exploring Hierarchical Class Activation Maps for
    Localization, 2021.
    """

    def __call__(
        self,
        score: Any,
        seed_input: Any,
        penultimate_layer: Any = None,
        seek_penultimate_conv_layer: bool = True,
        gradient_modifier: Callable[..., Any] | None = relu,
        activation_modifier: Callable[..., Any] | None = relu,
        training: bool = False,
        expand_cam: bool = True,
        normalize_cam: bool = True,
        unconnected_gradients: Any = None,
    ) -> Any:
        """Return a map for each sample; see `Gradcam`."""
        return super().__call__(
            score,
            seed_input,
            penultimate_layer=penultimate_layer,
            seek_penultimate_conv_layer=seek_penultimate_conv_layer,
            gradient_modifier=gradient_modifier,
            activation_modifier=activation_modifier,
            training=training,
            expand_cam=expand_cam,
            normalize_cam=normalize_cam,
            unconnected_gradients=unconnected_gradients,
        )

    def _cam(
        self,
        gradients: NDArray[Any],
        features: NDArray[Any],
        scores: list[NDArray[Any]],
        modifier: Callable[..., Any] | None,
    ) -> NDArray[Any]:
        del scores
        return modified(modifier, (features * gradients).sum(axis=-1))
