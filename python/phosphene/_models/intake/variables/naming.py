"""Which of a layer's variables belongs to which weight of the engine.

The engine lists weights in the order of Keras 3's ``layer.weights``. Elsewhere the order differs:
``.h5`` files and tf_keras list trainable variables first, a nested model's in one flat list, and
what was trainable at that time isn't always known. So names decide where they can.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from phosphene._models.intake.architecture import leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from phosphene._models.intake.architecture import Description

Shape = tuple[int, ...]

Part = dict[str, list[int]]
"""The variables of a part of a layer by name, each with its places in the list."""

Parts = dict[tuple[str, ...], Part]
"""The parts of a layer by path."""

_PARTS = {
    "query_dense": "query",
    "key_dense": "key",
    "value_dense": "value",
    "output_dense": "attention_output",
}
"""What Keras calls the parts of an attention layer, by the attribute that holds them."""


def in_stored_order(
    layer: Description, names: Sequence[str], shapes: Sequence[Shape]
) -> list[Description]:
    """Return the descriptions of a layer's weights in the order of its stored variables.

    Parameters
    ----------
    layer
        A layer or a nested model.
    names
        Keras' names of the variables, such as ``conv/kernel:0``; as many as the layer has weights.
    shapes
        Their shapes. If they contradict every order, the first that the names suggest is returned.
    """
    paths = [name.rsplit(":", 1)[0].split("/") for name in names]
    first: list[Description] | None = None
    for order in _orders(layer, paths):
        if [tuple(weight["shape"]) for weight in order] == list(shapes):
            return order
        first = first or order
    return first or []


def _orders(layer: Description, paths: list[list[str]]) -> Iterator[list[Description]]:
    """Yield the orders that are possible, the surest first."""
    parts = list(leaves([layer]))
    named = _by_name(parts, paths)
    if named is not None:
        yield named
    weights = [weight for part in parts for weight in part["weights"]]
    trained = [weight["key"] for weight in weights if weight["trainable"]]
    yield sorted(weights, key=lambda weight: weight["key"] not in trained)
    yield weights


def _by_name(layers: Sequence[Description], paths: list[list[str]]) -> list[Description] | None:
    """Order weights by the names of layers and variables; None where these leave a choice."""
    by_layer = {layer["name"]: layer for layer in layers if layer["weights"]}
    if len(by_layer) < sum(bool(layer["weights"]) for layer in layers):
        return None
    owners = [owner_of("/".join(path), by_layer) for path in paths]
    result: list[Description | None] = [None] * len(paths)
    for name, layer in by_layer.items():
        places = [place for place, owner in enumerate(owners) if owner == name]
        order = _within(layer["weights"], [paths[place] for place in places])
        if order is None:
            return None
        for place, weight in zip(places, order, strict=True):
            result[place] = weight
    complete = [weight for weight in result if weight is not None]
    return complete if len(complete) == len(paths) else None


def _within(weights: list[Description], paths: list[list[str]]) -> list[Description] | None:
    """Order the weights of one layer, whose parts may have variables of the same names."""
    ours = _parts([weight["name"].split("/") for weight in weights])
    theirs = _parts(paths)
    for mine, stored in ((_merged(ours), _merged(theirs)), (ours, theirs)):
        if len(mine) != len(stored):
            continue
        places: dict[int, Description] = {}
        for part, variables in _paired(mine, stored):
            if part.keys() == variables.keys():
                for name, found in variables.items():
                    if len(found) == len(part[name]) == 1:
                        places[found[0]] = weights[part[name][0]]
        if len(places) == len(weights):
            return [places[place] for place in range(len(weights))]
    return None


def _parts(paths: list[list[str]]) -> Parts:
    parts: Parts = {}
    for place, path in enumerate(paths):
        parts.setdefault(tuple(path[:-1]), {}).setdefault(path[-1], []).append(place)
    return parts


def _merged(parts: Parts) -> Parts:
    merged: Part = {}
    for part in parts.values():
        for name, places in part.items():
            merged.setdefault(name, []).extend(places)
    return {(): merged}


def _paired(ours: Parts, theirs: Parts) -> Iterator[tuple[Part, Part]]:
    """Pair the parts of a layer by their names; those that these leave over in order."""
    remaining = dict(theirs)
    unnamed = []
    for path, part in ours.items():
        found = [stored for stored in remaining if _fits(path, stored)]
        if len(found) == 1:
            yield part, remaining.pop(found[0])
        else:
            unnamed.append(part)
    yield from zip(unnamed, remaining.values(), strict=True)


def _fits(path: Sequence[str], stored: Sequence[str]) -> bool:
    """Whether Keras' name of a part speaks for an attribute: forward_lstm for forward_layer."""
    if not path or not stored or "cells" in path:  # cells are counted, each version from elsewhere
        return False
    if stored[-1] == _PARTS.get(path[-1], path[-1]):
        return True
    direction = path[0].removesuffix("layer")
    return direction in ("forward_", "backward_") and any(
        element.startswith(direction) for element in stored
    )


def owner_of(name: str, layers: Mapping[str, Any]) -> str | None:
    """Return which of several layers a variable belongs to, by its name."""
    if len(layers) == 1:
        return next(iter(layers))
    path = name.split("/")[:-1]
    return next((element for element in reversed(path) if element in layers), None)


def without_state(names: Sequence[str]) -> list[str]:
    """Return the names of variables without the states of random number generators."""
    states = ("StateVar", "seed_generator_state", "rng_state")
    return [name for name in names if name.rsplit(":", 1)[0].rsplit("/", 1)[-1] not in states]


def as_shapes(arrays: Sequence[Any]) -> list[Shape]:
    """Return the shapes of arrays."""
    return [tuple(array.shape) for array in arrays]


def snake_case(name: str) -> str:
    """Return a class name as Keras makes names of it: ``Conv2D`` is ``conv2d``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
