"""What all steps of random networks share."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st


@dataclass
class Builder:
    """Draws settings; keeps the names of layers apart and what later ones may join."""

    draw: Any
    smooth: bool
    activations: list[str]
    count: int = 0
    seen: list[Any] = field(default_factory=list)

    def name(self, kind):
        self.count += 1
        return f"{kind}_{self.count}"

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def one_of(self, *choices):
        return self.draw(st.sampled_from(choices))

    def activation(self):
        return self.one_of(*self.activations)

    def window(self, x):
        """Return a window that fits into an image."""
        return tuple(self.integer(1, min(3, length)) for length in x.shape[1:3])
