"""What the steps of the build have in common: commands that are run, files that are replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]


class BuildError(Exception):
    """Something that the build needs is missing or failed; the message says what."""


def run(
    command: list[str], environment: dict[str, str] | None = None, source: str | None = None
) -> None:
    """Run a command that reads `source`; raise BuildError unless it succeeds."""
    sys.stdout.flush()
    try:
        result = subprocess.run(command, check=False, env=environment, input=source, text=True)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} isn't on PATH") from None
    if result.returncode != 0:
        raise BuildError(f"{' '.join(command[:3])} ... failed with status {result.returncode}")


def succeeds(command: list[str]) -> bool:
    """Return whether a command is there and succeeds."""
    try:
        return subprocess.run(command, check=False).returncode == 0
    except FileNotFoundError:
        return False


def path_list(first: Path, variable: str) -> str:
    """Return the folders that an environment variable lists, with another in front."""
    return os.pathsep.join([str(first), *filter(None, [os.environ.get(variable)])])


def is_older(target: Path, *sources: Path) -> bool:
    """Return whether a target is missing or older than one of its sources."""
    if not target.exists():
        return True
    time = target.stat().st_mtime_ns
    return any(source.stat().st_mtime_ns > time for source in sources)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a file beside `target` to write to, which then takes its place in one step."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
