"""Phosphene's own jobs."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import subjects
from jobs import RENDERED_LAYER, UNIT

import phosphene as ph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs import Job


def prepare(job: Job, folder: Path, _variant: str) -> Callable[[], Any]:
    """Return what does the job once."""
    model = ph.load(folder / f"{job.file}.safetensors")
    if job.kind == "maximize":
        return lambda: (
            ph.maximize(
                model,
                UNIT,
                steps=job.steps,
                parametrization="pixel",
                transforms=[ph.transforms.Jitter(4), ph.transforms.Rotate(1)],
                regularizers=[ph.regularizers.TotalVariation(1.0), ph.regularizers.Lp(0.3, p=1)],
                optimizer="rmsprop",
                progress=False,
            ).input
        )
    if job.kind == "render":
        return lambda: _render(model, job)
    x = subjects.inputs(job.network, job.image, job.batch)
    if job.kind == "forward":
        return lambda: model(x)
    if job.kind == "trace":
        return lambda: list(ph.trace(model, x).values())
    return lambda: ph.gradient(model, x, min(UNIT, model.output_shape[-1] - 1))


def _render(model: ph.Model, job: Job) -> list[float]:
    """Return the seconds of each step but the first, which is preceded by the making of a plan."""
    ends: list[float] = []
    ph.maximize(
        model,
        [(RENDERED_LAYER, channel) for channel in range(job.batch)],
        steps=job.steps,
        parametrization="pixel",
        transforms=[],
        progress=False,
        callbacks=[lambda _: ends.append(time.perf_counter())],
    )
    return [end - start for start, end in itertools.pairwise(ends)]
