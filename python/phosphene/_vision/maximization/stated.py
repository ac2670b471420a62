"""The options of `maximize` that need no network, as a recipe states them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import number, whole, whole_pair
from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array
from phosphene._models.columns import scaling_of_ends
from phosphene._sentences import nearest
from phosphene._vision.carried import stated_array
from phosphene._vision.maximization.progress import check_callbacks
from phosphene.optimizers import SGD, Adam, NAdam, RMSprop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


_NEVER_NONE = ("seed", "n", "early_stop", "redirected_steps", "frames", "callbacks")

_PARAMETRIZATIONS = ("natural", "fourier", "maco", "pixel")

Part = dict[str, Any]
"""What an option adds to a recipe."""


def stated_options(options: Mapping[str, Any]) -> Part:
    """Return what options state in a recipe, or say what is wrong with one of them.

    Parameters
    ----------
    options
        By the names of the parameters of `maximize`; None states nothing where it is the default,
        and neither does what can't be stated without a network.
    """
    given = {
        name: each for name, each in options.items() if each is not None or name in _NEVER_NONE
    }
    if "stages" in given and not {"size", "steps", "budget_s"}.isdisjoint(given):
        raise InvalidArgumentError(
            "stages say sizes and steps: leave size, steps and budget_s out."
        )
    recipe: Part = {}
    for name, state in _STATED.items():
        if name in given:
            recipe |= state(given[name])
    return recipe


def _if_any(name: str, value: float) -> Part:
    """Return a part that is left out where its number is 0."""
    return {name: value} if value else {}


def _stages(stages: Any) -> Part:
    pairs = list(stages) if isinstance(stages, (list, tuple)) else []
    if not pairs or any(not isinstance(each, (list, tuple)) or len(each) != 2 for each in pairs):
        raise InvalidArgumentError(
            "stages must be a list of pairs of a size and a number of steps, such as "
            f"[(64, 64), (128, 64)]; received {stages!r}."
        )
    stated: list[Part] = [
        {"size": _size(size), "steps": whole("the steps of a stage", steps, 1)}
        for size, steps in pairs
    ]
    return {"stages": stated, "steps": sum(stage["steps"] for stage in stated)}


def _parametrization(kind: Any) -> Part:
    if kind not in _PARAMETRIZATIONS:
        raise InvalidArgumentError(
            "parametrization must be 'natural', 'fourier', 'maco' or 'pixel'; "
            f"received {kind!r:.60}{_hint(kind, _PARAMETRIZATIONS)}."
        )
    return {"parametrization": {"kind": str(kind)}}


def _optimizer(optimizer: Any) -> Part:
    named = {"adam": Adam(), "nadam": NAdam(), "rmsprop": RMSprop(), "sgd": SGD()}
    found = named.get(optimizer) if isinstance(optimizer, str) else optimizer
    if not isinstance(found, (Adam, NAdam, RMSprop, SGD)):
        raise InvalidArgumentError(
            "optimizer must be 'adam', 'nadam', 'rmsprop', 'sgd' or one of phosphene.optimizers, "
            f"received {optimizer!r}{_hint(optimizer, named)}."
        )
    return {"optimizer": found.to_json()}


def _hint(received: Any, known: Iterable[str]) -> str:
    """Return which of the known names is near to what was received."""
    close = nearest(received, known, most=1) if isinstance(received, str) else []
    return f"; the closest is {close[0]!r}" if close else ""


def _listed(options: Any, where: str) -> Part:
    """Return transforms or regularizers."""
    if not isinstance(options, (list, tuple)):
        raise InvalidArgumentError(
            f"{where} must be a list of options from phosphene.{where}, received {options!r}; one "
            "alone stands in a list too."
        )
    for option in options:
        if type(option).__module__ != f"phosphene.{where}":
            raise InvalidArgumentError(
                f"{where} must be a list of options from phosphene.{where}, received {option!r} "
                "in it."
            )
    return {where: [option.to_json() for option in options]}


def _size(size: Any) -> list[int]:
    """Return height and width; of one number both."""
    wanted = "a number of pixels or (height, width)"
    if isinstance(size, (list, tuple, np.ndarray)):
        return list(whole_pair("size", size, 1, what=wanted))
    return [whole("size", size, 1, what=wanted)] * 2


def _value_range(value_range: Any) -> Part:
    """Return how pixels become the network's input: ``scale * pixel + offset``."""
    low = high = np.full(1, np.nan)
    with suppress(TypeError, ValueError):
        low, high = (np.ravel(np.asarray(each, float)) for each in value_range)
        low, high = np.broadcast_arrays(low, high)
    is_one = low.size == 1
    # A column that never varies keeps its number.
    if low.size and np.isfinite(high - low).all() and (low < high if is_one else low <= high).all():
        scale, offset = scaling_of_ends(low, high)
        return {"input": {"scale": scale, "offset": offset, "reverse_channels": False}}
    upside_down = np.flatnonzero(low > high)
    if not is_one and upside_down.size:
        place = upside_down[0]
        raise InvalidArgumentError(
            "value_range must be (smallest, largest), one number of each for each column or "
            f"channel; that at {place} is received as {low[place]:g} to {high[place]:g}."
        )
    raise InvalidArgumentError(
        "value_range must be the network's input for black and for white, such as (-1, 1), of "
        "signals, volumes and rows the smallest and the largest number; or arrays of these, one "
        "for each channel or column, such as (rows.min(axis=0), rows.max(axis=0)); received "
        f"{value_range!r:.80}."
    )


def _alpha(alpha: Any) -> Part:
    if isinstance(alpha, (bool, np.bool_)):
        return {"transparency": True} if alpha else {}
    if isinstance(alpha, str) and alpha == "optimized":
        return {"transparency": "optimized"}
    raise InvalidArgumentError(
        'alpha must be False, True (how much each pixel mattered) or "optimized" (one more '
        f"channel); received {alpha!r:.60}."
    )


def _mask(over: Any) -> Part:
    array = np.asarray(as_array(over, "over"), dtype="<f4")
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if not ((array >= 0) & (array <= 1)).all():
        raise InvalidArgumentError(
            "over must hold numbers from 0 (stays) to 1 (may change); received "
            f"{array.min():g} to {array.max():g}."
        )
    return {"mask": stated_array(array)}


def _callbacks(callbacks: Any) -> Part:
    check_callbacks(callbacks)
    return {}


_STATED: dict[str, Callable[[Any], Part]] = {
    "seed": lambda each: {"seed": whole("seed", each, 0, 2**64 - 1)},
    "n": lambda each: {"count": whole("n", each, 1, 1024)},
    "value_range": _value_range,
    "stages": _stages,
    "steps": lambda each: {"steps": whole("steps", each, 1)},
    "budget_s": lambda each: {"budget_s": number("budget_s", each, minimum=0.001, maximum=1e7)},
    "early_stop": lambda each: _if_any(
        "early_stop", number("early_stop", each, minimum=0, maximum=1)
    ),
    "parametrization": _parametrization,
    "views": lambda each: {"views": whole("views", each, 1)},
    "optimizer": _optimizer,
    "redirected_steps": lambda each: _if_any(
        "redirected_steps", whole("redirected_steps", each, 0)
    ),
    "alpha": _alpha,
    "frames": lambda each: _if_any("frames", whole("frames", each, 0)),
    "background": lambda each: {"background": number("background", each, minimum=0, maximum=1)},
    "size": lambda each: {"size": _size(each)},
    "transforms": lambda each: _listed(each, "transforms"),
    "regularizers": lambda each: _listed(each, "regularizers"),
    "over": _mask,
    "callbacks": _callbacks,
}
