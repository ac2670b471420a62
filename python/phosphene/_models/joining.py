"""Several networks in one: what they see of the same picture, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from phosphene._engine.library import check, ffi, lib
from phosphene._errors import InvalidArgumentError
from phosphene._models import preprocessing as preparation
from phosphene._models.classes import to_metadata
from phosphene._models.intake import Architecture, Intake
from phosphene._models.model import as_model
from phosphene._models.network import Model
from phosphene._models.structure import Structure, output_structure
from phosphene._models.symbolic.network import unique
from phosphene._sentences import with_article

if TYPE_CHECKING:
    from collections.abc import Callable

    from phosphene._models.preprocessing import Preprocessing

    Entry = dict[str, Any]

FUNCTIONAL = "keras.src.models.functional"
"""Where Keras 3 says that its Functional models live."""

_TAKES = (
    "ph.join takes a dict of networks by the names that they shall have, such as "
    "{'a': model_a, 'b': model_b}"
)


P = ParamSpec("P")
R = TypeVar("R")


def _of_one_dict(function: Callable[P, R]) -> Callable[P, R]:
    """Say what `join` takes to those who list networks as arguments."""

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if len(args) > 1:
            raise InvalidArgumentError(f"{_TAKES}; received {len(args)} arguments.")
        return function(*args, **kwargs)

    return checked


@_of_one_dict
def join(models: Mapping[str, Any]) -> Model:
    """Return several networks as one that shows them all the same input.

    Objectives then reach the layers and outputs of all of them, so that one picture can be made
    for several networks at once. No weight is copied, and each network keeps its own preprocessing.

    Parameters
    ----------
    models
        By the name that each shall have in the joined network: a `Model`, or anything that `load`
        takes. Each has one input; all inputs have the same shape, where None fits any length.

    Returns
    -------
    Model
        Its layers are called ``"a/conv1"`` for a network named ``"a"``, its outputs are a dict by
        name, ``output="a"`` in objectives; those of a network that was joined itself are ``"a/b"``.
        Where all networks take the same preprocessing it takes that too; where they differ it
        takes RGB from 0 to 1, and what each needs is computed from that. Save it as
        ``.safetensors`` like any other, or join the same networks again for `replay`, in the same
        order. Networks that share bfloat16 weights need ``precision="bfloat16"`` when that file is
        loaded.

    Raises
    ------
    InvalidArgumentError
        If there is no network, one has several inputs, or their inputs, their precision or their
        element types differ.

    Examples
    --------
    >>> import phosphene as ph
    >>> model = ph.zoo.wardrobe()
    >>> both = ph.join({"a": model, "b": model})
    >>> objective = 0.5 * ph.logit("Bag", output="a") + 0.5 * ph.channel("b/conv2_2", 5)
    >>> ph.maximize(both, objective, steps=4, progress=False).image.shape
    (28, 28, 1)
    """
    parts = _parts(models)
    first = next(iter(parts.values()))
    shape = _shape(parts)
    common = _common_preprocessing(parts)
    name = unique("input", parts)
    dtype = first.json["inputs"][0].get("dtype", "float32")
    entries: list[Entry] = [
        _entry("InputLayer", name, {"batch_shape": list(shape), "dtype": dtype}, "keras.layers")
    ]
    place: tuple[str, tuple[int | None, ...]] = (name, shape)
    outputs = {}
    for part_name, part in parts.items():
        prepared = place
        if common is None:
            prepared = _prepare(entries, place, part_name, part, taken=parts)
        entries.append(_nested(part_name, part, prepared))
        outputs[part_name] = _output_layers(part_name, part)
    config = {
        "module": FUNCTIONAL,
        "class_name": "Functional",
        "config": {
            "name": "_and_".join(parts),
            "trainable": True,
            "layers": entries,
            "input_layers": [name, 0, 0],
            "output_layers": outputs,
        },
        "registered_name": "Functional",
    }
    preprocessing = common or replace(
        preparation.UNIT, sentence="0 to 1 (each of the joined networks prepares it for itself)"
    )
    metadata = {"preprocessing": preparation.to_text(preprocessing)}
    metadata |= to_metadata(
        {
            f"{name}:{number}" if number else name: part.classes_of(output["path"])
            for name, part in parts.items()
            for number, output in enumerate(part.json["outputs"])
        }
    )
    return Model(
        Intake(_joined(config, parts, metadata), None, metadata),
        exact=any(part.exact for part in parts.values()),
        precision=first.precision,
    )


def _parts(models: Any) -> dict[str, Model]:
    """Return the networks by name, each of one input."""
    if not isinstance(models, Mapping) or not models:
        received = (
            "an empty dict" if isinstance(models, Mapping) else with_article(type(models).__name__)
        )
        raise InvalidArgumentError(f"{_TAKES}; received {received}.")
    for name in models:
        if not isinstance(name, str) or not name or set(name) & set("/#:"):
            raise InvalidArgumentError(
                "The name of a joined network is a text without '/', '#' and ':'; "
                f"received {name!r:.60}."
            )
    parts = {name: as_model(model) for name, model in models.items()}
    for name, part in parts.items():
        if len(part.input_types) != 1:
            raise InvalidArgumentError(
                f"Networks that are joined have one input each; {name!r} has "
                f"{len(part.input_types)}."
            )
    alike: dict[str, list[str]] = {
        "store their weights in the same precision": [
            str(each.precision) for each in parts.values()
        ],
        "take the same type of numbers": [str(p.input_types[0].dtype) for p in parts.values()],
    }
    for what, values in alike.items():
        if len(set(values)) > 1:
            stated = ", ".join(f"{name!r} {own}" for name, own in zip(parts, values, strict=True))
            raise InvalidArgumentError(f"Networks that are joined {what}; received {stated}.")
    return parts


def _shape(parts: Mapping[str, Model]) -> tuple[int | None, ...]:
    """Return the shape that fits the inputs of all networks."""
    shapes = {name: part.input_types[0].shape for name, part in parts.items()}
    ranks = {len(shape) for shape in shapes.values()}
    axes = {part.input_channel_axis for part in parts.values()}
    known = [set(lengths) - {None} for lengths in zip(*shapes.values(), strict=False)]
    if len(ranks) > 1 or len(axes) > 1 or any(len(lengths) > 1 for lengths in known):
        stated = ", ".join(f"{name!r} {shape}" for name, shape in shapes.items())
        raise InvalidArgumentError(
            "Networks that are joined see the same input, so they need inputs of the same shape, "
            f"channels along the same axis; received {stated}"
            + (". A Resizing layer before one of them makes pictures fit." * (ranks == {4}) or ".")
        )
    return tuple(next(iter(lengths), None) for lengths in known)


def _common_preprocessing(parts: Mapping[str, Model]) -> Preprocessing | None:
    """Return the preprocessing of all networks, None where they differ."""
    all_of_them = [part.preprocessing for part in parts.values()]
    stated = {(each.scale, each.offset, each.reverse_channels) for each in all_of_them}
    if len(stated) > 1:
        return None
    # One that was found says more than one that was assumed.
    return min(all_of_them, key=lambda each: each.assumed)


def _prepare(
    entries: list[Entry],
    place: tuple[str, tuple[int | None, ...]],
    name: str,
    part: Model,
    *,
    taken: Mapping[str, Any],
) -> tuple[str, tuple[int | None, ...]]:
    """Add the layers that turn a picture from 0 to 1 into a network's input."""
    preprocessing, axis = part.preprocessing, part.input_channel_axis
    shape = place[1]
    names = {entry["name"] for entry in entries} | set(taken)

    def add(kind: str, suffix: str, config: dict[str, Any], module: str) -> None:
        nonlocal place
        own = unique(f"{name}_{suffix}", names)
        entries.append(_entry(kind, own, config, module, place))
        names.add(own)
        place = (own, shape)

    if preprocessing.reverse_channels:
        add("Flip", "flip", {"axis": axis}, "keras.src.ops.numpy")
    numbers = [
        255 * np.asarray(preprocessing.scale, np.float64),
        np.asarray(preprocessing.offset, np.float64),
    ]
    if not (np.all(numbers[0] == 1) and np.all(numbers[1] == 0)):
        behind = (1,) * (len(shape) - 1 - axis)
        scale, offset = (
            float(each[0]) if len(each) == 1 else each.reshape(-1, *behind).tolist()
            for each in numbers
        )
        settings = {"scale": scale, "offset": offset, "dtype": "float32"}
        add("Rescaling", "rescaling", settings, "keras.layers")
    return place


