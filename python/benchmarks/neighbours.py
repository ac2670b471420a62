"""What other programs do to the CPUs while something is measured."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path


class Neighbours:
    """Counts the CPU time of other programs from its making on."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._others = _others()

    def busy_cpus(self) -> float:
        """Return how many CPUs other programs kept busy since, as a mean.

        Child processes count as our own once they have ended and been waited for.
        """
        seconds = time.monotonic() - self._start
        return max(0.0, (_others() - self._others) / seconds)


def _others() -> float:
    """Return the CPU seconds of all programs but this one and its children, since some moment."""
    # Source: proc_stat(5). User, nice, system, idle, iowait, irq, softirq, steal; a virtual
    # machine's steal is time that others took.
    user, nice, system, _, _, irq, softirq, steal = (
        int(word) for word in Path("/proc/stat").read_text().split()[1:9]
    )
    ticks = user + nice + system + irq + softirq + steal
    own = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        own += usage.ru_utime + usage.ru_stime
    return ticks / os.sysconf("SC_CLK_TCK") - own
