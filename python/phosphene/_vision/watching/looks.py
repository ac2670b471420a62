"""The files of a watched training: a folder with one ``.npz`` file for each look at the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from phosphene._errors import InvalidArgumentError, ModelFileError, UnknownNameError
from phosphene._files import make_folder, write_text
from phosphene._models.outputs import Facts
from phosphene._sentences import counted
from phosphene._vision.stores import (
    damaged,
    read_about,
    read_json,
    read_npz,
    write_npz,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

FORMAT = "phosphene-watch/1"


class Look(Mapping[str, "NDArray[np.float32]"]):
    """What a network made of the watched inputs at one moment of its training.

    A mapping from a layer's path to its output, (batch, ...) float32, in the order of execution;
    each array is read from its file when it is asked for.

    Parameters
    ----------
    path
        The file.
    layers
        The paths of the layers.
    titles
        Of the units whose pictures there are.
    facts
        What the outputs of the layers are like.
    """

    def __init__(
        self,
        path: Path,
        layers: Sequence[str],
        titles: Sequence[str],
        facts: Facts | None = None,
    ) -> None:
        self.path = path
        """The file, which ``numpy.load`` reads too."""
        self._layers = tuple(layers)
        self.facts = facts or Facts()
        """What the outputs are like."""
        self.titles: tuple[str, ...] = tuple(titles)
        """A title for each of the `pictures`."""
        about = read_about(path)
        try:
            self.epoch: int | None = about["epoch"]
            """How many epochs of training there had been, if that is known."""
            self.batch: int | None = about["batch"]
            """How many batches of the next epoch, if the look was taken within one."""
            self.label: str = str(about["label"])
            """What is written above pictures of it."""
            self.logs: dict[str, float] = dict(about["logs"])
            """Loss and metrics that Keras reported."""
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path, f"{error!r} in its comment") from None

    def __getitem__(self, layer: str) -> NDArray[np.float32]:
        if layer not in self._layers:
            held = ", ".join(map(repr, self._layers[:8]))
            raise UnknownNameError(f"{layer!r} wasn't watched; the look holds {held}.")
        return read_npz(self.path, f"layers/{layer}")

    def __contains__(self, layer: object) -> bool:
        return layer in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        held = f"{counted(len(self), 'layer')}, {counted(len(self.titles), 'picture')}"
        return f"<Look {self.label!r}: {held}>"

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """What the watched units liked best, (units, height, width, channels) uint8."""
        return read_npz(self.path, "pictures")

    @cached_property
    def scores(self) -> tuple[float, ...]:
        """The objectives of the `pictures`; NaN where the weights held NaN."""
        if not self.titles:
            return ()
        return tuple(float(score) for score in read_npz(self.path, "scores"))

    @property
    def heading(self) -> str:
        """The label, and what Keras reported."""
        reported = [f"{name} {value:.4g}" for name, value in self.logs.items()]
        return " · ".join([self.label, *reported])


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
        return Look(file, self.layers, self.titles, self._facts)


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
    recipe = about.get("recipe", {})
    if not isinstance(recipe, dict) or (about["titles"] and not recipe.get("objectives")):
        raise TypeError(f"recipe {recipe!r:.80}")


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
