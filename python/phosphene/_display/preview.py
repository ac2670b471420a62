"""The picture that emerges, shown in a notebook."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from phosphene._checks import whole

if TYPE_CHECKING:
    from phosphene._vision.maximization.progress import Progress


class Preview:
    """A callback of `maximize` that shows the picture while it emerges, always in the same place.

    It shows something in notebooks alone; elsewhere nothing happens.

    Parameters
    ----------
    every
        How many steps lie between two pictures. Each costs a look of the network at it.

    Examples
    --------
    >>> import phosphene as ph
    >>> preview = ph.Preview(every=8)
    >>> picture = ph.maximize(
    ...     ph.zoo.wardrobe(), "Bag", steps=16, callbacks=[preview], progress=False
    ... )
    """

    def __init__(self, every: int = 16) -> None:
        self.every = whole("every", every, 1, what="a number of steps")
        self._place: Any = None

    def __call__(self, progress: Progress) -> None:
        """Show the picture as it stands, if it is time to."""
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        is_time = progress.step % self.every == 0 or progress.step in (1, progress.steps)
        if type(shell).__name__ != "ZMQInteractiveShell" or not is_time:
            return
        if self._place is None or progress.step == 1:
            display = importlib.import_module("IPython.display").display
            self._place = display(progress.picture(), display_id=True)
        else:
            self._place.update(progress.picture())
