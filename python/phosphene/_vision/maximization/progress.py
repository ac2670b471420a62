"""What is heard of a maximization while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from phosphene._engine.library import check, ffi, lib
from phosphene._errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phosphene._vision.maximization.picture import Picture


@dataclass(frozen=True)
class Progress:
    """How far `maximize` is, as its callbacks receive it.

    Attributes
    ----------
    step
        Steps done, 1 ... `steps`.
    steps
        Steps in all.
    score
        The objective of the latest step, mean over the pictures.
    """

    step: int
    steps: int
    score: float
    _look: Callable[[], Picture] | None = field(default=None, repr=False, compare=False)

    def picture(self) -> Picture:
        """Return the pictures as they stand, seen without transforms.

        That costs one look of the network at them, so ask now and then. Only while the callback
        runs; the picture may be kept.
        """
        if self._look is None:
            raise InvalidArgumentError(
                "progress.picture() shows the pictures as they stand, so it can be asked for only "
                "while the callback runs; keep the picture instead of the progress."
            )
        return self._look()


Callback = Callable[[Progress], object]


def check_callbacks(callbacks: Any) -> None:
    """Refuse what can't be called after each step."""
    if not isinstance(callbacks, (list, tuple)) or not all(map(callable, callbacks)):
        raise InvalidArgumentError(
            "callbacks must be a list of functions that take a Progress; "
            f"received {callbacks!r:.80}."
        )


class Listeners:
    """Who is told after each step: callbacks and a progress bar, through the engine's callback."""

    def __init__(
        self, callbacks: Sequence[Callback], read: Callable[[Any], Picture], *, progress: bool
    ) -> None:
        self.callbacks = tuple(callbacks)
        self._read = read
        self.error: BaseException | None = None
        self.steps = 0
        """The number of steps that the engine has planned."""
        self._wants_bar = progress and _is_watched()
        self._bar: Any = None

    def __call__(self, struct: Any) -> bool:
        """Tell everybody; return whether to stop."""
        self.steps = struct.steps

        def look() -> Picture:
            out = ffi.new("ph_picture **")
            check(lib.ph_progress_picture(struct, out))
            return self._read(ffi.gc(out[0], lib.ph_picture_destroy))

        progress = Progress(struct.step, struct.steps, struct.score, look)
        if self._wants_bar:
            self._show(progress)
        try:
            # Each hears of each step.
            answers = [callback(progress) for callback in self.callbacks]
        finally:
            object.__setattr__(progress, "_look", None)
        return any(answer is True for answer in answers)

    def _show(self, progress: Progress) -> None:
        if self._bar is None:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                self._wants_bar = False
                return
            self._bar = tqdm(total=progress.steps, unit="step", leave=False)
        self._bar.total = progress.steps  # a budget lowers it
        self._bar.update(progress.step - self._bar.n)
        self._bar.set_postfix_str(f"score {progress.score:.4g}", refresh=False)

    def __enter__(self) -> Listeners:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _keep_error(kind: type[BaseException], error: BaseException, traceback: Any) -> int:
    """Store what a callback raised, to be raised again when the engine has returned."""
    if traceback is not None:
        listeners: Listeners = ffi.from_handle(traceback.tb_frame.f_locals["user_data"])
        listeners.error = error
    return 1


@ffi.def_extern(name="ph_progress_callback", error=1, onerror=_keep_error)  # type: ignore[untyped-decorator]
def _progress_callback(user_data: Any, progress: Any) -> int:
    listeners: Listeners = ffi.from_handle(user_data)
    return int(listeners(progress))


def _is_watched() -> bool:
    """Return whether somebody sees a progress bar: in a terminal or a notebook."""
    import sys

    if sys.stderr is not None and sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
