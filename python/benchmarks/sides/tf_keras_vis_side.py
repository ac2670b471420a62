"""tf-keras-vis: activation maximization with the transforms and regularizers that it advises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import subjects
from jobs import UNIT
from tf_keras_vis.activation_maximization import ActivationMaximization
from tf_keras_vis.activation_maximization.input_modifiers import Jitter, Rotate2D
from tf_keras_vis.activation_maximization.regularizers import Norm, TotalVariation2D
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

from sides.tensorflow_side import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs import Job


def prepare(job: Job, folder: Path, _variant: str) -> Callable[[], Any]:
    """Return what does the job once."""
    visualize = ActivationMaximization(load(job, folder), ReplaceToLinear(), clone=False)
    start = subjects.inputs(job.network, job.image, job.batch)
    return lambda: visualize(
        CategoricalScore(UNIT),
        seed_input=start,
        input_range=(-1.0, 1.0),
        input_modifiers=[Jitter(4), Rotate2D(1)],
        regularizers=[TotalVariation2D(1.0), Norm(0.3, p=1)],
        steps=job.steps,
    )
