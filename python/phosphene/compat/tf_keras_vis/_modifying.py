"""Model modifiers of somebody's own: functions of a network, or of a live Keras model."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, PhospheneError
from phosphene._models.intake import is_live_model
from phosphene._sentences import with_article
from phosphene.compat._network import Network

if TYPE_CHECKING:
    from collections.abc import Callable


def modified_by(modifier: Callable[[Any], Any], network: Network, source: Any) -> Network:
    """Return what a modifier makes of a network.

    Parameters
    ----------
    modifier
        A function that changes what it gets, or returns another one.
    network
        The network.
    source
        What it was made from: of a live Keras model the modifier gets a clone, if a `Network`
        isn't enough for it.
    """
    trial = network.with_outputs(network.outputs)
    try:
        changed = modifier(trial)
    except PhospheneError:
        raise
    except Exception as error:
        clone = _clone(source)
        if clone is None:
            raise InvalidArgumentError(
                f"The model modifier {modifier!r:.60} works on live Keras models, or has a fault "
                f"of its own ({type(error).__name__}: {_line(error)}): hand over a live Keras "
                "model, or use what a Network has: layers, get_layer, output_names."
            ) from error
        changed = modifier(clone)
        changed = clone if changed is None else changed
    if changed is None:
        return trial
    if isinstance(changed, Network):
        return changed
    if not is_live_model(changed):
        raise InvalidArgumentError(
            "A model modifier returns None, a Keras model or what ExtractIntermediateLayer "
            f"returns; received {with_article(type(changed).__name__)} from {modifier!r:.60}."
        )
    return _like(network, Network(source), Network(changed), modifier)


def _like(network: Network, plain: Network, changed: Network, modifier: Any) -> Network:
    """Return a new network with what earlier modifiers have set in the old one."""
    if network.outputs != plain.outputs:
        raise InvalidArgumentError(
            f"The model modifier {modifier!r:.60} returns a Keras model, which knows nothing of "
            "the outputs that one before it has chosen: put it first."
        )
    names = {layer.name for layer in changed.layers}
    for path, name in network.activations.items():
        if path in names:
            changed.set_activation(path, name)
    changed.set_rule(network.rule, plain_layers=network.plain_layers)
    return changed


def _clone(model: Any) -> Any:
    """Return a clone of a live Keras model with its weights; None of what is none."""
    if not is_live_model(model):
        return None
    kinds = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    root = next((name for name in kinds if name in ("keras", "tf_keras")), None)
    if root is None:
        return None
    clone = importlib.import_module(root).models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
