"""Models that only code can describe: subclassed ones, custom layers and Lambda, by name.

Each entry of `CASES` makes a model and arrays to call it on. ``python -m intake.custom`` compares
all of them, or those named, with Keras on the backend that ``KERAS_BACKEND`` names.
"""

from __future__ import annotations

import keras
import numpy as np

import phosphene as ph

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def tokens(*shape, high=9):
    return np.random.default_rng(sum(shape)).integers(0, high, shape).astype("int32")


def randomize(model):
    """Give every weight a value of its own: what Keras starts with hides mistakes (ones, zeros)."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        if "steps" in weight.path:
            continue
        values = random.normal(0, 0.5, tuple(weight.shape))
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)


def made(name):
    """Return the model of a case and the arrays to call it on."""
    keras.utils.set_random_seed(5)
    model, feed = CASES[name]()
    randomize(model)
    return model, feed


def flat_tensors(structure):
    """Return the tensors of a structure in one list, those of a dict by sorted keys."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [tensor for each in structure for tensor in flat_tensors(each)]
    return [] if structure is None else [structure]


def flat(structure):
    """Return the arrays of a structure in one list."""
    return [keras.ops.convert_to_numpy(each) for each in flat_tensors(structure)]


def error_of(model, feed):
    """Return how far Phosphene is from Keras, in units of the largest value."""
    expected = flat(model(feed, training=False))
    received = flat(ph.load(model)(feed))
    assert [each.shape for each in received] == [each.shape for each in expected]
    return max(
        float(np.max(np.abs(ours - theirs)) / (np.max(np.abs(theirs)) or 1))
        for ours, theirs in zip(received, expected, strict=True)
    )


from intake.custom import loops, masks, shapes, structures  # noqa: E402, F401  (they fill the table)
