"""What the input should have little of."""

from __future__ import annotations

from typing import Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene.compat.vis.losses import Expression, Loss
from phosphene.compat.vis.utils.utils import get_img_shape


def normalize(input_tensor: Any, output_tensor: Any) -> Any:
    """Return a value in units of the number of values of one input."""
    return output_tensor / np.float32(np.prod(get_img_shape(input_tensor)[1:]))


class TotalVariation(Loss):
    """Differences between neighbouring pixels.

    Parameters
    ----------
    img_input
        The input of the model.
    beta
        The power of the length of differences.
    """

    def __init__(self, img_input: Any, beta: float = 2.0) -> None:
        super().__init__()
        self.name = f"TV({beta}) Loss"
        self.img = img_input
        """The input of the model."""
        self.beta = beta
        """The power."""

    def build_loss(self) -> Expression:
        """Return how it is computed."""

        def loss(img: Any) -> Any:
            space = range(1, img.ndim - 1)
            base = tuple(
                slice(None, -1) if axis in space else slice(None) for axis in range(img.ndim)
            )
            total: Any = 0.0
            for axis in space:
                moved = tuple(
                    slice(1, None) if each == axis else part for each, part in enumerate(base)
                )
                total = total + np.square(img[moved] - img[base])
            return normalize(img, (total ** (self.beta / 2.0)).sum())

        return Expression(None, loss, channels_last=True)


class LPNorm(Loss):
    """The p-norm.

    Parameters
    ----------
    img_input
        The input of the model.
    p
        Its order, 1 or more; infinity is the largest value.
    """

    def __init__(self, img_input: Any, p: float = 6.0) -> None:
        super().__init__()
        if p < 1:
            raise InvalidArgumentError(f"p must be 1 or more, or infinity; received {p!r}.")
        self.name = f"L-{p} Norm Loss"
        self.p = p
        """Its order."""
        self.img = img_input
        """The input of the model."""

    def build_loss(self) -> Expression:
        """Return how it is computed."""

        def loss(img: Any) -> Any:
            p = self.p
            value = img.max() if np.isinf(p) else (abs(img) ** p).sum() ** (1.0 / p)
            return normalize(img, value)

        return Expression(None, loss)
