"""Some of the pictures that were rendered together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import place
from phosphene._errors import NoSuchNumberError
from phosphene._sentences import suggestion
from phosphene._vision.maximization.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phosphene._vision.maximization.picture import Picture


def places_of(index: Any, labels: Sequence[str]) -> list[int]:
    """Return which pictures are meant by a number, a slice, a label or a list of such."""
    if isinstance(index, slice):
        found = list(range(len(labels))[index])
    elif isinstance(index, (list, tuple, np.ndarray)):
        if isinstance(index, np.ndarray) and index.dtype == bool and index.shape == (len(labels),):
            index = np.flatnonzero(index)
        if any(isinstance(each, (list, tuple)) or getattr(each, "ndim", 0) for each in index):
            raise NoSuchNumberError(
                f"A list of pictures holds numbers, labels and slices; received {index!r:.60}."
            )
        found = [number for each in index for number in places_of(each, labels)]
    elif isinstance(index, str):
        found = [number for number, label in enumerate(labels) if label == index]
        if not found:
            raise NoSuchNumberError(
                f"No picture has the label {index!r:.60}: "
                f"{suggestion(index, dict.fromkeys(labels), 'the labels begin with')}."
            )
    else:
        number = place(index, len(labels))
        found = [] if number is None else [number]
    if not found:
        raise NoSuchNumberError(
            f"The pictures are numbered from 0 to {len(labels) - 1}; received {index!r:.60}."
        )
    return found


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
