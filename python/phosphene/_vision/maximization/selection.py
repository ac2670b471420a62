"""Some of the pictures that were rendered together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from phosphene._vision.maximization.frame import Frame

if TYPE_CHECKING:
    from phosphene._vision.maximization.picture import Picture


def some_of(picture: Picture, places: list[int]) -> Picture:
    """Return some of the pictures of a run, with all that belongs to them."""
    if places == list(range(len(picture))):
        return picture

    def make_recipe() -> dict[str, Any]:
        shown = picture.recipe.get("shown", range(len(picture)))
        return picture.recipe | {"shown": [shown[index] for index in places]}

    def of(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[index] for index in places) if values else ()

    return replace(
        picture,
        images=picture.images[places],
        input=picture.input[places],
        scores=of(picture.scores),
        history=of(picture.history),
        make_recipe=make_recipe,
        labels=of(picture.labels),
        alpha=None if picture.alpha is None else picture.alpha[places],
        diagnoses=of(picture.diagnoses),
        frames=tuple(
            Frame(each.step, each.images[places], of(each.scores)) for each in picture.frames
        ),
        steps=of(picture.steps),
    )
