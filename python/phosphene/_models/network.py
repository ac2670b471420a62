"""Models: networks with weights, ready to be looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._engine.plan import Plan, PlanCache
from phosphene._errors import InvalidArgumentError
from phosphene._models import classes as class_names
from phosphene._models import input_range
from phosphene._models.arrays import batches, model_inputs
from phosphene._models.description import ModelDescription
from phosphene._models.precision import with_precision
from phosphene._models.submodel import Submodel

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phosphene._engine.library import ArrayType
    from phosphene._models.intake import Intake
    from phosphene._models.precision import Precision
    from phosphene._models.preprocessing import Preprocessing
    from phosphene._models.summary import Summary


class Model(ModelDescription):
    """A network with weights; made by `load`.

    Nothing that is computed with a model changes it, and any number of threads may use it.
    """

    def __init__(
        self,
        intake: Intake,
        *,
        preprocessing: Any = None,
        classes: Any = None,
        like: Any = None,
        exact: bool = False,
        precision: Precision = "float32",
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(PlanCache(with_precision(intake.handle, precision)))
        self.precision: Precision = precision
        """How large weights are stored; see `load`."""
        self._path = intake.path
        self.exact: bool = bool(exact)
        """Whether every convolution is computed directly; see `load`."""
        self._arguments = dict(arguments or {})
        self.preprocessing: Preprocessing = input_range.choose(
            preprocessing,
            like,
            intake.metadata.get("preprocessing"),
            self.config,
            self.weight,
            self.input_types[0],
        )
        """How pixels become the network's input."""
        if classes is None:
            classes = class_names.from_text(intake.metadata.get("classes"))
        self.classes: tuple[str, ...] | None = class_names.read(classes, self.json["outputs"])
        """The names of the outputs, if they are known."""
        self._classes_by_output = class_names.by_output(intake.metadata)
        self.metadata: dict[str, str] = dict(intake.metadata)
        """What a model file keeps beside the model."""

    def __repr__(self) -> str:
        return f"<Model {self.name!r}: {self.input_shape} -> {self.output_shape}>"

    def classes_of(self, output: str | None) -> tuple[str, ...] | None:
        """Return the names of the classes of an output; None for the only one."""
        if output is None or not self._classes_by_output:
            return self.classes
        known = self._classes_by_output
        return known.get(output, known.get(output.split(":")[0]))

    def summary(self, *, line_length: int | None = None) -> Summary:
        """Return Keras' own table of layers, and what was found or assumed about the input.

        Parameters
        ----------
        line_length
            The width of the table in characters; by default Keras' rule: 88, or 108 with
            connections, or the width of the terminal less 4 where that is smaller.

        Returns
        -------
        Summary
            ``print`` it, or let a notebook display it.
        """
        from phosphene._models.summary import summarize

        return summarize(self, line_length)

    # What the model computes.

    def plan(
        self, request: Mapping[str, Any], shapes: Sequence[tuple[int, ...]], key: Hashable = None
    ) -> Plan:
        """Return a computation for inputs of given shapes; it is kept for later calls.

        Parameters
        ----------
        request
            What to compute, as ``ph_plan_create`` takes it.
        shapes
            The shapes of the inputs with their batch axis. Inputs beyond the model's own are
            float32.
        key
            Stands for `request` in the cache, to save comparing it.
        """
        types: list[ArrayType] = []
        own = self.input_types if "inputs" not in request else ()
        for index, shape in enumerate(shapes):
            dtype = own[index].dtype if index < len(own) else np.dtype(np.float32)
            types.append((dtype, shape))
        if self.exact:
            request, key = {**request, "exact": True}, key if key is None else ("exact", key)
        return self._core.plan(request, types, key)

    def __call__(self, x: Any) -> Any:
        """Return the output of the network for `x`, all samples at once.

        Parameters
        ----------
        x : array_like of the model's `input_shape`
            Or a picture, or a path of one; see `prepare`. The batch axis may be missing.

        Returns
        -------
        ndarray of float32, or a list or dict of them
            In the structure that the Keras model returns.
        """
        return self.predict(x, batch_size=None)

    def predict(self, x: Any, *, batch_size: int | None = 32) -> Any:
        """Return the output of the network for `x`.

        Parameters
        ----------
        x : array_like of the model's `input_shape`
            Or pictures, or paths of them; see `prepare`. The batch axis may be missing.
        batch_size
            How many samples are computed at a time; None for all.

        Returns
        -------
        ndarray of float32, or a list or dict of them
            In the structure that the Keras model returns.
        """
        arrays = model_inputs(self, x)
        self.warn_about(arrays)
        results = [
            self.plan({}, [array.shape for array in batch], "outputs").run(batch)
            for batch in batches(arrays, batch_size)
        ]
        if len(results) == 1:
            return self._structure.build(results[0])
        return self._structure.build(
            [np.concatenate(parts) for parts in zip(*results, strict=True)]
        )

    def submodel(self, outputs: Any, *, inputs: Any = None) -> Submodel:
        """Return the part of the network that computes some layers' outputs.

        Parameters
        ----------
        outputs
            A layer (name, index, path, call or Keras layer), or a list of them.
        inputs
            Layers whose outputs are fed instead of the model's input.

        Returns
        -------
        Submodel
            Called with arrays; it shares the weights of this model.
        """
        return Submodel(self, outputs, inputs)

    # Pictures.

    def prepare(self, images: Any) -> NDArray[np.float32]:
        """Return pictures as the network's input: resized, with a batch axis, preprocessed.

        Parameters
        ----------
        images
            A PIL picture, a path, an array (height, width) or (height, width, channels) of pixels
            from 0 to 255, or several of them in a list or along a first axis.

        Returns
        -------
        (batch, height, width, channels) ndarray of float32
            Channels first where the network has them there.
        """
        from phosphene._models.pictures import prepare

        return prepare(self, images)

    def picture(self, x: Any) -> NDArray[np.uint8]:
        """Return the network's input as pictures: what `prepare` does, backwards.

        Parameters
        ----------
        x : array_like of the model's `input_shape`
            Values out of the range of pixels are clipped.

        Returns
        -------
        (batch, height, width, channels) ndarray of uint8
        """
        from phosphene._models.pictures import picture

        return picture(self, x)

    def warn_about(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Warn of pictures that aren't in the range that the network expects."""
        if len(arrays) == 1 and arrays[0].ndim == 4 and self.input_types[0].form == "picture":
            from phosphene._models.pictures import warn_about_range

            warn_about_range(self, arrays[0])

    # Weights and files.

    def refresh(self, live_model: Any) -> Model:
        """Take over the present weights of a live Keras model of the same structure.

        Parameters
        ----------
        live_model
            The model that this one was loaded from, or one like it.

        Returns
        -------
        Model
            This one.

        Raises
        ------
        InvalidArgumentError
            If it is no live Keras model, or the structures differ; then nothing is changed.
        """
        from phosphene._models.refresh import live_arrays

        handlers = self._arguments.get("handlers")
        return self._take(live_arrays(self.architecture, live_model, handlers))

    def update(self, weights: Mapping[str, Any] | Sequence[Any]) -> Model:
        """Take over new weights.

        Parameters
        ----------
        weights
            All weights: a dict by key, or a list in the order of `get_weights`.

        Returns
        -------
        Model
            This one.

        Raises
        ------
        InvalidArgumentError
            If a weight is missing, unknown or ill-shaped; then nothing is changed.
        """
        from phosphene._models.refresh import keyed

        return self._take(keyed(self.architecture, weights))

    def _take(self, arrays: Mapping[str, Any]) -> Model:
        from phosphene._models.refresh import has_weights

        if not has_weights(self.handle, self.architecture, arrays):
            changed = self.architecture.join(arrays, metadata=self.metadata)
            # One assignment: a call in another thread sees the old model or the new one.
            self._core = PlanCache(with_precision(changed.handle, self.precision))
            self._path = None
        return self

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to a ``.safetensors`` file, which `load` maps into memory.

        Parameters
        ----------
        path
            Ends in ``.safetensors``. The file is written beside its place first, so that it is
            never half there; a missing folder is made.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ModelFileError
            If the file can't be written.
        """
        from phosphene._models.saving import save

        return save(self, path)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._path is None:
            raise InvalidArgumentError(
                f"{self!r} wasn't loaded from a file, so it can't be pickled: save it with "
                "model.save('model.safetensors') and load that."
            )
        from phosphene._models.model import reopened

        return reopened, (str(self._path.resolve()), self.digest, self._arguments)
