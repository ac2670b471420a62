"""What objectives are made of: weighted sums of terms, each one number a sample."""

from __future__ import annotations

import math
import numbers
from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._vision.carried import stated_array

if TYPE_CHECKING:
    from phosphene._models.network import Model

Index = int | tuple[int, ...]
"""A number, or one for each sample."""

OF_LAYERS = {
    "layer": "A layer's name, path or call, or the layer.",
    "pre_activation": "Whether the numbers before the layer's activation function are meant.",
    "cosine_power": "How much the angle counts besides the length, 0 (not at all) to 16.",
}
"""What the docstrings of objectives of layers share."""

OF_UNITS = OF_LAYERS | {
    "pre_activation": (
        "Whether the number before the layer's activation function is meant. By default it is\n"
        "where the activation has a ceiling (sigmoid, tanh, softmax), which has no gradient;\n"
        'of a rectifier with one (ReLU6) ``"rectified"``, what is above 0 without the ceiling.\n'
        "False for the layer's output all the same. Of `phosphene.gradient` the default is False."
    ),
}
"""The same of single units, channels and directions."""

OF_OUTPUTS = {
    "index": (
        "The class, counted from 0, or its name, which is looked up in the model; for a gradient\n"
        "also one index for each sample."
    ),
    "output": "Which output, by its layer's name, if the model has several.",
}
"""What the docstrings of objectives of outputs share."""

PreActivation = bool | Literal["rectified"]
"""Whether what goes into an activation is meant, all of it or what is above 0."""


class Objective:
    """Base of the objectives: made by `channel`, `neuron`, `logit` and the others."""

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


@dataclass(frozen=True, repr=False)
class Term(Objective):
    """An objective that is no sum: its kind, and what the function of that name is given."""

    kind: ClassVar[str]

    @property
    def terms(self) -> tuple[tuple[float, Term], ...]:
        return ((1.0, self),)

    def stated(self) -> dict[str, Any]:
        """Return the term as a recipe states it, without its weight."""
        stated = {each.name: _listed(getattr(self, each.name)) for each in fields(self)}
        if stated.get("pre_activation", True) is None:  # what suits the layer
            del stated["pre_activation"]
        return {"kind": self.kind} | stated

    def written(self) -> str:
        """Return the call that makes the term."""
        given = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.default is MISSING:
                given.append(repr(_listed(value)))
            elif value != each.default:
                given.append(f"{each.name}={value!r}")
        return f"{self.kind}({', '.join(given)})"

    def found_in(self, model: Model) -> Term:
        """Return the term with its layer or output under its path in `model`."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class LayerTerm(Term):
    """Something about the output of a layer."""

    layer: str

    def found_in(self, model: Model) -> Term:
        return replace(self, layer=model.path_of(self.layer))


@dataclass(frozen=True, repr=False)
class OutputTerm(Term):
    """One number of an output of the network."""

    index: Index | str
    output: str | None = None

    def found_in(self, model: Model) -> Term:
        index = _numbered(model, self.index, self.output)
        return replace(self, index=index, output=output_path(model, self.output))


@dataclass(frozen=True, repr=False)
class Sum(Objective):
    """A weighted sum of objectives; adding and scaling makes it."""

    parts: tuple[tuple[float, Term], ...]

    @property
    def terms(self) -> tuple[tuple[float, Term], ...]:
        return self.parts


@dataclass(frozen=True, repr=False)
class Channel(LayerTerm):
    """The mean over all positions of one channel of a layer's output; made by `channel`."""

    kind = "channel"

    index: Index
    pre_activation: PreActivation | None = None


@dataclass(frozen=True, repr=False)
class Neuron(LayerTerm):
    """One number of a layer's output; made by `neuron`."""

    kind = "neuron"

    index: Index
    position: tuple[int, ...] | None = None
    pre_activation: PreActivation | None = None


@dataclass(frozen=True, repr=False)
class Logit(OutputTerm):
    """One of the network's scores before softmax or sigmoid; made by `logit`."""

    kind = "logit"


