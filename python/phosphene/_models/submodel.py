"""Parts of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import InputType, as_array, batches, model_inputs
from phosphene._sentences import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phosphene._models.network import Model


class Submodel:
    """The part of a `Model` that computes some layers' outputs; made by `Model.submodel`.

    Parameters
    ----------
    model
        The whole.
    outputs
        A layer, or a list of layers.
    inputs
        Layers whose outputs are fed instead of the model's input; None for the model's input.
    """

    def __init__(self, model: Model, outputs: Any, inputs: Any = None) -> None:
        self._model = model
        self._single = not isinstance(outputs, (list, tuple))
        self.outputs: tuple[str, ...] = _paths(model, outputs)
        """The paths of the layers that are computed."""
        self.inputs: tuple[str, ...] | None = None if inputs is None else _paths(model, inputs)
        """The paths of the layers that are fed; None for the model's input."""
        self._request: dict[str, Any] = {"outputs": list(self.outputs)}
        if self.inputs is not None:
            self._request["inputs"] = list(self.inputs)
        self._key = ("submodel", self.outputs, self.inputs)

    def __repr__(self) -> str:
        fed = "its input" if self.inputs is None else ", ".join(self.inputs)
        return f"<Submodel of {self._model.name!r}: {fed} -> {', '.join(self.outputs)}>"

    def __call__(self, x: Any) -> NDArray[Any] | list[NDArray[Any]]:
        """Return the outputs for `x`, all samples at once."""
        return self.predict(x, batch_size=None)

    def predict(self, x: Any, *, batch_size: int | None = 32) -> NDArray[Any] | list[NDArray[Any]]:
        """Return the outputs for `x`.

        Parameters
        ----------
        x : array_like of the model's `input_shape`
            Or an array for each layer that is fed, with its batch axis.
        batch_size
            How many samples are computed at a time; None for all.

        Returns
        -------
        ndarray of float32, or a list of them
            A list if `outputs` was one.
        """
        arrays = model_inputs(self._model, x) if self.inputs is None else self._fed(x)
        results = [
            self._model.plan(self._request, [a.shape for a in batch], self._key).run(batch)
            for batch in batches(arrays, batch_size)
        ]
        whole = results[0]
        if len(results) > 1:
            whole = [np.concatenate(parts) for parts in zip(*results, strict=True)]
        return whole[0] if self._single else whole

    def _fed(self, x: Any) -> list[NDArray[Any]]:
        """Return the arrays for the layers that are fed."""
        assert self.inputs is not None
        parts: Sequence[Any] = [x] if len(self.inputs) == 1 else x
        if len(self.inputs) > 1 and (
            not isinstance(x, (list, tuple)) or len(x) != len(self.inputs)
        ):
            raise InvalidArgumentError(
                f"Pass a list of {counted(len(self.inputs), 'array')}, for "
                f"{', '.join(self.inputs)}."
            )
        arrays = []
        for path, part in zip(self.inputs, parts, strict=True):
            array = np.asarray(as_array(part, f"The output of {path!r}"), np.float32, order="C")
            shape = self._model.shapes[path]
            if array.ndim == len(shape) - 1:
                array = array[np.newaxis]
            if not InputType(path, shape, array.dtype).accepts(array.shape):
                raise InvalidArgumentError(
                    f"{path!r} has outputs of shape {shape}; received shape {array.shape}."
                )
            arrays.append(array)
        return arrays


def _paths(model: Model, layers: Any) -> tuple[str, ...]:
    if not isinstance(layers, (list, tuple)):
        return (model.path_of(layers),)
    if not layers:
        raise InvalidArgumentError("A submodel needs at least one layer; received none.")
    return tuple(map(model.path_of, layers))
