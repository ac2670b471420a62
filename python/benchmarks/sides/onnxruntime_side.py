"""ONNX Runtime, from Keras' export on PyTorch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import onnxruntime
import subjects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs import Job


def export(job: Job, folder: Path) -> Path:
    """Return the network in ONNX's form, made the first time."""
    path = folder / f"{job.file}-{job.kind}-batch{job.batch}.onnx"
    if not path.exists():
        import keras

        model = keras.saving.load_model(folder / f"{job.file}.keras", compile=False)
        if job.kind == "trace":
            layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
            model = keras.Model(model.inputs, [layer.output for layer in layers])
        model(subjects.inputs(job.network, job.image, job.batch))  # an export wants to know shapes
        model.export(path, format="onnx", verbose=False)
    return path


def prepare(job: Job, folder: Path, _variant: str) -> Callable[[], Any]:
    """Return what does the job once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(export(job, folder), options)
    name = session.get_inputs()[0].name
    x = subjects.inputs(job.network, job.image, job.batch)
    return lambda: session.run(None, {name: x})
