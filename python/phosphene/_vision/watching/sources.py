"""What can be looked at: models, files, checkpoints, weights alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phosphene._errors import InvalidArgumentError, PhospheneError
from phosphene._models.intake import is_live_model
from phosphene._models.model import Model, as_model, load


def model_of(source: Any, config: Mapping[str, Any] | None) -> Model:
    """Return a network to look at.

    Parameters
    ----------
    source
        Anything that `load` takes, or weights alone.
    config
        The structure that weights alone belong to, if it is known.
    """
    if isinstance(source, Model) or is_live_model(source):
        return as_model(source)
    is_pair = isinstance(source, tuple) and len(source) == 2
    if isinstance(source, (Mapping, Sequence)) and not isinstance(source, str) and not is_pair:
        if config is None:
            raise InvalidArgumentError(
                "Weights alone don't say what they are the weights of: take the first look at "
                "a model or at a file that holds one."
            )
        return load((config, source))
    try:
        return load(source)
    except PhospheneError as error:
        if config is None or is_pair:
            raise
        try:
            return load(source, config=config)
        except PhospheneError:
            raise error from None
