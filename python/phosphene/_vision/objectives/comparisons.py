"""Objectives that compare a layer's output with a vector, with activations, with other pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import number, whole
from phosphene._docstrings import shares
from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import as_array
from phosphene._models.lookup import name_of
from phosphene._vision.objectives.terms import (
    OF_LAYERS,
    OF_UNITS,
    Direction,
    Diversity,
    Match,
    Objective,
    PreActivation,
    before_activation,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


@shares(OF_UNITS)
def direction(
    layer: Any, vector: Any, *, cosine_power: float = 0, pre_activation: PreActivation | None = None
) -> Objective:
    """Return the objective "how far the channels of a layer point along a vector".

    Parameters
    ----------
    layer
    vector : (channels,) array_like
        One number for each channel.
    cosine_power
    pre_activation

    Returns
    -------
    Objective

    Notes
    -----
    The mean over all positions of ``dot * max(0.1, cosine)**cosine_power``, lucid's.

    Examples
    --------
    >>> direction("conv2", [1, 0, -1], cosine_power=2)
    direction('conv2', [1, 0, -1], cosine_power=2)
    """
    numbers = _finite("vector", vector)
    if numbers.ndim != 1 or not numbers.size:
        raise InvalidArgumentError(
            "vector must have one number for each channel of the layer; received shape "
            f"{numbers.shape}."
        )
    if not numbers.any():
        raise InvalidArgumentError(
            "vector must have a number other than 0, since zeros point nowhere; received "
            f"{numbers.size} zeros."
        )
    return Direction(
        name_of(layer),
        tuple(numbers.tolist()),
        number("cosine_power", cosine_power, minimum=0, maximum=16),
        before_activation(pre_activation),
    )


@shares(OF_LAYERS)
def match(
    layer: Any, activations: Any, *, cosine_power: float = 1, pre_activation: bool = False
) -> Objective:
    """Return the objective "how much a layer's output is like given activations".

    What comes out is a caricature of the picture whose activations they are.

    Parameters
    ----------
    layer
    activations : array_like
        An output of the layer for one sample, as ``ph.trace(model, x)[layer]`` has it; the batch
        axis, of length 1, may be left out.
    cosine_power
    pre_activation

    Returns
    -------
    Objective

    Notes
    -----
    ``mean(a * b) * max(0.1, cosine)**cosine_power`` over all positions and channels.

    Examples
    --------
    >>> import phosphene as ph
    >>> model, images = ph.zoo.wardrobe(), ph.zoo.garments()[0]
    >>> match("conv2_2", ph.trace(model, images[:1])["conv2_2"])
    match('conv2_2', <activations of shape (14, 14, 64)>)
    """
    numbers = _finite("activations", activations)
    if numbers.ndim > 1 and numbers.shape[0] == 1:
        numbers = numbers[0]
    if not numbers.size:
        raise InvalidArgumentError(f"activations is empty: its shape is {numbers.shape}.")
    return Match(
        name_of(layer),
        numbers.shape,
        numbers.astype("<f4").tobytes(),
        number("cosine_power", cosine_power, minimum=0, maximum=16),
        bool(pre_activation),
    )


@shares(OF_LAYERS)
def diversity(layer: Any, *, pre_activation: bool = False) -> Objective:
    """Return the objective "how different the pictures of one objective look to a layer".

    Add it to another objective and ask for several pictures (``n=``), to see the different things
    that one unit answers to.

    Parameters
    ----------
    layer
    pre_activation

    Returns
    -------
    Objective

    Notes
    -----
    Lucid's, as one number a picture: minus the mean, over the other pictures, of the dot product of
    the Gram matrices of channels, each of length 1. Zero is as different as can be, -1 the same.

    Examples
    --------
    >>> import phosphene as ph
    >>> ph.channel("conv3", 5) + 2 * diversity("conv3")
    channel('conv3', 5) + 2 * diversity('conv3')
    """
    return Diversity(name_of(layer), bool(pre_activation))


def interpolate(first: Any, second: Any, n: Any) -> list[Objective]:
    """Return objectives on the way from one to another, for `maximize` to render in a row.

    Parameters
    ----------
    first, second
        The ends.
    n
        How many, with both ends; 2 or more.

    Returns
    -------
    list of Objective
        ``(1 - t) * first + t * second`` for even steps of `t` from 0 to 1.

    Examples
    --------
    >>> import phosphene as ph
    >>> interpolate(ph.logit(1), ph.logit(2), 3)
    [logit(1), 0.5 * logit(1) + 0.5 * logit(2), logit(2)]
    """
    if not (isinstance(first, Objective) and isinstance(second, Objective)):
        raise InvalidArgumentError(
            "interpolate goes from one objective to another, such as ph.logit(1); received "
            f"{first!r:.60} and {second!r:.60}."
        )
    n = whole("n", n, 2)
    inner = [index / (n - 1) for index in range(1, n - 1)]
    return [first, *((1 - t) * first + t * second for t in inner), second]


def _finite(name: str, value: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = np.asarray(as_array(value, name), dtype=np.float32)
    if not np.isfinite(array).all():
        raise InvalidArgumentError(f"{name} holds NaN or infinity.")
    return array
