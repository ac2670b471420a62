"""The files of a watched training: a folder with one ``.npz`` file for each look at the network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import InvalidArgumentError, ModelFileError
from phosphene._files import make_folder, write_text
from phosphene._models.outputs import Facts
from phosphene._vision.stores import (
    damaged,
    read_json,
    read_npz,
    write_npz,
)
from phosphene._vision.watching.look import Look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = "phosphene-watch/1"

_RECIPE: dict[str, Any] = {
    "objectives": list,
    "parametrization": dict,
    "input": dict,
    "start": dict,
    "stages": list,
    "steps": int,
    "background": (int, float),
}
"""What the pictures of the next look need of a recipe; `render` checks the rest."""


class Run:
    """All looks of a training, in a folder.

    Parameters
    ----------
    folder
        Where they lie: ``run.json`` says what is watched, ``inputs.npz`` holds the inputs,
        ``model.json`` the structure of the network, ``looks`` the looks.
    about
        What ``run.json`` holds beside its format.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.folder = folder
        self.about = about
        self.layers: tuple[str, ...] = tuple(about["layers"])
        self.titles: tuple[str, ...] = tuple(about["titles"])
        self._facts = Facts.from_json(about)
        stated = about.get("limits")
        self._limits = None if stated is None else np.asarray(stated, np.float64)
        self.looks = [self._look(file) for file in _files(folder)]

    @classmethod
    def make(
        cls,
        folder: Path,
        about: Mapping[str, Any],
        config: Mapping[str, Any],
        inputs: Sequence[NDArray[Any]],
        *,
        start: NDArray[np.float32] | None = None,
        overwrite: bool = False,
    ) -> Run:
        """Begin a run in a folder; one that is there is refused, or removed.

        A start is kept where the recipe of the units' pictures only names it.
        """
        refuse_run(folder, overwrite=overwrite)
        if overwrite:
            remove_run(folder)
        make_folder(folder / "looks")
        arrays = {str(at): each for at, each in enumerate(inputs)}
        if start is not None:
            arrays["start"] = start
        write_npz(folder / "inputs.npz", arrays)
        write_text(folder / "model.json", json.dumps(config))
        run = cls(folder, dict(about))
        run.write()
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Return the run that a folder holds."""
        path = folder / "run.json"
        if not path.is_file():
            raise ModelFileError(
                f"{str(folder)!r} holds no watched training: it has no file run.json."
            )
        about = read_json(path, FORMAT)
        try:
            _check(about)
            return cls(folder, about)
        except (KeyError, TypeError) as error:
            raise damaged(path, f"{error!r} in it") from None

    def write(self) -> None:
        """Write ``run.json``."""
        document = json.dumps({"format": FORMAT} | self.about, indent=1)
        write_text(self.folder / "run.json", document)

    @property
    def inputs(self) -> list[NDArray[Any]]:
        """The watched inputs."""
        return [
            read_npz(self.folder / "inputs.npz", str(index))
            for index in range(int(self.about["inputs"]))
        ]

    @property
    def start(self) -> NDArray[np.float32] | None:
        """The start of the units' pictures that their recipe names but doesn't carry, if any."""
        stated = self.about["recipe"].get("start")
        if stated is None or "zlib" in stated:
            return None
        return read_npz(self.folder / "inputs.npz", "start")

    @property
    def config(self) -> dict[str, Any]:
        """The Keras configuration of the network."""
        path = self.folder / "model.json"
        try:
            config: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise damaged(path, error) from None
        return config

    def add(self, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> Look:
        """Write a look behind the others."""
        number = 1 + int(self.looks[-1].path.stem) if self.looks else 0
        path = self.folder / "looks" / f"{number:06}.npz"
        look = self._look(write_npz(path, arrays, about))
        self.looks.append(look)
        return look

    def _look(self, file: Path) -> Look:
        return Look(file, self.layers, self.titles, self._facts, self._limits)


def _check(about: Mapping[str, Any]) -> None:
    """Raise a TypeError where ``run.json`` holds something of another type than was written."""
    for key in ("layers", "titles"):
        if not isinstance(about[key], list) or not all(type(each) is str for each in about[key]):
            raise TypeError(f"{key} {about[key]!r:.80}")
    if type(about["inputs"]) is not int or about["inputs"] < 1:
        raise TypeError(f"inputs {about['inputs']!r:.80}")
    every = about.get("every")
    if every != "epoch" and (type(every) is not int or every < 1):
        raise TypeError(f"every {every!r:.80}")
    limits = about.get("limits", [[0, 1]])
    are_pairs = isinstance(limits, list) and all(
        isinstance(each, list) and [type(end) in (int, float) for end in each] == [True, True]
        for each in limits
    )
    if not are_pairs or not limits:
        raise TypeError(f"limits {limits!r:.80}")
    recipe = about.get("recipe", {})
    if not isinstance(recipe, dict) or (about["titles"] and not recipe.get("objectives")):
        raise TypeError(f"recipe {recipe!r:.80}")
    for key, kind in _RECIPE.items() if about["titles"] else ():
        stated = recipe.get(key)
        is_missing = stated is None and key in ("start", "stages")
        if not is_missing and (not isinstance(stated, kind) or isinstance(stated, bool)):
            raise TypeError(f"{key} {stated!r:.80} in its recipe")


def refuse_run(folder: Path, *, overwrite: bool = False) -> None:
    """Say that a folder holds a run already, or is none, if so."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    if there is not None and not there.is_dir():
        raise InvalidArgumentError(
            f"folder is where the looks are kept, and {str(there)!r} is a file: choose another one."
        )
    if not overwrite and (folder / "run.json").exists():
        raise InvalidArgumentError(
            f"{str(folder)!r} holds a watched training already: go on with it by "
            f"ph.Watch.open({str(folder)!r}), replace it with overwrite=True, or choose another "
            "folder."
        )


def remove_run(folder: Path) -> None:
    """Remove what a run has written, and nothing else that lies in its folder."""
    # First what makes it a run: whatever stops this, no run with half of its looks is left.
    names = ("run.json", "inputs.npz", "model.json")
    files = [folder / name for name in names] + _files(folder)
    try:
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise ModelFileError(
            f"The watched training in {str(folder)!r} can't be removed: {error.strerror or error}."
        ) from None


def _files(folder: Path) -> list[Path]:
    """Return the files of all looks, in order."""
    files = (folder / "looks").glob("*.npz")
    return sorted(file for file in files if file.stem.isdigit())  # not somebody's copies
