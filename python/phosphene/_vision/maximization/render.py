"""One run of the engine's maximization: recipe in, `Picture` out, somebody told after each step."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._engine.library import check, describe, ffi, lib, text, to_numpy
from phosphene._errors import Cancelled, InvalidArgumentError
from phosphene._models.columns import limits_of
from phosphene._vision.carried import stated_start
from phosphene._vision.maximization.frame import Frame
from phosphene._vision.maximization.picture import Picture
from phosphene._vision.maximization.progress import Listeners
from phosphene._vision.maximization.varied_input import varied_shape
from phosphene._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phosphene._models.model import Model
    from phosphene._vision.maximization.progress import Callback

FORMAT = "phosphene-recipe/1"

FEWEST_STEPS = 96
"""The steps that the engine's defaults take at least."""


def render(
    model: Model,
    recipe: dict[str, Any],
    start: NDArray[np.float32] | None = None,
    *,
    labels: Sequence[str] | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> Picture:
    """Let the engine follow a recipe.

    Parameters
    ----------
    model
        The model.
    recipe
        As ``ph_maximize`` takes it.
    start
        The picture to start from.
    labels
        Titles of the pictures; by default made from the objectives.
    callbacks, progress
        See `maximize`.
    """
    _refuse_several(recipe)
    try:
        document = json.dumps(recipe, default=_plain)
    except TypeError as error:
        raise InvalidArgumentError(
            f"The recipe holds something that isn't a number: {error}."
        ) from None
    arrays = None if start is None else describe([start])
    listeners = Listeners(
        callbacks, lambda handle: _picture(model, handle, start, labels), progress=progress
    )
    out = ffi.new("ph_picture **")
    user_data = ffi.new_handle(listeners)
    with listeners:
        status = lib.ph_maximize(
            model.handle,
            document.encode(),
            ffi.NULL if arrays is None else arrays.pointer,
            lib.ph_progress_callback,
            user_data,
            out,
        )
    if status not in (lib.PH_OK, lib.PH_CANCELLED):
        check(status)
    picture = None
    if out[0]:
        picture = _picture(model, ffi.gc(out[0], lib.ph_picture_destroy), start, labels)
    if listeners.error is not None:
        with suppress(AttributeError):  # an exception class may forbid new attributes
            listeners.error.picture = picture  # type: ignore[attr-defined]
        raise listeners.error
    if status == lib.PH_CANCELLED:
        raise Cancelled(
            "A callback returned True, which stops the maximization; the picture so far is the "
            "attribute 'picture' of this exception.",
            picture,
        )
    assert picture is not None
    _warn_about(picture)
    if "budget_s" in recipe:
        done = listeners.steps if recipe.get("early_stop") else len(picture.history[0])
        _warn_of_haste(recipe, done)
    return picture


def _refuse_several(recipe: dict[str, Any]) -> None:
    """Refuse an index for each sample, which a gradient may have and a picture can't."""
    with suppress(AttributeError, KeyError, TypeError):  # of what is no recipe the engine speaks
        for objective in recipe["objectives"]:
            for term in objective["terms"]:
                if isinstance(term.get("index"), (list, tuple)):
                    raise InvalidArgumentError(
                        "An index for each sample is for gradients. A picture has one index in "
                        "each term; several pictures have a list of objectives. Received the "
                        f"index {list(term['index'])!r:.60}."
                    )


def _warn_about(picture: Picture) -> None:
    """Warn once of all pictures whose gradient needed help."""
    ill = [
        f"{label!r}: {diagnosis[0].lower()}{diagnosis[1:]}"
        for label, diagnosis in zip(picture.labels, picture.diagnoses, strict=True)
        if diagnosis is not None
    ]
    if ill:
        more = f" {len(ill) - 1} more in picture.diagnoses." if len(ill) > 1 else ""
        warn(f"{ill[0]}{more}")


def _warn_of_haste(recipe: dict[str, Any], steps: int) -> None:
    """Warn if hardly any of the steps fitted into the time."""
    wanted = int(recipe.get("steps", FEWEST_STEPS))
    if steps < min(wanted, FEWEST_STEPS) / 5:
        said = (
            f"{steps} of {wanted} steps"
            if "steps" in recipe
            else f"{steps} step" + "s" * (steps > 1)
        )
        warn(
            f"budget_s={recipe['budget_s']:g} was enough for {said} only, so that the "
            "picture is still much like the noise it began with: give it more seconds, a smaller "
            "size or fewer views."
        )


def _picture(
    model: Model, handle: Any, start: NDArray[np.float32] | None, labels: Sequence[str] | None
) -> Picture:
    """Copy a picture out of the engine."""
    document = json.loads(text(lib.ph_picture_json(handle)))
    struct = ffi.new("ph_array *")
    check(lib.ph_picture_image(handle, struct))
    images = to_numpy(struct)
    check(lib.ph_picture_input(handle, struct))
    inputs = to_numpy(struct)
    recipe = dict(document["recipe"])
    alpha = ground = None
    if recipe["transparency"] == "optimized":
        check(lib.ph_picture_alpha(handle, struct))
        alpha, ground = to_numpy(struct)[..., 0], float(recipe["background"])
    elif recipe["transparency"]:
        check(lib.ph_picture_attention(handle, struct))
        alpha = _opacity(to_numpy(struct)[..., 0])
    if start is not None:
        recipe["start"] = stated_start(start)
    made_by = document["engine"] | {"threads": int(document["engine"]["threads"])}
    made_by["input_shape"] = varied_shape(model, recipe.get("given"))
    frames = []
    for index in range(len(document["frames"])):
        check(lib.ph_picture_frame(handle, index, struct))
        frames.append(to_numpy(struct))
    if labels is None:
        titles = [_title(model, each) for each in recipe["objectives"]]
        labels = [title for title in titles for _ in range(len(images) // len(titles))]
    return Picture(
        images=images,
        input=inputs,
        scores=tuple(document["scores"]),
        steps=tuple(document["steps"]),
        history=tuple(tuple(each) for each in document["history"]),
        make_recipe=lambda: recipe | {"engine": made_by | {"model_digest": model.digest}},
        labels=tuple(labels),
        alpha=alpha,
        ground=ground,
        limits=limits_of(recipe["input"]),
        diagnoses=tuple(document["diagnoses"]),
        frames=tuple(
            Frame(each["step"], image, tuple(each["scores"]))
            for image, each in zip(frames, document["frames"], strict=True)
        ),
    )


def _opacity(attention: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how opaque each pixel is, (n, height, width), from how much it mattered."""
    most = np.percentile(attention, 80, axis=(1, 2), keepdims=True)
    shares = attention / np.maximum(most, np.finfo(np.float32).tiny)
    return np.clip(shares, 0, 1).astype(np.float32)


def _title(model: Model, objective: dict[str, Any]) -> str:
    """Return a short name of an objective: a class name where there is one."""
    parts: list[str] = []
    for term in objective["terms"]:
        kind, index = term["kind"], term.get("index")
        if kind in ("logit", "probability"):
            output = term.get("output")
            classes = model.classes_of(output)
            known = classes is not None and 0 <= index < len(classes)
            name = str(classes[index]) if classes is not None and known else f"output {index}"
            if output is not None:  # one of several
                called = model.output_names.get(output, output)
                name = f"{called} · {name if known else index}"
        elif index is None:
            name = str(term["layer"])
        else:
            name = f"{term['layer']} · {index}"
        weight = term.get("weight", 1.0)
        sign = "- " if weight < 0 else "+ " if parts else ""
        factor = "" if abs(weight) == 1 else f"{abs(weight):g} "
        parts.append(f"{sign}{factor}{name}")
    return " ".join(parts)


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, for JSON."""
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    raise TypeError(f"{value!r}")
