"""What the functions share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError
from phosphene.compat._layer import NetworkLayer
from phosphene.compat._network import Network
from phosphene.compat.vis import backprop_modifiers

if TYPE_CHECKING:
    from numpy.typing import NDArray


def get_num_filters(layer: Any) -> int:
    """Return the number of filters of a layer, or of units of a dense one."""
    shape = layer.output_shape if hasattr(layer, "output_shape") else layer.output.shape
    axis = 1 if getattr(layer, "data_format", None) == "channels_first" else -1
    if isinstance(layer, NetworkLayer):
        axis = layer.network.channel_axis(layer.network.path_of(layer))
    return int(shape[axis])


def overlay(array1: NDArray[Any], array2: NDArray[Any], alpha: float = 0.5) -> NDArray[Any]:
    """Return two arrays blended, in the type of the first.

    Parameters
    ----------
    array1, array2
        Arrays of one shape.
    alpha
        How much the first counts, 0 to 1.
    """
    if not 0.0 <= alpha <= 1.0:
        raise InvalidArgumentError(f"alpha must be 0 to 1; received {alpha!r}.")
    if array1.shape != array2.shape:
        raise InvalidArgumentError(
            f"The arrays have one shape; received {array1.shape} and {array2.shape}."
        )
    return (array1 * alpha + array2 * (1.0 - alpha)).astype(array1.dtype)


def prepared(model: Any, backprop_modifier: Any) -> Network:
    """Return the network of a model, with another rule for gradients if there is one."""
    network = model if isinstance(model, Network) else Network(model)
    if backprop_modifier is None:
        return network
    changed = backprop_modifiers.get(backprop_modifier)(network)
    return changed if isinstance(changed, Network) else Network(changed)
