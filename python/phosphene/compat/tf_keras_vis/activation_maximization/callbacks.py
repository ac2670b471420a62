"""What is called after each step."""

from __future__ import annotations

import sys
from abc import ABC
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.compat._channels import as_picture
from phosphene.compat.tf_keras_vis.utils import listify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "Callback",
    "GifGenerator2D",
    "PrintLogger",
    "Progress",
    "listify",
    "managed_callbacks",
]


class Callback(ABC):  # as in tf-keras-vis, every method may be left out
    """Called at the beginning, after each step and at the end."""

    def on_begin(self, **kwargs: Any) -> None:
        """Take note of the arguments of the maximization."""

    def __call__(
        self,
        i: int,
        values: list[NDArray[Any]],
        grads: list[NDArray[Any]],
        scores: list[NDArray[Any]],
        model_outputs: list[NDArray[Any]],
        **kwargs: Any,
    ) -> None:
        """Take note of a step.

        Parameters
        ----------
        i
            Its number, from 0.
        values, grads
            For each input what it is now, clipped, and its gradient.
        scores, model_outputs
            For each output its score and what it was before the step.
        **kwargs
            `regularizations`, pairs of a name and a value, and `overall_score`.
        """

    def on_end(self) -> None:
        """Take note of the end."""


class PrintLogger(Callback):
    """Print numbers now and then.

    Parameters
    ----------
    interval
        After how many steps.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        """After how many steps."""

    def __call__(
        self, i: int, values: Any, grads: Any, scores: Any, *_: Any, **kwargs: Any
    ) -> None:
        """Print the numbers of a step."""
        if (i + 1) % self.interval == 0:
            named = [(name, np.asarray(each).tolist()) for name, each in kwargs["regularizations"]]
            shown = [np.asarray(score).tolist() for score in scores]
            print(f"Steps: {i + 1:03d}\tScores: {shown},\tRegularization: {named}")


class GifGenerator2D(Callback):
    """Write the way of the first sample as a GIF file.

    Parameters
    ----------
    path
        The file; ``.gif`` is added where it is missing.
    """

    def __init__(self, path: Any) -> None:
        self.path = str(path)
        """The file."""
        self._frames: list[Any] = []

    def on_begin(self, **kwargs: Any) -> None:
        """Start with no frames."""
        self._frames = []

    def __call__(self, i: int, values: Any, *_: Any, **__: Any) -> None:
        """Add a frame; of several inputs the last, as tf-keras-vis does."""
        from PIL import Image, ImageDraw

        pixels = as_picture(np.asarray(values[-1][0])).astype(np.uint8)
        frame = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        ImageDraw.Draw(frame).text((10, 10), f"Step {i + 1}")
        self._frames.append(frame)

    def on_end(self) -> None:
        """Write the file."""
        if self._frames:
            path = Path(self.path if self.path.endswith(".gif") else f"{self.path}.gif")
            first, *others = self._frames
            first.save(path, "GIF", save_all=True, append_images=others, loop=0, duration=100)


class Progress(Callback):
    """Show how far it is, and the means of scores and penalties so far, on one line."""

    def __init__(self) -> None:
        self._steps = 0
        self._sums: dict[str, float] = {}

    def on_begin(self, **kwargs: Any) -> None:
        """Take note of the number of steps."""
        self._steps, self._sums = kwargs.get("steps") or 0, {}

    def __call__(
        self, i: int, values: Any, grads: Any, scores: Any, *_: Any, **kwargs: Any
    ) -> None:
        """Show a step."""
        names = ["Score"] if len(scores) == 1 else [f"Score[{j}]" for j in range(len(scores))]
        for name, value in [*zip(names, scores, strict=True), *kwargs["regularizations"]]:
            self._sums[name] = self._sums.get(name, 0.0) + float(np.mean(np.asarray(value)))
        shown = " - ".join(f"{name}: {total / (i + 1):.4f}" for name, total in self._sums.items())
        sys.stdout.write(f"\r{i + 1}/{self._steps} - {shown}")
        sys.stdout.flush()

    def on_end(self) -> None:
        """End the line."""
        sys.stdout.write("\n")


@contextmanager
def managed_callbacks(callbacks: Any = None, **arguments: Any) -> Iterator[list[Any]]:
    """Begin the callbacks, and end them whatever happens."""
    begun = []
    try:
        for each in listify(callbacks):
            if signature(each.on_begin).parameters:
                each.on_begin(**arguments)
            else:
                each.on_begin()
            begun.append(each)
        yield begun
    finally:
        for each in begun:
            each.on_end()
