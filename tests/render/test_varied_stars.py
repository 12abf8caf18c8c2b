"""Companions, ellipses, segregation and differential extinction follow their laws, star by star."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import clustercnn as cc
from clustercnn.physics import Binaries, Eff, Uniform

BANDS = ("F336W", "F438W", "F814W")
CLUSTER = {"log_age": 7.5, "log_mass": 4.6, "a_v": 0.8, "log_rh": -1.0, "gamma": 2.8, "x": 0.0, "y": 0.0}
# How well light tells a star's depth, mag. The cluster's mean A_V reddens the knots and not the star: between knots
# whose extinctions differ by dA, their light by dm, that is an error of dA dm / 4. dm is 0.2 at most (MAGNITUDE_STEP),
# and dA 0.003 at 1.2 mag; in the band that tells, which counts 1.2-fold in F336W, and in the one told.
KNOWN = (1 + 1.2) * 0.003 * 0.2 / 4


def ks_limit(n):
    """Kolmogorov-Smirnov distance that a right sample of n exceeds once in 1e4 runs."""
    return stats.kstwobign.isf(1e-4) / np.sqrt(n)


def drawn(renderer, **change):
    """Columns of the stars of the cluster with changes, float64, flux as [n, band]."""
    table = renderer.stars(cc.ClusterParams(**CLUSTER | change), seed=2)
    columns = {name: np.asarray(table[name].value, dtype=np.float64) for name in table.colnames}
    columns["flux"] = np.stack([columns.pop(f"flux_{b}") for b in BANDS], axis=1)
    return columns


def table_at(renderer, mass, log_age=CLUSTER["log_age"]):
    """Unreddened flux [n, band] and extinction coefficients [n, band, 2] of the population's table at masses [n]."""
    row = renderer.populations.rows(np.array([log_age]), None)[0]
    _, knots, flux, extinction, _ = (array[row].astype(np.float64) for array in renderer.populations.arrays())
    lowest = np.argmin(knots) + 1  # knots beyond repeat the lowest mass
    knots, flux, extinction = knots[:lowest][::-1], flux[:lowest][::-1], extinction[:lowest][::-1]

    def at(values):
        return np.stack([np.interp(mass, knots, column) for column in values.reshape(lowest, -1).T], axis=1)

    return at, flux, extinction


