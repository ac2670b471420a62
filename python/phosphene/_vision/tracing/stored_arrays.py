"""Layer outputs that lie in files, one file a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._checks import place
from phosphene._errors import InvalidArgumentError
from phosphene._vision.stores import damaged, read_json, read_npz

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "phosphene-trace/1"
"""What the files say that they are."""


class StoredArrays(Mapping[str, "NDArray[Any]"]):
    """Arrays that lie in files, one file a sample; each is read when it is asked for.

    Parameters
    ----------
    names
        The names of the arrays.
    files
        One file a sample, as `StoredTrace` writes them, each array with a batch axis of length 1.
    """

    def __init__(self, names: Sequence[str], files: Sequence[Path]) -> None:
        self._names = tuple(names)
        self._files = tuple(file.resolve() for file in files)

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self._files)

    def one(self, sample: int) -> StoredArrays:
        """Return the arrays of one sample, counted from 0 or, if negative, from the end."""
        found = place(sample, self.samples)
        if found is None:
            raise InvalidArgumentError(
                f"sample must be a number below {self.samples}, the number of patterns; received "
                f"{sample!r}."
            )
        return StoredArrays(self._names, [self._files[found]])

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        parts = [_read(path, name) for path in self._files]
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            raise InvalidArgumentError(
                f"The output of {name!r} has another shape for each pattern, such as "
                f"{' and '.join(map(str, sorted(shapes)[:2]))}: look at one pattern at a time."
            )
        return np.concatenate(parts)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _read(path: Path, name: str) -> NDArray[Any]:
    if path.suffix == ".npz":
        return read_npz(path, name)
    document = read_json(path, FORMAT)
    try:
        stated = document["layers"][name]
        values = np.asarray(stated["values"], np.dtype(stated["dtype"]))
        return values.reshape(stated["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"{error!r} in it") from None


def nested(array: NDArray[Any]) -> Any:
    """Return an array as nested lists; NaN and infinity, which JSON doesn't have, become None."""
    if np.isfinite(array).all():
        return array.tolist()
    result = array.astype(object)
    result[~np.isfinite(array)] = None
    return result.tolist()
