"""What other programs do to the CPUs while something is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# So many busy CPUs don't disturb.
QUIET = 0.25
TICKS = os.sysconf("SC_CLK_TCK")


class Neighbours:
    """Counts the CPU time of all programs but `own` and this one, from its making on."""

    def __init__(self, own: Iterable[int]) -> None:
        self._own = [os.getpid(), *own]
        self._start = time.monotonic()
        self._others = self._count()

    def busy_cpus(self) -> float:
        """Return how many CPUs other programs kept busy since, as a mean."""
        seconds = time.monotonic() - self._start
        return max(0.0, (self._count() - self._others) / seconds) if seconds > 0 else 0.0

    def _count(self) -> float:
        """Return the CPU seconds of the others, since some moment."""
        # Source: proc_stat(5). User, nice, system, idle, iowait, irq, softirq, steal; a virtual
        # machine's steal is time that others took.
        user, nice, system, _, _, irq, softirq, steal = (
            int(word) for word in Path("/proc/stat").read_text().split()[1:9]
        )
        ticks = user + nice + system + irq + softirq + steal
        for process in self._own:
            # Source: proc_pid_stat(5). Own user and system time, then that of ended children; the
            # second field, the program's name, may hold spaces.
            words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks -= sum(int(word) for word in words[11:15])
        return ticks / TICKS


def wait_for_quiet(own: Iterable[int], patience: float) -> None:
    """Wait until all programs but `own` rest, at most `patience` seconds."""
    own = list(own)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        neighbours = Neighbours(own)
        time.sleep(0.3)
        if neighbours.busy_cpus() < QUIET:
            return
