from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from clustercnn.errors import InvalidInput
from clustercnn.physics import Prior


@pytest.fixture(scope="module")
def prior():
    return replace(Prior.load("m83"), zero_point=0.1, distance=0.2)


def test_a_cluster_is_a_function_of_seed_and_number(prior):
    whole, part = prior.sample(50, seed=3), prior.sample_at(np.array([7, 41]), seed=3)
    np.testing.assert_array_equal(whole.labels()[[7, 41]], part.labels())
    gains = prior.gains_at(np.arange(50), seed=3, bands=3)
    np.testing.assert_array_equal(gains[[7, 41]], prior.gains_at(np.array([7, 41]), seed=3, bands=3))
    assert not np.isin(gains, prior.gains_at(np.arange(50), seed=4, bands=3)).any()


def test_errors_of_calibration_have_their_ranges(prior):
    """Colours know nothing of the distance; a band's zero point is uniform, a colour's error triangular."""
    magnitudes = -2.5 * np.log10(prior.gains_at(np.arange(20_000), seed=1, bands=3))
    colour = (magnitudes[:, 0] - magnitudes[:, 1]) / 0.2
    # the distribution function of the difference of two uniform numbers within 1
    assert kstest(colour, lambda c: np.where(c < 0, (1 + c) ** 2 / 2, 1 - (1 - c) ** 2 / 2)).pvalue > 1e-3
    # variances of uniform numbers: 0.2^2 / 3 + 0.1^2 / 3, known to 1 %; 5 sigma
    assert magnitudes.var(axis=0) == pytest.approx((0.2**2 + 0.1**2) / 3, rel=0.05)
    assert np.abs(magnitudes).max() <= 0.3 + 1e-6


def test_without_errors_the_light_stays():
    exact = replace(Prior.load("m83"), zero_point=0.0, distance=0.0)
    assert (exact.gains_at(np.arange(5), seed=1, bands=3) == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset": -1.0}, r"prior: offset \(pixels\): -1.0; a number >= 0 is allowed"),
        ({"zero_point": 2.0}, r"prior: zero_point \(mag\): 2.0; 0 to 1 is allowed"),
        ({"distance": -0.1}, r"prior: distance \(mag\): -0.1; 0 to 1 is allowed"),
    ],
)
def test_bad_values_are_refused(prior, change, message):
    with pytest.raises(InvalidInput, match=message):
        replace(prior, **change)


def test_a_prior_survives_its_file(prior):
    assert Prior.from_dict(prior.to_dict()) == prior
