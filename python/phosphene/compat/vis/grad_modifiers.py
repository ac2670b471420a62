"""What is done to gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.compat.vis.utils.utils import EPSILON, get_identifier

if TYPE_CHECKING:
    from numpy.typing import NDArray


def negate(grads: NDArray[Any]) -> NDArray[Any]:
    """Return what lowers an output instead of raising it."""
    return -grads


def absolute(grads: NDArray[Any]) -> NDArray[Any]:
    """Return sizes without signs."""
    return np.asarray(np.abs(grads))


def invert(grads: NDArray[Any]) -> NDArray[Any]:
    """Return one over the gradients."""
    return np.asarray(1.0 / (grads + EPSILON))


def relu(grads: NDArray[Any]) -> NDArray[Any]:
    """Return the gradients with the negative ones set to 0, in place."""
    grads[grads < 0.0] = 0.0
    return grads


def small_values(grads: NDArray[Any]) -> NDArray[Any]:
    """Return what is large where gradients are small."""
    return absolute(invert(grads))


def get(identifier: Any) -> Any:
    """Return a modifier by its name."""
    return get_identifier(identifier, globals(), "grad modifier")
