"""The input that a filter or a class likes best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._options import check_options
from phosphene.compat.vis.losses import ActivationMaximization
from phosphene.compat.vis.optimizer import Optimizer
from phosphene.compat.vis.regularizers import LPNorm, TotalVariation
from phosphene.compat.vis.utils.utils import add_defaults_to_kwargs
from phosphene.compat.vis.visualization.shared import prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from phosphene.compat.vis.losses import Loss


def visualize_activation_with_losses(
    input_tensor: Any,
    losses: Sequence[tuple[Loss, float]],
    wrt_tensor: Any = None,
    seed_input: Any = None,
    input_range: tuple[float, float] = (0, 255),
    **optimizer_params: Any,
) -> NDArray[Any]:
    """Return the input that has the lowest losses, as a picture.

    Parameters
    ----------
    input_tensor, losses, wrt_tensor, input_range
        As for `Optimizer`. Whole numbers as a range make a picture of uint8.
    seed_input
        Where to start; random by default.
    **optimizer_params
        As for `Optimizer.minimize`; 200 steps by default, and nothing printed.
    """
    check_options(optimizer_params, Optimizer.minimize, "Optimizer.minimize")
    defaults = {"seed_input": seed_input, "max_iter": 200, "verbose": False}
    params = add_defaults_to_kwargs(defaults, **optimizer_params)
    picture = Optimizer(input_tensor, losses, input_range, wrt_tensor=wrt_tensor).minimize(
        **params
    )[0]
    low, high = input_range
    if isinstance(low, int) and isinstance(high, int):
        picture = np.clip(picture, low, high).astype("uint8")
    return picture


def visualize_activation(
    model: Any,
    layer_idx: int,
    filter_indices: Any = None,
    wrt_tensor: Any = None,
    seed_input: Any = None,
    input_range: tuple[float, float] = (0, 255),
    backprop_modifier: Any = None,
    grad_modifier: Any = None,
    act_max_weight: float = 1,
    lp_norm_weight: float = 10,
    tv_weight: float = 10,
    **optimizer_params: Any,
) -> NDArray[Any]:
    """Return the input that filters of a layer, or classes, like best, as a picture.

    Parameters
    ----------
    model
        A live Keras model, or anything that `phosphene.load` takes.
    layer_idx
        The index of the layer among ``model.layers``.
    filter_indices
        A filter or class, or a list of them; all together by default.
    wrt_tensor, seed_input, input_range
        As for `visualize_activation_with_losses`.
    backprop_modifier
        The name of a function of `backprop_modifiers`, or a function.
    grad_modifier
        The name of a function of `grad_modifiers`, or a function.
    act_max_weight, lp_norm_weight, tv_weight
        How much activation, norm and total variation count.
    **optimizer_params
        As for `Optimizer.minimize`.
    """
    network = prepared(model, backprop_modifier)
    losses: list[tuple[Loss, float]] = [
        (
            ActivationMaximization(network.get_layer(index=layer_idx), filter_indices),
            act_max_weight,
        ),
        (LPNorm(network.input), lp_norm_weight),
        (TotalVariation(network.input), tv_weight),
    ]
    params = add_defaults_to_kwargs({"grad_modifier": grad_modifier}, **optimizer_params)
    return visualize_activation_with_losses(
        network.input, losses, wrt_tensor, seed_input, input_range, **params
    )
