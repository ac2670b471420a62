"""The least that a job can take: its arithmetic over the machine's peak, its bytes over memory's.

A floor is that of *direct* computation: each layer takes its multiply-adds, or the time that its
weights take to be read once, whichever is longer. An algorithm with fewer multiplications, such as
Winograd's, may come out below it: a share of more than 100 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobs import Job


@dataclass(frozen=True)
class Peak:
    """What the machine can do, in operations (two a multiply-add) and in bytes a second."""

    flops: float
    bandwidth: float


@dataclass(frozen=True)
class Work:
    """What one layer does for one sample."""

    multiply_adds: int
    weight_bytes: int
    output_bytes: int


def work(kind: str, weights: Sequence[tuple[int, ...]], inputs: Any, output: Any) -> Work:
    """Return what a layer does, from the shapes of its weights and one sample's values.

    Convolutions of all kinds and dense layers count; what else a network does is small beside them
    and counts as nothing.
    """
    kernels = [shape for shape in weights if len(shape) >= 2]
    if kind.endswith("Transpose"):  # each input pixel goes through the whole kernel
        positions = prod(inputs[:-1])
    elif "Conv" in kind or kind == "Dense":
        positions = prod(output[:-1])
    else:
        positions = 0
    return Work(
        multiply_adds=positions * sum(prod(kernel) for kernel in kernels),
        weight_bytes=4 * sum(prod(shape) for shape in weights),
        output_bytes=4 * prod(output),
    )


def layers_work(layers: Iterable[Any]) -> list[Work]:
    """Return the work of each layer of a Phosphene model."""
    return [
        work(
            layer.kind,
            [weight.shape for weight in layer.get_weights()],
            layer.input_shape[1:],
            layer.output_shape[1:],
        )
        for layer in layers
        if layer.kind != "InputLayer" and isinstance(layer.output_shape, tuple)
    ]


def floor_seconds(job: Job, layers: Iterable[Work], peak: Peak) -> float:
    """Return the least seconds of a job, 0.0 for kinds that have no floor.

    A gradient is a second pass of the same work. A trace writes every output.
    """
    passes = {"forward": 1, "trace": 1, "gradient": 2, "maximize": 2}.get(job.kind, 0)
    seconds = 0.0
    for layer in layers:
        arithmetic = 2 * job.batch * layer.multiply_adds / peak.flops
        seconds += passes * max(arithmetic, layer.weight_bytes / peak.bandwidth)
        if job.kind == "trace":
            seconds += job.batch * layer.output_bytes / peak.bandwidth
    return seconds
