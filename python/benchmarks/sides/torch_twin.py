"""A Keras network as plain PyTorch with channels second, which it computes fastest in.

Keras on PyTorch transposes around every convolution; this twin doesn't.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class Twin(nn.Module):
    """The layers of a Functional Keras model on the PyTorch backend, run in order."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.steps: list[tuple[str, Any, list[str]]] = []
        self.parts = nn.ModuleDict()
        names: dict[int, str] = {id(tensor): "input" for tensor in model.inputs}
        for layer in model.layers[1:]:
            node = layer._inbound_nodes[0]
            arguments = [names[id(tensor)] for tensor in node.input_tensors]
            names[id(layer.output)] = layer.name
            run = getattr(self, f"_{type(layer).__name__}")(layer)
            self.steps.append((layer.name, run, arguments))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last layer's output."""
        values = {"input": x}
        for name, run, arguments in self.steps:
            x = values[name] = run(*(values[argument] for argument in arguments))
        return x

    def _part(self, layer: Any, part: nn.Module, **weights: Any) -> nn.Module:
        """Keep a module, with weights as it wants them."""
        for name, weight in weights.items():
            getattr(part, name).data = weight.value.detach().clone()
        self.parts[layer.name] = part
        return part

    def _activated(self, layer: Any, run: Any) -> Any:
        name = layer.activation.__name__
        if name == "linear":
            return run
        function = {
            "relu": F.relu,
            "relu6": F.relu6,
            "softmax": lambda x: F.softmax(x, dim=-1),
        }[name]
        return lambda x: function(run(x))

    def _Conv2D(self, layer: Any, *, depthwise: bool = False) -> Any:  # noqa: N802
        kernel = layer.kernel.value.detach()
        height, width, channels, filters = kernel.shape
        kernel = kernel.permute(2 if depthwise else 3, 3 if depthwise else 2, 0, 1)
        part = nn.Conv2d(
            channels,
            channels * filters if depthwise else filters,
            (height, width),
            stride=layer.strides,
            groups=channels if depthwise else 1,
            bias=layer.use_bias,
        )
        part.weight.data = kernel.contiguous()
        if layer.use_bias:
            part.bias.data = layer.bias.value.detach().clone()
        self.parts[layer.name] = part
        if layer.padding == "valid":
            return self._activated(layer, part)
        if layer.strides == (1, 1):
            part.padding = (height // 2, width // 2)
            return self._activated(layer, part)
        size = layer.input.shape[1]
        total = max((-(-size // layer.strides[0]) - 1) * layer.strides[0] + height - size, 0)
        pads = (total // 2, total - total // 2) * 2
        return self._activated(layer, lambda x: part(F.pad(x, pads)))

    def _DepthwiseConv2D(self, layer: Any) -> Any:  # noqa: N802
        return self._Conv2D(layer, depthwise=True)

    def _BatchNormalization(self, layer: Any) -> Any:  # noqa: N802
        part = nn.BatchNorm2d(layer.gamma.shape[0], eps=layer.epsilon)
        weights = {"weight": layer.gamma, "bias": layer.beta}
        weights |= {"running_mean": layer.moving_mean, "running_var": layer.moving_variance}
        return self._part(layer, part, **weights)

    def _Dense(self, layer: Any) -> Any:  # noqa: N802
        part = nn.Linear(*layer.kernel.shape)
        part.weight.data = layer.kernel.value.detach().T.contiguous()
        part.bias.data = layer.bias.value.detach().clone()
        self.parts[layer.name] = part
        return self._activated(layer, part)

    def _Activation(self, layer: Any) -> Any:  # noqa: N802
        return self._activated(layer, lambda x: x)

    def _ReLU(self, layer: Any) -> Any:  # noqa: N802
        return F.relu6 if layer.max_value == 6 else F.relu

    def _MaxPooling2D(self, layer: Any) -> Any:  # noqa: N802
        return nn.MaxPool2d(layer.pool_size, layer.strides)

    def _ZeroPadding2D(self, layer: Any) -> Any:  # noqa: N802
        (top, bottom), (left, right) = layer.padding
        return lambda x: F.pad(x, (left, right, top, bottom))

    def _GlobalAveragePooling2D(self, _layer: Any) -> Any:  # noqa: N802
        return lambda x: x.mean((2, 3))

    def _Flatten(self, _layer: Any) -> Any:  # noqa: N802
        return lambda x: x.permute(0, 2, 3, 1).flatten(1)

    def _Dropout(self, _layer: Any) -> Any:  # noqa: N802
        return lambda x: x

    def _Add(self, _layer: Any) -> Any:  # noqa: N802
        return lambda x, y: x + y
