"""What is measured: jobs on networks, what they must reach, and in which table they stand.

A job's `kind` says what one run of it is:

forward
    The final output.
trace
    The output of every layer, in one call.
gradient
    The final output, and the gradient of one unit before softmax with respect to the input.
maximize
    The input that one unit likes best, after `steps` steps with transforms and regularizers.
render
    One step of gradient ascent on pixels for `batch` channels of `RENDERED_LAYER` at once.
first
    Import, load and the first result, in a fresh process.
memory
    The largest memory of a process that loads the network and makes steps as in ``gradient``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

Kind = Literal["forward", "trace", "gradient", "maximize", "render", "first", "memory"]

# The unit before softmax that is looked at.
UNIT = 385
# The layer of VGG16 whose channels are rendered.
RENDERED_LAYER = "block5_conv1"


@dataclass(frozen=True)
class Goal:
    """What a job must reach and what it should.

    Attributes
    ----------
    unit
        The side that is `must` times as slow, or ``"ms"`` or ``"GB"``, of which the job takes no
        more than `must`.
    """

    unit: Literal["tensorflow", "openvino", "tf-keras-vis", "ms", "GB"]
    must: float
    aim: float

    @property
    def is_ratio(self) -> bool:
        """Whether larger is better."""
        return self.unit not in {"ms", "GB"}


@dataclass(frozen=True)
class Job:
    """One row of a table; `image` is the side of the input, None for the network's own."""

    network: str
    kind: Kind
    batch: int = 1
    image: int | None = None
    steps: int = 200

    @property
    def key(self) -> str:
        """The name for ``--only``."""
        batch = f"-batch{self.batch}" if self.batch > 1 else ""
        image = f"-{self.image}px" if self.image else ""
        return f"{self.network}-{self.kind}{batch}{image}"

    @property
    def is_long(self) -> bool:
        """Whether one run lasts so long that two have to do."""
        return self.kind == "maximize"

    @property
    def file(self) -> str:
        """The name of the network's files, without ending."""
        return f"{self.network}-{self.image}" if self.image else self.network

    def to_json(self) -> str:
        """Return the job as text for a worker."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        """Return the job that `to_json` wrote."""
        return Job(**json.loads(text))

    def shortened(self) -> Job:
        """Return a twin that takes a tenth of the steps."""
        return replace(self, steps=max(1, self.steps // 10))


# The table of what the project promises.
PROMISES: dict[Job, Goal] = {
    Job("vgg16", "gradient"): Goal("tensorflow", 1.9, 2.6),
    Job("resnet50", "gradient"): Goal("tensorflow", 1.9, 2.5),
    Job("mobilenetv2", "gradient"): Goal("tensorflow", 3.5, 4.5),
    Job("vgg16", "trace"): Goal("tensorflow", 2, 2.5),
    Job("resnet50", "trace"): Goal("tensorflow", 3, 5),
    Job("mobilenetv2", "trace"): Goal("tensorflow", 5, 8),
    Job("vgg16", "forward"): Goal("openvino", 1, 1.8),
    Job("resnet50", "forward"): Goal("openvino", 1, 1.2),
    Job("mobilenetv2", "forward"): Goal("openvino", 1, 1),
    Job("vgg16", "maximize"): Goal("tf-keras-vis", 3.5, 4.5),
    Job("mobilenetv2", "first"): Goal("ms", 300, 150),
    Job("vgg16", "memory"): Goal("GB", 1.1, 0.95),
    Job("dense", "trace"): Goal("ms", 0.1, 0.03),
}

# Networks that nothing was tuned to; beside TensorFlow only.
OTHERS: list[Job] = [
    Job(network, kind)
    for network in ("inceptionv3", "densenet121", "efficientnetb0", "digits")
    for kind in ("gradient", "forward", "trace")
]
