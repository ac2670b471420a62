"""What a picture is to maximize, or a gradient is taken of: one number a sample.

Objectives add, subtract and scale, and print themselves.
"""

from __future__ import annotations

import math
import numbers
import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._lookup import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phosphene._network import Model

Index = int | tuple[int, ...]
"""A number, or one for each sample."""


class Objective:
    """Base of the objectives: made by `channel`, `neuron`, `logit`, `probability` and `energy`."""

    # Without this, numpy.float32(2) * objective would look for an array in the objective.
    __array_ufunc__ = None

    @property
    def terms(self) -> tuple[tuple[float, Term], ...]:
        """The terms of the sum that the objective is, each with its weight."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return the objective as a recipe states it."""
        return {"terms": [{"weight": weight} | term.stated() for weight, term in self.terms]}

    def resolved(self, model: Model) -> Objective:
        """Return the objective with every layer under its path in `model`.

        Raises
        ------
        InvalidArgumentError
            If the model has no such layer or output.
        """
        return Sum(tuple((weight, term.found_in(model)) for weight, term in self.terms))

    def __add__(self, other: Any) -> Objective:
        if isinstance(other, int) and other == 0:  # so that sum() works
            return self
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum(self.terms + other.terms)

    def __radd__(self, other: Any) -> Objective:
        return self.__add__(other)

    def __sub__(self, other: Any) -> Objective:
        return self + -other if isinstance(other, Objective) else NotImplemented

    def __neg__(self) -> Objective:
        return self * -1.0

    def __mul__(self, factor: Any) -> Objective:
        if isinstance(factor, bool) or not isinstance(factor, numbers.Real):
            return NotImplemented
        if not math.isfinite(factor):
            raise InvalidArgumentError(
                f"An objective can be scaled by a finite number only; received {factor}."
            )
        return Sum(tuple((float(factor) * weight, term) for weight, term in self.terms))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Objective:
        if not isinstance(divisor, numbers.Real) or not divisor:
            return NotImplemented
        return self * (1.0 / float(divisor))

    def __repr__(self) -> str:
        parts = []
        for weight, term in self.terms:
            sign = "-" if weight < 0 else "+"
            factor = "" if abs(weight) == 1 else f"{abs(weight):g} * "
            parts.append(f"{sign} {factor}{term.written()}")
        written = " ".join(parts) or "0"
        return "-" + written[2:] if written.startswith("- ") else written.removeprefix("+ ")


class Term(Objective):
    """An objective that is no sum."""

    @property
    def terms(self) -> tuple[tuple[float, Term], ...]:
        return ((1.0, self),)

    def stated(self) -> dict[str, Any]:
        """Return the term as a recipe states it, without its weight."""
        raise NotImplementedError

    def written(self) -> str:
        """Return the call that makes the term."""
        raise NotImplementedError

    def found_in(self, model: Model) -> Term:
        """Return the term with its layer or output under its path in `model`."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class Sum(Objective):
    """A weighted sum of objectives; adding and scaling makes it."""

    parts: tuple[tuple[float, Term], ...]

    @property
    def terms(self) -> tuple[tuple[float, Term], ...]:
        return self.parts


@dataclass(frozen=True, repr=False)
class Channel(Term):
    """The mean over all positions of one channel of a layer's output; made by `channel`."""

    layer: str
    index: Index
    pre_activation: bool = False

    def stated(self) -> dict[str, Any]:
        return {
            "kind": "channel",
            "layer": self.layer,
            "index": _listed(self.index),
            "pre_activation": self.pre_activation,
        }

    def written(self) -> str:
        return _call("channel", self.layer, self.index, pre_activation=self.pre_activation)

    def found_in(self, model: Model) -> Term:
        return replace(self, layer=model.path_of(self.layer))


@dataclass(frozen=True, repr=False)
class Neuron(Term):
    """One number of a layer's output; made by `neuron`."""

    layer: str
    index: Index
    position: tuple[int, ...] | None = None
    pre_activation: bool = False

    def stated(self) -> dict[str, Any]:
        return {
            "kind": "neuron",
            "layer": self.layer,
            "index": _listed(self.index),
            "position": None if self.position is None else list(self.position),
            "pre_activation": self.pre_activation,
        }

    def written(self) -> str:
        return _call(
            "neuron",
            self.layer,
            self.index,
            position=self.position,
            pre_activation=self.pre_activation,
        )

    def found_in(self, model: Model) -> Term:
        return replace(self, layer=model.path_of(self.layer))


@dataclass(frozen=True, repr=False)
class Logit(Term):
    """One of the network's scores before softmax or sigmoid; made by `logit`."""

    index: Index
    output: str | None = None

    def stated(self) -> dict[str, Any]:
        return {"kind": "logit", "index": _listed(self.index), "output": self.output}

    def written(self) -> str:
        return _call("logit", self.index, output=self.output)

    def found_in(self, model: Model) -> Term:
        return replace(self, output=_output(model, self.output))


@dataclass(frozen=True, repr=False)
class Probability(Term):
    """One of the network's outputs, as it comes out; made by `probability`."""

    index: Index
    output: str | None = None

    def stated(self) -> dict[str, Any]:
        return {"kind": "probability", "index": _listed(self.index), "output": self.output}

    def written(self) -> str:
        return _call("probability", self.index, output=self.output)

    def found_in(self, model: Model) -> Term:
        return replace(self, output=_output(model, self.output))


