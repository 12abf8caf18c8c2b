"""Noise of an exposure: distributions, and independence of how images are batched."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clustercnn.errors import InvalidInput
from clustercnn.render import expose


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 12.0, 31.9, 32.1, 50.0, 3000.0])
def test_photons_are_poisson(mean):
    """Chi-squared over counts against the exact probabilities, at means on both sides of the change of method."""
    counts = expose(np.full((1, 1, 500, 500), mean, np.float32), [1.0], [0.0], seed=5).ravel().astype(int)
    low, high = (int(stats.poisson.ppf(q, mean)) for q in (1e-3, 1 - 1e-3))
    edges = np.unique(np.linspace(low, high, 60).astype(int))
    observed = np.histogram(counts, bins=[-0.5, *(edges + 0.5), np.inf])[0]
    expected = counts.size * np.diff([0.0, *stats.poisson.cdf(edges, np.float32(mean)), 1.0])
    enough = expected > 5
    chi2 = ((observed - expected)[enough] ** 2 / expected[enough]).sum()
    # a right sampler fails once in 1e5 runs
    assert chi2 < stats.chi2.isf(1e-5, enough.sum())


def test_read_noise_is_gaussian():
    noise = expose(np.zeros((1, 1, 400, 400), np.float32), [100.0], [5.0], seed=1).ravel() * 20.0
    assert stats.kstest(noise, "norm").statistic < stats.kstwobign.isf(1e-4) / np.sqrt(noise.size)


def test_zero_rate_without_read_noise_is_exactly_zero():
    assert not expose(np.zeros((2, 1, 8, 8), np.float32), [10.0], [0.0], seed=1).any()


def test_noise_depends_on_seed_and_number_alone():
    rate = np.random.default_rng(0).uniform(0, 1, (4, 2, 16, 16)).astype(np.float32)
    whole = expose(rate, [100.0, 50.0], [3.0, 3.0], seed=9, first=10)
    np.testing.assert_array_equal(expose(rate[2:], [100.0, 50.0], [3.0, 3.0], seed=9, first=12), whole[2:])
    np.testing.assert_array_equal(expose(rate, [100.0, 50.0], [3.0, 3.0], seed=9, first=10, threads=2), whole)
    in_place = rate.copy()
    assert expose(in_place, [100.0, 50.0], [3.0, 3.0], seed=9, first=10, out=in_place) is in_place
    np.testing.assert_array_equal(in_place, whole)
    assert not np.array_equal(expose(rate, [100.0, 50.0], [3.0, 3.0], seed=8, first=10), whole)
    flat = np.full((2, 1, 16, 16), 5.0, np.float32)
    twins = expose(flat, [1.0], [1.0], seed=1)
    assert not np.array_equal(twins[0], twins[1])


def test_without_the_extension_the_noise_is_the_same(monkeypatch):
    """Draw for draw; single-precision rounding may push a photon over an integer once in some ten thousand pixels."""
    rate = np.random.default_rng(1).uniform(0, 1, (2, 2, 31, 31)).astype(np.float32)
    native = expose(rate, [100.0, 50.0], [3.0, 2.0], seed=9, first=4)
    monkeypatch.setattr("clustercnn.render.noise.load_native", lambda: None)
    loops = expose(rate, [100.0, 50.0], [3.0, 2.0], seed=9, first=4)
    assert np.mean(np.abs(native - loops) > 1e-4) < 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": np.full((1, 1, 4, 4), -1.0)}, "rate: holds -1"),
        ({"rate": np.full((1, 1, 4, 4), np.nan)}, "rate: holds nan"),
        ({"rate": np.full((1, 1, 4, 4), np.inf)}, "rate: holds inf; finite values"),
        ({"rate": np.full((1, 1, 4, 4), 1e36), "exposures": [1e3]}, "also times the exposure"),
        ({"rate": np.zeros((4, 4))}, r"rate: shape \(4, 4\)"),
        ({"exposures": [0.0]}, "exposures"),
        ({"exposures": [1.0, 2.0]}, "exposures, read_noise: shapes"),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_bad_input(change, message):
    arguments = {"rate": np.zeros((1, 1, 4, 4)), "exposures": [1.0], "read_noise": [1.0], "seed": 1} | change
    with pytest.raises(InvalidInput, match=message):
        expose(**arguments)
