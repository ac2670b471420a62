"""What is called after each step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.compat._channels import as_picture
from phosphene.compat.vis.utils.utils import deprocess_input, draw_text

if TYPE_CHECKING:
    from numpy.typing import NDArray


class OptimizerCallback:
    """Called after each step and at the end."""

    def callback(
        self,
        i: int,
        named_losses: list[tuple[str, float]],
        overall_loss: float,
        grads: NDArray[Any],
        wrt_value: NDArray[Any],
    ) -> None:
        """Take note of a step.

        Parameters
        ----------
        i
            Its number, from 0.
        named_losses
            Names and weighted values.
        overall_loss
            Their sum.
        grads
            The gradient, as it was modified.
        wrt_value
            What it belongs to, before the step.
        """
        raise NotImplementedError(f"{type(self).__name__} has no callback().")

    def on_end(self) -> None:
        """Take note of the end."""


class Print(OptimizerCallback):
    """Print the losses of each step."""

    def callback(
        self,
        i: int,
        named_losses: list[tuple[str, float]],
        overall_loss: float,
        grads: NDArray[Any],
        wrt_value: NDArray[Any],
    ) -> None:
        """Print a step."""
        losses = [(name, float(value)) for name, value in named_losses]
        print(f"Iteration: {i + 1}, named_losses: {losses}, overall loss: {overall_loss}")


class GifGenerator(OptimizerCallback):
    """Write the way as a GIF file.

    Parameters
    ----------
    path
        The file; ``.gif`` is added where it is missing.
    input_range
        The smallest and the largest value of the input.
    """

    def __init__(self, path: Any, input_range: tuple[float, float] = (0, 255)) -> None:
        self.path = str(path) if str(path).endswith(".gif") else f"{path}.gif"
        """The file."""
        self.input_range = input_range
        """The smallest and the largest value of the input."""
        self._frames: list[Any] = []

    def callback(
        self,
        i: int,
        named_losses: list[tuple[str, float]],
        overall_loss: float,
        grads: NDArray[Any],
        wrt_value: NDArray[Any],
    ) -> None:
        """Add a frame."""
        from PIL import Image

        low, high = self.input_range
        picture = as_picture(deprocess_input(wrt_value[0], self.input_range))
        shown = (picture - low) / (high - low) * 255
        pixels = draw_text(shown.astype(np.uint8), f"Step {i + 1}")
        self._frames.append(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))

    def on_end(self) -> None:
        """Write the file."""
        if self._frames:
            first, *others = self._frames
            first.save(
                Path(self.path), "GIF", save_all=True, append_images=others, loop=0, duration=100
            )
