"""What a table says, for measurements that are made up."""

import pytest
from jobs import Goal, Job
from measuring import Comparison, Measurement
from result_tables import differs, everybody, quantity, ratio, summary, title, verdict

JOB = Job("vgg16", "gradient")


def comparison(job: Job = JOB, busy: float = 0.04, **milliseconds: float) -> Comparison:
    sides = {
        name.replace("_", "-"): Measurement(seconds=[time / 1e3, time / 500], result=1.0)
        for name, time in milliseconds.items()
    }
    return Comparison(job, sides, busy)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.1549, "155 ms"), (0.0174, "17.4 ms"), (0.00235, "2.35 ms"), (0.0000213, "0.0213 ms")],
)
def test_times_have_three_digits(seconds, text):
    assert quantity(seconds, JOB) == text


def test_memory_is_in_gigabytes():
    assert quantity(823e6, Job("vgg16", "memory")) == "0.82 GB"


def test_ratio_is_above_one_where_phosphene_is_faster():
    assert ratio(theirs=155, ours=62) == "2.50 x"
    assert ratio(theirs=26, ours=0.1) == "260 x"


def test_title_names_what_differs_from_the_usual():
    assert title(Job("resnet50", "trace", batch=8, image=448)) == (
        "ResNet50, every layer's output, batch 8, 448 px"
    )


def test_summary_names_the_best_peer_and_judges_goals():
    job = Job("vgg16", "forward")
    row = comparison(job, phosphene=50, tensorflow=76, openvino=65, torch_compile=80)
    goal = Goal("openvino", must=1.25, aim=1.8)
    header, _, line = summary([row], {job: 0.04}, {job: goal}).splitlines()
    assert dict(zip(cells(header)[4:], cells(line)[4:], strict=True)) == {
        "best peer": "OpenVINO 65.0 ms",
        "ratio": "1.30 x",
        "of the floor": "80%",
        "must": "1.25 x OpenVINO ✓",
        "aim": "1.8 x OpenVINO ✗",
        "CPUs busy elsewhere": "0.0",
    }
    assert cells(line)[:4] == ["VGG16, forward", "50.0 ms", "76.0 ms", "1.52 x"]


@pytest.mark.parametrize(
    ("goal", "job", "expected"),
    [
        (Goal("tensorflow", 2, 3), JOB, "2 x TensorFlow ✓"),
        (Goal("openvino", 2, 3), JOB, "2 x OpenVINO"),  # wasn't measured
        (Goal("ms", 40, 30), JOB, "40 ms ✗"),
        (Goal("ms", 50, 30), JOB, "50 ms ✓"),
    ],
)
def test_verdict(goal, job, expected):
    assert verdict(goal, goal.must, comparison(job, phosphene=50, tensorflow=100)) == expected


def test_failures_of_peers_are_told_below_the_table():
    row = comparison(phosphene=50, tensorflow=100)
    row.sides["jax"] = Measurement(error="ModuleNotFoundError: No module named 'jax'")
    text = everybody([row])
    assert "| 50.0 ms | 100 ms | failed |" in text
    assert text.endswith(
        "- VGG16, forward + input gradient, JAX: ModuleNotFoundError: No module named 'jax'"
    )
    assert "TensorFlow 100 ms" in summary([row], {JOB: 0.0}, {})


def test_another_result_is_marked():
    row = comparison(phosphene=50, tensorflow=100)
    row.sides["tensorflow"].result = 1.2
    assert differs(row.sides["phosphene"], row.sides["tensorflow"], JOB)
    assert "100 ms (?)" in everybody([row])


def test_all_rows_have_all_columns_when_phosphene_fails():
    row = comparison(phosphene=50, tensorflow=100)
    row.sides["phosphene"] = Measurement(error="it ended")
    lines = summary([row], {JOB: 0.0}, {JOB: Goal("ms", 1, 1)}).splitlines()
    assert len({len(cells(line)) for line in lines}) == 1
