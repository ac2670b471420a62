"""What is measured: networks, inputs, and the least work that each job is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

# The article's network: a pattern of 50 by 50 through six dense layers.
PATTERN_UNITS = (75, 50, 25, 10)


@dataclass(frozen=True)
class Job:
    """One measurement.

    Attributes
    ----------
    network
        ``"vgg16"``, ``"resnet50"`` or ``"pattern"``.
    kind
        Final output, every layer's output in one call, or final output and input gradient.
    repetitions
        Runs a measurement, so that short jobs last long enough to be timed.
    """

    title: str
    network: Literal["vgg16", "resnet50", "pattern"]
    kind: Literal["forward", "trace", "gradient"]
    repetitions: int = 1

    def build(self) -> Any:
        """Return the network as a Keras model with random weights."""
        import keras

        keras.utils.set_random_seed(0)
        if self.network == "vgg16":
            return keras.applications.VGG16(weights=None)
        if self.network == "resnet50":
            return keras.applications.ResNet50(weights=None)
        layers = keras.layers
        x = start = keras.Input((50, 50))
        for units in PATTERN_UNITS:
            x = layers.Dense(units, activation="relu")(x)
        x = layers.Dense(5, activation="softmax")(layers.Flatten()(x))
        return keras.Model(start, x)

    def inputs(self) -> np.ndarray:
        """Return one input."""
        shape = (1, 50, 50) if self.network == "pattern" else (1, 224, 224, 3)
        return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


JOBS = {
    "vgg16-forward": Job("VGG16, forward", "vgg16", "forward"),
    "vgg16-gradient": Job("VGG16, forward and input gradient", "vgg16", "gradient"),
    "vgg16-trace": Job("VGG16, every layer's output", "vgg16", "trace"),
    "resnet50-gradient": Job("ResNet50, forward and input gradient", "resnet50", "gradient"),
    "pattern-trace": Job("dense 50 x 50, every layer's output", "pattern", "trace", 200),
}


def floor_seconds(job: Job, model: Any, flops: float, bandwidth: float) -> float:
    """Return the least seconds that a job can take on a machine without fewer multiplications.

    Convolutions are bound by `flops` (a second), dense layers at batch one by `bandwidth` (bytes a
    second), because each weight is read once a pass. A gradient is a second pass.
    """
    seconds = 0.0
    for layer in model.layers:
        kernel = next((w for w in layer.get_weights() if w.ndim in (2, 4)), None)
        if kernel is None:
            continue
        if kernel.ndim == 4:
            positions = np.prod(layer.output_shape[1:3])
            seconds += 2 * kernel.size * positions / flops
        else:
            seconds += kernel.nbytes / bandwidth
    return seconds * (2 if job.kind == "gradient" else 1)
