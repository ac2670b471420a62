"""The scores that a card holds: of shifted and scrambled copies, other starts, other weights."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._errors import InvalidArgumentError, PhospheneWarning
from phosphene._vision.maximization.card import Card, gains_of
from phosphene._vision.maximization.folders import pictures_in
from phosphene._vision.maximization.varied_input import VariedInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phosphene._models.model import Model
    from phosphene._vision.maximization.picture import Picture

COPIES = 16
"""How many shifted copies, and how many with their pixels in random order, are looked at."""

BATCH = 16


def make_card(
    picture: Picture,
    model: Any,
    images: Any,
    *,
    seeds: Any,
    random_weights: bool,
    start: Any,
    progress: bool,
) -> Card:
    """Return a card; see `Picture.card`."""
    from phosphene._models.model import as_model
    from phosphene._vision.carried import start_of

    seeds = whole("seeds", seeds, 0)
    model = as_model(model)
    if model.digest != picture.recipe["engine"]["model_digest"]:
        raise InvalidArgumentError(
            f"The picture was made with another model than {model.name!r}, or its weights have "
            "changed since."
        )
    recipe = dict(picture.recipe)
    seen = VariedInput.of(model, recipe)
    stated = recipe.pop("start", None)
    for key in ("engine", "frames"):  # nobody looks at those of other starts
        recipe.pop(key, None)
    if recipe.get("transparency") is True:  # which changes no picture
        recipe.pop("transparency")
    places = recipe.pop("shown", range(len(picture)))
    others = bool(seeds) or random_weights
    array = start_of(stated, start) if others else None
    count = int(recipe["count"])
    objectives = [_comparable(each) for each in recipe["objectives"]]
    # Which objective each picture is of.
    aims = [objectives[place // count] for place in places]
    own = list(zip(aims, picture.input, strict=True))

    scores = np.array([_scores(seen, aim, x[np.newaxis])[0] for aim, x in own])
    mixed = Scrambling(seen, picture.limits)
    scrambled = np.array([_scores(seen, aim, mixed.copies(x)) for aim, x in own])
    shifted = None
    if seen.form != "row":
        axis = seen.channel_axis - 1
        shifted = np.array([_scores(seen, aim, _shifted(x, axis)) for aim, x in own])
    known = None
    if images is not None:
        inputs = _finite(seen, images)
        if not seen.others:
            model.warn_about([inputs])
        each = [_scores(seen, aim, inputs) for aim in objectives]
        known = np.array([each[place // count] for place in places])

    runs = [
        _again(model, recipe | {"seed": (recipe["seed"] + 1 + run) % 2**64}, array, progress)
        for run in range(seeds)
    ]
    found = []
    for place, aim in zip(places, aims, strict=True):
        # Not those beside it in this run, of which a picture taken out of it knows nothing.
        first = place // count * count
        again = [run.input[first : first + count] for run in runs if run is not None]
        found.append(np.concatenate([np.zeros(0), *(_scores(seen, aim, x) for x in again)]))
    return Card(
        labels=picture.labels,
        scores=scores,
        shifted=shifted,
        scrambled=scrambled,
        seeds=tuple(found),
        images=known,
        random_gains=(
            _gains_of_chance(mixed, recipe, array, objectives, progress=progress)[list(places)]
            if random_weights
            else None
        ),
        thumbnails=_thumbnails(picture),
        form=seen.form,
    )


def _thumbnails(picture: Picture) -> NDArray[np.uint8]:
    """Return what a card shows of pictures; signals and rows as they are drawn."""
    from phosphene._display.series_figure import drawings, is_series
    from phosphene._display.slices import laid_out

    return drawings(picture) if is_series(picture) else laid_out(picture)


def _listed(images: Any) -> Sequence[Any]:
    return images if isinstance(images, (list, tuple)) else [images]


def _finite(seen: VariedInput, images: Any) -> NDArray[Any]:
    """Return a user's own inputs, or say that they hold numbers which have no score."""
    if isinstance(images, float) and not np.isfinite(images):
        raise InvalidArgumentError(
            f"images must be inputs that the network takes, or pictures; received {images}."
        )
    if any(isinstance(each, (str, os.PathLike)) for each in _listed(images)):
        images = pictures_in(images, "images")
    inputs = seen.inputs(images)
    lost = ~np.isfinite(inputs).reshape(len(inputs), -1).all(axis=1)
    if lost.any():
        raise InvalidArgumentError(
            f"images holds NaN or infinity, first at {int(lost.argmax())} of {len(inputs)}: leave "
            "such inputs out, as they have no score."
        )
    return inputs


