"""Values and gradients of rows that TensorFlow can't compute on a CPU, by Keras on JAX.

A process has one Keras backend, so that all such rows of a file are computed by one other process.
"""

from __future__ import annotations

import functools
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).parents[1]
# Each row is compiled for one call.
ENVIRONMENT = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
}


def reference(row: Any, key: str) -> tuple[list[Any], list[list[Any]]]:
    """Return the outputs of a row's network, and for each the gradients of its inputs."""
    results = _computed(row.build.__code__.co_filename)
    outputs = sum(name.startswith(f"{key}/value") for name in results)
    sources = sum(name.startswith(f"{key}/gradient 0/") for name in results)
    values = [results[f"{key}/value {number}"] for number in range(outputs)]
    gradients = [
        [results[f"{key}/gradient {number}/{source}"] for source in range(sources)]
        for number in range(outputs)
    ]
    return values, gradients


@functools.cache
def _computed(path: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.npz"
        subprocess.run(
            [sys.executable, "-m", "layers.on_jax", path, str(file)],
            cwd=TESTS,
            env=os.environ | ENVIRONMENT,
            check=True,
            capture_output=True,
        )
        with np.load(file) as results:
            return dict(results)


def _compute(path: str, file: str) -> None:
    import jax
    from layers.checking import flat, network

    results = {}
    for name, settings in runpy.run_path(path)["TABLE"].items():
        for setting, row in settings.items():
            if not row.on_jax:
                continue
            key = f"{name}:{setting}"
            model, arrays = network(row, key)

            def compute(*tensors: Any, model: Any = model) -> list[Any]:
                feed = list(tensors) if len(tensors) > 1 else tensors[0]
                return flat(model(feed, training=False))

            values, pull = jax.vjp(compute, *arrays)
            random = np.random.default_rng(0)
            for number, value in enumerate(values):
                results[f"{key}/value {number}"] = value
                cotangents = [np.zeros_like(each) for each in values]
                cotangents[number] = random.normal(size=value.shape).astype(np.float32)
                for source, gradient in enumerate(pull(cotangents)):
                    results[f"{key}/gradient {number}/{source}"] = gradient
    np.savez(file, **results)


if __name__ == "__main__":
    _compute(*sys.argv[1:])
