"""The faint tail: what is left undrawn, and that nobody can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import clustercnn as cc
from clustercnn.errors import InvalidInput
from clustercnn.physics import Eff, King
from clustercnn.render import RenderSettings, expose
from clustercnn.render.faint import draw_lots, eff_gaussians

FRACTION = 0.1  # the default of conf/scene


@pytest.mark.parametrize(("number", "p"), [(50, 0.1), (1000, 0.03), (5000, 0.4), (300, 0.8), (2_000_000, 0.01)])
def test_lots_are_binomial(number, p):
    counts = np.array([draw_lots(np.uint64(3), np.uint64(i), float(number), p)[0] for i in range(20000)])
    edges = np.unique(stats.binom.ppf(np.linspace(0.02, 0.98, 25), number, p))
    observed = np.histogram(counts, bins=[-0.5, *(edges + 0.5), np.inf])[0]
    expected = counts.size * np.diff([0.0, *stats.binom.cdf(edges, number, p), 1.0])
    enough = expected > 5
    chi2 = ((observed - expected)[enough] ** 2 / expected[enough]).sum()
    assert chi2 < stats.chi2.isf(1e-5, enough.sum())  # a right sampler fails once in 1e5 runs


@pytest.mark.parametrize("gamma", [2.2, 2.8, 3.6])
def test_gaussians_make_up_the_profile(gamma):
    """The mixture against EFF's surface density, from the centre to where stamps end."""
    a = float(Eff(gamma).scale_radius(3.0))
    sigma, share = eff_gaussians(a, 2.0 / (gamma - 2.0), widest=1024.0)
    r = np.concatenate([[0.0], np.geomspace(0.01, 60.0, 200)])
    mixture = (share / (2 * np.pi * sigma**2) * np.exp(-0.5 * (r[:, None] / sigma) ** 2)).sum(axis=1)
    exact = (gamma - 2) / (2 * np.pi * a**2) * (1 + (r / a) ** 2) ** (-gamma / 2)
    # trapezoidal rule: 2 |Gamma(gamma/2 + 2 pi i / 0.9)| / Gamma(gamma/2) = 1.2e-3 at most; wider Gaussians than 1024
    # left out: below (60 / 1024)^2.2 = 2e-3 of what is there
    np.testing.assert_allclose(mixture, exact, rtol=3e-3)


