"""What a picture is to maximize, or a gradient is taken of: one number a sample.

Objectives add, subtract and scale, and print themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import whole
from phosphene._docstrings import shares
from phosphene._errors import InvalidArgumentError
from phosphene._models.lookup import name_of
from phosphene._sentences import with_article
from phosphene._vision.objectives.terms import (
    OF_LAYERS,
    OF_OUTPUTS,
    OF_UNITS,
    Channel,
    Energy,
    Index,
    Logit,
    Neuron,
    Objective,
    PreActivation,
    Probability,
    before_activation,
    output_path,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phosphene._models.network import Model


@shares(OF_UNITS)
def channel(layer: Any, index: int, *, pre_activation: PreActivation | None = None) -> Objective:
    """Return the objective "mean over all positions of one channel".

    For a dense layer, which has no positions, it is the unit itself. Of a convolution whose
    rectifier is a layer of its own the mean is linear, and says little but how bright a picture is;
    it may be negative at best. Aim at the rectifier.

    Parameters
    ----------
    layer
    index
        The channel, counted from 0.
    pre_activation

    Returns
    -------
    Objective

    Examples
    --------
    >>> channel("block5_conv1", 7) - 0.5 * energy("block4_conv1")
    channel('block5_conv1', 7) - 0.5 * energy('block4_conv1')
    """
    return Channel(name_of(layer), _index(index), before_activation(pre_activation))


@shares(OF_UNITS)
def neuron(
    layer: Any,
    index: int,
    position: Sequence[int] | int | None = None,
    *,
    pre_activation: PreActivation | None = None,
) -> Objective:
    """Return the objective "one channel at one position".

    Parameters
    ----------
    layer
    index
        The channel, counted from 0.
    position
        (row, column), counted from 0; by default the centre, ``shape // 2``.
    pre_activation

    Returns
    -------
    Objective

    Examples
    --------
    >>> neuron("conv2", 3, (0, 5))
    neuron('conv2', 3, position=(0, 5))
    """
    return Neuron(
        name_of(layer), _index(index), _position(position), before_activation(pre_activation)
    )


@shares(OF_OUTPUTS)
def logit(index: int | str, output: str | None = None) -> Objective:
    """Return the objective "score of a class, before softmax or sigmoid".

    Unlike the probability it doesn't flatten out where the network is sure.

    Parameters
    ----------
    index
    output

    Returns
    -------
    Objective

    Examples
    --------
    >>> logit(385) - logit(386)
    logit(385) - logit(386)
    """
    return Logit(_class_or_index(index), None if output is None else name_of(output))


@shares(OF_OUTPUTS)
def probability(index: int | str, output: str | None = None) -> Objective:
    """Return the objective "output of the network for a class", as it comes out.

    Parameters
    ----------
    index
    output

    Returns
    -------
    Objective

    Examples
    --------
    >>> probability(3)
    probability(3)
    """
    return Probability(_class_or_index(index), None if output is None else name_of(output))


@shares(OF_LAYERS)
def energy(layer: Any, *, pre_activation: bool = False) -> Objective:
    """Return the objective "mean of the squares of a layer's output", which deep dream climbs.

    Parameters
    ----------
    layer
    pre_activation

    Returns
    -------
    Objective

    Examples
    --------
    >>> energy("mixed4")
    energy('mixed4')
    """
    return Energy(name_of(layer), bool(pre_activation))


def as_objective(model: Model, value: Any) -> Objective:
    """Return an objective, or what is short for one, with all names found in `model`.

    Parameters
    ----------
    model
        The model.
    value
        An objective; an int (a logit); a string (the logit of a class); several ints (the logit of
        each sample); or a pair ``("block5_conv1", 7)`` (a channel or unit).
    """
    return _from_shorthand(model, value).resolved(model)


def _from_shorthand(model: Model, value: Any) -> Objective:
    if isinstance(value, Objective):
        return value
    if isinstance(value, str):
        number = _class_index(model, value)
        if model.json["outputs"][0]["shape"][-1] == 1:  # one sigmoid for two classes
            return logit(0) if number == len(model.classes or ()) - 1 else -logit(0)
        return logit(number)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return logit(int(value))
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], (int, np.integer)):
        return channel(*value)
    numbers_given = hasattr(value, "__array__") or (isinstance(value, (list, tuple)) and value)
    if numbers_given and np.asarray(value).dtype.kind in "iu" and np.ndim(value) < 2:
        return logit(_index(value))  # type: ignore[arg-type]
    raise InvalidArgumentError(
        "An objective is made by ph.channel, ph.neuron, ph.logit, ph.probability, ph.energy, "
        "ph.direction, ph.match or ph.diversity; short for it are a class index, a class name, one "
        "index a sample, or a pair (layer, index). "
        f"Received {with_article(type(value).__name__)}: {value!r:.60}."
    )


def _class_index(model: Model, name: str) -> int:
    """Return the index of a class; of what is a layer's name say how it is aimed at."""
    from phosphene._models.classes import index_of

    try:
        return index_of(model.classes, name)
    except InvalidArgumentError as error:
        try:
            path = model.path_of(name)
        except InvalidArgumentError:
            output_path(model, None)  # several outputs may have names of their own
            raise error from None
        raise InvalidArgumentError(
            f"{path!r} is a layer of {model.name!r}: take one of its channels as ({path!r}, 0), or "
            f"all of it as ph.energy({path!r})."
        ) from None


def _class_or_index(value: Any) -> Index | str:
    """Return the name of a class as it is, to be looked up in the model, or an index."""
    return value if isinstance(value, str) else _index(value)


def _index(value: Any) -> Index:
    """Return an index, or one for each sample, as plain ints."""
    try:
        several = not isinstance(value, str) and np.ndim(value) == 1 and len(value) > 0
    except ValueError:  # lists of different lengths
        several = False
    wanted = "one for each sample or a whole number"
    numbers = [whole("An index", each, 0, what=wanted) for each in (value if several else [value])]
    return tuple(numbers) if several else numbers[0]


def _position(value: Any) -> tuple[int, ...] | None:
    """Return a position as plain ints."""
    if value is None:
        return None
    several = isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) > 0
    wanted = "None for the centre, or (row, column) counted from 0: whole numbers"
    numbers = (list(value) if several else []) or [value]
    return tuple(whole("position", each, 0, what=wanted) for each in numbers)
