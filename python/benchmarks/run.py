"""Speed and memory of Phosphene beside its peers, measured in turn in one run.

    make bench                                                    everything, about half an hour
    python python/benchmarks/run.py --list                        the jobs and the peers
    python python/benchmarks/run.py --only 'vgg16-*' --peers tensorflow,openvino --rounds 3
    python python/benchmarks/run.py --quick --only resnet50-gradient --patience 10

All sides live in processes of their own; a round asks one, then the next, so that a machine whose
speed drifts slows all. Minima are compared: whatever else the machine does only adds time. It adds
most to Phosphene, whose threads wait for each other after each layer: a row is worth something only
where the last column is near 0. The column *of the floor* is explained in `floors`.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path

from floors import Peak, floor_seconds, layers_work
from jobs import OTHERS, PROMISES, Job
from measuring import PACKAGE, Bench
from result_tables import everybody, summary
from sides import PEERS, SIDES

ROOT = Path(__file__).resolve().parents[2]

VERSIONS = """
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def machine() -> str:
    """Return the processor and how many cores of it are in use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.split(":")[1].strip() for line in lines if "model name" in line)
    return f"{next(names, platform.processor())}, {len(os.sched_getaffinity(0))} cores"


def versions(python: str) -> str:
    """Return the versions of Phosphene and of every peer that `python` can import."""
    import phosphene as ph

    packages = sorted({SIDES[name].package for name in PEERS} | {"keras", "numpy"})
    found = json.loads(subprocess.check_output([python, "-c", VERSIONS, *packages], text=True))
    return ", ".join([f"phosphene {ph.__version__}", *(f"{k} {v}" for k, v in found.items())])


def measured_peak(file: Path, *, again: bool) -> Peak:
    """Return what the machine can do, measured by `phosphene-benchmark` and kept in a file."""
    if again or not file.exists():
        command = [sys.executable, str(PACKAGE / "build_engine.py"), "--benchmark", "--peak"]
        output = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            flops, bandwidth = map(float, output.stdout.split()[-2:])
        except ValueError:
            print(f"no floors: {output.stdout}{output.stderr}", file=sys.stderr)
            return Peak(math.inf, math.inf)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([flops, bandwidth]))
    return Peak(*json.loads(file.read_text()))


def selected(pattern: str) -> list[Job]:
    """Return the jobs whose key matches one of some patterns, separated by commas."""
    jobs = [*PROMISES, *OTHERS]
    wanted = pattern.split(",")
    found = [job for job in jobs if any(fnmatch.fnmatch(job.key, each) for each in wanted)]
    if not found:
        sys.exit(f"no job is called {pattern!r}; there are {', '.join(job.key for job in jobs)}")
    return found


def chosen_peers(text: str) -> list[str]:
    """Return the peers that are named, in the table's order."""
    wanted = set(text.split(",")) if text else set()
    if unknown := wanted - set(PEERS):
        sys.exit(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return [name for name in PEERS if name in wanted]


def main() -> None:
    """Measure, and print the tables as they grow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="jobs, with *, separated by commas")
    parser.add_argument("--peers", default=",".join(PEERS), help="separated by commas, or ''")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="3 short rounds, a tenth of the steps")
    parser.add_argument(
        "--patience", type=float, default=0, help="seconds to wait for other programs, a turn"
    )
    parser.add_argument("--list", action="store_true", help="name the jobs and the peers")
    parser.add_argument("--environment", type=Path, default=ROOT / ".build/peers")
    parser.add_argument("--folder", type=Path, default=ROOT / ".build/benchmarks")
    parser.add_argument("--out", type=Path, help="file for the tables")
    options = parser.parse_args()
    if options.list:
        print("jobs:", *(job.key for job in [*PROMISES, *OTHERS]), sep="\n  ")
        print("peers:", *PEERS, sep="\n  ")
        return

    jobs, peers = selected(options.only), chosen_peers(options.peers)
    sys.path.insert(0, str(PACKAGE))  # this tree's package, whichever is installed
    import phosphene as ph

    python = options.environment / "bin/python"
    bench = Bench(
        folder=options.folder,
        python=str(python) if python.exists() else sys.executable,
        rounds=min(options.rounds, 3) if options.quick else options.rounds,
        turn_seconds=0.2 if options.quick else 0.5,
        patience_seconds=options.patience,
    )
    peak = measured_peak(options.folder / "peak.json", again=not options.quick)
    limits = f"{peak.flops / 1e9:.0f} GFLOP/s, {peak.bandwidth / 1e9:.0f} GB/s"
    heading = [f"{machine()}; measured peak {limits}", versions(bench.python)]
    print("\n".join(heading), flush=True)
    comparisons, floors = [], {}
    for job in jobs:
        short = job.shortened() if options.quick else job
        only_tensorflow = job in OTHERS
        comparison = bench.compare(
            short, [x for x in peers if not only_tensorflow or x == "tensorflow"]
        )
        comparison.job = job
        model = ph.load(options.folder / f"{job.file}.safetensors")
        floors[job] = floor_seconds(job, layers_work(model.layers), peak)
        comparisons.append(comparison)
        print("\n" + everybody([comparison]), flush=True)
    promised = [x for x in comparisons if x.job in PROMISES]
    others = [x for x in comparisons if x.job not in PROMISES]
    parts = ["\n\n".join(heading)]
    parts += [summary(part, floors, PROMISES) for part in (promised, others) if part]
    if promised:
        parts.append(everybody(promised))
    text = "\n\n".join(parts) + "\n"
    print("\n" + text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text)


if __name__ == "__main__":
    main()
