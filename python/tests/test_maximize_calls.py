"""Calls of maximize: callbacks, what is written down, what is shown, what is refused."""

import io
import signal

import numpy as np
import pytest
from test_maximize import QUIET, kernel, linear_network, one_thread, wardrobe

import phosphene as ph

__all__ = ["kernel", "one_thread", "wardrobe"]  # pytest finds the fixtures here


def test_history_has_one_score_a_step(wardrobe):
    picture = ph.maximize(wardrobe, [0, 1], steps=7, **QUIET)
    assert [len(each) for each in picture.history] == [7, 7]


def test_callbacks_hear_of_every_step(wardrobe):
    heard = []
    ph.maximize(wardrobe, 0, steps=5, callbacks=[heard.append], **QUIET)
    assert [(each.step, each.steps) for each in heard] == [(step, 5) for step in range(1, 6)]
    assert all(np.isfinite(each.score) for each in heard)


class Stop(Exception):  # noqa: N818
    pass


def test_exceptions_come_out_with_the_picture_so_far(wardrobe):
    def stop(progress):
        if progress.step == 3:
            raise Stop("enough")

    with pytest.raises(Stop, match="enough") as caught:
        ph.maximize(wardrobe, 0, steps=1000, callbacks=[stop], **QUIET)
    assert caught.value.picture.image.shape == (28, 28, 1)
    assert len(caught.value.picture.history[0]) == 3


@pytest.fixture
def control_c():
    """Let Ctrl-C interrupt, which a shell's background jobs are started without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("control_c")
def test_control_c_stops_within_a_step(wardrobe):
    steps = []

    def interrupt(progress):
        steps.append(progress.step)
        if progress.step == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        ph.maximize(wardrobe, 0, steps=100_000, callbacks=[interrupt], **QUIET)
    assert steps[-1] <= 5
    assert caught.value.picture.input.shape == (1, 28, 28, 1)


def test_true_stops_with_cancelled(wardrobe):
    with pytest.raises(ph.Cancelled, match="the attribute 'picture'") as caught:
        ph.maximize(wardrobe, 0, steps=1000, callbacks=[lambda p: p.step == 2], **QUIET)
    assert len(caught.value.picture.history[0]) == 2


def test_views_and_transforms_are_written_down(wardrobe):
    wanted = [
        ph.transforms.Pad(1),
        ph.transforms.Flip(),
        ph.transforms.Crop(1, 0.5),
        ph.transforms.Blur(1, 0),
        ph.transforms.Noise(0.1),
    ]
    options = {"transforms": wanted, "views": 2, "steps": 3, "n": 2, **QUIET}
    picture = ph.maximize(wardrobe, "Bag", **options)
    assert picture.recipe["transforms"] == [each.to_json() for each in wanted]
    assert picture.recipe["views"] == 2
    again = ph.maximize(wardrobe, "Bag", **options)
    np.testing.assert_array_equal(again.images, picture.images)


def test_recipe_says_everything(wardrobe):
    picture = ph.maximize(
        wardrobe,
        ("conv1", 3),
        steps=2,
        seed=11,
        transforms=[ph.transforms.Jitter(1)],
        regularizers=[ph.regularizers.Lp(0.5, 2)],
        optimizer=ph.optimizers.RMSprop(0.5),
        **QUIET,
    )
    recipe = picture.recipe
    (term,) = recipe["objectives"][0]["terms"]
    assert (term["kind"], term["layer"], term["index"]) == ("channel", "conv1", 3)
    assert (recipe["steps"], recipe["seed"], recipe["count"]) == (2, 11, 1)
    assert recipe["transforms"] == [{"kind": "jitter", "pixels": 1}]
    assert recipe["regularizers"] == [{"kind": "lp", "weight": 0.5, "p": 2.0}]
    assert recipe["optimizer"]["rho"] == pytest.approx(0.9)
    assert recipe["parametrization"]["kind"] == "fourier"
    assert recipe["engine"]["model_digest"] == wardrobe.digest
    assert {"version", "isa", "threads"} <= set(recipe["engine"])


def test_progress_bar_only_where_somebody_looks(wardrobe, capfd):
    ph.maximize(wardrobe, 0, steps=3)
    assert capfd.readouterr() == ("", "")


def test_progress_bar_in_a_terminal(wardrobe, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    ph.maximize(wardrobe, 0, steps=3)
    assert "0/3" in terminal.getvalue()
    before = terminal.tell()
    ph.maximize(wardrobe, 0, steps=3, progress=False)
    assert terminal.tell() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": 1.5}, r"background must be a number from 0 to 1; received 1\.5"),
        ({"steps": 0}, "steps must be a whole number, 1 or more; received 0"),
        ({"steps": 2.5}, r"steps must be a whole number, .* received 2\.5"),
        ({"steps": 10**9}, r"steps must lie between .* received 1000000000"),
        ({"n": 0}, "n must be a whole number from 1 to 1024; received 0"),
        ({"n": 10**6}, "n must be a whole number from 1 to 1024; received 1000000"),
        ({"seed": -1}, "seed must be a whole number from 0 to .* received -1"),
        ({"size": 0}, r"size must be .* received 0"),
        ({"size": (float("nan"), 8)}, r"size must be .* received \(nan, 8\)"),
        ({"size": float("inf")}, r"size must be .* received inf"),
        ({"size": ("a", "b")}, r"size must be .* received \('a', 'b'\)"),
        ({"size": (None, None)}, r"size must be .* received \(None, None\)"),
        ({"size": (1, 2, 3)}, r"size must be .* received \(1, 2, 3\)"),
        ({"parametrization": "wavelet"}, "wavelet"),
        ({"optimizer": "lbfgs"}, r"optimizer must be 'adam', 'nadam', .* received 'lbfgs'"),
        ({"views": 0}, "views must be a whole number, 1 or more; received 0"),
        ({"parametrization": "maco", "start": np.zeros((1, 48, 48, 1))}, "leave start out"),
        ({"transforms": ["jitter"]}, r"transforms must be a list .* received 'jitter'"),
        ({"regularizers": [ph.transforms.Jitter(1)]}, r"regularizers must be a list"),
        ({"value_range": (1, 0)}, r"value_range must be .* received \(1, 0\)"),
        ({"value_range": 255}, r"value_range must be .* received 255"),
        ({"start": [["a"]]}, r"start must be real numbers"),
        ({"start": np.zeros((0, 28, 28, 1))}, r"start is empty"),
        ({"start": np.zeros((1, 5, 5, 1))}, r"start|shape"),
        ({"start": np.full((1, 28, 28, 1), np.nan)}, "NaN|finite"),
    ],
)
def test_refusals(wardrobe, options, message):
    with pytest.raises(ph.InvalidArgumentError, match=message):
        ph.maximize(wardrobe, 0, **({"steps": 2} | options | QUIET))


def test_an_index_for_each_sample_is_refused_before_the_first_step(wardrobe):
    heard = []
    with pytest.raises(ph.InvalidArgumentError, match="An index for each sample is for gradients"):
        ph.maximize(wardrobe, [[1]], steps=2, callbacks=[heard.append], **QUIET)
    assert not heard


def test_nan_in_the_weights_is_refused(kernel):
    broken = kernel.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ph.InvalidArgumentError, match=r"NaN|finite"):
        ph.maximize(linear_network(broken), 0, steps=2, **QUIET)


def test_model_is_not_changed(kernel):
    config, weights = linear_network(kernel)
    before = [array.copy() for array in weights]
    ph.maximize((config, weights), 0, steps=2, **QUIET)
    for array, copy in zip(weights, before, strict=True):
        np.testing.assert_array_equal(array, copy)
