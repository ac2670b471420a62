"""Keras on JAX, compiled by jax.jit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import keras
import numpy as np
import subjects
from jobs import UNIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs import Job


def prepare(job: Job, folder: Path, _variant: str) -> Callable[[], Any]:
    """Return what does the job once."""
    model = keras.saving.load_model(folder / f"{job.file}.keras", compile=False)
    if job.kind in {"gradient", "memory"}:
        model.layers[-1].activation = keras.activations.linear
    unit = min(UNIT, model.output_shape[-1] - 1)
    if job.kind == "trace":
        layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
        model = keras.Model(model.inputs, [layer.output for layer in layers])
    x = subjects.inputs(job.network, job.image, job.batch)
    trained = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]

    def call(x: Any, trained: Any, fixed: Any) -> Any:
        return model.stateless_call(trained, fixed, x, training=False)[0]

    def score(x: Any, trained: Any, fixed: Any) -> Any:
        return call(x, trained, fixed)[:, unit].sum()

    if job.kind == "trace":
        trace = jax.jit(call)
        return lambda: [np.asarray(output) for output in trace(x, trained, fixed)]
    step = jax.jit(call if job.kind == "forward" else jax.grad(score))
    return lambda: np.asarray(step(x, trained, fixed))
