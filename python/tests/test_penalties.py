"""Penalties: plain ascent with each of them, done again with NumPy."""

import numpy as np
import pytest
from test_maximize import kernel, linear_network, one_thread

import phosphene as ph

__all__ = ["kernel", "one_thread"]  # pytest finds the fixtures here


def variation_slope(x, power):
    """Return the derivative of mean |down|**power + mean |right|**power of the differences."""
    slope = np.zeros_like(x)
    for axis in (0, 1):
        change = np.moveaxis(np.diff(x, axis=axis), axis, 0)
        each = power * np.abs(change) ** (power - 1) * np.sign(change) / change.size
        along = np.moveaxis(slope, axis, 0)  # a view
        along[1:] += each
        along[:-1] -= each
    return slope


def lp_slope(x, p):
    """Return the derivative of mean(|2 x - 1|**p) ** (1 / p)."""
    away = 2 * x - 1
    mean = (np.abs(away) ** p).mean()
    return 2 * mean ** (1 / p - 1) * np.abs(away) ** (p - 1) * np.sign(away) / x.size


def blur_slope(x):
    """Return the derivative of the mean square of inner pixels less their blurred neighbourhood."""
    units = np.eye(x.size).reshape(-1, *x.shape)
    weights = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    height, width = x.shape[0] - 2, x.shape[1] - 2
    blurred = sum(
        weights[row, column] * units[:, row : row + height, column : column + width]
        for row in range(3)
        for column in range(3)
    )
    grain = (units[:, 1:-1, 1:-1] - blurred).reshape(x.size, -1)
    return (2 * grain @ (grain.T @ x.ravel()) / grain.shape[1]).reshape(x.shape)


PENALTIES = {
    "total variation": (ph.regularizers.TotalVariation(300), lambda x, _: variation_slope(x, 1)),
    "its square": (ph.regularizers.TotalVariation(300, 2), lambda x, _: variation_slope(x, 2)),
    "l1": (ph.regularizers.Lp(300, 1), lambda x, _: lp_slope(x, 1)),
    "l6": (ph.regularizers.Lp(300, 6), lambda x, _: lp_slope(x, 6)),
    "distance": (ph.regularizers.Distance(300), lambda x, start: 2 * (x - start) / x.size),
    "blur": (ph.regularizers.Blur(300), lambda x, _: blur_slope(x)),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_change_the_climb_as_their_formulas_say(kernel, name):
    """Plain ascent on the pixels' logits, done again with NumPy."""
    penalty, slope = PENALTIES[name]
    start = np.random.default_rng(5).uniform(0.2, 0.8, kernel.shape)

    def climbed(weight):
        logits = np.log(start / (1 - start))
        for _ in range(6):
            x = 1 / (1 + np.exp(-logits))
            logits = logits + 0.5 * (kernel - weight * slope(x, start)) * x * (1 - x)
        return 1 / (1 + np.exp(-logits))

    seen = []
    ph.maximize(
        linear_network(kernel),
        0,
        start=start[np.newaxis],
        steps=6,
        parametrization="pixel",
        transforms=(),
        regularizers=[penalty],
        optimizer=ph.optimizers.SGD(0.5, momentum=0),
        callbacks=[lambda progress: seen.append(progress.picture().input[0])],
        progress=False,
    )
    expected = climbed(penalty.weight)
    assert np.abs(expected - climbed(0)).max() > 0.02  # the penalty does change it
    np.testing.assert_allclose(seen[-1], expected, atol=1e-5)
