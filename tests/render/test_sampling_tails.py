"""Ten million stars against the distributions they are drawn from, to the last few of them.

Limits are those that a right sampler exceeds once in 1e5 tests; what single precision and the tables' chords add to
them is derived where it matters.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import clustercnn as cc
from clustercnn.physics import Eff, Imf, StellarTable

pytestmark = pytest.mark.slow

CLUSTERS, LOG_AGE, METALLICITY, A_V = 41, 7.0, 0.02, 0.6
ALPHA = 1e-5
QUANTILES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# A chord of flux over a magnitude step D is above the curve by at most cosh(0.2 ln(10) D) - 1; knots are at most 0.2
# mag apart before extinction, which changes them by less than a tenth.
CHORD = np.cosh(0.2 * np.log(10.0) * 0.22) - 1.0


def draw(renderer, gamma, take):
    """``take(table)`` of 41 clusters of about 2.5e5 stars each from all over a run, end to end."""
    params = cc.ClusterParams(
        log_age=np.full(CLUSTERS, LOG_AGE), log_mass=5.16, a_v=A_V, log_rh=-1.0, gamma=gamma, x=0.0, y=0.0,
        metallicity=METALLICITY,
    )  # fmt: skip
    parts = [take(renderer.stars(params, i, seed=2024, first=100_000 * i)) for i in range(CLUSTERS)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


@pytest.fixture(scope="module")
def light(make_renderer, survey):
    """Masses and fluxes [band] of all stars."""
    columns = [f"flux_{name}" for name in survey.band_names]
    mass, flux = draw(
        make_renderer("cpp"), 2.8, lambda t: (t["mass"].value, np.stack([t[c].value for c in columns], axis=1))
    )
    assert mass.size > 1e7
    return mass.astype(np.float64), flux.astype(np.float64)


@pytest.fixture(scope="module", params=[2.4, 2.8, 5.0])
def places(request, make_renderer, survey):
    """gamma; radius over scale radius, and angle in turns, of all stars."""
    x, y = draw(make_renderer("cpp"), request.param, lambda t: (t["x"].value, t["y"].value))
    assert x.size > 1e7
    scale = float(Eff(request.param).scale_radius(0.1 / survey.pixel_scale))
    x, y = x.astype(np.float64), y.astype(np.float64)
    return request.param, np.hypot(x, y) / scale, np.arctan2(y, x) / (2 * np.pi) + 0.5


def distance(cdf_of_sample):
    """Kolmogorov-Smirnov distance of uniform numbers to their distribution, and the limit for a right sampler."""
    u = np.sort(cdf_of_sample)
    n = u.size
    return np.abs(u - (np.arange(n) + 0.5) / n).max(), stats.kstwobign.isf(ALPHA) / np.sqrt(n)


def assert_poisson(count, least, most):
    """A count whose expectation lies between two values."""
    assert stats.poisson.sf(count - 1, most) > ALPHA / 2, (count, most)
    assert stats.poisson.cdf(count, least) > ALPHA / 2, (count, least)


def test_masses(light, survey):
    """Mass is linear in u between knots at most 0.01 dex apart.

    The power law m^-2.3 then errs by at most (2.3 + 1) * 0.023**2 / 8 = 2.2e-4 of a segment's own share, and a segment
    holds at most a twentieth of the stars: 1.1e-5.
    """
    imf = Imf.by_name(**survey.imf)
    found, limit = distance(imf.cdf(light[0]))
    assert found < limit + 1.1e-5


@pytest.mark.parametrize("u", QUANTILES)
def test_tails_of_masses(light, survey, u):
    """The heaviest and the lightest stars beyond a quantile.

    Among the heavy ones a segment's share, 1.3 * 0.023 of those above, errs as said for the masses: 7e-6 of the count.
    Uniform numbers near 1, of the lightest, are 2**-24 apart, so that up to half that many fall on the other side.
    """
    mass, imf = light[0], Imf.by_name(**survey.imf)
    expected = mass.size * u
    assert_poisson((mass > float(imf.inverse_survival(u))).sum(), expected * (1 - 7e-6), expected * (1 + 7e-6))
    grain = mass.size * 2.0**-25
    assert_poisson((mass < float(imf.inverse_survival(1 - u))).sum(), max(expected - grain, 0.0), expected + grain)


def test_radii(places):
    """Relative errors of u, log2 and exp2 are below 1e-6 of 1 + r²/a², and so of the survival function."""
    gamma, radius, _ = places
    found, limit = distance((1 + radius**2) ** (1 - gamma / 2))
    assert found < limit + 1e-6


@pytest.mark.parametrize("u", QUANTILES)
def test_tails_of_radii(places, u):
    """Stars farthest out and nearest to the centre.

    Far out, the survival's relative error is below (gamma / 2 - 1) 1e-6. Near the centre r²/a² is 1 subtracted from a
    single-precision number: it errs by up to 2**-23 beside what u's grain of 2**-25 makes.
    """
    gamma, radius, _ = places
    survival = (1 + radius**2) ** (1 - gamma / 2)
    expected = radius.size * u
    assert_poisson((survival < u).sum(), expected * (1 - 2e-6), expected * (1 + 2e-6))
    grain = radius.size * ((gamma / 2 - 1) * 2.0**-23 + 2.0**-25)
    inside = np.sqrt(np.expm1(-np.log1p(-u) / (gamma / 2 - 1)))
    assert_poisson((radius < inside).sum(), max(expected - grain, 0.0), expected + grain)


def test_angles_and_independence(places):
    """Angles are uniform; angle and radius know nothing of each other, nor a star of the next one."""
    gamma, radius, turn = places
    found, limit = distance(turn)
    # the last digit of x and y moves an angle by less than 1e-7 turns
    assert found < limit + 1e-7
    u = (1 + radius**2) ** (1 - gamma / 2)
    limit = stats.norm.isf(ALPHA / 2) / np.sqrt(u.size)
    harmonics = [f(2 * np.pi * k * turn) for k in (1, 2) for f in (np.cos, np.sin)]
    for wave in harmonics:
        assert abs(np.corrcoef(u, wave)[0, 1]) < limit
    for column in (u, *harmonics):
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < limit


@pytest.fixture(scope="module")
def isochrone(survey):
    return StellarTable.load().isochrone(LOG_AGE, METALLICITY, bands=[b.filter for b in survey.bands])


@pytest.fixture(scope="module")
def faintness(survey, isochrone):
    """[star of the isochrone, band]: ln of e-/s behind the dust, linear in initial mass as magnitudes are."""
    zero_point = np.array([b.zero_point - b.a_milky_way - survey.distance_modulus for b in survey.bands])
    return -0.4 * np.log(10.0) * (isochrone.magnitudes(A_V) - zero_point)


def test_every_flux_is_that_of_its_mass(light, isochrone, faintness):
    """Float64 interpolation of magnitudes at each star's mass, dead stars dark.

    Masses are known to single precision, 2**-24 of themselves in the knots and again in the sum with the chord's rise;
    late phases pass within a few such steps, so that a flux is compared with the range of fluxes over four of them.
    """
    mass, flux = light
    slack = mass * 2.0**-22
    top = isochrone.m_ini[-1]
    assert not flux[mass > top + slack.max()].any()
    alive = mass < top * (1 - 2.0**-22)
    assert (flux[alive] > 0).all()
    m, slack = mass[alive], slack[alive]
    first, last = (np.searchsorted(isochrone.m_ini, m + s) for s in (-slack, slack))
    for band in range(flux.shape[1]):
        column = faintness[:, band]
        ends = np.stack([np.interp(m + s, isochrone.m_ini, column) for s in (-slack, slack)])
        low, high = ends.min(axis=0), ends.max(axis=0)
        for star in np.nonzero(last > first)[0]:  # stars of the isochrone within the range: its corners
            corners = column[first[star] : last[star]]
            low[star], high[star] = min(low[star], corners.min()), max(high[star], corners.max())
        ln_flux = np.log(flux[alive, band])
        # single precision of flux and of the dust's power of 2, below 1e-5 even at 2^-30
        assert (ln_flux - low > -1e-5).all(), (ln_flux - low).min()
        assert (ln_flux - high < np.log1p(CHORD) + 1e-5).all(), (ln_flux - high).max()


@pytest.mark.parametrize("u", QUANTILES)
def test_brightest_stars(light, survey, isochrone, faintness, u):
    """Numbers of stars brighter than a flux: in each segment of the isochrone, those between two masses."""
    mass, flux = light
    imf = Imf.by_name(**survey.imf)

    def brighter(limit, column):
        start, end = column[:-1], column[1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.clip((limit - start) / (end - start), 0.0, 1.0)
        crossing = isochrone.m_ini[:-1] + np.where(end == start, 1.0, at) * np.diff(isochrone.m_ini)
        falling, over = end < start, np.maximum(start, end) > limit
        low = np.where(falling, isochrone.m_ini[:-1], crossing)
        high = np.where(falling, crossing, isochrone.m_ini[1:])
        return float(((imf.survival(low) - imf.survival(high)) * over).sum())

    for band in range(flux.shape[1]):
        column = faintness[:, band]
        limits = np.linspace(column.min(), column.max(), 500)
        limit = next(v for v in limits if brighter(v, column) <= u)
        bounds = [mass.size * brighter(limit - chord, column) for chord in (0.0, np.log1p(CHORD))]
        assert_poisson((flux[:, band] > np.exp(limit)).sum(), *bounds)
