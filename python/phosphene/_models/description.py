"""What a model is: its inputs, layers, shapes and weights."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from phosphene._engine.library import lib, text
from phosphene._models import arrays
from phosphene._models.config import settings_by_path
from phosphene._models.intake import Architecture
from phosphene._models.lookup import Lookup
from phosphene._models.precision import weight
from phosphene._models.structure import Structure, input_structure, output_structure

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from phosphene._engine.plan import PlanCache
    from phosphene._models.arrays import InputType
    from phosphene._models.layer import Layer, Shape


class ModelDescription:
    """What is known of a network without computing anything.

    Parameters
    ----------
    core
        The engine's model, with the plans that were made of it.
    """

    def __init__(self, core: PlanCache) -> None:
        self._core = core
        self.json: dict[str, Any] = json.loads(text(lib.ph_model_json(core.handle)))
        """What the engine says about the model; see `phosphene.h`."""
        self.config: dict[str, Any] = json.loads(text(lib.ph_model_config_json(core.handle)))
        """The Keras configuration of the whole model."""
        self.name: str = self.json["name"]
        """Keras' name of the model."""
        self.input_types: tuple[InputType, ...] = arrays.input_types(self.json)
        """Name, shape and element type of each input."""
        self._lookup = Lookup(self, self.json)
        self._settings = settings_by_path(self.config)
        self.input_structure: Structure = input_structure(self.config, self.json["inputs"])
        """The nest of lists and dicts in which Keras takes the inputs."""
        self._structure: Structure = output_structure(self.config, self.json["outputs"])
        self._selections: dict[Hashable, tuple[str, ...]] = {}

    @property
    def handle(self) -> Any:
        """The engine's model, a ``ph_model *``."""
        return self._core.handle

    @cached_property
    def architecture(self) -> Architecture:
        """The structure of the model, to join with other weights."""
        return Architecture(self.config)

    @property
    def digest(self) -> str:
        """SHA-256 of weights and configuration, in hexadecimal.

        The weights are those that were loaded, whatever their `precision` is now.
        """
        return text(lib.ph_model_digest(self.handle))

    @property
    def input_shape(self) -> Shape | list[Shape]:
        """The shape of the input, None for the batch; a list for several inputs."""
        shapes: list[Shape] = [each.shape for each in self.input_types]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """The shape of the output; for several, in the structure that the model returns."""
        return self._structure.build([tuple(each["shape"]) for each in self.json["outputs"]])

    @cached_property
    def output_names(self) -> dict[str, str]:
        """What each output is called, by its path: its key in the dict that the model returns."""
        paths = [each["path"] for each in self.json["outputs"]]
        return dict(zip(paths, self._structure.names(paths), strict=True))

    @property
    def layers(self) -> list[Layer]:
        """Keras' ``model.layers``."""
        return list(self._lookup.layers)

    @property
    def all_layers(self) -> list[Layer]:
        """All layers, those of nested models too, each after the model that it is in."""
        return list(self._lookup.all_layers)

    def get_layer(self, name_or_index: Any) -> Layer:
        """Return a layer; the same as ``model[name_or_index]``.

        Parameters
        ----------
        name_or_index
            A name, an index into `layers` (negative ones count from the end), a path such as
            ``"vgg16/block5_conv1"``, a call such as ``"dense#1"``, or a live Keras layer.

        Raises
        ------
        InvalidArgumentError
            If there is no such layer, or several; it lists the closest, and is also a KeyError.
        """
        return self._lookup.find(name_or_index)

    def __getitem__(self, name_or_index: Any) -> Layer:
        return self._lookup.find(name_or_index)

    def path_of(self, layer: Any) -> str:
        """Return the path under which a trace holds the output of a layer."""
        return self._lookup.path(layer)

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """The shape of all that a trace can hold, by path; None for the batch and free lengths."""
        return self._lookup.shapes

    @property
    def channel_axes(self) -> Mapping[str, int]:
        """The axis of all that a trace can hold that its channels lie along, by path."""
        return self._lookup.channel_axes

    @property
    def input_channel_axis(self) -> int:
        """The axis of the (first) input that its channels lie along, batch counted."""
        return int(self.json["inputs"][0]["channel_axis"])

    def select(self, layers: Any) -> tuple[str, ...]:
        """Return the paths that names, globs, kinds and layers stand for, in execution order."""
        if layers is None:
            return self._lookup.layer_trace
        key = tuple(layers) if isinstance(layers, list) else layers
        named = type(key) is str or (type(key) is tuple and all(type(each) is str for each in key))
        if not named:
            return self._lookup.select(layers)
        found = self._selections.get(key)
        if found is None:
            found = self._selections[key] = self._lookup.select(key)
        return found

    def settings_of(self, path: str) -> dict[str, Any]:
        """Return Keras' settings of the layer at a path."""
        return self._settings.get(path, {})

    def weight(self, key: str) -> NDArray[np.float32]:
        """Return a copy of a weight, as the model computes with it.

        Parameters
        ----------
        key
            The layer's path and the variable's name, such as ``"block1_conv1/kernel"``.

        Raises
        ------
        InvalidArgumentError
            If there is no such weight.
        """
        return weight(self.handle, str(key))

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return copies of all weights, in the order of Keras' ``get_weights()``."""
        return [array for layer in self._lookup.layers for array in layer.get_weights()]

    def count_params(self) -> int:
        """Return how many numbers the weights consist of."""
        return sum(layer.count_params() for layer in self._lookup.layers)
