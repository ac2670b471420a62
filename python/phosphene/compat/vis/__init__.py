"""The names of keras-vis 0.5.0, with its numbers, computed by Phosphene.

A script changes ``vis`` to ``phosphene.compat.vis`` in its imports. Models are live Keras models
of any backend, `phosphene.Model` or files.
"""

__version__ = "0.5.0"
