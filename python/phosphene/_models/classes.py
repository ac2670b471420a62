"""The names of a network's outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from phosphene._errors import InvalidArgumentError, ModelFileError, UnknownNameError
from phosphene._sentences import counted, suggestion


def read(classes: Any, outputs: Sequence[dict[str, Any]]) -> tuple[str, ...] | None:
    """Return class names from a list or a text file, checked against the model's output."""
    if classes is None:
        return None
    if isinstance(classes, (str, os.PathLike)):
        try:
            lines = Path(classes).read_text("utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise ModelFileError(f"The class names in {classes} can't be read: {error}.") from None
        names = tuple(line.strip() for line in lines if line.strip())
    elif isinstance(classes, Iterable):
        names = tuple(classes)
    else:
        names = (classes,)
    if not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(
            "classes is a list of names, or the path of a text file with one a line; received "
            f"{classes!r:.80}."
        )
    count = outputs[0]["shape"][-1] if len(outputs) == 1 else None
    # A single sigmoid has two sides.
    if count is not None and len(names) not in ({1, 2} if count == 1 else {count}):
        raise InvalidArgumentError(
            f"The model has {counted(count, 'output')}, received "
            f"{counted(len(names), 'class name')}."
        )
    return names


def index_of(classes: tuple[str, ...] | None, name: str) -> int:
    """Return the index of a class, its letters' case ignored where that is enough."""
    if classes is None:
        raise InvalidArgumentError(
            f"{name!r} is taken as the name of a class, but the model has no class names: give "
            "them as ph.load(..., classes=[...]), or use the class's index."
        )
    folded = [each.casefold() for each in classes]
    for wanted, known in ((name, list(classes)), (name.casefold(), folded)):
        if known.count(wanted) == 1:
            return known.index(wanted)
        if known.count(wanted) > 1:
            places = [str(index) for index, each in enumerate(known) if each == wanted]
            raise InvalidArgumentError(
                f"{name!r} names several classes; use an index: {', '.join(places)}."
            )
    near = suggestion(name, classes, "it begins with", cutoff=0.4)
    raise UnknownNameError(f"The model has no class {name!r}; {near}.")


def to_text(classes: Sequence[str]) -> str:
    """Return what a model file keeps."""
    return json.dumps(list(classes), ensure_ascii=False)


def from_text(stored: str | None) -> Any:
    """Return the class names that `to_text` wrote."""
    if stored is None:
        return None
    try:
        return json.loads(stored)
    except ValueError:
        raise ModelFileError(f"The stored class names are no JSON: {stored!r:.60}.") from None


def to_metadata(classes: Mapping[str, Sequence[str] | None]) -> dict[str, str]:
    """Return what is kept beside a network with several outputs, each with names of its own."""
    known = {output: list(names) for output, names in classes.items() if names is not None}
    if not known:
        return {}
    first, *others = known.values()
    if len(known) == len(classes) and all(names == first for names in others):
        return {"classes": to_text(first)}
    return {"classes_by_output": json.dumps(known, ensure_ascii=False)}


def by_output(metadata: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the names of each output's classes, as far as outputs have their own."""
    stored = from_text(metadata.get("classes_by_output"))
    if not isinstance(stored, dict):
        return {}
    return {output: tuple(map(str, names)) for output, names in stored.items()}
