"""Every layer's output for an input, computed in one run of the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError
from phosphene._models.arrays import batches, model_inputs
from phosphene._models.model import Model, as_model
from phosphene._models.outputs import Facts
from phosphene._sentences import with_article
from phosphene._vision.tracing.run_layers import run_layers
from phosphene._vision.tracing.stored_arrays import StoredArrays
from phosphene._vision.tracing.trace import Trace
from phosphene._vision.tracing.trace_files import Form, store_traces

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray


def trace(
    model: Any,
    x: Any,
    layers: Any = None,
    *,
    batch_size: int | None = None,
    store: str | os.PathLike[str] | None = None,
    store_as: Form | None = None,
    overwrite: bool = False,
    out: Trace | None = None,
) -> Trace:
    """Return the output of every layer for `x`, all of them in one run.

    Parameters
    ----------
    model
        A `Model`, or anything that `load` takes. A live Keras model is read at each call.
    x : array_like of the model's `input_shape`
        In the range that the network was trained on; or pictures, see `Model.prepare`. The batch
        axis may be missing. With `store` also what gives one pattern after the other: an iterator,
        a dataset of h5py, a list of files.
    layers
        Which layers: names, paths, globs (``"conv*"``), kinds (``"Conv2D"``), layers, or a list
        of such; by default all but the inputs. Those that are named are drawn whatever their size.
    batch_size
        How many samples are computed at a time; by default all.
    store
        A folder, for more than fits into memory: each pattern is computed by itself and its arrays
        are written to ``0.npz``, ``1.npz`` ...; the result reads them when they are asked for. The
        same call goes on where an earlier one was stopped. `render` draws what is there.
    store_as
        With `store`, the form of the files: ``"npz"``, which is the default, or ``"json"``: nested
        lists, in files several times as large.
    overwrite
        With `store`, replace a trace that the folder holds of other layers, patterns or weights, or
        of more patterns; it is refused otherwise. Nothing else that lies there is removed.
    out
        An earlier trace of the same layers for an input of the same shape: its arrays are written
        to, and it is returned.

    Returns
    -------
    Trace
        A mapping from the layer's path to its output, (batch, ...) float32, in execution order.
        Layers that return what they get, such as Dropout and Flatten, share its memory.

    Raises
    ------
    InvalidArgumentError
        If the input doesn't fit, or there is no such layer.

    Examples
    --------
    >>> import phosphene as ph
    >>> images, labels = ph.zoo.garments()
    >>> seen = ph.trace(ph.zoo.wardrobe(), images[:2], "Conv2D")
    >>> next(iter(seen.values())).shape[0]
    2
    """
    model = as_model(model)
    paths = model.select(layers)
    are_named = layers is not None
    if store_as is not None and store is None:
        raise InvalidArgumentError(
            "store_as says which files are written: give store=, the folder for them, too, or "
            f"leave store_as out; received store_as={store_as!r} alone."
        )
    if overwrite and store is None:
        raise InvalidArgumentError(
            "overwrite=True replaces what a folder holds: give store=, the folder, too, or leave "
            "overwrite out."
        )
    if store is not None and out is None:
        facts = Facts.of(model, paths, are_named=are_named)
        form = store_as or "npz"
        stored = store_traces(model, facts, x, Path(store), batch_size, form, overwrite=overwrite)
        return Trace(model, paths, stored, are_named=are_named)
    if isinstance(x, Iterator):
        raise InvalidArgumentError(
            "What gives one pattern after the other is traced into files: give store=, a folder, "
            "or hand over an array."
        )
    arrays = model_inputs(model, x)
    model.warn_about(arrays)
    if out is not None:
        return _rewritten(out, model, paths, arrays, store, batch_size)
    if batch_size is None:
        results = run_layers(model, paths, arrays)
        return Trace(model, paths, dict(zip(paths, results, strict=True)), are_named=are_named)
    several = [run_layers(model, paths, batch) for batch in batches(arrays, batch_size)]
    joined = [
        parts[0] if len(parts) == 1 else np.concatenate(parts)
        for parts in zip(*several, strict=True)
    ]
    return Trace(model, paths, dict(zip(paths, joined, strict=True)), are_named=are_named)


def _rewritten(
    out: Any,
    model: Model,
    paths: tuple[str, ...],
    arrays: Sequence[NDArray[Any]],
    store: Any,
    batch_size: int | None,
) -> Trace:
    """Write what the layers compute into the arrays of an earlier trace."""
    is_trace = isinstance(out, Trace)
    if not is_trace or store is not None or batch_size is not None:
        received = "store= or batch_size= too" if is_trace else with_article(type(out).__name__)
        raise InvalidArgumentError(
            f"out= takes a Trace, without store= and batch_size=; received {received}."
        )
    if tuple(out) != paths or isinstance(out._arrays, StoredArrays):
        raise InvalidArgumentError(
            "out= takes a trace of the same layers, kept in memory: make it with the same layers=."
        )
    plan = model.plan({"outputs": paths}, [array.shape for array in arrays], ("trace", paths))
    earlier: Trace = out
    plan.run(arrays, [earlier._arrays[path] for path in paths])
    earlier.model = model
    return earlier
