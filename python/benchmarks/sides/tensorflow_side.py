"""Keras on TensorFlow: compiled by tf.function, by XLA, or called plainly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import keras
import subjects
import tensorflow as tf
from jobs import RENDERED_LAYER, UNIT

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
    if job.kind == "render":
        return _renderer(model, job)
    x = tf.constant(subjects.inputs(job.network, job.image, job.batch))
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


def _renderer(model: Any, job: Job) -> Callable[[], list[float]]:
    """Return what climbs with Adam and gives the seconds of each step."""
    part = keras.Model(model.inputs, model.get_layer(RENDERED_LAYER).output)
    start = subjects.inputs(job.network, job.image, job.batch)
    x, mean, square = tf.Variable(start), tf.Variable(start * 0), tf.Variable(start * 0)
    wanted = tf.eye(job.batch, part.output_shape[-1])  # its own channel of each picture

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            channels = tf.reduce_mean(part(x, training=False), (1, 2))
            score = tf.reduce_sum(channels * wanted)
        slope = tape.gradient(score, x)
        mean.assign(0.9 * mean + 0.1 * slope)
        square.assign(0.999 * square + 0.001 * slope * slope)
        x.assign_add(0.05 * mean / (tf.sqrt(square) + 1e-8))
        return score

    def climb() -> list[float]:
        times = []
        for _ in range(job.steps):
            before = time.perf_counter()
            step().numpy()
            times.append(time.perf_counter() - before)
        return times

    return climb
