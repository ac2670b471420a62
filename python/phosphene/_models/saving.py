"""Models as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene._engine.library import check, lib
from phosphene._errors import InvalidArgumentError
from phosphene._files import check_name, make_folder
from phosphene._models import classes as class_names
from phosphene._models import preprocessing as preparation

if TYPE_CHECKING:
    from phosphene._models.network import Model


def save(model: Model, path: str | os.PathLike[str]) -> Path:
    """Write a model to a ``.safetensors`` file; see `Model.save`."""
    target = Path(path)
    if target.suffix != ".safetensors":
        raise InvalidArgumentError(f"Models are saved as .safetensors; received {str(path)!r}.")
    check_name(target)
    make_folder(target.parent)
    check(lib.ph_model_save(_with_metadata(model), os.fsencode(target)))
    return target


def _with_metadata(model: Model) -> Any:
    """Return the engine's model, made anew if what is to be kept beside it has changed."""
    metadata = dict(model.metadata)
    metadata["preprocessing"] = preparation.to_text(model.preprocessing)
    if model.classes is not None:
        metadata["classes"] = class_names.to_text(model.classes)
    if metadata == model.metadata:
        return model.handle
    keys = [weight["key"] for weight in model.architecture.weights()]
    arrays = {key: model.weight(key) for key in keys}
    return model.architecture.join(arrays, metadata=metadata).handle
