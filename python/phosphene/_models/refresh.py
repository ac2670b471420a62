"""New weights for a model that keeps its structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError
from phosphene._models.handlers import by_name
from phosphene._models.intake import is_live_model
from phosphene._models.intake.architecture import as_weight
from phosphene._models.intake.live import live_weights
from phosphene._models.precision import has_weight
from phosphene._sentences import with_article

if TYPE_CHECKING:
    from phosphene._models.intake.architecture import Architecture


def live_arrays(
    architecture: Architecture, live_model: Any, handlers: Any = None
) -> dict[str, Any]:
    """Return the present weights of a live Keras model, by key."""
    if not is_live_model(live_model):
        raise InvalidArgumentError(
            "refresh takes a live Keras model; received "
            f"{with_article(type(live_model).__name__)}. "
            "Weights go to update()."
        )
    return live_weights(architecture, live_model, by_name(handlers))


def keyed(
    architecture: Architecture, weights: Mapping[str, Any] | Sequence[Any]
) -> Mapping[str, Any]:
    """Return weights by key, given such or a list in the order of Keras' ``get_weights()``."""
    if isinstance(weights, Mapping):
        return weights
    if isinstance(weights, str) or not isinstance(weights, Sequence):
        raise InvalidArgumentError(
            "update takes a dict of weights by key or a list in the order of get_weights(); "
            f"received {with_article(type(weights).__name__)}."
        )
    return architecture.keyed(weights)


def has_weights(handle: Any, architecture: Architecture, arrays: Mapping[str, Any]) -> bool:
    """Return whether a model of the engine has just these weights already, bit for bit.

    What a model stores in another precision is compared in that precision.
    """
    if arrays.keys() != {weight["key"] for weight in architecture.weights()}:
        return False
    return all(has_weight(handle, key, as_weight(value, key)) for key, value in arrays.items())
