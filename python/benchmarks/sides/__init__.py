"""Those who do the jobs: Phosphene and its peers, one module a framework.

Each module has ``prepare(job, folder, variant)``, which returns a function that does the job once
and gives arrays; for jobs of kind ``"render"`` it gives the seconds of each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobs import Job, Kind


@dataclass(frozen=True)
class Side:
    """One competitor.

    Attributes
    ----------
    module
        The module of this package that prepares its jobs.
    kinds
        The kinds of jobs that it can do.
    package
        The distribution whose version is printed.
    backend
        The backend that Keras runs on.
    networks
        Only these, or all.
    """

    title: str
    module: str
    kinds: frozenset[Kind]
    package: str
    backend: str = "tensorflow"
    networks: frozenset[str] | None = None
    variant: str = ""

    def can_do(self, job: Job) -> bool:
        """Whether the job is one for this side."""
        return job.kind in self.kinds and (self.networks is None or job.network in self.networks)


def _kinds(*kinds: Kind) -> frozenset[Kind]:
    return frozenset(kinds)


_NETWORK = _kinds("forward", "trace", "gradient", "memory", "first")
_TWINS = frozenset({"vgg16", "resnet50", "mobilenetv2"})

SIDES: dict[str, Side] = {
    "phosphene": Side(
        "Phosphene", "phosphene_side", _NETWORK | {"maximize", "render"}, "phosphene"
    ),
    "tensorflow": Side("TensorFlow", "tensorflow_side", _NETWORK | {"render"}, "tensorflow-cpu"),
    "keras-call": Side(
        "Keras, plain call",
        "tensorflow_side",
        _kinds("trace"),
        "keras",
        networks=frozenset({"dense", "digits"}),
        variant="eager",
    ),
    "xla": Side(
        "TensorFlow, XLA",
        "tensorflow_side",
        _kinds("forward", "trace", "gradient"),
        "tensorflow-cpu",
        variant="xla",
    ),
    "jax": Side("JAX", "jax_side", _NETWORK, "jax", "jax"),
    "torch": Side("PyTorch, eager", "torch_side", _NETWORK, "torch", "torch"),
    "torch-compile": Side(
        "PyTorch, compiled",
        "torch_side",
        _kinds("forward", "trace", "gradient"),
        "torch",
        "torch",
        variant="compile",
    ),
    "torch-channels-last": Side(
        "PyTorch, compiled, channels last",
        "torch_side",
        _kinds("forward", "gradient"),
        "torch",
        "torch",
        networks=_TWINS,
        variant="channels-last",
    ),
    "openvino": Side("OpenVINO", "openvino_side", _kinds("forward", "trace"), "openvino"),
    "onnxruntime": Side(
        "ONNX Runtime", "onnxruntime_side", _kinds("forward", "trace"), "onnxruntime", "torch"
    ),
    "tf-keras-vis": Side("tf-keras-vis", "tf_keras_vis_side", _kinds("maximize"), "tf-keras-vis"),
}

PEERS = tuple(name for name in SIDES if name != "phosphene")


def sides_of(job: Job, peers: Iterable[str]) -> list[str]:
    """Return who does the job: Phosphene, and those of `peers` that can."""
    return [name for name in ("phosphene", *peers) if SIDES[name].can_do(job)]
