"""The old names of scores."""

from phosphene.compat.tf_keras_vis.utils.scores import BinaryScore as BinaryLoss
from phosphene.compat.tf_keras_vis.utils.scores import CategoricalScore as CategoricalLoss
from phosphene.compat.tf_keras_vis.utils.scores import InactiveScore as InactiveLoss
from phosphene.compat.tf_keras_vis.utils.scores import Score as Loss

__all__ = ["BinaryLoss", "CategoricalLoss", "InactiveLoss", "Loss"]
