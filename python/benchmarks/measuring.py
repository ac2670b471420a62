"""Running the sides of a job in turn.

Each side lives in a process of its own; a round asks one, then the next, so that a machine whose
speed drifts slows all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neighbours import Neighbours, wait_for_quiet
from sides import SIDES, sides_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobs import Job

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent
# A process of a framework that holds VGG16 takes up to 2.5 GB.
SPARE_BYTES = 3_000_000_000


@dataclass
class Measurement:
    """What one side took for a job, or why it took nothing.

    Attributes
    ----------
    seconds
        Of each run; for a job of kind ``"memory"`` empty.
    result
        A norm of what was computed.
    peak_bytes
        The largest memory of the process.
    """

    seconds: list[float] = field(default_factory=list)
    result: float = 0.0
    peak_bytes: int = 0
    error: str = ""

    @property
    def best(self) -> float:
        """The shortest run: whatever else the machine does only adds time."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The run in the middle."""
        return statistics.median(self.seconds)


@dataclass
class Comparison:
    """All sides of one job, and how many CPUs other programs kept busy meanwhile."""

    job: Job
    sides: dict[str, Measurement]
    busy_elsewhere: float


@dataclass(frozen=True)
class Bench:
    """Where the networks and the interpreters are, and how long to measure.

    Attributes
    ----------
    folder
        Keeps networks and exports from run to run.
    python
        The interpreter of the peers.
    turn_seconds
        How long a side runs when it is its turn.
    patience_seconds
        How long a turn may be put off while other programs are busy.
    """

    folder: Path
    python: str
    rounds: int
    turn_seconds: float
    patience_seconds: float = 0.0

    def interpreter(self, side: str) -> str:
        """Return the interpreter that a side runs on."""
        return sys.executable if side == "phosphene" else self.python

    def compare(self, job: Job, peers: Iterable[str]) -> Comparison:
        """Measure Phosphene and those of `peers` that can do the job."""
        self._write_network(job)
        names = sides_of(job, peers)
        if job.kind == "first":
            return self._fresh(job, names)
        if job.kind == "memory":  # one after the other, as all together may not fit
            single = [self._in_turn(job, [name], rounds=1) for name in names]
            sides = {name: each.sides[name] for name, each in zip(names, single, strict=True)}
            return Comparison(job, sides, max(each.busy_elsewhere for each in single))
        return self._in_turn(job, names, min(self.rounds, 2) if job.is_long else self.rounds)

    def _in_turn(self, job: Job, names: list[str], rounds: int) -> Comparison:
        sides: dict[str, Measurement] = {}
        workers: dict[str, Worker] = {}
        for name in names:
            if workers and _available_bytes() < SPARE_BYTES:
                sides[name] = Measurement(error="too little memory was left beside the others")
                continue
            worker = Worker(self, name, job)
            workers[name] = worker
            sides[name] = worker.start()
        own = [worker.process for worker in workers.values()]
        busy = []
        for _ in range(rounds):
            for name, worker in workers.items():
                wait_for_quiet(own, self.patience_seconds)
                neighbours = Neighbours(own)
                worker.turn(sides[name], self.turn_seconds)
                busy.append(neighbours.busy_cpus())
        for name, worker in workers.items():
            worker.close(sides[name])
        return Comparison(job, sides, statistics.fmean(busy))

    def _fresh(self, job: Job, names: list[str]) -> Comparison:
        """Start a process for each run."""
        sides = {name: Measurement() for name in names}
        busy = []
        file = str(self.folder / job.file)
        for _ in range(self.rounds):
            for name, side in sides.items():
                if side.error:
                    continue
                backend = "phosphene" if name == "phosphene" else SIDES[name].backend
                command = [self.interpreter(name), str(HERE / "first.py"), backend, file]
                wait_for_quiet([], self.patience_seconds)
                neighbours = Neighbours([])
                done = subprocess.run(
                    command, env=environment(), text=True, capture_output=True, check=False
                )
                busy.append(neighbours.busy_cpus())
                if done.returncode == 0:
                    side.seconds.append(float(done.stdout))
                else:
                    side.error = (done.stderr.strip().splitlines() or ["it ended"])[-1][:200]
        return Comparison(job, sides, statistics.fmean(busy))

    def _write_network(self, job: Job) -> None:
        """Make the network's files, which are kept: `.keras` for the peers, `.safetensors`."""
        import phosphene as ph

        self.folder.mkdir(parents=True, exist_ok=True)
        saved = self.folder / f"{job.file}.keras"
        if not saved.exists():
            partial = saved.with_name(f"partial-{saved.name}")
            command = [self.python, str(HERE / "subjects.py"), job.network, str(job.image or 0)]
            subprocess.run(
                [*command, str(partial)],
                env=environment() | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
                stderr=subprocess.DEVNULL,
                check=True,
            )
            partial.rename(saved)
        own = self.folder / f"{job.file}.safetensors"
        if not own.exists() or own.stat().st_mtime < saved.stat().st_mtime:
            ph.load(saved).save(own)


class Worker:
    """The process of one side."""

    def __init__(self, bench: Bench, side: str, job: Job) -> None:
        log = bench.folder / f"{side}.log"
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [
                    *(bench.interpreter(side), str(HERE / "worker.py")),
                    *(side, job.to_json(), str(bench.folder)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env=environment(),
            )
        self._log = log

    @property
    def process(self) -> int:
        """The process' number."""
        return self._process.pid

    def start(self) -> Measurement:
        """Wait until the job is prepared."""
        measurement = Measurement()
        self._read_answer(measurement)
        return measurement

    def turn(self, measurement: Measurement, seconds: float) -> None:
        """Run the job for so long, at least twice."""
        if measurement.error:
            return
        assert self._process.stdin is not None
        time.sleep(0.05)  # threads of the side before still look for work for a moment
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        self._read_answer(measurement)

    def close(self, measurement: Measurement) -> None:
        """End the process and ask for the largest memory that it had."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if not measurement.error:
            self._read_answer(measurement)
        self._process.wait()

    def _read_answer(self, measurement: Measurement) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        measurement.seconds += answer.get("seconds", [])
        measurement.result = answer.get("result", measurement.result)
        measurement.peak_bytes = answer.get("peak_bytes", 0)
        measurement.error = answer.get("error", "" if line else f"it ended, see {self._log}")


def environment() -> dict[str, str]:
    """Return the environment of a process that imports the package from this tree."""
    return os.environ | {"PYTHONPATH": str(PACKAGE)}


def _available_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(x for x in lines if x.startswith("MemAvailable")).split()[1]) * 1024
