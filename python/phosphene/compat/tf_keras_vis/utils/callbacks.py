"""Where callbacks used to be, under their old names."""

from phosphene.compat.tf_keras_vis.activation_maximization.callbacks import (
    Callback as OptimizerCallback,
)
from phosphene.compat.tf_keras_vis.activation_maximization.callbacks import (
    GifGenerator2D,
)
from phosphene.compat.tf_keras_vis.activation_maximization.callbacks import (
    GifGenerator2D as GifGenerator,
)
from phosphene.compat.tf_keras_vis.activation_maximization.callbacks import PrintLogger as Print

__all__ = ["GifGenerator", "GifGenerator2D", "OptimizerCallback", "Print"]
