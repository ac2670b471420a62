"""One side of a comparison: a process that prepares a job and times it each time it is told to.

usage: worker.py SIDE JOB FOLDER

SIDE is a key of `sides.SIDES`, JOB a job as JSON, FOLDER where the networks are. Prints one JSON
object a line: ``{"result": number}``, a norm of what the job gives, or ``{"error": sentence}``;
then, for each line on standard input, which holds how many seconds to go on, ``{"seconds": [of each
run]}``; at the end of input ``{"peak_bytes": the largest memory that the process had}``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jobs import Job
from sides import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable


def norm(result: Any) -> float:
    """Return a number that tells results apart."""
    arrays = result if isinstance(result, (list, tuple)) else [result]
    return float(np.sqrt(sum(np.square(np.asarray(a, np.float64)).sum() for a in arrays)))


def timed(step: Callable[[], Any], seconds: float) -> list[float]:
    """Run `step` twice to warm up, then at least twice, for `seconds`; return each duration."""
    step()
    step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 2 or (time.perf_counter() < end and len(times) < 10_000):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def once(step: Callable[[], Any], steps: int) -> list[float]:
    """Return how long each of so many steps took, as a mean over one run of all."""
    start = time.perf_counter()
    step()
    return [(time.perf_counter() - start) / steps]


def peak_bytes() -> int:
    """Return the largest memory that this process had."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024


def prepare(side: str, job: Job, folder: Path) -> Callable[[], Any]:
    """Return what does the job once."""
    entry = SIDES[side]
    os.environ["KERAS_BACKEND"] = entry.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    module = importlib.import_module(f"sides.{entry.module}")
    return module.prepare(job, folder, entry.variant)


def main() -> None:
    """Prepare the job, then time it line by line."""
    side, text, folder = sys.argv[1:]
    job = Job.from_json(text)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print goes where errors go

    def answer(value: Any) -> None:
        print(json.dumps(value), file=answers, flush=True)

    is_long = job.is_long
    try:
        step = prepare(side, job, Path(folder))
        # What lasts long is timed from its start, the making of plans included.
        answer({"result": 0.0 if is_long else norm(step())})
        for line in sys.stdin:
            if job.kind == "render":
                answer({"seconds": step()})
            else:
                answer({"seconds": once(step, job.steps) if is_long else timed(step, float(line))})
        answer({"peak_bytes": peak_bytes()})
    except Exception as error:  # whatever a framework throws is the answer
        answer({"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]})
        raise


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
