"""What the units of a network like best, again and again while it learns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, PhospheneWarning
from phosphene._options import check_options
from phosphene._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phosphene._models.model import Model
    from phosphene._vision.maximization.picture import Picture
    from phosphene._vision.watching.run import Run

KEPT = 0.7
"""How much of the contrast of a unit's last picture the next one begins with.

With all of it, pixels that are black or white stay so for good: the pictures of a trained network
then keep the noise of the untrained one. With 0.7 they come out as those that begin with noise.
"""

OWN = ("model", "objective")
"""What a watch says itself."""

STARTING = ("fourier", "pixel")
"""The parametrizations that can go on from a picture, without a prior."""


def checked_options(units: Sequence[Any], options: Any) -> dict[str, Any]:
    """Return options of `maximize` for the pictures of units, or say what is wrong with them."""
    from phosphene._vision.maximization.maximize import maximize
    from phosphene._vision.maximization.stated import stated_options

    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InvalidArgumentError(
            "options must be a dict of options of ph.maximize, such as {'steps': 64}; received "
            f"{options!r:.80}."
        )
    check_options(options, maximize, "options= are for ph.maximize, which", OWN)
    if not units:
        raise InvalidArgumentError(
            "options are for the pictures of units, of which none is watched: name some, such as "
            f"units=[0], or leave options out; received {options!r:.80}."
        )
    stated_options(options)
    return dict(options)


def first_picture(model: Model, units: Sequence[Any], options: Mapping[str, Any]) -> Picture:
    """Return what units like best, from noise."""
    from phosphene._vision.maximization.maximize import maximize

    return maximize(model, list(units), **({"progress": False} | dict(options)))


def lasting_recipe(model: Model, units: Sequence[Any], picture: Picture) -> dict[str, Any]:
    """Return the recipe of the pictures to come: that of the first, aimed at the units again.

    The first one's may say what was aimed at instead of a unit that was off.
    """
    from phosphene._vision.objectives.objectives import as_objective

    # Of a look only the pictures and their scores are kept.
    passing = ["engine", "starts", "last_step", "frames"]
    if picture.ground is None:  # that one is no part of the picture
        passing.append("transparency")
    recipe = {key: each for key, each in picture.recipe.items() if key not in passing}
    return recipe | {"objectives": [as_objective(model, unit).to_json() for unit in units]}


def uncarried_start(
    model: Model, options: Mapping[str, Any], recipe: Mapping[str, Any]
) -> NDArray[np.float32] | None:
    """Return the start picture that a recipe names but is too large for it to carry, if any."""
    from phosphene._vision.maximization.ranges import start_array

    if "zlib" in recipe.get("start", {"zlib": ""}):
        return None
    return start_array(model, options["start"], recipe["input"], options.get("given"))


def next_pictures(model: Model, run: Run) -> dict[str, NDArray[Any]]:
    """Return what the units of a run like now, from the pictures of its last look on."""
    from phosphene._vision.carried import start_of
    from phosphene._vision.maximization.render import render

    recipe = dict(run.about["recipe"])
    given = recipe.pop("start", None)
    try:
        start = start_of(given, run.start)
        # What is no picture (it has no size) is drawn in another shape than it is computed in.
        way = recipe["parametrization"]
        can_go_on = "size" in recipe and way["kind"] in STARTING and "prior" not in way
        if start is None and run.looks and can_go_on:
            start = _start(run.looks[-1].pictures, recipe)
            if not recipe["stages"]:  # which state the number of their steps
                recipe["steps"] = max(1, int(recipe["steps"]) // 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PhospheneWarning)  # of units that are off for a while
            picture = render(model, recipe, start, labels=run.titles, progress=False)
        return arrays_of(picture)
    except InvalidArgumentError as error:
        if not run.looks:
            raise
        # Weights that have come to NaN, or units that are off, are to be seen, and no reason to
        # lose a training.
        warn(f"What the units like is missing at a look: {error}")
        grey = np.full_like(run.looks[-1].pictures, 127)
        lost = {"pictures": grey, "scores": np.full(len(grey), np.nan)}
        if run.looks[-1].limits is not None:
            lost["inputs"] = np.full_like(run.looks[-1].inputs, np.nan)
        return lost


def arrays_of(picture: Picture) -> dict[str, NDArray[Any]]:
    """Return what a look keeps of pictures."""
    from phosphene._display.series_figure import is_series, values_of

    arrays: dict[str, NDArray[Any]] = {
        "pictures": picture.images,
        "scores": np.asarray(picture.scores),
    }
    # Signals and rows are drawn by their numbers; in grey they say little.
    return arrays | ({"inputs": np.stack(values_of(picture))} if is_series(picture) else {})


def limits_of(picture: Picture) -> dict[str, Any]:
    """Return what a run keeps of the ranges of signals and rows; nothing of pictures."""
    from phosphene._display.series_figure import is_series

    return {"limits": picture.limits.tolist()} if is_series(picture) else {}


def _start(pictures: NDArray[np.uint8], recipe: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return pictures to go on from, as a recipe scales the network's input, channels last."""
    from phosphene._models.preprocessing import Preprocessing

    ground = 255 * float(recipe["background"])
    scaling = recipe["input"]
    scale, offset = tuple(scaling["scale"]), tuple(scaling["offset"])
    return Preprocessing(scale, offset, bool(scaling["reverse_channels"])).apply(
        ground + KEPT * (pictures.astype(np.float32) - ground)
    )
