"""Everything that a Keras model remembers, to compare before and after."""

from __future__ import annotations

import keras
import numpy as np


def state_of(model):
    """Return the attributes of a model and of all that hangs on it, by path.

    Objects count by identity; lists, dicts and sets by what they hold; arrays by their bytes.
    """
    found = {}
    seen = set()

    def note(path, value, depth=0):
        if isinstance(value, (bool, int, float, str, bytes, type(None))):
            found[path] = value
            return
        found[path] = (type(value).__name__, 0 if isinstance(value, tuple) else id(value))
        if id(value) in seen or depth > 12:
            return
        seen.add(id(value))
        if isinstance(value, keras.Variable):
            found[path + ".value"] = np.asarray(keras.ops.convert_to_numpy(value.value)).tobytes()
        elif isinstance(value, dict):
            found[path + ".keys"] = [str(key) for key in value]
            for key, each in value.items():
                note(f"{path}[{key!r:.60}]", each, depth + 1)
        elif isinstance(value, (list, tuple)):
            found[path + ".length"] = len(value)
            for index, each in enumerate(value):
                note(f"{path}[{index}]", each, depth + 1)
        elif isinstance(value, (set, frozenset)):
            found[path + ".elements"] = sorted(map(id, value))
        elif type(value).__module__.startswith("keras") or isinstance(value, keras.Operation):
            for key, each in vars(value).items():
                note(f"{path}.{key}", each, depth + 1)

    note("model", model)
    for layer in model._flatten_layers():
        note(layer.name, layer)
        note(layer.name + ".config", repr(layer.get_config()) if layer._auto_config else "")
        found[layer.name + ".losses"] = repr([float(loss) for loss in layer.losses])
    return found


def differences(before, after):
    """Return the paths where two states differ."""
    return [
        path
        for path in before.keys() | after.keys()
        if before.get(path, "missing") != after.get(path, "missing")
    ]
