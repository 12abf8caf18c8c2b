"""Galaxies as points of light."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from clustercnn.scene.confusers import COLUMNS, StarPool
from clustercnn.scene.galaxies import END, OF_GALAXY, POINTS, RADII, GalaxyPool, sersic_b


def test_points_follow_the_sersic_profile(survey):
    """Light within a radius, by quadrature of the profile itself, against the share of equal points.

    Shares are known to half a point; the table takes the nearest index below, 1/17 of the range wide.
    """
    u = np.full((1, OF_GALAXY), 0.5)
    u[0, 0], u[0, 2] = 0.0, 1 - 1e-9  # n = 0.8, round
    dx, dy, _ = GalaxyPool(survey).draw(u, np.zeros(1))
    radius = np.hypot(dx, dy)[0] * survey.pixel_scale / np.mean(RADII)

    def light(r):
        return quad(lambda s: s * np.exp(-sersic_b(0.8) * s ** (1 / 0.8)), 0, r)[0]

    for r in (0.3, 1.0, 2.0):
        assert (radius < r).mean() == pytest.approx(light(r) / light(END), abs=1.0 / POINTS)


def test_flux_is_that_of_the_magnitude(survey):
    u = np.full((2, OF_GALAXY), 0.5)
    u[1, 5] = 0.6
    _, _, flux = GalaxyPool(survey).draw(u, np.array([0.0, 0.0]))
    total = -2.5 * np.log10(flux[:, -1] * POINTS) + survey.bands[-1].zero_point
    np.testing.assert_allclose(total, [19 + 0.5 * 5.5, 19 + 0.6 * 5.5], atol=1e-9)
    _, _, dusty = GalaxyPool(survey).draw(u, np.array([1.0, 1.0]))
    assert (np.diff(dusty / flux, axis=1) > 0).all()  # blue bands lose more


def test_a_quarter_of_the_confusers_are_galaxies(survey):
    u = np.random.default_rng(3).random((600, COLUMNS))
    lists = StarPool(survey).draw(u, size=64, psf=np.zeros(600, np.int32))
    counts = np.diff(lists.first)
    share = (counts == POINTS).mean()
    assert abs(share - 0.25) < 5 * np.sqrt(0.1875 / 600)
    assert counts[counts != POINTS].max() <= 40
    one = int(np.flatnonzero(counts == POINTS)[0])
    alone = StarPool(survey).draw(u[one : one + 1], size=64, psf=np.zeros(1, np.int32))
    np.testing.assert_array_equal(lists.x[lists.first[one] : lists.first[one + 1]], alone.x)
    assert (lists.flux > 0).all()
    assert np.isfinite(lists.x).all()
