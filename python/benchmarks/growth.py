"""How times grow with batch, image, units and depth, as python/docs/pictures/growth.png.

    python python/benchmarks/growth.py                measures and draws, a quarter of an hour
    python python/benchmarks/growth.py --only batch   measures one panel again
    python python/benchmarks/growth.py --draw         draws what was measured last

Phosphene and TensorFlow are measured in turn, as in `run`, and minima are drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import Job
from measuring import PACKAGE, Bench
from run import ROOT, machine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Milliseconds by panel, side and place on the horizontal axis.
Times = dict[str, dict[str, dict[str, float]]]

COLOURS = {"phosphene": "#c8451b", "tensorflow": "#4b6a88"}
NAMES = {"phosphene": "Phosphene", "tensorflow": "TensorFlow"}
GREY = "#666666"


@dataclass(frozen=True)
class Panel:
    """One of the curves: a job for each place on the horizontal axis."""

    title: str
    axis: str
    unit: str
    jobs: dict[int, Job]
    # Whether times are divided by the place.
    is_shared: bool = False


PANELS = {
    "batch": Panel(
        "Batch",
        "images in one call",
        "ms an image",
        {n: Job("resnet50", "gradient", batch=n) for n in (1, 2, 4, 8, 16, 32)},
        is_shared=True,
    ),
    "image": Panel(
        "Image side",
        "pixels",
        "ms a call",
        {
            side: Job("resnet50", "gradient", image=side)
            for side in (32, 64, 112, 160, 224, 320, 448)
        },
    ),
    "units": Panel(
        "Units rendered at once",
        "channels of VGG16's block5_conv1",
        "ms a step and unit",
        {n: Job("vgg16", "render", batch=n, steps=4) for n in (1, 2, 4, 8, 16)},
        is_shared=True,
    ),
    "depth": Panel(
        "Depth",
        "convolutions 3x3, 64 channels, 56x56",
        "ms a call",
        {n: Job(f"plain{n}", "gradient") for n in (1, 2, 4, 8, 16, 32, 64)},
    ),
}


def measure(names: list[str], bench: Bench, times: Times) -> None:
    """Measure panels and put them into `times`."""
    for name in names:
        panel = PANELS[name]
        found: dict[str, dict[str, float]] = {side: {} for side in NAMES}
        for place, job in panel.jobs.items():
            comparison = bench.compare(job, ["tensorflow"])
            for side, measurement in comparison.sides.items():
                if measurement.error:
                    sys.exit(f"{job.key}, {NAMES[side]}: {measurement.error}")
                share = place if panel.is_shared else 1
                found[side][str(place)] = measurement.best * 1e3 / share
            line = ", ".join(f"{NAMES[x]} {found[x][str(place)]:.3g}" for x in NAMES)
            busy = comparison.busy_elsewhere
            print(f"{name} {place}: {line} {panel.unit}; CPUs busy: {busy:.1f}", flush=True)
        times[name] = found


STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": "#bbbbbb",
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(times: Times, file: Path, note: str) -> None:
    """Draw all panels: times above, ratios below."""
    import matplotlib.pyplot as plt

    names = [name for name in PANELS if name in times]
    most = max(max(ratios(times[name])) for name in names)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            2,
            len(names),
            figsize=(3.1 * len(names), 5.2),
            sharex="col",
            squeeze=False,
            gridspec_kw={"height_ratios": [2.2, 1]},
            layout="constrained",
        )
        for column, name in enumerate(names):
            _draw_times(axes[0][column], PANELS[name], times[name])
            _draw_ratios(axes[1][column], PANELS[name], times[name], most)
        axes[1][0].set_ylabel("times as fast")
        axes[0][0].legend(frameon=False, loc="best", labelcolor="linecolor", handlelength=1.2)
        figure.suptitle("Forward and input gradient", x=0.01, ha="left", fontsize=12, weight="bold")
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7.5, color=GREY)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=160)
        plt.close(figure)


def ratios(found: dict[str, dict[str, float]]) -> list[float]:
    """Return how many times as long TensorFlow takes, at each place."""
    return [found["tensorflow"][place] / time for place, time in found["phosphene"].items()]


def _draw_times(axes: Axes, panel: Panel, found: dict[str, dict[str, float]]) -> None:
    for side in ("tensorflow", "phosphene"):
        places = [int(place) for place in found[side]]
        axes.plot(
            places,
            list(found[side].values()),
            color=COLOURS[side],
            marker="o",
            markersize=4,
            linewidth=1.8,
            label=NAMES[side],
        )
    axes.set_title(panel.title, loc="left", fontsize=10, weight="bold", color="#222222")
    axes.set_ylabel(panel.unit)
    axes.set_xscale("log", base=2)
    if not panel.is_shared:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda *_: "")
    else:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)


def _draw_ratios(axes: Axes, panel: Panel, found: dict[str, dict[str, float]], most: float) -> None:
    places = [int(place) for place in found["phosphene"]]
    heights = ratios(found)
    axes.plot(places, heights, color=COLOURS["phosphene"], marker="o", markersize=4, linewidth=1.8)
    axes.axhline(1, color=COLOURS["tensorflow"], linewidth=1, linestyle=(0, (4, 3)))
    for place, height in zip(places, heights, strict=True):
        axes.annotate(
            f"{height:.1f}",
            (place, height),
            textcoords="offset points",
            xytext=(0, 6),
            ha="center",
            fontsize=7.5,
            color="#222222",
        )
    axes.set_ylim(0, most * 1.25)
    axes.set_xlabel(panel.axis)
    axes.set_xticks(places, [str(place) for place in places])
    axes.minorticks_off()
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PANELS), help="panels, separated by commas")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=0, help="as for run.py")
    parser.add_argument("--environment", type=Path, default=ROOT / ".build/peers")
    parser.add_argument("--folder", type=Path, default=ROOT / ".build/benchmarks")
    parser.add_argument("--out", type=Path, default=ROOT / "python/docs/pictures/growth.png")
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - set(PANELS):
        sys.exit(f"no panel is called {', '.join(unknown)}; there are {', '.join(PANELS)}")
    sys.path.insert(0, str(PACKAGE))  # this tree's package, whichever is installed

    kept = options.folder / "growth.json"
    times: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    if not options.draw:
        python = options.environment / "bin/python"
        bench = Bench(
            folder=options.folder,
            python=str(python) if python.exists() else sys.executable,
            rounds=options.rounds,
            turn_seconds=0.3,
            patience_seconds=options.patience,
        )
        for name in options.only.split(","):
            measure([name], bench, times)
            kept.write_text(json.dumps(times, indent=1))
    draw(times, options.out, f"{machine()}, float32; shortest of many runs, both in turn")


if __name__ == "__main__":
    main()
