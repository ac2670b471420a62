"""One side of a comparison: a process that prepares a job and times it each time it is told to.

usage: worker.py SIDE JOB FOLDER

SIDE is ``phosphene`` or ``tensorflow`` (Keras on TensorFlow), JOB a key of `jobs.JOBS`, FOLDER
where the model files are. For each line on standard input the job runs once and the seconds that it
took are printed; at the end of input the process goes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jobs import JOBS, Job

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT = 385


def phosphene_step(job: Job, folder: Path) -> Callable[[], object]:
    """Return what runs the job once on Phosphene."""
    import phosphene as ph

    model = ph.load(folder / f"{job.network}.safetensors")
    x = job.inputs()
    if job.kind == "forward":
        return lambda: model(x)
    if job.kind == "trace":
        return lambda: ph.trace(model, x)
    return lambda: ph.gradient(model, x, UNIT)


def tensorflow_step(job: Job) -> Callable[[], object]:
    """Return what runs the job once on Keras with TensorFlow, compiled by tf.function."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    model = job.build()
    if job.kind == "gradient":
        model.layers[-1].activation = keras.activations.linear  # the score before softmax
    x = tf.constant(job.inputs())
    traced = keras.Model(model.inputs, [layer.output for layer in model.layers[1:]])

    @tf.function
    def forward(x: tf.Tensor) -> tf.Tensor:
        return model(x, training=False)

    @tf.function
    def trace(x: tf.Tensor) -> list[tf.Tensor]:
        return traced(x, training=False)

    @tf.function
    def gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(model(x, training=False)[:, UNIT])
        return tape.gradient(score, x)

    if job.kind == "forward":
        return lambda: forward(x).numpy()
    if job.kind == "trace":
        return lambda: [output.numpy() for output in trace(x)]
    return lambda: gradient(x).numpy()


def main() -> None:
    """Prepare the job, warm up, then time it line by line."""
    side, name, folder = sys.argv[1:]
    job = JOBS[name]
    step = phosphene_step(job, Path(folder)) if side == "phosphene" else tensorflow_step(job)
    for _ in range(3):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(job.repetitions):
            step()
        print((time.perf_counter() - start) / job.repetitions, flush=True)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
