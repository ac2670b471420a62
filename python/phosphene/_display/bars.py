"""Vectors as bars: upright ones, or, where the numbers have names, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._display.figures import SMALLEST_FONT, fit_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

MOST_NAMED = 20
"""How many bars are named at most; of more, the highest alone is, below them."""


def named_ratio(count: int) -> float:
    """Return height / width of so many named bars: each is as high as its name."""
    return float(np.clip(0.1 * count, 0.3, 1.3))


def draw_bars(axes: Axes, values: NDArray[Any]) -> None:
    """Draw a bar for each number; where they are narrower than a pixel, a few share one.

    Such a bar reaches from its smallest number to its largest: no peak is lost between pixels.
    """
    axes.set_xticks([])
    axes.margins(x=0.01)
    pixels = max(2, int(axes.get_window_extent().width))
    if len(values) <= pixels:
        axes.bar(np.arange(len(values)), values, width=0.85 if len(values) <= 40 else 1.0)
        return
    numbers = np.where(np.isfinite(values), values, 0)
    starts = np.linspace(0, len(values), pixels // 2, endpoint=False).astype(int)
    bottoms = np.minimum(np.minimum.reduceat(numbers, starts), 0)
    heights = np.maximum(np.maximum.reduceat(numbers, starts), 0) - bottoms
    widths = np.diff(starts, append=len(values))
    axes.bar(starts - 0.5, heights, widths, bottoms, align="edge")


def draw_named_bars(
    axes: Axes, values: NDArray[Any], names: Sequence[str], limits: tuple[float, float]
) -> None:
    """Draw a bar for each number over the same limits, its name and the number in it.

    Where there is no room for letters, there are none.
    """
    low, high = min(limits[0], 0), max(limits[1], 0)
    finite = np.where(np.isfinite(values), values, 0)
    axes.barh(np.arange(len(values)), finite, height=0.86, color="C0", alpha=0.45)
    axes.set_xlim(low, high if high > low else low + 1)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if low < 0:
        axes.axvline(0, color="0.5", linewidth=0.6)
    box = axes.get_window_extent()
    dpi = axes.get_figure(root=True).dpi  # type: ignore[union-attr]
    size = min(8.0, 0.7 * 72 * box.height / dpi / len(values))
    if size < SMALLEST_FONT:
        return
    across = axes.get_yaxis_transform()
    digits = _digits(finite)
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        shown: dict[str, Any] = {"fontsize": size, "va": "center", "transform": across}
        fit_text(axes.text(0.02, place, name, **shown), 0.7 * box.width)
        axes.text(0.98, place, f"{value:.{digits}f}", ha="right", alpha=0.7, **shown)


def _digits(values: NDArray[Any]) -> int:
    """Return how many decimals tell numbers apart that stand beside the largest of them."""
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0
    return int(np.clip(1 - np.floor(np.log10(largest)), 1, 8))
