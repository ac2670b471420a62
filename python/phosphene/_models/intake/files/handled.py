"""The variables of layers that handlers stand in for, where files keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._models.config import entries, escaped, name_of
from phosphene._models.handlers.replacement import Handled, apply_handlers
from phosphene._models.intake.files.hdf5 import array_at, group_at, names_in, text_of
from phosphene._models.intake.variables.naming import snake_case, without_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from phosphene._models.handlers import Handler

    Arrays = list[tuple[str, NDArray[Any]]]

_FOLDERS = ("layers", "_layer_checkpoint_dependencies")


def handled_config(
    config: Any, handlers: Mapping[str, Handler], root: Any, *, by_layer: bool
) -> tuple[Handled, set[tuple[str, str]]]:
    """Return a configuration without the layers that have handlers.

    Parameters
    ----------
    config
        The model's configuration.
    handlers
        By class name.
    root
        The HDF5 group that holds the weights.
    by_layer
        Whether it has one group a layer with all variables in one list.

    Returns
    -------
    tuple of Handled and set
        And in files by layer, the groups and names of the variables that were offered to handlers.
    """
    taken: set[tuple[str, str]] = set()

    def find(path: str) -> Arrays:
        if not by_layer:
            return list(_object_variables(_object_group(config, root, path)))
        return _listed_variables(root, path, taken)

    return apply_handlers(config, handlers, find), taken


def _listed_variables(root: Any, path: str, taken: set[tuple[str, str]]) -> Arrays:
    """Return a layer's variables out of the list of the model's layer that it is in."""
    elements = path.split("/")
    for group_name in names_in(root, "layer_names"):
        if escaped(group_name.replace("/", "_")) != elements[0] and group_name != elements[0]:
            continue
        group = group_at(root, group_name)
        names = [] if group is None else without_state(names_in(group, "weight_names"))
        found = []
        for name in names:
            parts = name.rsplit(":", 1)[0].split("/")
            owned = elements[-1] in parts[:-1]
            if owned or len(elements) == 1:
                place = len(parts) - parts[::-1].index(elements[-1]) if owned else len(parts) - 1
                found.append(("/".join(parts[place:]), array_at(group, name)))
                taken.add((group_name, name))
        # Trainable ones come first in these files; elsewhere, a layer's own before its parts'.
        return sorted(found, key=lambda variable: variable[0].count("/"))
    return []


def _object_group(config: Any, root: Any, path: str) -> Any:
    """Return the group of a layer, which is called after its class and counted."""
    group, model = root, config
    for element in path.split("/"):
        folder = next((each for name in _FOLDERS if (each := group_at(group, name))), None)
        layers = entries(model)
        names = [escaped(name_of(entry)) for entry in layers]
        if folder is None or element not in names:
            return None
        model = layers[names.index(element)]
        base = _base(model)
        same = [place for place, entry in enumerate(layers) if _base(entry) == base]
        number = same.index(names.index(element))
        group = group_at(folder, f"{base}_{number}" if number else base)
        for name in folder:
            child = group_at(folder, name)
            variables = group_at(child, "vars")
            stored = "" if variables is None else text_of(variables.attrs.get("name", ""))
            if name.startswith(base) and escaped(stored) == element:
                group = child
    return group


def _base(entry: Mapping[str, Any]) -> str:
    kind = entry["class_name"]
    return snake_case("Functional" if kind == "Model" else kind)


def _object_variables(group: Any, prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the variables of a layer's group, its own in order, then those of its parts."""
    if group is None:
        return
    variables = group_at(group, "vars")
    for name in sorted(variables or (), key=int):
        yield prefix + name, array_at(variables, name)
    for name in group:
        if name != "vars" and not name.startswith("seed_generator"):
            yield from _object_variables(group_at(group, name), f"{prefix}{name}/")
