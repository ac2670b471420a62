"""What the readers of HDF5 files share: safe access, and errors that name the file."""

from __future__ import annotations

import re
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError, PhospheneError
from phosphene._models.intake.architecture import Architecture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phosphene._models.intake.architecture import Description

_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what a damaged file makes h5py and zipfile raise into one sentence."""
    try:
        yield
    except (PhospheneError, MemoryError):
        raise
    except _DAMAGE as error:
        reason = str(error).strip("'\" ").rstrip(".") or type(error).__name__
        raise ModelFileError(f"{path} is damaged or no Keras model: {reason}.") from error


def stored_architecture(path: Path, config: Any) -> Architecture:
    """Return the structure that a file states; if it is nonsense, the file is to blame."""
    try:
        return Architecture(config)
    except InvalidArgumentError as error:
        raise ModelFileError(f"{path} is damaged or no Keras model: {error}") from error


def group_at(parent: Any, name: str) -> Any:
    """Return a group of an HDF5 file, or None; links to other files aren't followed."""
    import h5py

    if parent is None or name not in parent:
        return None
    if isinstance(parent.get(name, getlink=True), h5py.ExternalLink):
        raise ValueError(f"{name!r} is kept in another file, which isn't opened")
    found = parent[name]
    return found if isinstance(found, h5py.Group) else None


def array_at(group: Any, name: str) -> NDArray[Any]:
    """Return an array of an HDF5 file."""
    import h5py

    place = f"{group.name}/{name}"
    if name not in group and group.get(name, getlink=True) is None:
        raise ValueError(f"the weight {place!r} is missing")
    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
        raise ValueError(f"{place!r} is kept in another file, which isn't opened")
    found = group[name]
    if not isinstance(found, h5py.Dataset) or found.external:
        raise ValueError(f"{place!r} is no array of this file")
    if found.attrs.get("dtype") == "bfloat16":
        # HDF5 has no bfloat16: the two bytes are the upper half of a float32.
        halves = np.frombuffer(found[()].tobytes(), np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(found.shape)
    return np.asarray(found[()])


def names_in(group: Any, attribute: str) -> list[str]:
    """Return a list of names that Keras keeps in an attribute, in pieces where it is long."""
    values: list[Any] = []
    if attribute in group.attrs:
        values.extend(group.attrs[attribute])
    else:
        piece = 0
        while f"{attribute}{piece}" in group.attrs:
            values.extend(group.attrs[f"{attribute}{piece}"])
            piece += 1
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def layout_arrays(root: Any, layers: Sequence[Description]) -> dict[str, Any]:
    """Read weights in the layout of Keras 3: ``layers/<class name>_<count>/vars/<number>``.

    A layer's group is called after its class, counted within its list of layers, because layer
    names differ from one program run to the next. A layer that occurs twice in the model is stored
    where Keras met it first; its group states its name.
    """
    result: dict[str, Any] = {}
    for names in ("layers", "_layer_checkpoint_dependencies"):
        folder = group_at(root, names)
        if folder is not None:
            break
    used: dict[str, int] = {}
    for layer in layers:
        base = snake_case(layer["kind"])
        count = used.get(base, 0)
        used[base] = count + 1
        group = group_at(folder, f"{base}_{count}" if count else base)
        if "layers" in layer:
            result.update(layout_arrays(group, layer["layers"]))
            continue
        variables = _variables(group)
        for index, weight in enumerate(layer["weights"]):
            if variables is not None and str(index) in variables:
                result[weight["key"]] = array_at(variables, str(index))
    return result


def shared_arrays(
    root: Any, layers: Sequence[Description], found: Mapping[str, Any]
) -> dict[str, Any]:
    """Find the weights of layers that `layout_arrays` didn't: those stored at another place."""
    missing = [layer for layer in layers if any(w["key"] not in found for w in layer["weights"])]
    if not missing:
        return {}
    places: dict[str, list[Any]] = {}

    def note(path: str, item: Any) -> None:
        if path.endswith("vars") and "name" in item.attrs:
            places.setdefault(str(item.attrs["name"]), []).append(item)

    root.visititems(note)
    result: dict[str, Any] = {}
    for layer in missing:
        fitting = [
            group
            for group in places.get(layer["name"], [])
            if [list(group[str(i)].shape) for i in range(len(group)) if str(i) in group]
            == [weight["shape"] for weight in layer["weights"]]
        ]
        if len(fitting) == 1:
            for index, weight in enumerate(layer["weights"]):
                result[weight["key"]] = array_at(fitting[0], str(index))
    return result


def snake_case(name: str) -> str:
    """Return a class name as Keras spells it in paths: ``Conv2D`` is ``conv2d``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _variables(group: Any) -> Any:
    """Return the variables of a layer's group; those of a cell where a layer only wraps it."""
    if group is None:
        return None
    variables = group_at(group, "vars")
    if variables is not None and len(variables):
        return variables
    inner = [group_at(child, "vars") for child in group.values() if "vars" in child]
    inner = [each for each in inner if each is not None and len(each)]
    return inner[0] if len(inner) == 1 else variables
