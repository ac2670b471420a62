"""A callback of Keras 3 and Keras 2 that looks at the network; neither is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from phosphene._errors import ModelFileError
from phosphene._models.model import Model, as_model
from phosphene._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Mapping


class TrainingHooks:
    """What Keras calls while it trains.

    Who derives from it says how a look is taken, and how many there have been.
    """

    every: Literal["epoch"] | int
    """``"epoch"``, or the number of batches between looks."""

    def _begin(self) -> None:
        self._live: Any = None
        self.params: Any = None
        self._epoch = self._batches = self._due = self._earlier = 0
        self._is_first_epoch = True
        if self.every != "epoch":
            # Only here: Keras waits for each batch where a callback wants to hear of it.
            self.on_train_batch_end = self._after_batch

    def _take(
        self,
        model: Model,
        epoch: int | None,
        batch: int | None,
        label: str | None,
        logs: Mapping[str, Any] | None,
    ) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        """Return how often it has looked."""
        raise NotImplementedError

    @property
    def epochs(self) -> int:
        """How many epochs of training have been seen."""
        raise NotImplementedError

    def set_params(self, params: Any) -> None:
        """Take what Keras says about the training."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model that is trained."""
        self._live = model

    @property
    def model(self) -> Any:
        """The live model that is trained, with its present weights."""
        # On JAX the weights are with the training loop until somebody asks for them.
        getattr(self._live, "jax_state_sync", lambda: None)()
        return self._live

    @model.setter
    def model(self, model: Any) -> None:
        self._live = model

    def on_train_begin(self, logs: Any = None) -> None:
        """Get ready for the first epoch, whose number Keras doesn't say yet."""
        self._batches = self._due = 0
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note which epoch begins; before the first one look at the network as it is."""
        if self._is_first_epoch:
            self._is_first_epoch = False
            # A second training counts from 0 again, unless it is told its `initial_epoch`.
            self._earlier = 0 if epoch else self.epochs
            if not len(self):
                # Here whatever doesn't fit comes out, before hours have passed.
                label = None if epoch else "before training"
                self._take(as_model(self.model), epoch, None, label, None)
        self._epoch, self._batches = epoch + self._earlier, 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the network after an epoch."""
        if self.every == "epoch":
            self._look_at_training(self._epoch + 1, None, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Look at the trained network, if the last batch wasn't one to look after."""
        if self.every != "epoch" and self._due:
            self._look_at_training(self._epoch + 1, None, logs)

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        """Look at the network after some batches; Keras may report several at once."""
        assert isinstance(self.every, int)
        self._due += batch + 1 - self._batches
        self._batches = batch + 1
        if self._due >= self.every:
            self._due %= self.every
            steps = (self.params or {}).get("steps")
            ended = steps is not None and self._batches >= steps
            self._look_at_training(self._epoch + ended, None if ended else self._batches, logs)

    def _look_at_training(self, epoch: int, batch: int | None, logs: Any) -> None:
        try:
            self._take(as_model(self.model), epoch, batch, None, logs)
        except ModelFileError as error:  # a full disk is no reason to lose a training
            warn(f"A look at the training is missing: {error}")

    def _implements_train_batch_hooks(self) -> bool:
        return self.every != "epoch"

    def _implements_test_batch_hooks(self) -> bool:
        return False

    def _implements_predict_batch_hooks(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        """Do nothing for whatever else a training reports, if made before Keras was imported."""
        if name.startswith("on_"):
            return lambda *_, **__: None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


_CLASSES: dict[tuple[type, ...], type[Any]] = {}
"""The callbacks, by the classes that they are derived from."""


def as_callback(cls: type[Any]) -> type[Any]:
    """Return a class as a callback of Keras 3, Keras 2 or both, as far as they are imported."""
    modules = map(sys.modules.get, ("keras", "tf_keras"))
    found = [getattr(getattr(each, "callbacks", None), "Callback", None) for each in modules]
    bases = (cls, *dict.fromkeys(base for base in found if base is not None))
    if len(bases) == 1:
        return cls
    if bases not in _CLASSES:
        names = {"__doc__": cls.__doc__, "__module__": cls.__module__}
        _CLASSES[bases] = type(cls.__name__, bases, names)
    return _CLASSES[bases]
