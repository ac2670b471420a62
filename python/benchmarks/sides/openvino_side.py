"""OpenVINO, from Keras' own export, computing in float32."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
import subjects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs import Job


def export(job: Job, folder: Path) -> Path:
    """Return the network in OpenVINO's form, made the first time."""
    path = folder / f"{job.file}-{job.kind}-batch{job.batch}.xml"
    if not path.exists():
        import tensorflow as tf

        from sides.tensorflow_side import load, traced

        model = load(job, folder)
        if job.kind == "trace":
            model = traced(model)
        shape = subjects.input_shape(job.network, job.image, job.batch)
        function = tf.function(
            lambda x: model(x, training=False), input_signature=[tf.TensorSpec(shape)]
        )
        converted = ov.convert_model(function, example_input=tf.zeros(shape), input=[shape])
        ov.save_model(converted, path, compress_to_fp16=False)
    return path


def compiled(path: Path) -> Any:
    """Return the network, ready to be called."""
    core = ov.Core()
    threads = len(os.sched_getaffinity(0))
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    return core.compile_model(path, "CPU", settings)


def prepare(job: Job, folder: Path, _variant: str) -> Callable[[], Any]:
    """Return what does the job once."""
    network = compiled(export(job, folder))
    x = subjects.inputs(job.network, job.image, job.batch)
    return lambda: [np.array(output) for output in network([x]).values()]
