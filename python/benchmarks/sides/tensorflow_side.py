"""Keras on TensorFlow: compiled by tf.function, by XLA, or called plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import networks
import tensorflow as tf
from jobs import UNIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs import Job


def load(job: Job, folder: Path) -> Any:
    """Return the Keras model, which ends before softmax where a unit is asked for."""
    model = keras.saving.load_model(folder / f"{job.file}.keras", compile=False)
    if job.kind in {"gradient", "memory"}:
        model.layers[-1].activation = keras.activations.linear
    return model


def traced(model: Any) -> Any:
    """Return the model that gives every layer's output."""
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    return keras.Model(model.inputs, [layer.output for layer in layers])


def prepare(job: Job, folder: Path, variant: str) -> Callable[[], Any]:
    """Return what does the job once."""
    model = load(job, folder)
    x = tf.constant(networks.inputs(job.network, job.image, job.batch))
    unit = min(UNIT, model.output_shape[-1] - 1)

    def gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(model(x, training=False)[:, unit])
        return tape.gradient(score, x)

    if job.kind == "trace":
        every = traced(model)
        if variant == "eager":
            return lambda: [output.numpy() for output in every(x, training=False)]
        trace = tf.function(lambda x: every(x, training=False), jit_compile=variant == "xla")
        return lambda: [output.numpy() for output in trace(x)]
    if job.kind == "forward":
        step = tf.function(lambda x: model(x, training=False), jit_compile=variant == "xla")
    else:
        step = tf.function(gradient, jit_compile=variant == "xla")
    return lambda: step(x).numpy()
