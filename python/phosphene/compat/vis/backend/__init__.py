"""What keras-vis kept for TensorFlow and Theano."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat._network import Network

__all__ = ["modify_model_backprop", "set_random_seed"]

_RULES = {
    "guided": "guided",
    "rectified": "deconvolution",
    "relu": "deconvolution",
    "deconv": "deconvolution",
}


def modify_model_backprop(model: Any, backprop_modifier: str) -> Network:
    """Return the model with another rule by which gradients pass its rectifiers.

    Parameters
    ----------
    model
        A live Keras model, or anything that `phosphene.load` takes; it isn't changed.
    backprop_modifier
        ``"guided"`` or ``"rectified"``, which is also called ``"relu"`` and ``"deconv"``.
    """
    if backprop_modifier not in _RULES:
        raise InvalidArgumentError(
            f"Backprop modifiers are {', '.join(_RULES)}; received {backprop_modifier!r:.60}."
        )
    network = model if isinstance(model, Network) else Network(model)
    changed = network.with_outputs(network.outputs)
    changed.set_rule(_RULES[backprop_modifier], plain_layers=False)
    return changed


def set_random_seed(seed_value: int = 1337) -> None:
    """Start the random numbers of Python and NumPy anew."""
    np.random.seed(seed_value)
    random.seed(seed_value)
