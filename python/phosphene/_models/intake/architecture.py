"""The structure of a model, as the engine understands it, joined with arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._engine.library import check, describe, ffi, lib, text
from phosphene._errors import InvalidArgumentError, ModelFileError, PhospheneError
from phosphene._models.config import settings_by_path
from phosphene._models.intake.variables.adapted import plain_config
from phosphene._sentences import counted, with_article

if TYPE_CHECKING:
    from numpy.typing import NDArray

Description = dict[str, Any]
"""What ``ph_architecture_json`` says about a model or a layer."""


@dataclass
class Intake:
    """A model of the engine and where it came from."""

    handle: Any
    path: Path | None = None
    """The file, if there was one."""
    metadata: dict[str, str] = field(default_factory=dict)
    """What the model file keeps beside the model."""


class Architecture:
    """The structure of a Keras model.

    Parameters
    ----------
    config
        A dict or JSON text as ``model.to_json()`` writes it, or the path of a ``.json`` file.
    """

    def __init__(self, config: Any) -> None:
        encoded = config_json(config)
        self._config: dict[str, Any] = json.loads(encoded)
        if '"lora_rank"' in encoded:
            encoded = json.dumps(plain_config(self._config))
        out = ffi.new("ph_architecture **")
        check(lib.ph_architecture_create(encoded.encode(), out))
        self.handle: Any = ffi.gc(out[0], lib.ph_architecture_destroy)
        """The engine's architecture, a ``ph_architecture *``."""
        self.description: Description = json.loads(text(lib.ph_architecture_json(self.handle)))
        self.keras_version: str | None = self._config.get("keras_version")
        """The version of Keras that wrote the configuration, if it is known."""
        self.is_expanded = bool(self._config.get("expanded"))
        """Whether it describes what code of a user's own was found to compute."""

    @property
    def layers(self) -> list[Description]:
        """The descriptions of ``model.layers``."""
        return list(self.description["layers"])

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings (``get_config()``) of all layers, nested ones too, by path."""
        return settings_by_path(self._config)

    def weights(self) -> list[Description]:
        """Return the descriptions of all weights, in the order of ``model.get_weights()``."""
        own = list(self.description["weights"])
        return own + [weight for layer in self.layers for weight in layer["weights"]]

    def keyed(self, arrays: Sequence[Any]) -> dict[str, Any]:
        """Return the arrays of ``model.get_weights()`` under the engine's keys."""
        weights = self.weights()
        if len(arrays) != len(weights):
            raise InvalidArgumentError(
                f"The model has {counted(len(weights), 'weight')}, received a list of "
                f"{counted(len(arrays), 'array')}."
            )
        return {weight["key"]: array for weight, array in zip(weights, arrays, strict=True)}

    def join(
        self,
        arrays: Mapping[str, Any],
        *,
        metadata: Mapping[str, str] | None = None,
        path: Path | None = None,
    ) -> Intake:
        """Return the model with weights, which the engine copies.

        Parameters
        ----------
        arrays
            Every weight under its key.
        metadata
            What the model's file will keep beside the model.
        path
            The file that the arrays come from: it is named in messages.
        """
        origin = "" if path is None else f"{path}: "
        error: type[PhospheneError] = InvalidArgumentError if path is None else ModelFileError
        wanted = {weight["key"]: tuple(weight["shape"]) for weight in self.weights()}
        unknown = [key for key in arrays if key not in wanted]
        missing = [key for key in wanted if key not in arrays]
        if missing or unknown:
            raise error(origin + _misfit(missing, unknown))
        converted = []
        for key, shape in wanted.items():
            array = as_weight(arrays[key], key)
            if array.shape != shape:
                raise error(
                    f"{origin}The weight {key!r} must have shape {shape}, "
                    f"received shape {array.shape}."
                )
            converted.append(array)
        stored = {"keras_version": str(self.keras_version)} if self.keras_version else {}
        stored.update(metadata or {})
        return Intake(self._create(list(wanted), converted, stored), path, stored)

    def _create(self, keys: list[str], arrays: list[NDArray[Any]], metadata: dict[str, str]) -> Any:
        names = [ffi.new("char[]", key.encode()) for key in keys]
        structs = describe(arrays)
        out = ffi.new("ph_model **")
        check(
            lib.ph_model_create(
                self.handle,
                ffi.new("char *[]", names or 1),
                structs.pointer,
                structs.count,
                json.dumps(metadata).encode(),
                out,
            )
        )
        return ffi.gc(out[0], lib.ph_model_destroy)


def open_model_file(path: Path) -> Intake:
    """Open a ``.safetensors`` file, which the engine maps into memory."""
    out = ffi.new("ph_model **")
    check(lib.ph_model_open(os.fsencode(path), 1, out))
    handle = ffi.gc(out[0], lib.ph_model_destroy)
    return Intake(handle, path, json.loads(text(lib.ph_model_metadata_json(handle))))


def leaves(layers: Sequence[Description]) -> Iterator[Description]:
    """Yield the layers that aren't models themselves, in order."""
    for layer in layers:
        if "layers" in layer:
            yield from leaves(layer["layers"])
        else:
            yield layer


def config_json(config: Any) -> str:
    """Return a configuration as JSON text."""
    if isinstance(config, Mapping):
        return json.dumps(config, default=_plain)
    if isinstance(config, bytes):
        config = config.decode("utf-8", "replace")
    if isinstance(config, (str, os.PathLike)):
        content = str(config)
        if not content.lstrip().startswith("{"):
            try:
                content = Path(config).read_text("utf-8")
            except (OSError, ValueError) as error:
                raise ModelFileError(f"{content[:80]!r} can't be read: {error}.") from None
        try:
            parsed = json.loads(content)
        except ValueError as error:
            raise InvalidArgumentError(f"The configuration is no JSON: {error}.") from None
        if isinstance(parsed, dict):
            return content
    raise InvalidArgumentError(
        "A configuration is a dict or JSON text as model.to_json() writes it, or the path of such "
        f"a file; received {with_article(type(config).__name__)}."
    )


def as_weight(value: Any, key: str) -> NDArray[np.float32]:
    """Return a weight as C-ordered float32."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
            raise TypeError(f"received elements of type {array.dtype}")
        return np.asarray(array, np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"The weight {key!r} is no array of numbers: {error}.") from None


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers and arrays, which configurations may hold, into JSON's."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise InvalidArgumentError(
        f"The configuration holds {with_article(type(value).__name__)}: {value!r:.60}."
    )


def _misfit(missing: list[str], unknown: list[str]) -> str:
    """Say which weights are missing and which are unknown."""
    parts = []
    for title, keys in (("Missing", missing), ("Unknown", unknown)):
        if keys:
            rest = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
            parts.append(f"{title} weights: {', '.join(map(repr, keys[:5]))}{rest}.")
    return " ".join(parts)
