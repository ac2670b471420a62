"""One run of a network that returns layers' outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phosphene._models.model import Model


def run_layers(
    model: Model, paths: tuple[str, ...], arrays: Sequence[NDArray[Any]]
) -> list[NDArray[Any]]:
    """Return the outputs of layers for arrays that fit the network."""
    if not paths:
        return []
    # The request is only read where no plan for the key is there yet.
    request = {"outputs": paths}
    return model.plan(request, [array.shape for array in arrays], ("trace", paths)).run(arrays)
