"""The stars drawn are those the design says: masses, places, light, numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import clustercnn as cc
from clustercnn.physics import Eff, Imf, King, StellarTable, Uniform


@pytest.fixture(scope="module")
def many(make_renderer):
    """About a million stars of one population, wide enough to have a tail."""
    params = cc.ClusterParams(log_age=8.0, log_mass=5.77, a_v=0.0, log_rh=-1.0, gamma=2.6)
    return make_renderer("cpp").stars(params, seed=2)


def ks_limit(n):
    """Kolmogorov-Smirnov distance that a right sample of n exceeds once in 1e4 runs."""
    return stats.kstwobign.isf(1e-4) / np.sqrt(n)


def test_masses_follow_the_imf(survey, many):
    mass = np.sort(many["mass"].value.astype(np.float64))
    imf = Imf.by_name(**survey.imf)
    n = mass.size
    # Masses are interpolated linearly between knots 0.01 dex apart: the CDF is off by at most
    # (1.3 + 1) * 0.023^2 / 8 of a segment's own share, below 1e-5.
    distance = np.abs(imf.cdf(mass) - (np.arange(n) + 0.5) / n).max()
    assert distance < ks_limit(n) + 1e-5


def test_massive_tail(survey, many):
    """Numbers above rising masses, to the last ten stars, are Poisson about the IMF's survival."""
    mass, imf = many["mass"].value, Imf.by_name(**survey.imf)
    for cut in (1.0, 5.0, 20.0, 60.0, 100.0):
        expected = mass.size * float(imf.survival(cut))
        assert abs((mass > cut).sum() - expected) < 4 * np.sqrt(expected), cut


@pytest.mark.parametrize("gamma", [2.2, 2.6, 3.5])
def test_radii_follow_eff(make_renderer, survey, gamma):
    params = cc.ClusterParams(log_age=8.0, log_mass=5.0, a_v=0.0, log_rh=-1.0, gamma=gamma, x=0.0, y=0.0)
    table = make_renderer("cpp").stars(params, seed=3)
    radius = np.sort(np.hypot(table["x"].value.astype(float), table["y"].value.astype(float)))
    half_light = 0.1 / survey.pixel_scale
    a = float(Eff(gamma).scale_radius(half_light))
    enclosed = 1 - (1 + (radius / a) ** 2) ** (1 - gamma / 2)
    n = radius.size
    assert np.abs(enclosed - (np.arange(n) + 0.5) / n).max() < ks_limit(n)
    angle = np.arctan2(table["y"].value, table["x"].value) / (2 * np.pi) + 0.5
    assert stats.kstest(angle, "uniform").statistic < ks_limit(n)


@pytest.mark.parametrize("profile", [King(1.2), Uniform()])
def test_tabulated_profiles(make_renderer, survey, backend, profile):
    params = cc.ClusterParams(log_age=8.0, log_mass=4.5, a_v=0.0, log_rh=-1.0, x=0.0, y=0.0)
    table = make_renderer(backend, profile=profile).stars(params, seed=4)
    radius = np.sort(np.hypot(table["x"].value.astype(float), table["y"].value.astype(float)))
    n = radius.size
    fraction = (np.arange(n) + 0.5) / n
    expected = profile.radius(fraction) * 0.1 / survey.pixel_scale
    # as a distance between distributions: where does the drawn radius fall in the exact one
    place = np.interp(radius, expected, fraction)
    # the table of 2048 nodes is linear in r^2: second differences over 8 add less than 1e-4 of the fraction
    assert np.abs(place - fraction).max() < ks_limit(n) + 1e-4


def test_number_of_stars_is_right_on_average(make_renderer):
    """Mean counts are no whole numbers; rounding at random keeps their mean."""
    renderer = make_renderer("cpp")
    params = cc.ClusterParams(log_age=np.full(2000, 8.0), log_mass=1.0, a_v=0.0, log_rh=-1.0)
    mean = 10.0 / renderer.populations.mean_mass
    counts = np.array([len(renderer.stars(params, i, seed=1)) for i in range(len(params))])
    assert set(counts) <= {int(mean), int(mean) + 1}
    p = mean - int(mean)
    assert abs(counts.mean() - mean) < 4 * np.sqrt(p * (1 - p) / len(counts))


@pytest.mark.parametrize("log_age", [6.7, 7.5, 9.6])
def test_mean_of_clusters_is_the_simple_population(survey, make_renderer, log_age):
    """2,000 clusters of 1e5 Msun against the isochrone integrated over the IMF, within 4 standard errors."""
    renderer = make_renderer("cpp", profile=Uniform())
    n, a_v = 2000, 0.7
    # uniform and small, so that the frame holds all the light
    params = cc.ClusterParams(log_age=np.full(n, log_age), log_mass=5.0, a_v=a_v, log_rh=-1.6, metallicity=0.02)
    light = renderer.render(params, seed=6).sum(axis=(2, 3), dtype=np.float64)
    isochrone = StellarTable.load().isochrone(log_age, 0.02, bands=[b.filter for b in survey.bands])
    magnitude = isochrone.integrated_magnitude(Imf.by_name(**survey.imf), a_v)  # of 1 Msun
    zero_point = np.array([b.zero_point - b.a_milky_way for b in survey.bands])
    expected = 1e5 * 10 ** (-0.4 * (magnitude + survey.distance_modulus - zero_point))
    error = light.std(axis=0, ddof=1) / np.sqrt(n)
    # the frame loses or gains at most the renderer's tolerance of the flux; knots are linear in u: below 1e-3 each
    assert (np.abs(light.mean(axis=0) - expected) < 4 * error + 2e-3 * expected).all()


def test_scatter_of_small_clusters(survey, make_renderer):
    """Variance of the light of N stars drawn at random is N (mean of f^2 - (mean of f)^2), f from the isochrone."""
    n, log_age = 6000, 8.3
    renderer = make_renderer("cpp")
    params = cc.ClusterParams(
        log_age=np.full(n, log_age), log_mass=np.log10(300.0), a_v=0.0, log_rh=-1.6, metallicity=0.02
    )
    light = np.array([
        [renderer.stars(params, i, seed=7)[f"flux_{b}"].value.sum(dtype=np.float64) for b in survey.band_names]
        for i in range(0, n, 4)
    ])  # fmt: skip
    imf = Imf.by_name(**survey.imf)
    isochrone = StellarTable.load().isochrone(log_age, 0.02, bands=[b.filter for b in survey.bands])
    u = imf.survival(isochrone.m_ini)
    zero_point = np.array([b.zero_point - b.a_milky_way - survey.distance_modulus for b in survey.bands])
    flux = 10 ** (-0.4 * (isochrone.mag - zero_point))
    first, second = (-np.trapezoid(flux**k, u, axis=0) for k in (1, 2))
    number = 300.0 / imf.mean_mass
    variance = number * (second - first**2)
    # The sample variance's own error: sqrt((kurtosis - 1) / n), the kurtosis measured on the sample itself.
    centred = light - light.mean(axis=0)
    kurtosis = (centred**4).mean(axis=0) / (centred**2).mean(axis=0) ** 2
    error = np.sqrt((kurtosis - 1) / len(light))
    assert (np.abs(light.var(axis=0) / variance - 1) < 4 * error).all()