@dataclass(frozen=True, repr=False)
class Probability(OutputTerm):
    """One of the network's outputs, as it comes out; made by `probability`."""

    kind = "probability"


@dataclass(frozen=True, repr=False)
class Energy(LayerTerm):
    """The mean of the squares of a layer's output; made by `energy`."""

    kind = "energy"

    pre_activation: bool = False


@dataclass(frozen=True, repr=False)
class Direction(LayerTerm):
    """How far a layer's channels point along a vector; made by `direction`."""

    kind = "direction"

    vector: tuple[float, ...]
    cosine_power: float = 0.0
    pre_activation: PreActivation | None = None

    def written(self) -> str:
        shown = ", ".join(f"{number:g}" for number in self.vector[:3])
        more = ", ..." * (len(self.vector) > 3)
        options = f", cosine_power={self.cosine_power:g}" * (self.cosine_power > 0)
        if self.pre_activation is not None:
            options += f", pre_activation={self.pre_activation!r}"
        return f"direction({self.layer!r}, [{shown}{more}]{options})"


@dataclass(frozen=True, repr=False)
class Match(LayerTerm):
    """How far a layer's output points along given activations; made by `match`."""

    kind = "match"

    shape: tuple[int, ...]
    float32: bytes
    cosine_power: float = 1.0
    pre_activation: bool = False

    def stated(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "layer": self.layer,
            "activations": stated_array(np.frombuffer(self.float32, "<f4").reshape(self.shape)),
            "cosine_power": self.cosine_power,
            "pre_activation": self.pre_activation,
        }

    def written(self) -> str:
        options = f", cosine_power={self.cosine_power:g}" * (self.cosine_power != 1)
        options += ", pre_activation=True" * self.pre_activation
        return f"match({self.layer!r}, <activations of shape {self.shape}>{options})"


@dataclass(frozen=True, repr=False)
class Diversity(LayerTerm):
    """How little a layer's channels go together as in other pictures; made by `diversity`."""

    kind = "diversity"

    pre_activation: bool = False


def before_activation(pre_activation: Any) -> PreActivation | None:
    """Return which numbers of a layer are meant, None for those that suit it."""
    if pre_activation is None or isinstance(pre_activation, (bool, np.bool_)):
        return pre_activation if pre_activation is None else bool(pre_activation)
    if isinstance(pre_activation, str) and pre_activation == "rectified":
        return "rectified"
    raise InvalidArgumentError(
        'pre_activation must be True, False, "rectified" or None (what suits the layer); '
        f"received {pre_activation!r:.60}."
    )


def _numbered(model: Model, index: Index | str, output: str | None) -> Index:
    """Return the index of a class that is named."""
    if not isinstance(index, str):
        return index
    from phosphene._models.classes import index_of

    outputs = {each["path"]: each["shape"][-1] for each in model.json["outputs"]}
    path = output_path(model, output) or next(iter(outputs))
    classes = model.classes_of(path)
    number = index_of(classes, index)
    # Of two classes a single sigmoid says how likely the last one is.
    if outputs.get(path) == 1 and number != len(classes or ()) - 1:
        raise InvalidArgumentError(
            f"{model.name!r} has one output for two classes, which is that of "
            f"{(classes or (index,))[-1]!r}: turn its sign round for {index!r}."
        )
    return 0 if outputs.get(path) == 1 else number


def output_path(model: Model, output: str | None) -> str | None:
    """Return the path of an output that is called by its name or its path.

    None stands for the only one; of several it must be said which.
    """
    names = model.output_names
    listed = ", ".join(map(repr, names.values()))
    if output is None:
        if len(names) > 1:
            raise InvalidArgumentError(
                f"{model.name!r} has {len(names)} outputs: say which with output=, one of {listed}."
            )
        return None
    for path, name in names.items():
        if output in (path, name):
            return path
    raise InvalidArgumentError(f"{model.name!r} has no output {output!r}; it has {listed}.")


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
