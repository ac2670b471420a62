"""Arrays in ``.npz`` files, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import ModelFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write arrays to an ``.npz`` file: beside its place first, then renamed.

    ``numpy.savez`` can't be used: it takes the names as keyword arguments, so that a layer called
    "file" is an error.
    """
    import tempfile
    import zipfile

    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        # mkstemp makes files that only their owner can read.
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except OSError as error:
        raise ModelFileError(
            f"{str(path)!r} can't be written: {error.strerror or error}."
        ) from None
    else:
        temporary = None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return path


class StoredArrays(Mapping[str, "NDArray[Any]"]):
    """Arrays that lie in files, one file a sample; each is read when it is asked for.

    Parameters
    ----------
    names
        The names of the arrays.
    files
        One file a sample, as `write_npz` writes them, each array with a batch axis of length 1.
    """

    def __init__(self, names: Sequence[str], files: Sequence[Path]) -> None:
        self._names = tuple(names)
        self._files = tuple(file.resolve() for file in files)

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self._files)

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        import zipfile

        parts = []
        for path in self._files:
            try:
                with np.load(path, allow_pickle=False) as file:
                    parts.append(file[name])
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                raise ModelFileError(f"{path} can't be read any more: {error}.") from None
        return np.concatenate(parts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
