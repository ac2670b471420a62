"""From whatever holds a Keras model to the engine's model; nothing here imports Keras.

What reads live models and applies handlers is imported where it is needed: it is more code than all
the rest, and `import phosphene` stays fast.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phosphene._errors import InvalidArgumentError
from phosphene._files import check_name
from phosphene._models.handlers import Handler, by_name
from phosphene._models.intake.architecture import Architecture, Intake, as_weight, config_json
from phosphene._sentences import with_article

__all__ = ["Architecture", "Intake", "is_live_model", "read"]

_ACCEPTED = (
    "a live Keras model, the path of a .keras, .h5, .hdf5 or .safetensors file, the path of a "
    ".weights.h5 file with config=, or a pair (config, weights)"
)


def is_live_model(value: Any) -> bool:
    """Return whether `value` behaves like a Keras model."""
    return not isinstance(value, type) and all(
        hasattr(value, name) for name in ("layers", "get_config", "get_weights", "to_json")
    )


def read(source: Any, config: Any = None, handlers: Any = None, like: Any = None) -> Intake:
    """Return what `source` holds, as a model of the engine.

    Parameters
    ----------
    source
        See `phosphene.load`.
    config
        The configuration for a file that has weights only.
    handlers
        By class or class name, what stands in for layers.
    like
        Some inputs of the model.
    """
    named = by_name(handlers)
    if isinstance(source, (str, os.PathLike)):
        from phosphene._models.intake.files import read_file

        check_name(Path(source))
        return read_file(Path(source), config, named)
    if config is not None:
        raise InvalidArgumentError(
            "config= goes with the path of a file that has weights only; received it with "
            f"{with_article(type(source).__name__)}."
        )
    if is_live_model(source):
        from phosphene._models.intake.live import read_live_model

        return read_live_model(source, named, like)
    if isinstance(source, tuple) and len(source) == 2:
        return _read_pair(*source, named)
    raise InvalidArgumentError(
        f"load takes {_ACCEPTED}; received {with_article(type(source).__name__)}."
    )


def _read_pair(config: Any, weights: Any, handlers: Mapping[str, Handler]) -> Intake:
    """Join a configuration with arrays, by key or in the order of ``get_weights()``."""
    by_key = isinstance(weights, Mapping)
    offered: set[str] = set()

    def find(path: str) -> list[tuple[str, Any]]:
        if not by_key:
            return []
        below = [key for key in weights if str(key).startswith(path + "/")]
        offered.update(below)
        return [(key.removeprefix(path + "/"), as_weight(weights[key], key)) for key in below]

    if handlers:
        from phosphene._models.handlers.replacement import apply_handlers

        handled = apply_handlers(json.loads(config_json(config)), handlers, find)
        architecture = Architecture(handled.config)
    else:
        architecture = Architecture(config)
    if by_key:
        wanted = {weight["key"] for weight in architecture.weights()}
        # A handler needn't use all weights of its layer.
        return architecture.join(
            {key: array for key, array in weights.items() if key in wanted or key not in offered}
        )
    if isinstance(weights, Sequence) and not isinstance(weights, (str, bytes)):
        return architecture.join(architecture.keyed(weights))
    raise InvalidArgumentError(
        "The weights of a pair (config, weights) are a dict of arrays or a list in the order of "
        f"get_weights(); received {with_article(type(weights).__name__)}."
    )
