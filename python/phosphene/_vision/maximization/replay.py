"""Pictures rendered again from their recipe."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from phosphene._engine.library import engine, threads
from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._sentences import counted, with_article
from phosphene._vision.carried import start_of
from phosphene._vision.maximization.picture_files import read_recipe
from phosphene._vision.maximization.render import FORMAT, render
from phosphene._vision.maximization.selection import some_of
from phosphene._vision.maximization.varied_input import varied_shape
from phosphene._warnings import warn

if TYPE_CHECKING:
    from pathlib import Path

    from phosphene._models.model import Model
    from phosphene._vision.maximization.picture import Picture

NAMES = {
    "version": "version of Phosphene",
    "onednn": "version of oneDNN",
    "isa": "kind of CPU",
    "threads": "number of threads",
}


def replay(
    recipe: str | Path | Mapping[str, Any],
    model: Any,
    *,
    start: Any = None,
    progress: bool = True,
) -> Picture:
    """Render a picture again from its recipe.

    Parameters
    ----------
    recipe
        A file that `Picture.save` wrote; a recipe itself, such as `Picture.recipe`, or its JSON;
        or the path of a JSON file that holds one.
    model
        The `Model` that the picture was made with, or anything that `load` takes. Another one must
        take inputs of the same shape and have all that the recipe names; the titles are its own.
    start
        The start picture, if one was given that was too large (over 1 MB) for the recipe.
    progress
        Show a progress bar, as `maximize` does.

    Returns
    -------
    Picture
        Bit for bit the earlier one where version, kind of CPU, number of threads and model are the
        same. What differs is stated in a warning.

    Raises
    ------
    ModelFileError
        If the file can't be read, or carries no recipe; it is also an OSError.
    InvalidArgumentError
        If the recipe doesn't fit the model, or `start` is needed or differs from the one used.

    Examples
    --------
    >>> import phosphene as ph, tempfile
    >>> model = ph.zoo.wardrobe()
    >>> picture = ph.maximize(model, "Bag", steps=4, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = ph.replay(picture.save(f"{folder}/bag.png"), model)
    >>> bool((again.images == picture.images).all())
    True
    >>> again = ph.replay(picture.recipe, model, progress=False)
    >>> bool((again.images == picture.images).all())
    True
    """
    from phosphene._models.model import as_model

    if isinstance(recipe, str) and recipe.lstrip().startswith("{"):
        recipe = _from_json(recipe)
    is_document = isinstance(recipe, Mapping)
    if not is_document and not isinstance(recipe, (str, os.PathLike)):
        raise InvalidArgumentError(
            "ph.replay takes a picture's file or its recipe and then the model, such as "
            "ph.replay('bag.png', model) or ph.replay(picture.recipe, model); received "
            f"{with_article(type(recipe).__name__)} as the recipe."
        )
    document = _document(recipe) if isinstance(recipe, Mapping) else read_recipe(recipe)
    where = "" if is_document else f" in {str(recipe)!r}"
    if document.get("format") != FORMAT:
        raise ModelFileError(
            f"The recipe{where} has the format {document.get('format')!r}; this version "
            f"reads {FORMAT!r}."
        )
    model = as_model(model)
    made_by = document.pop("engine", {})
    made_by = made_by if isinstance(made_by, dict) else {}
    labels, shown = document.pop("labels", None), document.pop("shown", None)
    document.pop("scores", None)
    _check_shown(shown, labels, document, where)
    if made_by.get("model_digest", model.digest) != model.digest:
        _check_shape(made_by.get("input_shape"), model, document, where)
        labels = None  # are those of the other network
    array = start_of(document.pop("start", None), start)
    differences = _differences(made_by, model)
    if differences:
        source = "that of the recipe" if is_document else repr(str(recipe))
        warn(f"The picture may differ from {source}: {'; '.join(differences)}.")
    if shown is None:
        return render(model, document, array, labels=labels, progress=progress)
    # Those that were rendered with it change the bits of a picture.
    picture = some_of(render(model, document, array, progress=progress), shown)
    return picture if labels is None else replace(picture, labels=tuple(labels))


def _from_json(text: str) -> dict[str, Any]:
    """Return a recipe that is handed over as JSON, which no path begins like."""
    try:
        recipe: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(
            f"The recipe is a text that begins like JSON, and is none ({error}): hand over "
            f"picture.recipe, json.dumps of it, or a file's path; received {text!r:.40}..."
        ) from None
    return recipe


def _document(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe that somebody hands over as it is read from a file."""
    try:
        document: dict[str, Any] = json.loads(json.dumps(dict(recipe)))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(
            f"A recipe holds what JSON has: texts, numbers, lists and dicts of them; {error}."
        ) from None
    if not isinstance(document.get("objectives"), list):
        raise InvalidArgumentError(
            "A recipe is a dict with a list of objectives, such as picture.recipe; received one "
            f"with {', '.join(map(repr, document)) or 'nothing in it':.80}."
        )
    return document


def _check_shown(shown: Any, labels: Any, recipe: dict[str, Any], where: str) -> None:
    """Refuse numbers of pictures that there aren't, and titles that aren't one for each."""
    count = recipe.get("count", 1)
    if not isinstance(count, int):  # the engine says so
        return
    pictures = len(recipe["objectives"]) * count
    if shown is not None:
        places = shown if isinstance(shown, list) and shown else [None]
        if not all(type(each) is int and 0 <= each < pictures for each in places):
            raise ModelFileError(
                f"The recipe{where} is damaged: shown must be numbers of its "
                f"{counted(pictures, 'picture')}, counted from 0; it holds {shown!r:.80}."
            )
        pictures = len(shown)
    if labels is None:
        return
    texts = isinstance(labels, list) and all(isinstance(each, str) for each in labels)
    if not texts or len(labels) != pictures:
        raise ModelFileError(
            f"The recipe{where} is damaged: labels must be {counted(pictures, 'text')}, "
            f"one for each picture; it holds {labels!r:.80}."
        )


def _check_shape(stated: Any, model: Model, recipe: dict[str, Any], where: str) -> None:
    """Refuse a network whose inputs have another shape than the one that made the picture."""
    given = recipe.get("given")
    taken = varied_shape(model, given if isinstance(given, dict) else None)
    if stated is None or taken is None:  # files of earlier versions state none
        return
    lengths = stated if isinstance(stated, list) else []
    pairs = zip(lengths, taken, strict=False)
    if len(lengths) != len(taken) or not all(
        None in (one, other) or one == other for one, other in pairs
    ):
        raise InvalidArgumentError(
            f"The picture{where or ' of the recipe'} was made with a network that takes inputs of "
            f"{_by(lengths)}, {model.name!r} takes {_by(taken)} (channels last): hand over the one "
            "it was made with, or look for what this one likes with ph.maximize."
        )


def _by(lengths: list[Any]) -> str:
    return " by ".join("any" if each is None else f"{each!r:.20}" for each in lengths) or "no shape"


def _differences(made_by: dict[str, Any], model: Any) -> list[str]:
    """Return in words what isn't as it was when the picture was made."""
    present = engine() | {"threads": threads()}
    found = [
        f"the {name} was {made_by.get(key)}, now it is {present.get(key)}"
        for key, name in NAMES.items()
        if made_by.get(key) != present.get(key)
    ]
    if made_by.get("model_digest") != model.digest:
        found.append("the model is another one, or its weights have changed")
    return found
