"""What transforms, regularizers and optimizers have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from phosphene._checks import number, whole


@dataclass(frozen=True)
class Option:
    """A part of a recipe: a kind and its numbers, which are checked when it is made."""

    kind: ClassVar[str]
    """What a recipe calls it."""

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        self._check()

    def to_json(self) -> dict[str, Any]:
        """Return the kind and the numbers as a recipe states them."""
        return {"kind": self.kind} | {each.name: getattr(self, each.name) for each in fields(self)}

    def _check(self) -> None:
        """Call `_number` and `_whole` for what has bounds."""

    def _number(self, name: str, **bounds: float) -> None:
        """Refuse a number out of bounds, see `number`; take any other over as a float."""
        object.__setattr__(self, name, number(self._full(name), getattr(self, name), **bounds))

    def _whole(self, name: str, minimum: int, maximum: int | None = None) -> None:
        """Refuse what is no whole number inside the bounds; take any other over as an int."""
        value = whole(self._full(name), getattr(self, name), minimum, maximum)
        object.__setattr__(self, name, value)

    def _flag(self, name: str) -> None:
        object.__setattr__(self, name, bool(getattr(self, name)))

    def _full(self, name: str) -> str:
        return f"{type(self).__name__}: {name}"
