"""The state of a live model, to be put back after its layers were called."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MISSING = object()


@contextlib.contextmanager
def unchanged(layers: list[Any]) -> Iterator[None]:
    """Put back every attribute of some layers, and what their lists, dicts and sets hold."""
    objects = [each for layer in layers for each in (layer, getattr(layer, "_tracker", None))]
    kept = [_State(each) for each in objects if hasattr(each, "__dict__")]
    try:
        yield
    finally:
        for state in kept:
            state.restore()


@contextlib.contextmanager
def replaced(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    """Set attributes of classes and modules for a while: ``(owner, name, value)``.

    The value `REMOVED` takes an attribute away.
    """
    former = [(owner, name, vars(owner).get(name, _MISSING)) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            if value is not REMOVED:
                setattr(owner, name, value)
            elif name in vars(owner):
                delattr(owner, name)
        yield
    finally:
        for owner, name, value in reversed(former):
            if value is not _MISSING:
                setattr(owner, name, value)
            elif name in vars(owner):
                delattr(owner, name)


REMOVED = object()


class _State:
    """The attributes of one object as they were."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.attributes = dict(vars(owner))
        self.contents = [
            (value, kind(value))
            for value in self.attributes.values()
            if (kind := _container(value)) is not None
        ]

    def restore(self) -> None:
        # Past __setattr__, which would track what is set.
        present = vars(self.owner)
        for name in [name for name in present if name not in self.attributes]:
            del present[name]
        for name, value in self.attributes.items():
            if present.get(name, _MISSING) is not value:
                present[name] = value
        for value, content in self.contents:
            _refill(value, content)


def _container(value: Any) -> Any:
    if isinstance(value, OrderedDict):  # whose order dict's own methods don't know
        return None
    return next((kind for kind in (list, dict, set) if isinstance(value, kind)), None)


def _refill(value: Any, content: Any) -> None:
    """Put back what a list, dict or set holds, past the methods of Keras' own kinds of them."""
    if isinstance(value, list):
        if len(value) != len(content) or any(
            a is not b for a, b in zip(value, content, strict=True)
        ):
            list.__setitem__(value, slice(None), content)
    elif isinstance(value, dict):
        if list(value) != list(content) or any(value[key] is not content[key] for key in content):
            dict.clear(value)
            dict.update(value, content)
    elif len(value) != len(content) or any(each not in content for each in value):
        set.clear(value)
        set.update(value, content)
