"""Speed and memory of Phosphene beside Keras on TensorFlow, measured in turn in one run.

    make bench
    python python/benchmarks/run.py --rounds 15 --out out/bench.md

Both sides run in processes of their own; a round asks one, then the other, so that a machine whose
speed drifts slows both. Minima are compared: whatever else the machine does only adds time. It adds
more to Phosphene, whose threads wait for each other after each layer: a row is worth something only
where the last column is near 0.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from jobs import JOBS, Job, floor_seconds
from neighbours import Neighbours

import phosphene as ph

HERE = Path(__file__).parent
PACKAGE = Path(ph.__file__).parents[1]

MAXIMIZE = """
import json, sys, time
import phosphene as ph
start = time.perf_counter()
model = ph.load(sys.argv[1])
ph.maximize(model, 385, steps=1, progress=False)
first = time.perf_counter()
picture = ph.maximize(model, 385, steps=20, progress=False)
seconds = time.perf_counter() - first
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
peak = int(peak.split()[1]) / 1e6
print(json.dumps({"first": first - start, "step": seconds / 20, "peak": peak}))
"""

IMPORT = """
import numpy, time
start = time.perf_counter()
import phosphene
print(time.perf_counter() - start)
"""


class Side:
    """A worker process."""

    def __init__(self, side: str, job: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), side, job, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        self.seconds: list[float] = []
        if self._line() != "ready":
            raise RuntimeError(f"{side} could not prepare {job}")

    def measure(self) -> None:
        """Run the job once."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.seconds.append(float(self._line()))

    def close(self) -> float:
        """End the process and return the best time."""
        self.process.communicate()
        return min(self.seconds)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def environment() -> dict[str, str]:
    """Return the environment of a process that imports the package from this tree."""
    return os.environ | {"PYTHONPATH": str(PACKAGE)}


def fresh(code: str, *arguments: str) -> str:
    """Run code in a new interpreter and return what it printed."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.check_output(command, env=environment(), text=True)


def compare(name: str, folder: Path, rounds: int) -> tuple[float, float | None, float]:
    """Return the best seconds of both sides, and how many CPUs other programs kept busy.

    Without TensorFlow its seconds are None.
    """
    neighbours = Neighbours()
    sides = [Side("phosphene", name, folder)]
    try:
        sides.append(Side("tensorflow", name, folder))
    except RuntimeError as error:
        print(f"{error}: left out", file=sys.stderr)
    for _ in range(rounds):
        for side in sides:
            side.measure()
    times = [side.close() for side in sides]
    return times[0], times[1] if len(times) > 1 else None, neighbours.busy_cpus()


def row(job: Job, ours: float, theirs: float | None, busy: float, floor: float) -> str:
    """Return a line of the table."""
    peer = "-" if theirs is None else f"{theirs * 1e3:.2f} ms"
    ratio = "-" if theirs is None else f"{theirs / ours:.2f} x"
    share = f"{floor / ours:.0%}" if floor / ours > 0.01 else "-"
    return f"| {job.title} | {ours * 1e3:.3g} ms | {peer} | {ratio} | {share} | {busy:.1f} |"


def versions() -> str:
    """Return the machine and what ran on it."""
    from importlib import metadata

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next(
        (line.split(":")[1].strip() for line in lines if "model name" in line),
        platform.processor(),
    )
    packages = []
    for package in ("keras", "tensorflow-cpu", "numpy"):
        try:
            packages.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            packages.append(f"no {package}")
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores; phosphene {ph.__version__}, {', '.join(packages)}"


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--gflops", type=float, default=525, help="peak of direct convolution")
    parser.add_argument("--bandwidth", type=float, default=70, help="memory, GB a second")
    parser.add_argument("--out", type=Path, help="file for the table")
    options = parser.parse_args()

    lines = [
        f"Machine: {versions()}",
        "",
        "| job | Phosphene | TensorFlow | ratio | of the floor | CPUs busy elsewhere |",
    ]
    lines.append("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for network in sorted({job.network for job in JOBS.values()}):
            builder = next(job for job in JOBS.values() if job.network == network)
            ph.load(builder.build()).save(folder / f"{network}.safetensors")
        for name, job in JOBS.items():
            model = ph.load(folder / f"{job.network}.safetensors")
            floor = floor_seconds(job, model, options.gflops * 1e9, options.bandwidth * 1e9)
            lines.append(row(job, *compare(name, folder, options.rounds), floor))
            print(lines[-1], flush=True)
        climbed = json.loads(fresh(MAXIMIZE, str(folder / "vgg16.safetensors")))
    imported = min(float(fresh(IMPORT)) for _ in range(5))
    lines += [
        "",
        "| what | measured | must be |",
        "|---|---|---|",
        f"| VGG16 maximization, a step with transforms, judging included | "
        f"{climbed['step'] * 1e3:.0f} ms | |",
        f"| VGG16, load and first step | {climbed['first']:.2f} s | |",
        f"| VGG16, peak memory of loading and 20 steps | {climbed['peak']:.2f} GB | 1.3 GB |",
        f"| import after NumPy | {imported * 1e3:.0f} ms | 50 ms |",
    ]
    table = "\n".join(lines)
    print("\n" + table)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(table + "\n")


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
