"""``.h5`` and ``.hdf5`` files: whole models of Keras 2 and 3, and weights of any version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._models.handlers.replacement import Handled
from phosphene._models.intake.architecture import Architecture, Intake, config_json
from phosphene._models.intake.files.handled import handled_config
from phosphene._models.intake.files.hdf5 import group_at, refusing, stored_architecture, text_of
from phosphene._models.intake.files.layer_layout import is_layer_layout, layer_arrays
from phosphene._models.intake.files.object_layout import object_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from phosphene._models.handlers import Handler


def read_h5_file(
    path: Path, config: Any = None, handlers: Mapping[str, Handler] | None = None
) -> Intake:
    """Return the model of an HDF5 file.

    Parameters
    ----------
    path
        The file.
    config
        The model's configuration, for a file that has weights only.
    handlers
        By class name, what stands in for layers.
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
        group = group_at(root, "model_weights") if own is not None else root
        if group is None:
            raise ModelFileError(f"{path} has no weights: the group 'model_weights' is missing.")
        by_layer = is_layer_layout(group)
        stated = config if own is None else json.loads(text_of(own))
        if own is not None and isinstance(stated, dict) and "keras_version" in root.attrs:
            stated.setdefault("keras_version", text_of(root.attrs["keras_version"]))
        handled = Handled(stated)
        taken: set[tuple[str, str]] = set()
        if handlers:
            stated = json.loads(config_json(stated))
            handled, taken = handled_config(stated, handlers, group, by_layer=by_layer)
        if own is not None:
            architecture = stored_architecture(path, handled.config)
        else:
            architecture = Architecture(handled.config)
        if by_layer:
            arrays = layer_arrays(path, group, architecture, handled.sources, taken)
        else:
            arrays = object_arrays(path, group, architecture, handled.layers)
        arrays.update(handled.sources)
    return architecture.join(arrays, path=path)
