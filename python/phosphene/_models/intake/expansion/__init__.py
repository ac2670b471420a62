"""Live Keras 3 models that can't describe themselves: subclassed ones, custom layers, Lambda.

Such a layer is code. It is run once on symbolic tensors, and what it does to them is written down
as a network of built-in layers and functions of ``keras.ops``. Afterwards the user's model is as it
was before, to the last attribute.
"""

from phosphene._models.intake.expansion.expand import Expansion, expand, is_plain

__all__ = ["Expansion", "expand", "is_plain"]
