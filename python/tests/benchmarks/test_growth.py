"""The growth curves' numbers and drawing, on made-up times."""

import pytest
from growth import PANELS, draw, ratios

FOUND = {"phosphene": {"1": 2.0, "2": 3.0}, "tensorflow": {"1": 5.0, "2": 12.0}}


def test_ratios_say_how_many_times_as_fast():
    assert ratios(FOUND) == [2.5, 4.0]


@pytest.mark.parametrize("names", [["depth"], list(PANELS)], ids=len)
def test_draws_what_was_measured(names, tmp_path):
    from PIL import Image

    draw(dict.fromkeys(names, FOUND), tmp_path / "out/growth.png", "a machine")
    with Image.open(tmp_path / "out/growth.png") as picture:
        assert picture.width > 400 * len(names)


def test_jobs_stand_at_their_places():
    assert all(job.batch == n for n, job in PANELS["batch"].jobs.items())
    assert all(job.image == n for n, job in PANELS["image"].jobs.items())
    assert all(job.network == f"plain{n}" for n, job in PANELS["depth"].jobs.items())
