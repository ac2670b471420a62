"""``.h5`` and ``.hdf5`` files: whole models of Keras 2 and 3, and weights of any version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._models.intake.architecture import Architecture, Description, Intake, leaves
from phosphene._models.intake.stored import (
    array_at,
    group_at,
    layout_arrays,
    names_in,
    refusing,
    shared_arrays,
    stored_architecture,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_h5_file(path: Path, config: Any = None) -> Intake:
    """Return the model of an HDF5 file.

    Parameters
    ----------
    path
        The file.
    config
        The model's configuration, for a file that has weights only.
    """
    import h5py

    with refusing(path), h5py.File(path, "r") as root:
        own = root.attrs.get("model_config")
        if own is None and config is None:
            raise InvalidArgumentError(
                f"{path} has weights only; pass config=, the model's to_json() as text, dict or "
                "path of a file."
            )
        if own is not None and config is not None:
            raise InvalidArgumentError(f"{path} has a configuration of its own; leave out config=.")
        architecture = Architecture(config) if own is None else stored_architecture(path, own)
        version = root.attrs.get("keras_version")
        if version is not None and not architecture.keras_version:
            architecture.keras_version = version.decode() if isinstance(version, bytes) else version
        group = group_at(root, "model_weights") if own is not None else root
        if group is None:
            raise ModelFileError(f"{path} has no weights: the group 'model_weights' is missing.")
        if "layer_names" in group.attrs or "layer_names0" in group.attrs:
            arrays = _arrays_by_layer(group, architecture.layers, path)
        else:
            arrays = layout_arrays(group, architecture.layers)
            arrays.update(shared_arrays(group, list(leaves(architecture.layers)), arrays))
    return architecture.join(arrays, path=path)


def _arrays_by_layer(root: Any, layers: Sequence[Description], path: Path) -> dict[str, Any]:
    """Read one group a layer, by layer name or, where names differ, in order as Keras does."""
    stored = {}
    for name in names_in(root, "layer_names"):
        group = group_at(root, name)
        names = [] if group is None else names_in(group, "weight_names")
        if names:
            stored[name] = (group, names)
    wanted = [layer for layer in layers if _weights(layer)]
    if all(layer["name"] in stored for layer in wanted):
        pairs = [(layer, *stored[layer["name"]]) for layer in wanted]
    elif len(wanted) == len(stored):
        pairs = [(layer, *entry) for layer, entry in zip(wanted, stored.values(), strict=True)]
    else:
        absent = [layer["name"] for layer in wanted if layer["name"] not in stored]
        raise ModelFileError(
            f"{path} doesn't fit the configuration: it has weights for {len(stored)} layers, the "
            f"model needs {len(wanted)}; it has none for {', '.join(map(repr, absent[:5]))}."
        )
    result: dict[str, Any] = {}
    for layer, group, names in pairs:
        for weight, name in zip(_in_stored_order(layer, names, path), names, strict=True):
            result[weight["key"]] = array_at(group, name)
    return result


def _in_stored_order(layer: Description, names: Sequence[str], path: Path) -> list[Description]:
    """Return the descriptions of a layer's weights in the order of their stored names.

    A nested model's weights lie flat in one list, trainable ones first. What was trainable when
    the file was written isn't always known, so names decide where they can:
    ``.../layer/variable:0``.
    """
    weights = _weights(layer)
    if len(weights) != len(names):
        raise ModelFileError(
            f"{path}: layer {layer['name']!r} needs {len(weights)} weights, the file has "
            f"{len(names)}: {', '.join(map(repr, names[:6]))}."
        )
    for depth in (2, 1):
        by_name = {_tail(weight["key"], depth): weight for weight in weights}
        tails = [_tail(name.rsplit(":", 1)[0], depth) for name in names]
        if len(by_name) == len(weights) and set(tails) == set(by_name):
            return [by_name[tail] for tail in tails]
    trained = [
        weight
        for leaf in leaves([layer])
        for weight in leaf["weights"]
        if weight["trainable"] and leaf["trainable"]
    ]
    return trained + [weight for weight in weights if weight not in trained]


def _tail(path: str, depth: int) -> tuple[str, ...]:
    return tuple(path.split("/")[-depth:])


def _weights(layer: Description) -> list[Description]:
    """Return the weights of a layer, or of all layers of a nested model."""
    return [weight for leaf in leaves([layer]) for weight in leaf["weights"]]
