"""``.keras`` files: a zip with ``config.json`` and ``model.weights.h5``."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any

from phosphene._errors import ModelFileError
from phosphene._models.intake.files.handled import handled_config
from phosphene._models.intake.files.hdf5 import refusing, stored_architecture
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

    with refusing(path), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for needed in ("config.json", WEIGHTS):
            if needed not in names:
                raise ModelFileError(
                    f"{path} is no .keras file: it has no {needed!r}; it holds "
                    f"{', '.join(map(repr, names[:5])) or 'nothing'}."
                )
        config = json.loads(archive.read("config.json"))
        if "metadata.json" in names:
            metadata = json.loads(archive.read("metadata.json"))
            config.setdefault("keras_version", metadata.get("keras_version"))
        with weights_in(path, archive) as member, h5py.File(member, "r") as root:
            handled, _ = handled_config(config, handlers or {}, root, by_layer=False)
            architecture = stored_architecture(path, handled.config)
            arrays = object_arrays(path, root, architecture, handled.layers)
            arrays.update(handled.sources)
    return architecture.join(arrays, path=path)


def weights_in(path: Path, archive: zipfile.ZipFile) -> io.BufferedIOBase:
    """Return the file of weights inside an archive, after a check of its checksum.

    h5py jumps back and forth. zipfile can only read on, so it would begin anew at each jump;
    as Keras doesn't compress this member, it is a part of the file that can be read directly.
    """
    entry = archive.getinfo(WEIGHTS)
    with archive.open(entry) as member:
        if entry.compress_type != zipfile.ZIP_STORED:
            return io.BytesIO(member.read())
        while member.read(1 << 20):
            pass
    file = path.open("rb")
    file.seek(entry.header_offset + 26)
    name_length, extra_length = struct.unpack("<HH", file.read(4))
    start = entry.header_offset + 30 + name_length + extra_length
    return io.BufferedReader(_Part(file, start, entry.file_size))


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
