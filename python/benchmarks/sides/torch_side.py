"""PyTorch: Keras on it, plainly or compiled, and a plain twin with its channels last."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import keras
import subjects
import torch
from jobs import UNIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs import Job


def prepare(job: Job, folder: Path, variant: str) -> Callable[[], Any]:
    """Return what does the job once."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = keras.saving.load_model(folder / f"{job.file}.keras", compile=False)
    if job.kind in {"gradient", "memory"}:
        model.layers[-1].activation = keras.activations.linear
    unit = min(UNIT, model.output_shape[-1] - 1)
    x = torch.from_numpy(subjects.inputs(job.network, job.image, job.batch))
    if job.kind == "trace":
        layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
        model = keras.Model(model.inputs, [layer.output for layer in layers])
    call: Any = model
    if variant == "channels-last":
        from sides.torch_twin import Twin

        call = Twin(model).eval().to(memory_format=torch.channels_last)
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    for parameter in call.parameters():
        parameter.requires_grad_(requires_grad=False)
    if variant in {"compile", "channels-last"}:
        if job.kind != "gradient":  # constants are folded and packed
            import torch._inductor.config as inductor

            inductor.freezing = variant == "channels-last"
        call = torch.compile(call)

    def forward() -> Any:
        with torch.no_grad():
            return call(x)

    def gradient() -> Any:
        score = call(x)[:, unit].sum()
        (slope,) = torch.autograd.grad(score, x)
        return slope.numpy()

    if job.kind == "trace":
        return lambda: [output.numpy() for output in forward()]
    if job.kind == "forward":
        return lambda: forward().numpy()
    x.requires_grad_(requires_grad=True)
    return gradient
