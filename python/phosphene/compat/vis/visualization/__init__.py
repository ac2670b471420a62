"""What keras-vis draws: activation maximization, saliency and class activation maps."""

from phosphene.compat.vis.visualization.activation_maximization import (
    visualize_activation,
    visualize_activation_with_losses,
)
from phosphene.compat.vis.visualization.saliency import (
    visualize_cam,
    visualize_cam_with_losses,
    visualize_saliency,
    visualize_saliency_with_losses,
)
from phosphene.compat.vis.visualization.shared import get_num_filters, overlay

__all__ = [
    "get_num_filters",
    "overlay",
    "visualize_activation",
    "visualize_activation_with_losses",
    "visualize_cam",
    "visualize_cam_with_losses",
    "visualize_saliency",
    "visualize_saliency_with_losses",
]
