"""Variables of older Keras versions whose numbers lie in another order.

Source: ``preprocess_weights_for_loading`` and ``_convert_rnn_weights`` of keras 2.3
(``engine/saving.py``), ``convert_kernel`` (``utils/conv_utils.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from phosphene._models.intake.architecture import Description


def modernized(
    layer: Description, arrays: dict[str, NDArray[Any]], backend: str | None = None
) -> dict[str, NDArray[Any]]:
    """Return the variables of a layer as Keras 3 has them.

    Parameters
    ----------
    layer
        The layer.
    arrays
        Its variables by the keys of its weights.
    backend
        The backend that wrote the file, if it says so.
    """
    wanted = {weight["key"]: tuple(weight["shape"]) for weight in layer["weights"]}
    result = dict(arrays)
    for key in arrays:
        part, _, name = key.rpartition("/")
        if is_from_cudnn(name, arrays[key].shape, wanted[key]):
            result |= _from_cudnn(part, arrays, wanted[key])
    if backend == "theano":
        # Theano convolves where the others correlate.
        for key, array in result.items():
            if key.endswith("kernel") and array.ndim >= 3:
                result[key] = np.flip(array, tuple(range(array.ndim - 2)))
    return result


def is_from_cudnn(name: str, stored: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a bias is one of cuDNN: twice as long as an LSTM's, or a GRU's in one row."""
    if name.rsplit("/", 1)[-1] != "bias" or len(stored) != 1:
        return False
    (length,) = stored
    return tuple(wanted) in ((length // 2,), (2, length // 2)) and length % 2 == 0


def _from_cudnn(
    part: str, arrays: dict[str, NDArray[Any]], wanted: tuple[int, ...]
) -> dict[str, NDArray[Any]]:
    """Convert an LSTM or a GRU of cuDNN."""
    keys = [f"{part}/{name}" for name in ("kernel", "recurrent_kernel", "bias")]
    if not all(key in arrays for key in keys):
        return {}
    kernel, recurrent, bias = (arrays[key] for key in keys)
    units = recurrent.shape[0]
    if bias.shape == (8 * units,) and wanted == (4 * units,):
        bias = bias.reshape(2, -1).sum(0)
    elif bias.shape == (6 * units,) and wanted == (2, 3 * units):
        bias = bias.reshape(2, -1)
    else:
        return {}

    def by_gate(matrix: NDArray[Any], change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
        return np.hstack([change(gate) for gate in np.hsplit(matrix, matrix.shape[1] // units)])

    kernel = by_gate(kernel, lambda gate: gate.T.reshape(gate.shape, order="F"))
    return dict(zip(keys, (kernel, by_gate(recurrent, np.transpose), bias), strict=True))
