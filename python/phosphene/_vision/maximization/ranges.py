"""Between which numbers an input is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phosphene._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Container

    from phosphene._models.model import Model


def warn_of_assumed_range(model: Model, given: Container[str] | None) -> None:
    """Say that a range was assumed of what is no picture: most networks take pictures in it.

    Parameters
    ----------
    model
        The network.
    given
        Its inputs that stay as they are.
    """
    changed = [each for each in model.input_types if each.name not in (given or ())]
    if model.preprocessing.assumed and [each.form == "picture" for each in changed] == [False]:
        warn(
            f"Nothing says between which numbers the inputs of {model.name!r} lie, so that 0 to 1 "
            "is assumed: state it by value_range=, such as (-3, 3), or by preprocessing= or like= "
            "when the model is loaded."
        )
