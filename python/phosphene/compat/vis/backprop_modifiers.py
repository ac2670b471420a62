"""How gradients pass the rectifiers of a model; each function returns the model so changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene.compat.vis import backend
from phosphene.compat.vis.utils.utils import get_identifier

if TYPE_CHECKING:
    from phosphene.compat._network import Network


def guided(model: Any) -> Network:
    """Only positive gradients pass, where the rectifier is active (Springenberg et al. 2014)."""
    return backend.modify_model_backprop(model, "guided")


def rectified(model: Any) -> Network:
    """Only positive gradients pass (Zeiler and Fergus 2013)."""
    return backend.modify_model_backprop(model, "rectified")


relu = deconv = rectified


def get(identifier: Any) -> Any:
    """Return a modifier by its name."""
    return get_identifier(identifier, globals(), "backprop modifier")
