"""See what Keras networks see: weights and arrays in, visualizations out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from phosphene._engine.library import set_threads
from phosphene._errors import (
    Cancelled,
    InvalidArgumentError,
    ModelFileError,
    OutOfMemoryError,
    PhospheneError,
    PhospheneWarning,
    UnsupportedError,
)
from phosphene._models.layer import Layer
from phosphene._models.model import Model, load
from phosphene._vision.gradient import gradient
from phosphene._vision.objectives.comparisons import direction, diversity, interpolate, match
from phosphene._vision.objectives.objectives import channel, energy, logit, neuron, probability
from phosphene._vision.tracing.trace import Trace
from phosphene._vision.tracing.tracing import trace

if TYPE_CHECKING:
    from phosphene import compat, ops, optimizers, regularizers, transforms, zoo
    from phosphene._display.diagram import diagram
    from phosphene._display.filters import filters
    from phosphene._display.preview import Preview
    from phosphene._models.joining import join
    from phosphene._vision.maximization.maximize import maximize
    from phosphene._vision.maximization.picture import Picture
    from phosphene._vision.maximization.replay import replay
    from phosphene._vision.tracing.stored_pictures import render
    from phosphene._vision.watching.watch import Watch

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "InvalidArgumentError",
    "Layer",
    "Model",
    "ModelFileError",
    "OutOfMemoryError",
    "PhospheneError",
    "PhospheneWarning",
    "Picture",
    "Preview",
    "Trace",
    "UnsupportedError",
    "Watch",
    "__version__",
    "channel",
    "compat",
    "diagram",
    "direction",
    "diversity",
    "energy",
    "filters",
    "gradient",
    "interpolate",
    "join",
    "load",
    "logit",
    "match",
    "maximize",
    "neuron",
    "ops",
    "optimizers",
    "probability",
    "regularizers",
    "render",
    "replay",
    "set_threads",
    "trace",
    "transforms",
    "zoo",
]

# What makes pictures is imported when it is first used: `import phosphene` stays fast.
_LATER = {
    "Picture": "_vision.maximization.picture",
    "Preview": "_display.preview",
    "Watch": "_vision.watching.watch",
    "compat": None,
    "diagram": "_display.diagram",
    "filters": "_display.filters",
    "join": "_models.joining",
    "maximize": "_vision.maximization.maximize",
    "ops": None,
    "optimizers": None,
    "regularizers": None,
    "render": "_vision.tracing.stored_pictures",
    "replay": "_vision.maximization.replay",
    "transforms": None,
    "zoo": None,
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"phosphene.{_LATER[name] or name}")
    value = module if _LATER[name] is None else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
