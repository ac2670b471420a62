"""Traces in a folder: a file for each pattern, of a set that need not fit into memory."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._files import write_text
from phosphene._models.outputs import Facts
from phosphene._sentences import counted
from phosphene._vision.stores import (
    damaged,
    read_about,
    read_json,
    write_npz,
)
from phosphene._vision.tracing.patterns import batches_of
from phosphene._vision.tracing.run_layers import run_layers
from phosphene._vision.tracing.stored_arrays import FORMAT, StoredArrays, nested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phosphene._models.model import Model

FORMS = ("npz", "json")
Form = Literal["npz", "json"]


class StoredTrace:
    """A folder of traces: ``0.npz``, ``1.npz`` ... and ``trace.json``, which says of what.

    Parameters
    ----------
    folder
        The folder.
    about
        What ``trace.json`` holds: ``model``, ``layers``, ``of`` (a digest of the model and of the
        layers), what `Facts` says of the layers, ``form`` of the files and the number of
        ``patterns``, None if it isn't finished.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.about = dict(about)
        self.layers = [str(path) for path in about["layers"]]
        self.facts = Facts.from_json(about)

    @classmethod
    def open(cls, folder: Path) -> StoredTrace:
        """Return what a folder holds."""
        path = folder / "trace.json"
        if not path.is_file():
            raise ModelFileError(
                f"{str(folder)!r} holds no stored traces: it has no file trace.json. "
                "ph.trace(model, patterns, store=folder) makes one."
            )
        about = read_json(path, FORMAT)
        try:
            for key in ("model", "of", "form", "patterns"):
                about[key]
            return cls(folder, about)
        except (KeyError, TypeError) as error:
            raise damaged(path, f"{error!r} in it") from None

    def write(self) -> None:
        """Write ``trace.json``."""
        write_text(self.folder / "trace.json", json.dumps({"format": FORMAT} | self.about))

    def path(self, number: int) -> Path:
        """Return the file of a pattern."""
        return self.folder / f"{number}.{self.about['form']}"

    @property
    def files(self) -> list[Path]:
        """All files; of a set that isn't finished those that are there."""
        if self.about["patterns"] is not None:
            return [self.path(number) for number in range(int(self.about["patterns"]))]
        # Files of another model may lie behind those of a set that was broken off.
        numbers = itertools.takewhile(self._is_own, itertools.count())
        return [self.path(number) for number in numbers]

    def has(self, number: int, pattern: str) -> bool:
        """Return whether the file of a pattern is there and is of this very pattern and model."""
        about = self._about(number)
        return about.get("pattern") == pattern and about.get("of") == self.about["of"]

    def has_another(self, number: int, pattern: str) -> bool:
        """Return whether the file of a pattern is there and is of another pattern or model."""
        return bool(self._about(number)) and not self.has(number, pattern)

    def is_foreign(self, number: int) -> bool:
        """Return whether a file is in the place of a pattern's that is no trace."""
        return self.path(number).exists() and self._about(number).get("format") != FORMAT

    def count_from(self, number: int) -> int:
        """Return the number of the first pattern from `number` on that has no file."""
        return next(each for each in itertools.count(number) if not self._about(each))

    def _is_own(self, number: int) -> bool:
        """Return whether the file of a pattern is there and is of this model."""
        return bool(self._about(number).get("of") == self.about["of"])

    def _about(self, number: int) -> dict[str, Any]:
        """Return what the file of a pattern says it is; nothing if it isn't there, or damaged."""
        path = self.path(number)
        if not path.exists():
            return {}
        try:
            return read_about(path) if path.suffix == ".npz" else read_json(path, FORMAT)
        except ModelFileError:
            return {}

    def remove_from(self, number: int) -> None:
        """Remove what an earlier, longer set has left from a pattern on."""
        while self._about(number):
            try:
                self.path(number).unlink()
            except OSError:  # it isn't counted anyway
                return
            number += 1

    def put(self, number: int, pattern: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the file of a pattern."""
        about = {"format": FORMAT, "pattern": pattern, "of": self.about["of"]}
        if self.about["form"] == "npz":
            write_npz(self.path(number), arrays, about)
            return
        layers = {
            name: {
                "shape": list(array.shape),
                "dtype": array.dtype.name,
                "values": nested(array),
            }
            for name, array in arrays.items()
        }
        document = json.dumps(about | {"layers": layers}, separators=(",", ":"))
        write_text(self.path(number), document)


def store_traces(
    model: Model,
    facts: Facts,
    patterns: Any,
    folder: Path,
    batch_size: int | None,
    form: Form,
    *,
    overwrite: bool = False,
) -> StoredArrays:
    """Trace one pattern (or batch) after the other, keeping one in memory.

    Files that are there already, of the same patterns and the same model, are left as they are;
    others are refused, or replaced.
    """
    if form not in FORMS:
        raise InvalidArgumentError(f"store_as must be one of {FORMS}, received {form!r}.")
    paths = tuple(facts.channel_axes)
    of = _digest([model.digest, model.exact, model.precision, list(paths)])
    about = facts.to_json() | {
        "model": model.name,
        "layers": list(paths),
        "of": of,
        "form": form,
        "patterns": None,
    }
    stored = StoredTrace(folder, about)
    earlier = _earlier(folder, overwrite=overwrite)
    if earlier is not None and not overwrite:
        for key, what in (("of", "other layers or of another model"), ("form", "another form")):
            if earlier.about[key] != about[key]:
                raise _refusal(folder, f"of {what}" if key == "of" else f"in {what}")
    # What can't be read is one of ours that was damaged only where a set was stored.
    was_stored = (folder / "trace.json").exists()
    number = 0
    for batch in batches_of(model, patterns, batch_size):
        if not number:
            model.warn_about(batch)
        digests = [
            _digest([(part[at].shape, part.dtype.name) for part in batch], [p[at] for p in batch])
            for at in range(len(batch[0]))
        ]
        for at, digest in enumerate(digests):
            if not was_stored and stored.is_foreign(number + at):
                raise InvalidArgumentError(
                    f"{str(folder)!r} holds a file {stored.path(number + at).name} that is no "
                    "trace: move it away, or choose another folder."
                )
            if not overwrite and stored.has_another(number + at, digest):
                raise _refusal(folder, "of other patterns")
        if not number and (earlier is None or overwrite):
            stored.write()  # the folder says what its files are from the first on
        if not all(stored.has(number + at, digest) for at, digest in enumerate(digests)):
            results = run_layers(model, paths, batch)
            for at, digest in enumerate(digests):
                single = {
                    path: array[at : at + 1] for path, array in zip(paths, results, strict=True)
                }
                stored.put(number + at, digest, single)
        number += len(digests)
    if not number:
        raise InvalidArgumentError("The set of patterns is empty.")
    if not overwrite and (count := stored.count_from(number)) > number:
        raise _refusal(folder, f"of {counted(count, 'pattern')}, and only {number} came")
    stored.about["patterns"] = number
    stored.write()
    stored.remove_from(number)
    if earlier is not None and earlier.about["form"] != form:
        earlier.remove_from(0)
    return StoredArrays(paths, stored.files)


def _earlier(folder: Path, *, overwrite: bool) -> StoredTrace | None:
    """Return the traces that a folder holds already; of damaged ones none, if they may go."""
    if not (folder / "trace.json").is_file():
        return None
    try:
        return StoredTrace.open(folder)
    except ModelFileError:
        if overwrite:
            return None
        raise


def _refusal(folder: Path, which: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{str(folder)!r} holds a trace {which}: replace it with overwrite=True, or choose "
        "another folder."
    )


def _digest(about: Any, arrays: Sequence[NDArray[Any]] = ()) -> str:
    digest = hashlib.sha256(json.dumps(about).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
