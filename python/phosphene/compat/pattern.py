"""The function of the article "The brain from the inside", and the `Model` that it calls.

The article (2019, Keras 2.2) sends one pattern through a network and draws what each layer makes
of it. Its script runs with ``from phosphene.compat.pattern import *`` after its own imports.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene._checks import whole_pair
from phosphene._errors import InvalidArgumentError
from phosphene._files import make_folder, write_file
from phosphene._models.model import as_model
from phosphene._vision.tracing.tracing import trace
from phosphene._warnings import warn

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PLOT_PATTERN_PROCCESS", "Model"]


def PLOT_PATTERN_PROCCESS(
    model: Any,
    pattern: ArrayLike,
    FOLDER_TO_SAVE: str | os.PathLike[str],
    grid_size: tuple[int, int] = (3, 3),
    limit_size_layer: tuple[int, int] = (15, 15),
    PLOT_MODEL: bool = True,
) -> list[Path]:
    """Draw what the layers of a network make of a pattern, as the article does.

    Every layer but the first of ``model.layers`` is drawn whose output has the shape
    (batch, rows, columns) with more rows and more columns than `limit_size_layer`: stretched to a
    square, with its name and shape, in pages ``0.png``, ``1.png`` ...

    Parameters
    ----------
    model
        A live Keras model, a `phosphene.Model`, or anything that `phosphene.load` takes.
    pattern : array_like of the model's `input_shape`
        With its batch axis; the first sample is drawn.
    FOLDER_TO_SAVE
        The folder for the pages; made where it is missing.
    grid_size
        Rows and columns of a page.
    limit_size_layer
        Rows and columns that an output must have more of.
    PLOT_MODEL
        Whether the architecture is drawn too, with shapes and names, as
        ``<name of the model> neural network architecture.png``. Graphviz isn't needed.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InvalidArgumentError
        If the pattern doesn't fit the model, or an argument is out of range.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import phosphene as ph
    >>> config = {"class_name": "Sequential", "config": {"name": "two", "layers": [
    ...     {"class_name": "InputLayer", "config": {"batch_shape": [None, 20, 20], "name": "x"}},
    ...     {"class_name": "ReLU", "config": {"name": "first"}},
    ...     {"class_name": "ReLU", "config": {"name": "second"}}]}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = PLOT_PATTERN_PROCCESS(ph.load((config, {})), np.eye(20)[None], folder)
    ...     [file.name for file in files]
    ['0.png', 'two neural network architecture.png']
    """
    rows, columns = whole_pair("grid_size", grid_size, 1)
    limit = whole_pair("limit_size_layer", limit_size_layer, 0)
    model = as_model(model)
    folder = Path(FOLDER_TO_SAVE)
    calls = [layer.call for layer in model.layers[1:] if layer.call is not None]
    flat = [call for call in calls if len(model.shapes[call]) == 3]
    outputs: Mapping[str, NDArray[np.float32]] = trace(model, pattern, flat) if flat else {}
    shown = [
        (call, outputs[call])
        for call in flat
        if outputs[call].shape[1] > limit[0] and outputs[call].shape[2] > limit[1]
    ]
    if not shown:
        warn(
            f"No layer of {model.name!r} behind the first has an output (batch, rows, columns) of "
            f"more than {limit[0]} rows and {limit[1]} columns, so no pattern is drawn; lower "
            "limit_size_layer."
        )
    make_folder(folder)
    page = rows * columns
    files = [
        _save_page(folder / f"{number}.png", shown[start : start + page], columns)
        for number, start in enumerate(range(0, len(shown), page))
    ]
    if PLOT_MODEL:
        from phosphene._display.diagram import diagram

        name = model.name.replace("/", "_")
        files.append(diagram(model).save(folder / f"{name} neural network architecture.png"))
    return files


def Model(*args: Any, input: Any = None, output: Any = None, **others: Any) -> Any:
    """Return the Keras model between two tensors; takes the keywords of Keras 1 and 2.

    Keras 3 knows ``inputs=`` and ``outputs=`` only, which are accepted too.

    Parameters
    ----------
    *args, **others
        Handed to Keras.
    input
        The old name of ``inputs``.
    output
        The old name of ``outputs``.

    Returns
    -------
    keras.Model
        Of the Keras that the tensors belong to.
    """
    for name, value in (("inputs", input), ("outputs", output)):
        if value is not None:
            if name in others:
                raise InvalidArgumentError(f"Give {name[:-1]}= or {name}=, not both.")
            others[name] = value
    tensors = _leaves([*args[:2], others.get("inputs"), others.get("outputs")])
    modules = [type(tensor).__module__.split(".")[0] for tensor in tensors]
    home = next((name for name in modules if name in ("keras", "tf_keras")), None)
    if home is None:
        raise InvalidArgumentError(
            "Model connects tensors of a live Keras model: Model(input=model.input, "
            f"output=model.layers[1].output); received {args!r:.60} {others!r:.60}."
        )
    return sys.modules[home].Model(*args, **others)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]


def _save_page(path: Path, panels: Sequence[tuple[str, NDArray[np.float32]]], columns: int) -> Path:
    from phosphene._display.figures import (
        PanelGrid,
        draw_image,
        drawing_map,
        figure_png,
        value_range,
    )

    sheet = PanelGrid([1.0] * len(panels), columns)
    for number, (call, values) in enumerate(panels):
        limits = value_range(values[0])
        draw_image(sheet.axes[number], values[0], drawing_map("viridis"), limits)
        sheet.label(number, f"{call}\n{values.shape}", f"{limits[0]:.3g} to {limits[1]:.3g}")
    write_file(path, figure_png(sheet.figure))
    return path
