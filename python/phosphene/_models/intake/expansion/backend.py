"""The parts of an imported Keras 3 that expansion works with; Keras is never imported for it."""

from __future__ import annotations

import inspect
import sys
import warnings
from importlib import import_module
from typing import Any

import numpy as np

from phosphene._errors import UnsupportedError


def is_keras_3(model: Any) -> bool:
    """Return whether a live model belongs to Keras 3."""
    return any(cls.__module__.startswith("keras.src.") for cls in type(model).__mro__)


class Keras:
    """Keras' own classes and functions, under short names."""

    def __init__(self) -> None:
        try:
            self._load()
        except (ImportError, AttributeError) as error:
            version = getattr(sys.modules.get("keras"), "__version__", "unknown")
            raise UnsupportedError(
                f"Keras {version} lacks what symbolic expansion needs ({error}): Keras 3.15 has it."
            ) from error

    def _load(self) -> None:
        source = import_module("keras.src")
        self.backend = source.backend
        self.ops = import_module("keras.src.ops")
        self.tree = source.tree
        self.global_state = import_module("keras.src.backend.common.global_state")
        self.tensors = import_module("keras.src.backend.common.keras_tensor")
        self.layers = import_module("keras.src.layers.layer")
        self.serialization = import_module("keras.src.saving.serialization_lib")
        self.KerasTensor: Any = source.backend.KerasTensor
        self.Variable: Any = source.backend.Variable
        self.Layer: Any = self.layers.Layer
        self.Operation: Any = import_module("keras.src.ops.operation").Operation
        self.Node: Any = import_module("keras.src.ops.node").Node
        self.Equal: Any = import_module("keras.src.ops.numpy").Equal
        self.Functional: Any = import_module("keras.src.models.functional").Functional
        self.Sequential: Any = import_module("keras.src.models.sequential").Sequential
        self.InputLayer: Any = import_module("keras.src.layers.core.input_layer").InputLayer
        self.SeedGenerator: Any = import_module("keras.src.random.seed_generator").SeedGenerator
        self.map_structure: Any = source.tree.map_structure
        # Which order they take a dict's elements in depends on the backend.
        self.flatten: Any = source.tree.flatten
        self.pack: Any = source.tree.pack_sequence_as
        self.flatten_with_path: Any = source.tree.flatten_with_path
        self.get_mask: Any = source.backend.get_keras_mask
        self.set_mask: Any = source.backend.set_keras_mask
        self.standardize_dtype: Any = source.backend.standardize_dtype
        self.signature = inspect.signature
        symbolic = import_module("keras.src.backend.common.symbolic_scope")
        self.in_symbolic_scope: Any = symbolic.in_symbolic_scope

    def is_network(self, layer: Any) -> bool:
        """Return whether a layer is a model that computes just what its own graph says."""
        if isinstance(layer, self.Functional):
            return type(layer).call is self.Functional.call
        return (
            isinstance(layer, self.Sequential)
            and type(layer).call is self.Sequential.call
            and layer._functional is not None
        )

    def graph_of(self, network: Any) -> Any:
        """Return the Functional model that a Functional or Sequential model computes."""
        return network._functional if isinstance(network, self.Sequential) else network

    def is_builtin(self, layer: Any) -> bool:
        """Return whether the class of a layer is Keras' own."""
        return type(layer).__module__.split(".")[0] == "keras"

    def to_numpy(self, tensor: Any) -> np.ndarray[Any, Any]:
        """Return a tensor of the backend as an array."""
        return np.asarray(self.backend.convert_to_numpy(tensor))

    def described(self, layer: Any) -> dict[str, Any]:
        """Return class, module and settings of a layer as Keras writes them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of lambdas
            written = self.serialization.serialize_keras_object(layer)
        return {key: written[key] for key in ("class_name", "module", "config")}
