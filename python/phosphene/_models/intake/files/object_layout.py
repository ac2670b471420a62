"""The layout of ``model.weights.h5``: one group an object, found by attributes and class names.

A layer's variables are ``layers/<class name>_<count>/vars/<number>``, those of a part of it
``.../<attribute>/vars/<number>``. Layers are counted within their list, because their names differ
from one program run to the next. How they are counted depends on the version:

- Keras 3 counts every layer of a class;
- Keras 2.14 and later leaves out one that was stored before, in a nested model;
- Keras 2.12 and 2.13 (``_layer_checkpoint_dependencies`` instead of ``layers``) counts a layer with
  weights twice.

Source: ``saving/saving_lib.py`` of keras 3.15 and tf_keras 2.21, files of keras 2.12, 2.13 and 3.3.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phosphene._errors import ModelFileError
from phosphene._models.config import entries, escaped, is_model, name_of
from phosphene._models.intake.files.hdf5 import array_at, group_at, text_of
from phosphene._models.intake.variables.adapted import (
    plain_variables,
    quantization_of,
    quantized_part,
    stored_names,
)
from phosphene._models.intake.variables.naming import snake_case
from phosphene._sentences import counted

if TYPE_CHECKING:
    from pathlib import Path

    from phosphene._models.intake.architecture import Architecture, Description

_DOUBLE_COUNTED = "_layer_checkpoint_dependencies"

_CLASSES = {"Model": "Functional", "GroupQueryAttention": "GroupedQueryAttention"}
"""Classes that have another name in Keras' sources than in configurations."""

_PLACES = {"vector_u": 1}
"""SpectralNormalization keeps the kernel of its layer among its own variables, in front."""


def object_arrays(
    path: Path, root: Any, architecture: Architecture, handled: Container[str] = ()
) -> dict[str, Any]:
    """Return the weights of a model, by key; those that the file lacks are left out.

    Parameters
    ----------
    path
        The file.
    root
        Its HDF5 group.
    architecture
        The model.
    handled
        The paths of layers that handlers stand in for, which took what they need.
    """
    reader = _Reader(path, architecture.settings, handled)
    reader.read_layers(root, architecture.layers)
    return reader.arrays


