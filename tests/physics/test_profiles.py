"""Inverse distributions of radius against the densities they come from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from clustercnn.errors import InvalidInput
from clustercnn.physics import Eff, King, Uniform


def enclosed(density, radius, edge):
    """Fraction within a radius by quadrature of the surface density."""
    inside, total = (
        quad(lambda r: 2 * np.pi * r * density(r), 0, to, epsrel=1e-10, limit=500)[0] for to in (radius, edge)
    )
    return inside / total


@pytest.mark.parametrize("gamma", [2.2, 2.8, 4.0])
def test_eff(gamma):
    profile = Eff(gamma)
    a = float(profile.scale_radius(1.0))
    for fraction in (0.01, 0.3, 0.5, 0.9):
        r = float(profile.radius(fraction))

        # to infinity: substitute r = tan t
        def density(t, a=a):
            r = np.tan(t)
            return r * (1 + r * r) * (1 + (r / a) ** 2) ** (-gamma / 2)

        part, whole = (quad(density, 0, to, epsrel=1e-10, limit=500)[0] for to in (np.arctan(r), np.pi / 2))
        # the integrand falls as r^(1 - gamma): slow for 2.2, where quadrature itself is good to 1e-6
        assert part / whole == pytest.approx(fraction, abs=1e-5)


@pytest.mark.parametrize("concentration", [0.5, 1.2, 2.0])
def test_king(concentration):
    profile = King(concentration)
    edge = float(profile.radius(1.0))
    core = edge / 10**concentration
    wall = 1 / np.sqrt(1 + (edge / core) ** 2)
    for fraction in (0.01, 0.3, 0.5, 0.9):
        r = float(profile.radius(fraction))
        density = lambda r: (1 / np.sqrt(1 + (r / core) ** 2) - wall) ** 2  # noqa: E731
        assert enclosed(density, r, edge) == pytest.approx(fraction, abs=1e-8)


@pytest.mark.parametrize("profile", [Eff(2.5), King(1.0), Uniform()])
def test_half_light_radius_is_one(profile):
    assert float(profile.radius(0.5)) == pytest.approx(1.0, abs=1e-10)


def test_uniform():
    np.testing.assert_allclose(Uniform().radius([0.0, 0.25, 1.0]), np.sqrt([0.0, 0.5, 2.0]))


def test_refusals():
    with pytest.raises(InvalidInput, match=r"gamma: 2\.0"):
        Eff(2.0)
    with pytest.raises(InvalidInput, match="concentration: 9"):
        King(9)