def _nested(name: str, part: Model, place: tuple[str, tuple[int | None, ...]]) -> Entry:
    """Return the entry of a network as a layer of another one."""
    stated = part.config
    inner = stated["config"]
    # Keras 2.0 to 2.2 wrote nothing but the layers of a Sequential model.
    settings = {"layers": inner} if isinstance(inner, list) else dict(inner)
    module = "keras" if stated["class_name"] == "Sequential" else FUNCTIONAL
    entry = _entry(stated["class_name"], name, settings, stated.get("module", module), place)
    entry["registered_name"] = stated.get("registered_name")
    if stated.get("keras_version"):
        entry["keras_version"] = stated["keras_version"]
    return entry


def _entry(
    kind: str,
    name: str,
    config: Mapping[str, Any],
    module: str,
    place: tuple[str, tuple[int | None, ...]] | None = None,
) -> Entry:
    """Return the entry of a layer that is called once, as Keras 3 writes it."""
    nodes = []
    if place is not None:
        source, shape = place
        tensor = {"shape": list(shape), "dtype": "float32", "keras_history": [source, 0, 0]}
        nodes = [
            {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}},
        ]
    return {
        "module": module,
        "class_name": kind,
        "config": {**config, "name": name},
        "registered_name": None,
        "name": name,
        "inbound_nodes": nodes,
    }


def _output_layers(name: str, part: Model) -> Any:
    """Return which outputs of a nested network are outputs of the whole."""
    # Keras counts the call that built a Functional model, and that of a Sequential one not.
    call = 0 if part.config["class_name"] == "Sequential" else 1
    outputs = part.json["outputs"]
    tensors = [[name, call, number] for number in range(len(outputs))]
    if len(outputs) == 1:
        return tensors[0]
    structure: Structure = output_structure(part.config, outputs)
    return structure.build(tensors)


def _joined(config: dict[str, Any], parts: Mapping[str, Model], metadata: dict[str, str]) -> Any:
    """Return the engine's model, which holds the weights of the parts."""
    architecture = Architecture(config)
    paths = [ffi.new("char[]", name.encode()) for name in parts]
    out = ffi.new("ph_model **")
    check(
        lib.ph_model_join(
            architecture.handle,
            ffi.new("char *[]", paths),
            ffi.new("ph_model *[]", [part.handle for part in parts.values()]),
            len(parts),
            json.dumps(metadata).encode(),
            out,
        )
    )
    return ffi.gc(out[0], lib.ph_model_destroy)
