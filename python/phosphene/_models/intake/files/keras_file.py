"""``.keras`` files: a zip, or a folder, with ``config.json`` and ``model.weights.h5``."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any, Self

from phosphene._errors import ModelFileError
from phosphene._models.intake.files.handled import handled_config
from phosphene._models.intake.files.hdf5 import LARGEST_RATIO, refusing, stored_architecture
from phosphene._models.intake.files.object_layout import object_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from phosphene._models.handlers import Handler
    from phosphene._models.intake.architecture import Intake

WEIGHTS = "model.weights.h5"


def read_keras_file(path: Path, handlers: Mapping[str, Handler] | None = None) -> Intake:
    """Return the model of a ``.keras`` file; nothing in it is executed.

    Parameters
    ----------
    path
        The file.
    handlers
        By class name, what stands in for layers.
    """
    import h5py

    with refusing(path), _Folder(path) if path.is_dir() else _Archive(path) as members:
        for needed in ("config.json", WEIGHTS):
            if needed not in members.names:
                raise ModelFileError(
                    f"{path} is no .keras file: it has no {needed!r}; it holds "
                    f"{', '.join(map(repr, members.names[:5])) or 'nothing'}."
                )
        config = json.loads(members.read("config.json"))
        if "metadata.json" in members.names:
            metadata = json.loads(members.read("metadata.json"))
            config.setdefault("keras_version", metadata.get("keras_version"))
        with members.open(WEIGHTS) as member, h5py.File(member, "r") as root:
            handled, _ = handled_config(config, handlers or {}, root, by_layer=False)
            architecture = stored_architecture(path, handled.config)
            arrays = object_arrays(path, root, architecture, handled.layers)
            arrays.update(handled.sources)
    return architecture.join(arrays, path=path)


class _Folder:
    """What ``model.save(path, zipped=False)`` writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.names = sorted(each.name for each in path.iterdir())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def open(self, name: str) -> io.BufferedIOBase:
        return (self._path / name).open("rb")


class _Archive:
    """A zip file."""

    def __init__(self, path: Path) -> None:
        self._path, self._archive = path, zipfile.ZipFile(path)
        self.names = self._archive.namelist()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._archive.close()

    def read(self, name: str) -> bytes:
        return self._archive.read(self._entry(name))

    def open(self, name: str) -> io.BufferedIOBase:
        """Return a file inside the archive, after a check of its checksum.

        h5py jumps back and forth. zipfile can only read on, so it would begin anew at each jump;
        as Keras doesn't compress the weights, they are a part of the file that can be read at once.
        """
        entry = self._entry(name)
        with self._archive.open(entry) as member:
            if entry.compress_type != zipfile.ZIP_STORED:
                return io.BytesIO(member.read())
            while member.read(1 << 20):
                pass
        file = self._path.open("rb")
        file.seek(entry.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        start = entry.header_offset + 30 + name_length + extra_length
        return io.BufferedReader(_Part(file, start, entry.file_size))

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self._archive.getinfo(name)
        if entry.file_size > LARGEST_RATIO * (entry.compress_size + 1024):
            raise ValueError(f"{name!r} would unpack to {entry.file_size} bytes")
        return entry


class _Part(io.RawIOBase):
    """A part of a file as a file of its own; it closes the whole."""

    def __init__(self, file: io.BufferedReader, start: int, size: int) -> None:
        self._file, self._start, self._size = file, start, size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._place)]
        self._file.seek(self._start + self._place)
        count = self._file.readinto(view)
        self._place += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
