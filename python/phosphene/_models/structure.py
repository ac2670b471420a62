"""In which structure a model takes inputs and returns outputs: one array, a list, a dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phosphene._models.config import Reference, escaped, structure_of


@dataclass(frozen=True)
class Structure:
    """A nest of lists and dicts whose leaves are numbers of inputs or outputs."""

    tree: Any

    def build(self, values: Sequence[Any]) -> Any:
        """Return the values in the structure."""
        return _filled(self.tree, values)

    def flatten(self, values: Any) -> list[Any] | None:
        """Return what stands at each number, or None if the values have another structure."""
        found: dict[int, Any] = {}
        return [found[n] for n in sorted(found)] if _collect(self.tree, values, found) else None

    def names(self, paths: Sequence[str]) -> list[str]:
        """Return what the numbered outputs are called.

        By their keys, ``"a/scores"`` in a dict of dicts, where the structure has keys and none is
        the path of another output; else by their paths.
        """
        found: dict[int, str] = {}
        _name(self.tree, "", found)
        names = [found.get(number) or path for number, path in enumerate(paths)]
        places = {path: number for number, path in enumerate(paths)}
        are_clear = len(set(names)) == len(names) and all(
            places.get(name, number) == number for number, name in enumerate(names)
        )
        return names if are_clear else list(paths)


def input_structure(config: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Structure:
    """Return the structure that a configuration states for the inputs of a model."""
    inner = config.get("config")
    stated = structure_of(inner.get("input_layers")) if isinstance(inner, Mapping) else None
    positions = {escaped(each["name"]): index for index, each in enumerate(inputs)}
    tree = _numbered(stated, positions)
    return Structure(list(range(len(inputs))) if _holes(tree) else tree)


def output_structure(config: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]) -> Structure:
    """Return the structure that a configuration states for the outputs of a model."""
    if len(outputs) == 1:
        return _single(config)
    inner = config.get("config")
    stated = structure_of(inner.get("output_layers")) if isinstance(inner, Mapping) else None
    leaves: list[Any] = []
    tree = _counted(stated, leaves)
    return Structure(tree if len(leaves) == len(outputs) else list(range(len(outputs))))


def _single(config: Mapping[str, Any]) -> Structure:
    """Keras 3 returns a list of one, or a dict of one, to those who made the model that way."""
    inner = config.get("config")
    stated = inner.get("output_layers") if isinstance(inner, Mapping) else None
    if isinstance(stated, Mapping) and len(stated) == 1:
        return Structure({next(iter(stated)): 0})
    return Structure(0)


def _counted(tree: Any, leaves: list[Any]) -> Any:
    """Return a tree with numbers for leaves, as the engine lists them: dicts by sorted keys."""
    if isinstance(tree, dict):
        numbers = {key: _counted(tree[key], leaves) for key in sorted(tree)}
        return {key: numbers[key] for key in tree}
    if isinstance(tree, list):
        return [_counted(value, leaves) for value in tree]
    leaves.append(tree)
    return len(leaves) - 1


def _numbered(tree: Any, positions: Mapping[str, int]) -> Any:
    if isinstance(tree, dict):
        return {key: _numbered(value, positions) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_numbered(value, positions) for value in tree]
    return positions.get(_path(tree)) if isinstance(tree, tuple) else None


def _path(reference: Reference) -> str:
    """Return the path under which the engine lists a tensor."""
    name, call, output = reference
    return escaped(name) + (f"#{call}" if call else "") + (f":{output}" if output else "")


def _holes(tree: Any) -> bool:
    if isinstance(tree, dict):
        return any(map(_holes, tree.values()))
    if isinstance(tree, list):
        return not tree or any(map(_holes, tree))
    return tree is None


def _collect(tree: Any, values: Any, found: dict[int, Any]) -> bool:
    """Note what stands at each leaf; return whether the values have the structure of the tree."""
    if isinstance(tree, int):
        found[tree] = values
        return True
    if isinstance(tree, dict):
        fits = isinstance(values, Mapping) and set(values) == set(tree)
        return fits and all(_collect(each, values[key], found) for key, each in tree.items())
    fits = isinstance(values, (list, tuple)) and len(values) == len(tree)
    return fits and all(map(_collect, tree, values, [found] * len(tree)))


def _name(tree: Any, name: str, found: dict[int, str]) -> None:
    """Note what the leaves of a tree are called, where they stand under keys."""
    if isinstance(tree, int):
        found[tree] = name
    elif isinstance(tree, dict):
        for key, value in tree.items():
            _name(value, f"{name}/{key}".removeprefix("/"), found)
    elif name:  # as Keras' layers with several outputs
        for number, value in enumerate(tree):
            _name(value, f"{name}:{number}" if number else name, found)


def _filled(tree: Any, values: Sequence[Any]) -> Any:
    if isinstance(tree, int):
        return values[tree]
    if isinstance(tree, dict):
        return {key: _filled(value, values) for key, value in tree.items()}
    return [_filled(value, values) for value in tree]
