"""How far a maximized picture can be trusted: its score beside those of others."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._errors import InvalidArgumentError, PhospheneWarning
from phosphene._vision.maximization.varied_input import VariedInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phosphene._models.model import Model
    from phosphene._vision.maximization.picture import Picture

COPIES = 16
"""How many shifted copies, and how many with their pixels in random order, are looked at."""

BATCH = 16


@dataclass(frozen=True, eq=False, repr=False)
class Card:
    """The scores of pictures beside those of other inputs; `Picture.card` makes it.

    Notebooks show it. Every array has one row for each picture; what wasn't asked for is None.

    Attributes
    ----------
    labels : tuple of str
        The titles of the pictures.
    scores : (n,) ndarray
        The objective of each picture, without diversity.
    shifted : (n, 16) ndarray or None
        The same of copies that are shifted by up to a sixteenth of their sides; None for inputs
        without positions.
    scrambled : (n, 16) ndarray
        The same of copies with their pixels in random order: the same colours, no shapes.
    seeds : tuple of (k,) ndarray
        For each picture the scores of other pictures of its objective, from other starts.
    images : (n, m) ndarray or None
        The objective of the user's own inputs.
    random_gains : (n,) ndarray or None
        `gains` of the same recipe with the network's weights in random order; NaN where that
        network has no gradient.
    thumbnails : (n, height, width, channels) ndarray of uint8
        The pictures.
    """

    labels: tuple[str, ...]
    scores: NDArray[np.float64]
    shifted: NDArray[np.float64] | None
    scrambled: NDArray[np.float64]
    seeds: tuple[NDArray[np.float64], ...]
    images: NDArray[np.float64] | None
    random_gains: NDArray[np.float64] | None
    thumbnails: NDArray[np.uint8]

    @property
    def percentiles(self) -> NDArray[np.float64] | None:
        """How many percent of the user's inputs score lower than each picture; None without any."""
        if self.images is None:
            return None
        lower: NDArray[np.float64] = 100 * (self.images < self.scores[:, np.newaxis]).mean(axis=1)
        return lower

    @property
    def gains(self) -> NDArray[np.float64]:
        """By how many standard deviations each picture beats its own pixels in random order."""
        return _gains(self.scores, self.scrambled)

    @property
    def kept(self) -> NDArray[np.float64] | None:
        """The share of what a picture has above its scrambled copies that shifted copies keep."""
        if self.shifted is None:
            return None
        floor = self.scrambled.mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            share: NDArray[np.float64] = (self.shifted.mean(axis=1) - floor) / (self.scores - floor)
        return share

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.scores)

    def facts(self, index: int = 0) -> dict[str, str]:
        """Return what is known of one picture, each in a few words.

        Parameters
        ----------
        index
            Which picture, counted from 0.
        """
        facts = {"score": f"{self.scores[index]:.4g}"}
        if self.images is not None and self.percentiles is not None:
            facts["your images"] = (
                f"above {self.percentiles[index]:.0f} % of {self.images.shape[1]}, "
                f"the best {self.images[index].max():.4g}"
            )
        if self.kept is not None:
            facts["shifted copies"] = f"keep {100 * self.kept[index]:.0f} %"
        if len(self.seeds[index]):
            facts["other starts"] = _range(self.seeds[index])
        facts["pixels in random order"] = (
            f"{_range(self.scrambled[index])}: {self.gains[index]:.3g} deviations below"
        )
        if self.random_gains is not None:
            gain = self.random_gains[index]
            facts["weights in random order"] = (
                "no gradient" if np.isnan(gain) else f"the same recipe gains {gain:.3g} deviations"
            )
        return facts

    def __repr__(self) -> str:
        lines = []
        for index, label in enumerate(self.labels):
            facts = ", ".join(f"{name} {fact}" for name, fact in self.facts(index).items())
            lines.append(f"{label}: {facts}")
        return "Card(" + "\n     ".join(lines) + ")"

    def _repr_html_(self) -> str:
        from phosphene._display.card import card_html

        return card_html(self)


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
    from phosphene._vision.maximization.replay import start_of

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
    for key in ("engine", "frames", "transparency"):  # nobody looks at those of other starts
        recipe.pop(key, None)
    others = bool(seeds) or random_weights
    array = start_of(stated, start) if others else None
    count = int(recipe["count"])
    objectives = [_comparable(each) for each in recipe["objectives"]]
    # Which objective each picture is of.
    own = [(objectives[index // count], picture.input[index]) for index in range(len(picture))]

    random = np.random.default_rng(0)
    scores = np.array([_scores(seen, aim, x[np.newaxis])[0] for aim, x in own])
    axis = seen.channel_axis - 1
    scrambled = np.array([_scores(seen, aim, _scrambled(x, axis, random)) for aim, x in own])
    shifted = None
    if picture.input.ndim > 2:
        shifted = np.array([_scores(seen, aim, _shifted(x, axis, random)) for aim, x in own])
    known = None
    if images is not None:
        inputs = seen.inputs(images)
        if not seen.others:
            model.warn_about([inputs])
        each = [_scores(seen, aim, inputs) for aim in objectives]
        known = np.array([each[index // count] for index in range(len(picture))])

    runs = [
        _again(model, recipe | {"seed": (recipe["seed"] + 1 + run) % 2**64}, array, progress)
        for run in range(seeds)
    ]
    found = []
    for index in range(len(picture)):
        first = index // count * count
        siblings = [place for place in range(first, first + count) if place != index]
        everywhere = [scores[siblings]]
        for run in runs:
            if run is not None:
                aim = objectives[index // count]
                everywhere.append(_scores(seen, aim, run.input[first : first + count]))
        found.append(np.concatenate(everywhere))
    return Card(
        labels=picture.labels,
        scores=scores,
        shifted=shifted,
        scrambled=scrambled,
        seeds=tuple(found),
        images=known,
        random_gains=(
            _gains_of_chance(seen, recipe, array, objectives, progress=progress)
            if random_weights
            else None
        ),
        thumbnails=picture.images,
    )


def _gains(scores: NDArray[np.float64], scrambled: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        gains: NDArray[np.float64] = (scores - scrambled.mean(axis=1)) / scrambled.std(axis=1)
    return gains


def _range(values: NDArray[np.float64]) -> str:
    mean = f"{values.mean():.4g}"
    return mean if len(values) == 1 else f"{mean} ± {values.std():.2g}"


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


def _scrambled(
    x: NDArray[np.float32], axis: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return copies with their positions in random order; the channels of one stay together."""
    x = np.moveaxis(x, axis, -1)
    # Two axes may be height and width as well as length and channels.
    flat = x.reshape(-1, x.shape[-1] if x.ndim > 2 else 1)
    copies = [flat[random.permutation(len(flat))].reshape(x.shape) for _ in range(COPIES)]
    return np.moveaxis(np.stack(copies), -1, axis + 1)


def _shifted(x: NDArray[np.float32], axis: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return copies shifted along their positions; what moves in repeats the edge."""
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
    seen: VariedInput,
    recipe: dict[str, Any],
    start: NDArray[np.float32] | None,
    objectives: list[dict[str, Any]],
    *,
    progress: bool,
) -> NDArray[np.float64]:
    """Return what the recipe gains in a network whose weights are in random order."""
    random = np.random.default_rng(0)
    other = replace(seen, model=_shuffled(seen.model, random))
    count = int(recipe["count"])
    picture = _again(other.model, recipe, start, progress)
    if picture is None:
        return np.full(count * len(objectives), np.nan)
    gains = []
    axis = seen.channel_axis - 1
    for index, x in enumerate(picture.input):
        # As it was rendered: what the doctor did for it may differ from the picture's own.
        aim = _comparable(picture.recipe["objectives"][index // count])
        score = _scores(other, aim, x[np.newaxis])
        gains.append(_gains(score, _scores(other, aim, _scrambled(x, axis, random))[np.newaxis])[0])
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
