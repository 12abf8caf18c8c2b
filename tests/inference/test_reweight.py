"""Draws weighted to another prior, against what can be written down."""

from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.inference import NewPrior, resample

K = 20_000


def gaussian(mean, sigma, *, n=3):
    """Draws of four independent Gaussians."""
    return np.random.default_rng(1).normal(mean, sigma, (n, K, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("prior", "label", "tilt"),
    [
        (NewPrior(mass_slope=-2.0), 1, -np.log(10)),
        (NewPrior(age_slope=0.0), 0, np.log(10)),
        (NewPrior(size_slope=-2.5), 3, -1.5 * np.log(10)),
        (NewPrior(a_v_scale=0.4), 2, -1 / 0.4),
    ],
)
def test_a_tilted_gaussian_is_a_gaussian_elsewhere(prior, label, tilt):
    """exp(t x) times a Gaussian is a Gaussian whose mean moved by t s^2, of the same width s; ESS = K exp(-t^2 s^2)."""
    mean, sigma = np.array([7.5, 4.0, 1.2, -0.8]), 0.15
    draws = gaussian(mean, sigma)
    found, ess = resample(draws, prior.log_weights(draws), seed=3, first=0)
    shifted = mean.copy()
    shifted[label] += tilt * sigma**2
    expected_ess = K * np.exp(-((tilt * sigma) ** 2))
    # a mean of ESS independent draws is known to sigma / sqrt(ess), a width to half of that squared; 5 sigma
    np.testing.assert_allclose(found.mean(axis=1), np.tile(shifted, (3, 1)), atol=5 * sigma / np.sqrt(expected_ess))
    np.testing.assert_allclose(found.std(axis=1), sigma, rtol=5 / np.sqrt(2 * expected_ess))
    # the variance of the weights' own variance grows with the tilt; a tenth is far outside for these
    np.testing.assert_allclose(ess, expected_ess, rtol=0.1)


def test_minus_one_is_what_training_has():
    draws = gaussian(np.zeros(4), 1.0)
    weights = NewPrior(mass_slope=-1.0, age_slope=-1.0).log_weights(draws)
    found, ess = resample(draws, weights, seed=3, first=0)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(draws, axis=1))
    np.testing.assert_allclose(ess, K)


def test_the_first_draws_stand_for_all():
    """Those kept as samples come from all of the draws, evenly."""
    k, few = 1000, 100
    numbers = np.broadcast_to(np.arange(k, dtype=np.float32)[:, None], (1, k, 4))
    found, _ = resample(numbers, np.zeros((1, k)), seed=3, first=0)
    gaps = np.diff(np.sort(found[0, :few, 0]))
    # multiples of the golden ratio fall into an interval of a tenth after 5 (which move them by 0.090), 8 (-0.056) or
    # both
    assert set(gaps.tolist()) == {5.0, 8.0, 13.0}
    assert gaps.sum() > k - 2 * 13


def test_rows_stand_alone():
    draws = gaussian(np.zeros(4), 1.0, n=4)
    weights = NewPrior(mass_slope=-2.0).log_weights(draws)
    whole, part = resample(draws, weights, seed=3, first=10), resample(draws[2:], weights[2:], seed=3, first=12)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a[2:], b)


def test_one_draw_with_all_the_weight():
    draws, weights = gaussian(np.zeros(4), 1.0, n=1), np.full((1, K), -1e4)
    weights[0, 7] = 0.0
    found, ess = resample(draws, weights, seed=1, first=0)
    assert (found == draws[:, 7:8]).all()
    assert ess[0] == pytest.approx(1.0)


def test_options():
    names = ("age_slope", "mass_slope", "size_slope", "a_v_scale", "presence")
    assert NewPrior.from_dict(dict.fromkeys(names)) is None
    assert NewPrior.from_dict({"mass_slope": -2}) == NewPrior(mass_slope=-2.0)
    with pytest.raises(InvalidInput, match=r"prior\.a_v_scale: 0.0; a value above 0"):
        NewPrior(a_v_scale=0.0)
    with pytest.raises(InvalidInput, match=r"prior\.mass_slope: 11; -10 to 10 is allowed"):
        NewPrior(mass_slope=11)
    for value in (0, 1, float("nan")):
        with pytest.raises(InvalidInput, match=rf"prior\.presence: {value}.*; values between 0 and 1 are allowed"):
            NewPrior.from_dict({"presence": value})
    with pytest.raises(InvalidInput, match="mass_slop"):
        NewPrior.from_dict({"mass_slop": -2})
