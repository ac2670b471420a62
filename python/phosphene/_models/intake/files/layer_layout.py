"""The layout of ``.h5`` files: one group a layer of the model, its variables in one list.

A nested model is one layer there. The names of layers and variables stand in attributes, because
HDF5 keeps no order.

Source: ``legacy_h5_format.py`` of keras 3.15, ``hdf5_format.py`` of tf_keras 2.21.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from phosphene._errors import ModelFileError
from phosphene._models.intake.architecture import leaves
from phosphene._models.intake.files.hdf5 import array_at, group_at, names_in, text_of
from phosphene._models.intake.variables.adapted import is_adapted, plain_variables
from phosphene._models.intake.variables.naming import (
    as_shapes,
    in_stored_order,
    owner_of,
    snake_case,
    without_state,
)
from phosphene._models.intake.variables.older import is_from_cudnn, modernized
from phosphene._sentences import counted

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from pathlib import Path

    from phosphene._models.intake.architecture import Architecture, Description


class _Stored(NamedTuple):
    """What a file has for one layer."""

    name: str
    names: list[str]
    arrays: list[Any]


def is_layer_layout(root: Any) -> bool:
    """Return whether a group is laid out by layers."""
    return "layer_names" in root.attrs or "layer_names0" in root.attrs


def layer_arrays(
    path: Path,
    root: Any,
    architecture: Architecture,
    handled: Container[str] = (),
    taken: Container[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Return the weights of a model, by key.

    Parameters
    ----------
    path
        The file.
    root
        Its HDF5 group with one group a layer.
    architecture
        The model.
    handled
        The keys of weights that handlers took.
    taken
        The groups and names of the variables that were theirs to take.
    """
    stored = []
    for name in names_in(root, "layer_names"):
        group = group_at(root, name)
        names = [] if group is None else without_state(names_in(group, "weight_names"))
        names = [each for each in names if (name, each) not in taken]
        if names:
            stored.append(_Stored(name, names, [array_at(group, each) for each in names]))
    backend = text_of(root.attrs["backend"]) if "backend" in root.attrs else None
    layers = [_without(layer, handled) for layer in architecture.layers]
    wanted = [layer for layer in layers if layer["weights"]]
    result: dict[str, Any] = {}
    for layer, each in _paired(path, wanted, _without_adaptation(stored, architecture)):
        order = in_stored_order(layer, each.names, as_shapes(each.arrays))
        arrays = {weight["key"]: array for weight, array in zip(order, each.arrays, strict=True)}
        for leaf in leaves([layer]):
            own = {weight["key"]: arrays[weight["key"]] for weight in leaf["weights"]}
            result.update(modernized(leaf, own, backend))
    return result


def _without(layer: Description, keys: Container[str]) -> Description:
    """Return the description of a layer without some of its weights."""
    changed = {**layer, "weights": [each for each in layer["weights"] if each["key"] not in keys]}
    if "layers" in layer:
        changed["layers"] = [_without(each, keys) for each in layer["layers"]]
    return changed


def _without_adaptation(stored: list[_Stored], architecture: Architecture) -> list[_Stored]:
    """Return what a file has with LoRA merged and quantized kernels turned into floats."""
    layers = {layer["name"]: layer for layer in architecture.layers}
    result = []
    for each in stored:
        layer = layers.get(each.name)
        parts = {leaf["name"]: leaf for leaf in leaves([layer])} if layer else {}
        owners = [owner_of(name, parts) for name in each.names]
        names: list[str] = []
        arrays: list[Any] = []
        for owner in dict.fromkeys(owners):
            places = [place for place, other in enumerate(owners) if other == owner]
            own_names = [each.names[place] for place in places]
            own_arrays = [each.arrays[place] for place in places]
            if owner is not None and is_adapted(own_names):
                settings = architecture.settings.get(parts[owner]["path"], {})
                own_names, own_arrays = plain_variables(
                    parts[owner], settings, own_names, own_arrays
                )
            names += own_names
            arrays += own_arrays
        result.append(each if len(names) == len(each.names) else _Stored(each.name, names, arrays))
    return result


def _paired(
    path: Path, layers: Sequence[Description], stored: Sequence[_Stored]
) -> list[tuple[Description, _Stored]]:
    """Pair the layers of a model with those of a file.

    By name where all names are there, otherwise in order, as Keras does by default.
    """
    by_name = {_comparable(each.name): each for each in stored}
    names = [_comparable(layer["name"]) for layer in layers]
    candidates = []
    # A file may have more: the layers that were cut off from the end of a model, but no others.
    if len(by_name) == len(stored) and set(list(by_name)[: len(names)]) == set(names):
        candidates.append(
            [(layer, by_name[name]) for layer, name in zip(layers, names, strict=True)]
        )
    if len(layers) == len(stored) and not _is_reordered(layers, stored):
        candidates.append(list(zip(layers, stored, strict=True)))
    for pairs in candidates:
        if all(_fits(layer, each) for layer, each in pairs):
            return pairs
    raise ModelFileError(f"{path} doesn't fit the configuration: {_difference(layers, stored)}")


def _is_reordered(layers: Sequence[Description], stored: Sequence[_Stored]) -> bool:
    """Whether names that somebody gave stand at other places in the file than in the model.

    Names that Keras made up (``conv2d_4``) differ from one program run to the next.
    """
    places = {_comparable(each.name): place for place, each in enumerate(stored)}
    return any(
        places.get(_comparable(layer["name"]), place) != place
        and not re.fullmatch(rf"{snake_case(layer['kind'])}(_\d+)?", layer["name"])
        for place, layer in enumerate(layers)
    )


def _fits(layer: Description, stored: _Stored) -> bool:
    """Whether the variables of a file have the shapes of a layer's weights."""
    if len(stored.names) != len(layer["weights"]):
        return False
    shapes = as_shapes(stored.arrays)
    return all(
        tuple(weight["shape"]) == shape or is_from_cudnn(weight["name"], shape, weight["shape"])
        for weight, shape in zip(in_stored_order(layer, stored.names, shapes), shapes, strict=True)
    )


def _difference(layers: Sequence[Description], stored: Sequence[_Stored]) -> str:
    """Say what differs first between a model and a file."""
    by_name = {_comparable(each.name): each for each in stored}
    counts = (
        f"it has weights for {counted(len(stored), 'layer')}, the model needs {len(layers)}"
        if len(layers) != len(stored)
        else "its layers are others"
    )
    for place, layer in enumerate(layers):
        each = by_name.get(_comparable(layer["name"]))
        if each is None and len(layers) == len(stored):
            each = stored[place]
        needs = _shapes_text(weight["shape"] for weight in layer["weights"])
        what = f"{layer['path']!r} ({layer['kind']}) needs weights of shape {needs}"
        if each is None:
            return f"{counts}; {what}, it has none of that name."
        if not _fits(layer, each):
            received = _shapes_text(as_shapes(each.arrays))
            return f"{counts}; {what}, {each.name!r} has {received}."
    known = {_comparable(layer["name"]) for layer in layers}
    others = [each.name for each in stored if _comparable(each.name) not in known]
    return f"{counts}; the first that the model lacks is {(others or [stored[0].name])[0]!r}."


def _comparable(name: str) -> str:
    """Return a name as Keras 3 allows it: earlier ones may have slashes."""
    return name.replace("/", "_")


def _shapes_text(shapes: Iterable[Sequence[int]]) -> str:
    return ", ".join(str(tuple(shape)) for shape in shapes)