@dataclass(frozen=True, repr=False)
class Energy(Term):
    """The mean of the squares of a layer's output; made by `energy`."""

    layer: str
    pre_activation: bool = False

    def stated(self) -> dict[str, Any]:
        return {"kind": "energy", "layer": self.layer, "pre_activation": self.pre_activation}

    def written(self) -> str:
        return _call("energy", self.layer, pre_activation=self.pre_activation)

    def found_in(self, model: Model) -> Term:
        return replace(self, layer=model.path_of(self.layer))


def channel(layer: Any, index: int, *, pre_activation: bool = False) -> Objective:
    """Return the objective "mean over all positions of one channel".

    For a dense layer, which has no positions, it is the unit itself.

    Parameters
    ----------
    layer
        A layer's name, path or call, or the layer.
    index
        The channel, counted from 0.
    pre_activation
        Whether the number before the layer's activation function is meant.

    Returns
    -------
    Objective

    Examples
    --------
    >>> channel("block5_conv1", 7) - 0.5 * energy("block4_conv1")
    channel('block5_conv1', 7) - 0.5 * energy('block4_conv1')
    """
    return Channel(name_of(layer), _index(index), bool(pre_activation))


def neuron(
    layer: Any,
    index: int,
    position: Sequence[int] | int | None = None,
    *,
    pre_activation: bool = False,
) -> Objective:
    """Return the objective "one channel at one position".

    Parameters
    ----------
    layer
        A layer's name, path or call, or the layer.
    index
        The channel, counted from 0.
    position
        (row, column), counted from 0; by default the centre, ``shape // 2``.
    pre_activation
        Whether the number before the layer's activation function is meant.

    Returns
    -------
    Objective

    Examples
    --------
    >>> neuron("conv2", 3, (0, 5))
    neuron('conv2', 3, position=(0, 5))
    """
    return Neuron(name_of(layer), _index(index), _position(position), bool(pre_activation))


def logit(index: int, output: str | None = None) -> Objective:
    """Return the objective "score of a class, before softmax or sigmoid".

    Unlike the probability it doesn't flatten out where the network is sure.

    Parameters
    ----------
    index
        The class, counted from 0; for a gradient also one for each sample.
    output
        Which output, by its layer's name, if the model has several.

    Returns
    -------
    Objective

    Examples
    --------
    >>> logit(385) - logit(386)
    logit(385) - logit(386)
    """
    return Logit(_index(index), None if output is None else name_of(output))


def probability(index: int, output: str | None = None) -> Objective:
    """Return the objective "output of the network for a class", as it comes out.

    Parameters
    ----------
    index
        The class, counted from 0; for a gradient also one for each sample.
    output
        Which output, by its layer's name, if the model has several.

    Returns
    -------
    Objective

    Examples
    --------
    >>> probability(3)
    probability(3)
    """
    return Probability(_index(index), None if output is None else name_of(output))


def energy(layer: Any, *, pre_activation: bool = False) -> Objective:
    """Return the objective "mean of the squares of a layer's output", which deep dream climbs.

    Parameters
    ----------
    layer
        A layer's name, path or call, or the layer.
    pre_activation
        Whether the numbers before the layer's activation function are meant.

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
        from phosphene._classes import index_of

        number = index_of(model.classes, value)
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
        "An objective is made by ph.channel, ph.neuron, ph.logit, ph.probability or ph.energy; "
        "short for it are a class index, a class name, one index a sample, or a pair (layer, "
        f"index). Received a {type(value).__name__}: {value!r:.60}."
    )


def _output(model: Model, output: str | None) -> str | None:
    """Return the path of an output."""
    paths = [each["path"] for each in model.json["outputs"]]
    if output is None:
        if len(paths) > 1:
            raise InvalidArgumentError(
                f"{model.name!r} has {len(paths)} outputs: say which with output=, one of "
                f"{', '.join(map(repr, paths))}."
            )
        return None
    if output not in paths:
        raise InvalidArgumentError(
            f"{model.name!r} has no output {output!r}; it has {', '.join(map(repr, paths))}."
        )
    return output


def _index(value: Any) -> Index:
    """Return an index, or one for each sample, as plain ints."""
    refused = InvalidArgumentError(
        f"An index is a whole number, 0 or more, or one for each sample; received {value!r:.60}."
    )
    if isinstance(value, (bool, str)):
        raise refused
    try:
        several = np.ndim(value) == 1 and len(value) > 0
        result: Any = tuple(map(operator.index, value)) if several else operator.index(value)
    except (TypeError, ValueError):
        raise refused from None
    if min(result if several else (result,)) < 0:
        raise refused
    index: Index = result
    return index


def _position(value: Any) -> tuple[int, ...] | None:
    """Return a position as plain ints."""
    if value is None:
        return None
    try:
        place = tuple(map(operator.index, value if np.ndim(value) else [value]))
    except (TypeError, ValueError):
        place = (-1,)
    if min(place, default=-1) < 0:
        raise InvalidArgumentError(
            f"position is (row, column) counted from 0, or None for the centre; received {value!r}."
        )
    return place


def _listed(index: Index) -> int | list[int]:
    return list(index) if isinstance(index, tuple) else index


def _call(name: str, *arguments: Any, **options: Any) -> str:
    written = [repr(each) for each in map(_listed_or_same, arguments)]
    written += [f"{key}={value!r}" for key, value in options.items() if value not in (None, False)]
    return f"{name}({', '.join(written)})"


def _listed_or_same(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
