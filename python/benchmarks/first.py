"""Import, load and the first result, timed in a fresh process from its first line on.

usage: first.py SIDE FILE    (FILE: the network without ending)
"""

import sys
import time

start = time.perf_counter()
side, file = sys.argv[1:]

import numpy as np  # noqa: E402

if side == "phosphene":
    import phosphene as ph

    model = ph.load(f"{file}.safetensors")
    result = model(np.zeros((1, 224, 224, 3), np.float32))
else:
    import os

    os.environ["KERAS_BACKEND"] = side
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    model = keras.saving.load_model(f"{file}.keras", compile=False)
    result = np.asarray(keras.ops.convert_to_numpy(model(np.zeros((1, 224, 224, 3), np.float32))))
assert result.shape == (1, 1000)
print(time.perf_counter() - start)
