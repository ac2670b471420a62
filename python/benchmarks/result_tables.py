"""Tables in Markdown of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sides import SIDES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobs import Goal, Job
    from measuring import Comparison, Measurement

NETWORKS = {
    "vgg16": "VGG16",
    "resnet50": "ResNet50",
    "mobilenetv2": "MobileNetV2",
    "inceptionv3": "InceptionV3",
    "densenet121": "DenseNet121",
    "efficientnetb0": "EfficientNetB0",
    "digits": "small network for MNIST",
    "dense": "dense 50 x 50",
}
KINDS = {
    "forward": "forward",
    "trace": "every layer's output",
    "gradient": "forward + input gradient",
    "maximize": "maximization, a step of {steps}, start to picture",
    "render": "units rendered at once, a step",
    "first": "import + load + first result",
    "memory": "peak memory of gradient steps",
}
# How far results of two frameworks may lie apart (relative norms). A gradient through rectifiers
# and maxima is uncertain by some percent in float32.
TOLERANCES = {"forward": 1e-3, "trace": 1e-3, "gradient": 5e-2}


def title(job: Job) -> str:
    """Return what a row is called."""
    name = NETWORKS.get(job.network, job.network)
    details = [f"batch {job.batch}"] if job.batch > 1 else []
    details += [f"{job.image} px"] if job.image else []
    kind = KINDS[job.kind].format(steps=job.steps)
    return ", ".join([name, kind, *details])


def value(side: Measurement, job: Job) -> float:
    """Return what counts: seconds, or bytes."""
    return float(side.peak_bytes) if job.kind == "memory" else side.best


def quantity(amount: float, job: Job) -> str:
    """Return an amount with its unit."""
    if job.kind == "memory":
        return f"{amount / 1e9:.2f} GB"
    milliseconds = amount * 1e3
    if milliseconds >= 99.95:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds:.1f} ms" if milliseconds >= 9.995 else f"{milliseconds:.3g} ms"


def ratio(theirs: float, ours: float) -> str:
    """Return how many times as much theirs is."""
    times = theirs / ours
    return f"{times:.0f} x" if times >= 20 else f"{times:.2f} x"


def differs(ours: Measurement, theirs: Measurement, job: Job) -> bool:
    """Whether two sides can't have computed the same."""
    tolerance = TOLERANCES.get(job.kind)
    if tolerance is None:
        return False
    return not abs(ours.result - theirs.result) <= tolerance * abs(theirs.result)


def verdict(goal: Goal, wanted: float, comparison: Comparison) -> str:
    """Return a goal and whether it is met."""
    ours = value(comparison.sides["phosphene"], comparison.job)
    if goal.is_ratio:
        name = SIDES[goal.unit].title
        text = f"{wanted:g} x {name}"
        other = comparison.sides.get(goal.unit)
        if other is None or other.error:
            return text
        met = value(other, comparison.job) / ours >= wanted
    else:
        text = f"{wanted:g} {goal.unit}"
        met = ours * (1e3 if goal.unit == "ms" else 1e-9) <= wanted
    return f"{text} {'✓' if met else '✗'}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


COLUMNS = ("job", "Phosphene", "TensorFlow", "ratio", "best peer", "ratio", "of the floor")


def summary_row(comparison: Comparison, floor: float, goal: Goal | None = None) -> list[str]:
    """Return a row of the main table, with the goals if there are any."""
    job, sides = comparison.job, comparison.sides
    ours = sides["phosphene"]
    if ours.error:
        return [title(job), "failed", *["-"] * (len(COLUMNS) + (3 if goal else 1) - 2)]
    amount = value(ours, job)
    cells = [title(job), quantity(amount, job)]
    tensorflow = sides.get("tensorflow")
    if tensorflow is None or tensorflow.error:
        cells += ["-", "-"]
    else:
        theirs = value(tensorflow, job)
        cells += [quantity(theirs, job), ratio(theirs, amount)]
    peers = {
        name: value(x, job) for name, x in sides.items() if name != "phosphene" and not x.error
    }
    if peers:
        best = min(peers, key=lambda name: peers[name])
        cells += [f"{SIDES[best].title} {quantity(peers[best], job)}", ratio(peers[best], amount)]
    else:
        cells += ["-", "-"]
    cells.append(f"{floor / amount:.0%}" if floor / amount >= 0.01 else "-")
    if goal is not None:
        cells += [verdict(goal, goal.must, comparison), verdict(goal, goal.aim, comparison)]
    cells.append(f"{comparison.busy_elsewhere:.1f}")
    return cells


def summary(
    comparisons: Sequence[Comparison], floors: Mapping[Job, float], goals: Mapping[Job, Goal]
) -> str:
    """Return the main table; with goals if any of the jobs has one."""
    has_goals = any(x.job in goals for x in comparisons)
    header = [*COLUMNS, *(["must", "aim"] if has_goals else []), "CPUs busy elsewhere"]
    rows = [summary_row(x, floors[x.job], goals.get(x.job)) for x in comparisons]
    return table(header, rows)


def everybody(comparisons: Sequence[Comparison]) -> str:
    """Return a table of all sides, and below it why cells are empty."""
    names = [name for name in SIDES if any(name in x.sides for x in comparisons)]
    rows, notes = [], []
    for comparison in comparisons:
        job, sides = comparison.job, comparison.sides
        row = [title(job)]
        for name in names:
            side = sides.get(name)
            if side is None:
                row.append("")
            elif side.error:
                row.append("failed")
                notes.append(f"- {title(job)}, {SIDES[name].title}: {side.error}")
            else:
                row.append(quantity(value(side, job), job))
                ours = sides["phosphene"]
                if name != "phosphene" and not ours.error and differs(ours, side, job):
                    row[-1] += " (?)"
                    notes.append(
                        f"- {title(job)}, {SIDES[name].title}: its result has a norm of "
                        f"{side.result:.6g}, Phosphene's {ours.result:.6g}"
                    )
        rows.append(row)
    text = table(["job", *(SIDES[name].title for name in names)], rows)
    return "\n".join([text, "", *notes]) if notes else text