def _comparable(objective: dict[str, Any]) -> dict[str, Any]:
    """Return an objective without what depends on the other pictures of a run."""
    terms = [term for term in objective["terms"] if term["kind"] != "diversity"]
    if not terms:
        raise InvalidArgumentError(
            "A picture of diversity alone has no score of its own to be compared."
        )
    return objective | {"terms": terms}


def _scores(seen: VariedInput, objective: dict[str, Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the objective of each of some inputs."""
    import json

    request = {"gradient": {"objective": objective}}
    key = json.dumps(objective, sort_keys=True)
    found = []
    for begin in range(0, len(x), BATCH):
        arrays = seen.arrays(x[begin : begin + BATCH])
        plan = seen.model.plan(request, [each.shape for each in arrays], ("card", key))
        found.append(plan.run(arrays)[0])
    return np.concatenate(found).astype(np.float64)


@dataclass(frozen=True)
class Scrambling:
    """Copies of inputs with their positions in random order.

    Each input has random numbers of its own, so that its copies are the same whatever stands beside
    it.
    """

    seen: VariedInput
    limits: NDArray[np.float64]

    def copies(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return copies of one input; the channels of one position stay together."""
        random = np.random.default_rng(0)
        if self.seen.form == "row":
            return self._rows(x, random)
        axis = self.seen.channel_axis - 1
        x = np.moveaxis(x, axis, -1)
        # Two axes may be height and width as well as length and channels.
        flat = x.reshape(-1, x.shape[-1] if x.ndim > 2 else 1)
        copies = [flat[random.permutation(len(flat))].reshape(x.shape) for _ in range(COPIES)]
        return np.moveaxis(np.stack(copies), -1, axis + 1)

    def _rows(self, x: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        """Return rows in which each column is as far up its range as another one was."""
        low, high = np.broadcast_to(self.limits, (x.size, 2)).T
        shares = np.clip((x.ravel().astype(np.float64) - low) / (high - low), 0, 1)
        mixed = np.stack([shares[random.permutation(x.size)] for _ in range(COPIES)])
        rows: NDArray[np.float32] = (low + mixed * (high - low)).astype(np.float32)
        return rows.reshape(COPIES, *x.shape)


def _shifted(x: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return copies shifted along their positions; what moves in repeats the edge."""
    random = np.random.default_rng(1)
    x = np.moveaxis(x, axis, -1)
    axes = range(x.ndim - 1)
    reach = [max(x.shape[axis] // 16, 1) for axis in axes]
    padded = np.pad(x, [*((each, each) for each in reach), (0, 0)], mode="edge")
    copies = []
    for _ in range(COPIES):
        begins = [int(random.integers(0, 2 * each + 1)) for each in reach]
        cut = tuple(slice(b, b + x.shape[axis]) for axis, b in zip(axes, begins, strict=True))
        copies.append(padded[cut])
    return np.moveaxis(np.stack(copies), -1, axis + 1)


def _again(
    model: Model,
    recipe: dict[str, Any],
    start: NDArray[np.float32] | None,
    progress: bool,  # noqa: FBT001
) -> Picture | None:
    """Return the pictures of a recipe; None if they have no gradient."""
    from phosphene._vision.maximization.render import render

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PhospheneWarning)
        try:
            return render(model, recipe, start, progress=progress)
        except InvalidArgumentError as error:
            if "gradient" not in str(error):
                raise
            return None


def _gains_of_chance(
    mixed: Scrambling,
    recipe: dict[str, Any],
    start: NDArray[np.float32] | None,
    objectives: list[dict[str, Any]],
    *,
    progress: bool,
) -> NDArray[np.float64]:
    """Return what the recipe gains in a network whose weights are in random order."""
    other = replace(mixed.seen, model=_shuffled(mixed.seen.model, np.random.default_rng(0)))
    count = int(recipe["count"])
    picture = _again(other.model, recipe, start, progress)
    if picture is None:
        return np.full(count * len(objectives), np.nan)
    gains = []
    for index, x in enumerate(picture.input):
        # As it was rendered: what the doctor did for it may differ from the picture's own.
        aim = _comparable(picture.recipe["objectives"][index // count])
        score = _scores(other, aim, x[np.newaxis])
        gains.append(gains_of(score, _scores(other, aim, mixed.copies(x))[np.newaxis])[0])
    return np.array(gains)


def _shuffled(model: Model, random: np.random.Generator) -> Model:
    """Return the network with each kernel's numbers in random order."""
    from phosphene._models.model import load

    weights = {}
    for entry in model.architecture.weights():
        array = np.array(model.weight(entry["key"]))
        if array.ndim > 1:
            array = random.permutation(array.ravel()).reshape(array.shape)
        weights[entry["key"]] = array
    return load(
        (model.config, weights),
        preprocessing=model.preprocessing,  # type: ignore[arg-type]
        exact=model.exact,
        precision=model.precision,
    )