class _Reader:
    """Walks model and file in the order in which Keras wrote."""

    def __init__(
        self, path: Path, settings: Mapping[str, Mapping[str, Any]], handled: Container[str]
    ) -> None:
        self.arrays: dict[str, Any] = {}
        self._handled = handled
        self._path, self._settings = path, settings
        self._seen: dict[Any, Description] = {}

    def read_layers(self, group: Any, layers: Sequence[Description]) -> None:
        """Read a model's layers; one that is stored elsewhere is taken from there."""
        folder = group_at(group, "layers")
        if folder is None:
            folder = group_at(group, _DOUBLE_COUNTED)
        places = self._places(folder, layers)
        for layer, place in zip(layers, places, strict=True):
            if layer["path"] in self._handled:
                continue
            seen = self._seen.setdefault(_identity(layer), layer)
            if place is None and seen is not layer:
                for weight, stored in zip(layer["weights"], seen["weights"], strict=True):
                    if stored["key"] in self.arrays:
                        self.arrays[weight["key"]] = self.arrays[stored["key"]]
            elif "layers" in layer:
                self.read_layers(place, layer["layers"])
            elif layer["weights"]:
                self._read_part(
                    place, layer, self._settings.get(layer["path"], {}), layer["weights"]
                )

    def _places(self, folder: Any, layers: Sequence[Description]) -> list[Any]:
        """Return the group of each layer, None where there is none."""
        stored: dict[str, dict[int, Any]] = {}
        for name in folder or ():
            child = group_at(folder, name)
            base, _, number = name.rpartition("_")
            base, count = (base, int(number)) if base and number.isdecimal() else (name, 0)
            if child is not None and _has_variables(child):
                stored.setdefault(base, {})[count] = child
        by_kind: dict[str, list[int]] = {}
        for index, layer in enumerate(layers):
            by_kind.setdefault(_base_name(layer), []).append(index)
        doubled = folder is not None and folder.name.endswith(_DOUBLE_COUNTED)
        result: list[Any] = [None] * len(layers)
        for base, groups in stored.items():
            indices = by_kind.get(base, [])
            numbers = self._numbers([layers[index] for index in indices], groups, doubled=doubled)
            if len(set(groups) - set(numbers)) > 0:
                raise ModelFileError(
                    f"{self._path} belongs to another model: it has the weights of "
                    f"{counted(len(groups), 'layer')} called {base!r} in {folder.name!r}, the "
                    f"configuration has {len(indices)}."
                )
            for index, number in zip(indices, numbers, strict=True):
                result[index] = groups.get(number)
        return result

    def _numbers(
        self, layers: Sequence[Description], groups: Mapping[int, Any], *, doubled: bool
    ) -> list[int]:
        """Return how the layers of one class are counted; -1 for one that is stored elsewhere."""
        names = {_stored_name(group): number for number, group in groups.items()}
        by_name = [names.get(layer["name"], -1) for layer in layers]
        every = list(range(len(layers)))
        if doubled:
            every = [
                sum(2 if before["weights"] else 1 for before in layers[:index]) for index in every
            ]
        new = [_identity(layer) not in self._seen for layer in layers]
        shared = [number if is_new else -1 for number, is_new in zip(every, new, strict=True)]
        skipping = [sum(new[:index]) if is_new else -1 for index, is_new in enumerate(new)]
        for numbers in (by_name, every, shared, skipping):
            expected = {
                number
                for number, layer, is_new in zip(numbers, layers, new, strict=True)
                if layer["weights"] and (is_new or number >= 0)
            }
            if expected == set(groups):
                return numbers
        return every

    def _read_part(
        self,
        group: Any,
        layer: Description,
        settings: Mapping[str, Any],
        weights: Sequence[Description],
    ) -> None:
        """Read the variables of a layer or of a part of it, and those of its parts in turn."""
        own = [weight for weight in weights if "/" not in weight["name"]]
        if own:
            self._read_own(group_at(group, "vars"), layer, settings, own)
        parts: dict[str, list[Description]] = {}
        for weight in weights:
            name, slash, rest = weight["name"].partition("/")
            if slash:
                parts.setdefault(name, []).append({**weight, "name": rest})
        for name, inner in parts.items():
            child = group_at(group, name)
            if child is None:  # Keras before 3.6 keeps the parts of attention in private attributes
                child = group_at(group, f"_{name}")
            entry = settings.get(name)
            if isinstance(entry, Mapping) and is_model(entry):
                self.read_layers(child, _layers_of(entry, layer["path"], inner))
            else:
                inner_settings = entry.get("config") if isinstance(entry, Mapping) else None
                if quantization_of(inner_settings or {}):
                    raise quantized_part(layer)
                self._read_part(child, layer, inner_settings or {}, inner)

    def _read_own(
        self,
        variables: Any,
        layer: Description,
        settings: Mapping[str, Any],
        weights: Sequence[Description],
    ) -> None:
        count = 0 if variables is None else len(variables)
        if quantization_of(settings) is not None and count:
            part = {**layer, "weights": weights}
            names = stored_names(part, settings, count)
            arrays = [array_at(variables, str(index)) for index in range(count)]
            found = dict(zip(*plain_variables(part, settings, names, arrays), strict=True))
            for weight in weights:
                self.arrays[weight["key"]] = found[f"/{weight['name']}"]
            return
        places = [_PLACES.get(weight["name"], index) for index, weight in enumerate(weights)]
        if count > max(places) + 1:
            arrays = [array_at(variables, str(index)) for index in range(count)]
            if any(array.dtype.kind in "iu" for array in arrays):
                raise quantized_part(layer)
            shapes = [array.shape for array in arrays]
            raise ModelFileError(
                f"{self._path}: layer {layer['path']!r} ({layer['kind']}) needs {len(weights)} "
                f"variables ({', '.join(weight['name'] for weight in weights)}), the file has "
                f"{count} of shapes {', '.join(map(str, shapes))}."
            )
        for place, weight in zip(places, weights, strict=True):
            if variables is not None and str(place) in variables:
                self.arrays[weight["key"]] = array_at(variables, str(place))


def _base_name(layer: Description) -> str:
    """Return what a layer's group is called, its number left out."""
    kind = str(layer["kind"])
    return snake_case(_CLASSES.get(kind, kind))


def _identity(layer: Description) -> Any:
    """Return what tells whether two entries may be the same layer."""
    weights = tuple((weight["name"], tuple(weight["shape"])) for weight in layer["weights"])
    # Layers without weights are never looked for.
    return (layer["name"], layer["kind"], weights) if weights else layer["path"]


def _layers_of(
    entry: Mapping[str, Any], path: str, weights: Sequence[Description]
) -> list[Description]:
    """Describe the layers of a network inside a layer, as the engine describes others."""
    layers: list[Description] = []
    for inner in entries(entry):
        if inner["class_name"] == "InputLayer":
            continue
        name = name_of(inner)
        prefix = escaped(name) + "/"
        own = [
            {**weight, "name": weight["name"].removeprefix(prefix)}
            for weight in weights
            if weight["name"].startswith(prefix)
        ]
        layer: Description = {
            "name": name,
            "kind": inner["class_name"],
            "path": f"{path}/{name}",
            "weights": own,
        }
        if is_model(inner):
            layer["layers"] = _layers_of(inner, layer["path"], own)
        layers.append(layer)
    return layers


def _has_variables(group: Any) -> bool:
    """Whether a group holds variables, at whatever depth."""
    variables = group_at(group, "vars")
    if variables is not None and len(variables):
        return True
    children = (group_at(group, name) for name in group if name != "vars")
    return any(_has_variables(child) for child in children if child is not None)


def _stored_name(group: Any) -> str:
    """Return the name that Keras 3.6 and later keeps with a layer's variables."""
    variables = group_at(group, "vars")
    return "" if variables is None else text_of(variables.attrs.get("name", ""))
