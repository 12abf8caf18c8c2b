from __future__ import annotations

import numpy as np
import pytest

from clustercnn.evaluation import binomial_band, coverage_curve, rank_histogram, reliability


def test_uniform_ranks_are_calibrated():
    rank = (np.arange(1000) + 0.5) / 1000
    levels = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(coverage_curve(rank, levels), levels, atol=1e-3)  # one rank in a thousand
    np.testing.assert_allclose(rank_histogram(rank, 10), 1.0)


def test_shapes_of_the_histogram():
    assert rank_histogram(np.array([0.01, 0.99, np.nan]), 4).tolist() == [2.0, 0.0, 0.0, 2.0]  # too narrow
    assert np.isnan(coverage_curve(np.array([np.nan]), np.array([0.5]))).all()
    assert rank_histogram(np.array([]), 3).tolist() == [0, 0, 0]


def test_band_holds_95_percent():
    low, high = binomial_band(0.3, 500)
    counts = np.random.default_rng(1).binomial(500, 0.3, 4000) / 500
    inside = ((counts >= low) & (counts <= high)).mean()
    # the interval of a discrete distribution holds at least 95 %; four standard errors of a share of 4000 is 1.4 %
    assert 0.95 - 0.014 < inside < 0.985


def test_reliability():
    mean, share, count = reliability(np.array([0.05, 0.95, 0.97, 1.0]), np.array([0.0, 1.0, 0.0, 1.0]), bins=10)
    assert count.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 3]
    assert share[9] == pytest.approx(2 / 3)
    assert mean[0] == pytest.approx(0.05)
    assert np.isnan(mean[4])
