"""Where input modifiers used to be."""

from phosphene.compat.tf_keras_vis.activation_maximization.input_modifiers import (
    InputModifier,
    Jitter,
    Rotate,
    Rotate2D,
)

__all__ = ["InputModifier", "Jitter", "Rotate", "Rotate2D"]