def ellipse_coordinates(x, y, angle):
    """Along the major axis and across it."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return x * c + y * s, y * c - x * s


@pytest.mark.parametrize("fraction", [0.02, 0.5, 1.0])
def test_number_of_binaries(make_renderer, backend, fraction):
    star = drawn(make_renderer(backend), binary_fraction=fraction)
    n, k = star["mass"].size, (star["companion_mass"] > 0).sum()
    assert abs(k - n * fraction) <= 4 * np.sqrt(n * fraction * (1 - fraction))
    expected = 10 ** CLUSTER["log_mass"] / (make_renderer(backend).populations.mean_mass * (1 + 0.55 * fraction))
    assert abs(n - expected) < 1  # 0.55: the mean of a flat law from 0.1 to 1


@pytest.mark.parametrize("law", [Binaries(), Binaries(0.2, -1.0), Binaries(0.05, -0.5), Binaries(0.3, 1.5)])
def test_mass_ratios(make_renderer, backend, law):
    star = drawn(make_renderer(backend, size=16, binaries=law), binary_fraction=0.3)
    with_one = star["companion_mass"] > 0
    mass = star["mass"][with_one]
    drawn_q = star["companion_mass"][with_one] / mass
    q = np.sort(drawn_q)
    # the ratio of two single-precision masses, and exp2 and log2 of the core: 1e-6
    assert law.q_min * (1 - 1e-6) < q[0] < q[-1] < 1 + 1e-6
    if law.beta == -1:
        cdf = np.log(q / law.q_min) / -np.log(law.q_min)
    else:
        low = law.q_min ** (law.beta + 1)
        cdf = (q ** (law.beta + 1) - low) / (1 - low)
    assert np.abs(cdf - (np.arange(q.size) + 0.5) / q.size).max() < ks_limit(q.size)
    assert abs(stats.spearmanr(drawn_q, mass)[0]) < 5 / np.sqrt(q.size)


@pytest.mark.parametrize("fraction", [0.0, 0.7])
def test_mean_mass_is_the_target(make_renderer, fraction):
    n = 3000
    params = cc.ClusterParams(
        log_age=np.full(n, 7.5), log_mass=np.log10(300.0), a_v=0.0, log_rh=-1.0, binary_fraction=fraction
    )
    log_mass = np.empty(n)
    make_renderer("cpp", size=16).render(params, seed=4, log_mass_out=log_mass)
    mass = 10.0**log_mass
    assert abs(mass.mean() - 300.0) < 4 * mass.std(ddof=1) / np.sqrt(n)


def test_realised_mass_counts_companions(make_renderer, backend):
    params = cc.ClusterParams(**CLUSTER, binary_fraction=0.5, a_v_scatter=0.2)
    log_mass = np.empty(1)
    make_renderer(backend).render(params, seed=2, log_mass_out=log_mass)
    star = drawn(make_renderer(backend), binary_fraction=0.5, a_v_scatter=0.2)
    # masses are single precision, their sum double
    np.testing.assert_allclose(10 ** log_mass[0], star["mass"].sum() + star["companion_mass"].sum(), rtol=1e-6)


@pytest.mark.parametrize("log_age", [6.8, 7.5, 9.3])
def test_light_of_companions(make_renderer, backend, log_age):
    """A system's light: its primary's, as in a cluster without binaries, and the table's at the companion's mass."""
    renderer, a_v = make_renderer(backend), CLUSTER["a_v"]
    alone, both = (drawn(renderer, log_age=log_age, binary_fraction=f) for f in (0.0, 0.6))
    n = both["mass"].size
    np.testing.assert_array_equal(both["mass"], alone["mass"][:n])
    np.testing.assert_array_equal(both["x"], alone["x"][:n])
    companion = both["companion_mass"]
    at, flux, extinction = table_at(renderer, companion, log_age)
    reddened = flux * 10 ** (-0.4 * (extinction[..., 0] * a_v + extinction[..., 1] * a_v**2))
    lit = companion > renderer.populations.imf.low
    assert 0.1 < lit.mean() < 0.6 - 0.05  # some are too light for the table
    expected = alone["flux"][:n] + np.where(lit[:, None], at(reddened), 0.0)
    # exp2 of the core 3e-7, of an exponent of some 2 known to 1e-7, and half a dozen single-precision roundings of 6e-8
    np.testing.assert_allclose(both["flux"], expected, rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize(("ellipticity", "angle"), [(0.3, 25.0), (0.6, 110.0), (0.9, -70.0)])
def test_ellipses_by_moments(make_renderer, backend, ellipticity, angle):
    """Second moments of a uniform disc of semi-axes a, b: a²/4 and b²/4 along its axes."""
    star = drawn(make_renderer(backend, profile=Uniform()), ellipticity=ellipticity, position_angle=angle)
    xx, yy, xy = (np.mean(star[i] * star[j]) for i, j in (("x", "x"), ("y", "y"), ("x", "y")))
    n, half_light = star["x"].size, 0.1 / 0.04
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    major, minor = 2 * np.sqrt(middle + half), 2 * np.sqrt(middle - half)
    # <x⁴> = a⁴/8 and <x²y²> = a²b²/24, so the moments' relative errors are 1/sqrt(n), correlated by -1/3: of the square
    # root of their ratio sqrt(8/3)/2/sqrt(n), of that of their product sqrt(4/3)/2/sqrt(n)
    assert abs(minor / major / (1 - ellipticity) - 1) < 4 * 0.82 / np.sqrt(n)
    assert abs(major * minor / (2 * half_light**2) - 1) < 4 * 2 * 0.58 / np.sqrt(n)
    # the angle's error is that of <xy> along the axes, ab/sqrt(24 n), over the difference of the moments
    found = np.rad2deg(np.arctan2(2 * xy, xx - yy) / 2)
    error = np.rad2deg(major * minor / np.sqrt(24 * n) / ((major**2 - minor**2) / 4))
    assert abs((found - angle + 90) % 180 - 90) < 4 * error


def test_ellipses_keep_the_profile(make_renderer, backend):
    star = drawn(make_renderer(backend), ellipticity=0.6, position_angle=35.0)
    along, across = ellipse_coordinates(star["x"], star["y"], 35.0)
    radius = np.sort(np.hypot(along * np.sqrt(0.4), across / np.sqrt(0.4)))
    a, n = float(Eff(2.8).scale_radius(0.1 / 0.04)), star["x"].size
    enclosed = 1 - (1 + (radius / a) ** 2) ** (1 - 2.8 / 2)
    assert np.abs(enclosed - (np.arange(n) + 0.5) / n).max() < ks_limit(n)


@pytest.mark.parametrize("segregation", [0.15, 0.5])
def test_segregation(make_renderer, backend, segregation):
    renderer = make_renderer(backend)
    star = drawn(renderer, segregation=segregation)
    relative = star["mass"] / renderer.populations.mean_mass
    assert (relative**-0.5).min() < 0.1  # some meet the limit of tenfold
    law = np.clip(relative**-segregation, 0.1, 10.0)
    radius, plain = np.hypot(star["x"], star["y"]), drawn(renderer)
    # radii in single precision, and the core's exp2 and log2: 1e-6
    np.testing.assert_allclose(radius, law * np.hypot(plain["x"], plain["y"]), rtol=3e-6)
    radius = radius / law
    a = float(Eff(2.8).scale_radius(0.1 / 0.04))
    for chosen in (relative > 0, relative > 1, relative < 0.2):
        sample, n = np.sort(radius[chosen]), chosen.sum()
        enclosed = 1 - (1 + (sample / a) ** 2) ** (1 - 2.8 / 2)
        assert np.abs(enclosed - (np.arange(n) + 0.5) / n).max() < ks_limit(n)


@pytest.fixture(scope="module")
def depths(make_renderer):
    """A_V of single stars (found from F438W alone), their masses and light; function of backend and scatter."""

    def find(backend, scatter):
        renderer = make_renderer(backend)
        clear, star = drawn(renderer, a_v=0.0), drawn(renderer, a_v=1.2, a_v_scatter=scatter)
        np.testing.assert_array_equal(star["mass"], clear["mass"])
        at, _, extinction = table_at(renderer, star["mass"])
        c = at(extinction).reshape(-1, len(BANDS), 2)
        shining = (clear["flux"] > 0).all(axis=1)
        dimmed = -2.5 * np.log10(star["flux"][shining] / clear["flux"][shining])
        c1, c2 = np.moveaxis(c[shining], 2, 0)
        a_v = (-c1 + np.sqrt(c1**2 + 4 * c2 * dimmed)) / (2 * c2)
        return a_v, dimmed, c1, c2

    return find


@pytest.mark.parametrize("scatter", [0.1, 0.5])
def test_differential_extinction(depths, backend, scatter):
    a_v, dimmed, c1, c2 = depths(backend, scatter)
    n = len(a_v)
    predicted = c1 * a_v[:, 1:2] + c2 * a_v[:, 1:2] ** 2
    np.testing.assert_allclose(dimmed, predicted, atol=KNOWN)  # all bands tell one depth
    z = (np.log(a_v[:, 1] / 1.2) + scatter**2 / 2) / scatter
    # z is known to KNOWN / (1.2 scatter), times 1.2 / A_V: a shift of the distribution by 0.4 of that
    assert stats.kstest(z, "norm").statistic < ks_limit(n) + 0.4 * KNOWN / (1.2 * scatter)
    assert abs(a_v[:, 1].mean() - 1.2) < 4 * 1.2 * np.sqrt(np.expm1(scatter**2) / n) + KNOWN
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * n) + KNOWN / (1.2 * scatter)


def test_companions_share_the_depth(make_renderer, depths, backend):
    renderer = make_renderer(backend)
    screened, both = (drawn(renderer, a_v=1.2, a_v_scatter=0.5, binary_fraction=f) for f in (0.0, 1.0))
    n, companion = both["mass"].size, both["companion_mass"]
    a_v = np.full(screened["mass"].size, np.nan)
    a_v[(screened["flux"] > 0).all(axis=1)] = depths(backend, 0.5)[0][:, 1]
    at, flux, extinction = table_at(renderer, companion)
    c1, c2 = np.moveaxis(at(extinction).reshape(n, -1, 2), 2, 0)
    dimmed = c1 * a_v[:n, None] + c2 * a_v[:n, None] ** 2
    chosen = np.isfinite(a_v[:n]) & (companion > renderer.populations.imf.low)
    expected = screened["flux"][:n] + at(flux) * 10 ** (-0.4 * dimmed)
    # the depth, and the companion's own light between its knots
    np.testing.assert_allclose(both["flux"][chosen], expected[chosen], rtol=2 * KNOWN)
