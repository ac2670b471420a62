"""The lists of jobs and of those who do them."""

import pytest
from jobs import OTHERS, PROMISES, Job
from sides import PEERS, SIDES, sides_of
from subjects import input_shape, inputs


def test_jobs_go_to_workers_and_come_back():
    job = Job("resnet50", "gradient", batch=4, image=96)
    assert Job.from_json(job.to_json()) == job


def test_keys_are_unique():
    jobs = [*PROMISES, *OTHERS]
    assert len({job.key for job in jobs}) == len(jobs)


@pytest.mark.parametrize("job", PROMISES, ids=lambda job: job.key)
def test_promises_are_measured_beside_what_they_name(job):
    goal = PROMISES[job]
    assert not goal.is_ratio or goal.unit in sides_of(job, PEERS)
    assert goal.aim >= goal.must if goal.is_ratio else goal.aim <= goal.must


def test_sides_do_only_what_they_can():
    assert sides_of(Job("vgg16", "gradient"), ["openvino", "jax"]) == ["phosphene", "jax"]
    assert sides_of(Job("inceptionv3", "forward"), ["torch-channels-last"]) == ["phosphene"]
    assert "phosphene" not in PEERS
    assert all(SIDES[name].kinds for name in PEERS)


def test_inputs_are_the_same_each_time():
    assert input_shape("vgg16", None, 2) == (2, 224, 224, 3)
    assert input_shape("resnet50", 96, 1) == (1, 96, 96, 3)
    assert input_shape("dense", None, 1) == (1, 50, 50)
    assert input_shape("plain8", None, 1) == (1, 56, 56, 64)
    assert (inputs("digits", None, 1) == inputs("digits", None, 1)).all()
