"""``.keras`` files: a zip with ``config.json`` and ``model.weights.h5``."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

from phosphene._errors import ModelFileError
from phosphene._intake.architecture import Architecture, Intake, leaves
from phosphene._intake.stored import layout_arrays, refusing, shared_arrays

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = "model.weights.h5"


def read_keras_file(path: Path) -> Intake:
    """Return the model of a ``.keras`` file; nothing in it is executed."""
    import h5py

    with refusing(path), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for needed in ("config.json", WEIGHTS):
            if needed not in names:
                raise ModelFileError(
                    f"{path} is no .keras file: it has no {needed!r}; it holds "
                    f"{', '.join(map(repr, names[:5])) or 'nothing'}."
                )
        config = json.loads(archive.read("config.json"))
        if "metadata.json" in names:
            metadata = json.loads(archive.read("metadata.json"))
            config.setdefault("keras_version", metadata.get("keras_version"))
        architecture = Architecture(config)
        # Keras stores this member without compression, so h5py can read from the archive.
        with archive.open(WEIGHTS) as member, h5py.File(member, "r") as root:
            arrays = layout_arrays(root, architecture.layers)
            arrays.update(shared_arrays(root, list(leaves(architecture.layers)), arrays))
    return architecture.join(arrays, path=path)
