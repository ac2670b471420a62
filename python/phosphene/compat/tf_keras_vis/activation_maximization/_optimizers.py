"""Keras' optimizers on arrays, after their settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene import optimizers
from phosphene._errors import InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Step = Callable[["NDArray[np.float32]"], "NDArray[np.float32]"]
"""From a gradient to what is subtracted from the input."""

_NEUTRAL = (None, False, 0, 0.0)
_REFUSED = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
)


def _rate(optimizer: optimizers.RMSprop | optimizers.Adam) -> float:
    """Return what the optimizer states, or what suits pixels from 0 to 1."""
    return 0.05 if optimizer.learning_rate is None else optimizer.learning_rate


def steps_of(optimizer: Any) -> Callable[[], Step]:
    """Return what makes a fresh `Step`, one for each input.

    Parameters
    ----------
    optimizer
        A Keras optimizer (RMSprop, Adam or SGD), one of `phosphene.optimizers`, or None for what
        tf-keras-vis takes by default.
    """
    if optimizer is None:
        return lambda: _rmsprop(1.0, 0.999, 0.0, 1e-7, centered=False)
    if isinstance(optimizer, optimizers.RMSprop):
        own = optimizer
        return lambda: _rmsprop(_rate(own), own.rho, 0.0, own.epsilon, centered=False)
    if isinstance(optimizer, optimizers.Adam):
        one = optimizer
        return lambda: _adam(_rate(one), one.beta1, one.beta2, one.epsilon, amsgrad=False)
    if not hasattr(optimizer, "get_config"):
        raise InvalidArgumentError(
            "optimizer is a Keras optimizer or one of phosphene.optimizers; received "
            f"{optimizer!r:.60}."
        )
    settings = optimizer.get_config()
    kind = type(optimizer).__name__
    rate = settings.get("learning_rate")
    refused = [name for name in _REFUSED if settings.get(name) not in _NEUTRAL]
    if kind not in ("RMSprop", "Adam", "SGD") or refused or not np.isscalar(rate):
        raise UnsupportedError(
            "Optimizers are RMSprop, Adam and SGD with a constant learning rate and without "
            f"{', '.join(_REFUSED)}; received {kind} with {settings}."
        )
    rate = float(rate)  # type: ignore[arg-type]
    if kind == "RMSprop":
        return lambda: _rmsprop(
            rate,
            settings["rho"],
            settings["momentum"],
            settings["epsilon"],
            centered=settings["centered"],
        )
    if kind == "Adam":
        return lambda: _adam(
            rate,
            settings["beta_1"],
            settings["beta_2"],
            settings["epsilon"],
            amsgrad=settings["amsgrad"],
        )
    return lambda: _sgd(rate, settings["momentum"], nesterov=settings["nesterov"])


def _rmsprop(rate: float, rho: float, momentum: float, epsilon: float, *, centered: bool) -> Step:
    velocity: Any = 0
    average: Any = 0
    push: Any = 0

    def step(g: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal velocity, average, push
        velocity = rho * velocity + (1 - rho) * np.square(g)
        below = velocity + epsilon
        if centered:
            average = rho * average + (1 - rho) * g
            below = below - np.square(average)
        move = rate * g / np.sqrt(below)
        if momentum > 0:
            push = momentum * push + move
            move = push
        return np.asarray(move, np.float32)

    return step


def _adam(rate: float, beta1: float, beta2: float, epsilon: float, *, amsgrad: bool) -> Step:
    mean: Any = 0
    velocity: Any = 0
    largest: Any = 0
    count = 0

    def step(g: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal mean, velocity, largest, count
        count += 1
        alpha = rate * (1 - beta2**count) ** 0.5 / (1 - beta1**count)
        mean = mean + (g - mean) * (1 - beta1)
        velocity = velocity + (np.square(g) - velocity) * (1 - beta2)
        largest = np.maximum(largest, velocity) if amsgrad else velocity
        return np.asarray(mean * alpha / (np.sqrt(largest) + epsilon), np.float32)

    return step


def _sgd(rate: float, momentum: float, *, nesterov: bool) -> Step:
    push: Any = 0

    def step(g: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal push
        if not momentum:
            return np.asarray(rate * g, np.float32)
        push = push * momentum - g * rate
        return np.asarray(-(push * momentum - g * rate) if nesterov else -push, np.float32)

    return step