def test_both_backends_leave_out_the_same(survey):
    params = cc.ClusterParams(
        log_age=[6.8, 8.0, 9.5, 7.3], log_mass=[3.2, 4.0, 4.5, 4.9], a_v=[0.0, 1.0, 0.3, 2.0],
        log_rh=[-1.2, -0.8, -0.5, -1.4], gamma=[2.3, 2.6, 3.0, 3.4],
    )  # fmt: skip
    cpp, numba = (
        cc.Renderer(survey, 64, b, settings=RenderSettings(faint_fraction=FRACTION)) for b in ("cpp", "numba")
    )
    every_star = cc.Renderer(survey, 64, "cpp")
    for i in range(len(params)):
        a, b = cpp.stars(params, i, seed=4), numba.stars(params, i, seed=4)
        assert 0 < len(a) == len(b) < len(every_star.stars(params, i, seed=4))
        for band, light in a.meta["smooth_flux"].items():
            assert light == pytest.approx(b.meta["smooth_flux"][band], rel=1e-4)
    mass, other = np.empty(4), np.empty(4)
    image, same = cpp.render(params, seed=4, log_mass_out=mass), numba.render(params, seed=4, log_mass_out=other)
    np.testing.assert_allclose(mass, other, atol=1e-6)
    # single precision in the core's Gaussians and transforms, against double: well inside the drawing tolerance
    peak = image.max(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(image / peak, same / peak, atol=5e-4)


# log_age, log_mass, clusters in each ensemble: 24,050, from 4 Myr to 10 Gyr, from 300 to 1e6 Msun
CASES = [
    (6.6, 2.477, 4000), (6.6, 6.0, 350), (6.8, 4.0, 1500), (7.0, 5.0, 1200), (7.5, 3.0, 3000), (8.0, 5.0, 1200),
    (8.0, 6.0, 350), (8.5, 2.477, 4000), (9.0, 3.5, 2000), (9.0, 5.5, 600), (10.0, 2.477, 4000), (10.0, 4.0, 1500),
    (10.0, 6.0, 350),
]  # fmt: skip
SIZE, TURNS = 24, 1999
ALPHA = 1e-3  # of each test below; seeds are fixed, so that what passes once always passes


def turned_limit(values, rng):
    """What the largest |difference of means| over pixels, of two halves of ``values`` [2 n, pixel], should stay below.

    The halves come from one distribution if no one can tell them apart: turned round pair by pair at random, 1999
    times, they give the largest difference's own distribution, however heavy the tails that bright stars make.
    """
    n = len(values) // 2
    pairs = ((values[:n] - values[n:]) / (values.std(axis=0) * n)).astype(np.float32)
    sides = rng.choice(np.float32([-1.0, 1.0]), (TURNS, n))
    return np.abs(pairs.sum(axis=0)).max(), np.quantile(np.abs(sides @ pairs).max(axis=1), 1.0 - ALPHA)


def largest_distance(values):
    """Two-sample Kolmogorov-Smirnov distance of the halves of ``values`` [2 n, pixel] in the worst pixel."""
    n = len(values) // 2
    return max(
        np.abs(np.cumsum(np.where(np.argsort(values[:, part], axis=0) < n, 1, -1), axis=0)).max() / n
        for part in np.array_split(np.arange(values.shape[1]), -(-values.shape[1] // 256))
    )


@pytest.mark.slow
@pytest.mark.parametrize(("log_age", "log_mass", "n"), CASES)
def test_ensembles_cannot_be_told_apart(survey, make_renderer, log_age, log_mass, n):
    """Noisy images, all stars drawn against the default cut: means, variances, distributions of each pixel and band."""
    params = cc.ClusterParams(log_age=np.full(n, log_age), log_mass=log_mass, a_v=0.4, log_rh=-0.9, gamma=2.7)
    sky, seconds, read = (np.array([getattr(b, k) for b in survey.bands]) for k in ("sky", "exposure", "read_noise"))
    images, masses = [], []
    for seed, fraction in enumerate((0.0, FRACTION)):
        mass = np.empty(n)
        rate = make_renderer("cpp", SIZE, faint_fraction=fraction).render(params, seed=seed, log_mass_out=mass)
        rate = (np.maximum(rate, 0.0) + sky[:, None, None]).astype(np.float32)
        images.append(expose(rate, seconds, read, seed=seed + 10, threads=2))
        masses.append(mass)
    pixels = np.concatenate(images).reshape(2 * n, -1).astype(np.float64)
    light = np.concatenate(images).sum(axis=(2, 3), dtype=np.float64)  # of each band, as its photometry sees it
    rng = np.random.default_rng(n)
    for values in (pixels, light):
        centred = values - values.mean(axis=0)
        for moment in (centred, centred**2):
            found, limit = turned_limit(moment, rng)
            assert found < limit
        # the limit of a single pixel's distance at this share of ALPHA; asymptotic, which is on the safe side
        assert largest_distance(values) < stats.kstwobign.isf(ALPHA / values.shape[1]) * np.sqrt(2.0 / n)
    assert stats.ks_2samp(*masses).pvalue > ALPHA


def test_clusters_of_faint_stars_alone(survey):
    """Too far for any star to be drawn: no lot is drawn either, and both backends have the same mass."""
    far = replace(survey, distance_modulus=36.0)
    params = cc.ClusterParams(log_age=9.8, log_mass=[4.0, 4.1], a_v=0.0, log_rh=-1.0)
    settings, masses = RenderSettings(faint_fraction=FRACTION), np.empty((2, 2))
    for backend, mass in zip(("cpp", "numba"), masses, strict=True):
        renderer = cc.Renderer(far, 64, backend, settings=settings)
        assert len(renderer.stars(params, 0, seed=4)) == 0
        renderer.render(params, seed=4, log_mass_out=mass)
    np.testing.assert_allclose(masses[0], masses[1], atol=1e-6)


def test_small_clusters_are_drawn_in_full(survey, make_renderer, backend):
    """Below 2,000 stars the smooth light would cost more than it saves; from there on it takes over."""
    renderer = make_renderer(backend, faint_fraction=FRACTION)
    params = cc.ClusterParams(log_age=8.0, log_mass=[3.05, 3.08], a_v=0.0, log_rh=-1.0)
    few, many = (renderer.stars(params, i, seed=1) for i in range(2))
    assert not any(few.meta["smooth_flux"].values())
    assert all(many.meta["smooth_flux"].values())
    assert len(many) < len(few) < 2000


def test_zero_draws_every_star(survey, make_renderer):
    params = cc.ClusterParams(log_age=8.0, log_mass=3.0, a_v=0.0, log_rh=-1.0)
    stars = make_renderer("cpp").stars(params, seed=1)
    assert not any(stars.meta["smooth_flux"].values())


def test_refusals(survey):
    with pytest.raises(InvalidInput, match=r"faint_fraction: 0\.9"):
        RenderSettings(faint_fraction=0.9)
    with pytest.raises(InvalidInput, match=r"faint_fraction: 0\.1 with King"):
        cc.Renderer(survey, 64, settings=RenderSettings(faint_fraction=0.1), profile=King(1.0))
