"""The calls of a layer, in the dialects of Keras 2 and 3, as handlers need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from phosphene._errors import PhospheneError
from phosphene._models.config import entries, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Reference:
    """A tensor that a layer is called on: the layer it comes from, which call, which output."""

    layer: str
    call: int
    output: int


@dataclass
class CallOf:
    """One call: its tensors in order, and the arguments that are passed by name."""

    tensors: list[Reference] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    """With a `Reference` where a tensor is."""
    is_legacy: bool = False

    def all_tensors(self) -> list[Reference]:
        """Return the tensors of positional and of named arguments."""
        return [*self.tensors, *_leaves(self.named)]

    def rewritten(self) -> Any:
        """Return the call with its tensors as the only arguments, in its own dialect."""
        return _written(self.all_tensors(), is_legacy=self.is_legacy)


def parsed(node: Any) -> CallOf:
    """Return a call as it stands among a layer's ``inbound_nodes``."""
    if isinstance(node, Mapping):
        args = _leaves(_with_references(node.get("args")))
        return CallOf(args, _named(node.get("kwargs"), _with_references))
    lists = [node] if node and isinstance(node[0], str) else list(node or ())
    tensors = [Reference(str(each[0]), int(each[1]), int(each[2])) for each in lists]
    kwargs = lists[0][3] if lists and len(lists[0]) > 3 else {}
    return CallOf(tensors, _named(kwargs, _with_legacy_references), is_legacy=True)


def input_shapes(model: dict[str, Any], index: int, call: CallOf | None) -> list[Shape | None]:
    """Return the shapes of the tensors of a call, None where the engine can't tell.

    Parameters
    ----------
    model
        The entry of the model that the layer is in.
    index
        The place of the layer in it.
    call
        The call; None in a Sequential model.
    """
    layers, settings = entries(model), model["config"]
    if call is None:
        if index == 0:
            own = layers[0]["config"]
            shape = own.get("batch_input_shape") or own.get("batch_shape")
            return [None if shape is None else tuple(shape)]
        before = [*layers[:index], _probe("/")]
        inner = before if isinstance(settings, list) else {**settings, "layers": before}
        return _shapes({"class_name": "Sequential", "config": inner}, 1)
    tensors = call.all_tensors()
    # What the tensors come from, each behind a layer that returns what it gets.
    needed = {name_of(each) for each in layers if each["class_name"] == "InputLayer"}
    by_name = {name_of(each): each for each in layers}
    pending = [tensor.layer for tensor in tensors]
    while pending:
        name = pending.pop()
        if name not in needed and name in by_name:
            needed.add(name)
            for node in by_name[name].get("inbound_nodes") or ():
                pending += [tensor.layer for tensor in parsed(node).all_tensors()]
    probes = [
        {**_probe(f"/{place}"), "inbound_nodes": [_written([tensor], is_legacy=call.is_legacy)]}
        for place, tensor in enumerate(tensors)
    ]
    part = {
        **settings,
        "layers": [*(each for each in layers if name_of(each) in needed), *probes],
        "output_layers": [[probe["name"], 0, 0] for probe in probes],
    }
    return _shapes({"class_name": "Functional", "config": part}, len(probes))


def _probe(name: str) -> dict[str, Any]:
    """Return a layer that returns what it gets, under a name that Keras doesn't allow."""
    settings = {"name": name, "activation": "linear"}
    return {
        "class_name": "Activation",
        "module": "keras.layers",
        "name": name,
        "config": settings,
    }


def _shapes(config: dict[str, Any], count: int) -> list[Shape | None]:
    from phosphene._models.intake.architecture import Architecture

    try:
        outputs = Architecture(config).description["outputs"]
    except PhospheneError:  # another layer that isn't known stands in front
        return [None] * count
    return [tuple(each["shape"]) for each in outputs]


def _written(tensors: list[Reference], *, is_legacy: bool) -> Any:
    places = [[tensor.layer, tensor.call, tensor.output] for tensor in tensors]
    if is_legacy:
        return [[*place, {}] for place in places]
    written = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": place}} for place in places
    ]
    return {"args": written if len(written) == 1 else [written], "kwargs": {}}


def _named(kwargs: Any, convert: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        str(name): convert(value)
        for name, value in (kwargs or {}).items()
        if value is not None and name != "training"
    }


def _with_references(value: Any) -> Any:
    """Return an argument of Keras 3 with a `Reference` where a tensor is."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            name, call, output = value["config"]["keras_history"]
            return Reference(str(name), int(call), int(output))
        return {key: _with_references(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_references(each) for each in value]
    return value


def _with_legacy_references(value: Any) -> Any:
    """Return an argument of Keras 2, which writes a tensor as ``[layer, call, output]``."""
    if isinstance(value, (list, tuple)):
        kinds = [type(each) for each in value[:3]]
        if kinds == [str, int, int]:
            return Reference(*value[:3])
        return [_with_legacy_references(each) for each in value]
    return value


def _leaves(value: Any) -> list[Reference]:
    if isinstance(value, Reference):
        return [value]
    if isinstance(value, Mapping):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in _leaves(each)]
    return []
