"""Files that hold Keras models; nothing in them is executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, ModelFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from phosphene._models.handlers import Handler
    from phosphene._models.intake.architecture import Intake

__all__ = ["read_file"]


def read_file(
    path: Path, config: Any = None, handlers: Mapping[str, Handler] | None = None
) -> Intake:
    """Read a model file of any kind; what it is, its first bytes say, not its name.

    Parameters
    ----------
    path
        The file.
    config
        The model's configuration, for a file that has weights only.
    handlers
        By class name, what stands in for layers.
    """
    if path.is_dir():
        return _read_folder(path, config, handlers)
    if path.exists() and not path.is_file():  # a pipe would keep us waiting for a writer
        raise ModelFileError(f"{path} is not a file.")
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise ModelFileError(f"{path} can't be read: {error.strerror or error}.") from None
    if start.startswith(b"\x89HDF"):
        from phosphene._models.intake.files.h5_file import read_h5_file

        return read_h5_file(path, config, handlers)
    if start.lstrip().startswith(b"{"):
        raise ModelFileError(
            f"{path} is a text, not a model: pass a configuration as config= beside the file that "
            "has the weights."
        )
    if config is not None:
        raise InvalidArgumentError(f"{path} has a configuration of its own; leave out config=.")
    if start.startswith(b"PK"):
        from phosphene._models.intake.files.keras_file import read_keras_file

        return read_keras_file(path, handlers)
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        from phosphene._models.intake.architecture import open_model_file

        return open_model_file(path)
    raise ModelFileError(
        f"{path} is no Keras model: it begins with {start[:8]!r}. load reads .keras, .h5, "
        ".hdf5, .weights.h5 (with config=) and .safetensors files."
    )


def _read_folder(path: Path, config: Any, handlers: Mapping[str, Handler] | None) -> Intake:
    """Read what ``model.save(path, zipped=False)`` writes."""
    if not (path / "config.json").is_file():
        raise ModelFileError(
            f"{path} is a folder without a Keras model. Save the model with "
            "model.save('model.keras') and load that."
        )
    if config is not None:
        raise InvalidArgumentError(f"{path} has a configuration of its own; leave out config=.")
    from phosphene._models.intake.files.keras_file import read_keras_file

    return read_keras_file(path, handlers)
