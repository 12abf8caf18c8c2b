from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from clustercnn.errors import InvalidInput
from clustercnn.physics.imf import IMF_NAMES, Imf


def test_kroupa_mean_mass_and_stars_per_solar_mass():
    imf = Imf.by_name("kroupa", 0.1, 100.0)
    # the published numbers have five decimals
    assert imf.mean_mass == pytest.approx(0.63771, abs=5e-6)
    assert 1.0 / imf.mean_mass == pytest.approx(1.56810, abs=5e-6)


def test_salpeter_moments_are_the_closed_form():
    imf = Imf.by_name("salpeter", 0.5, 50.0)

    def power(p):
        return (50.0**p - 0.5**p) / p

    for k in (0, 1, 2):
        assert imf.moment(k) == pytest.approx(power(k - 1.35) / power(-1.35), rel=1e-13)


@pytest.mark.parametrize("name", IMF_NAMES)
@pytest.mark.parametrize("k", [0.0, 1.0, 2.0, 3.5])
def test_moments_agree_with_quadrature(name, k):
    imf = Imf.by_name(name, 0.03, 120.0)
    edges = np.log([0.03, 0.08, 0.5, 1.0, 10.0, 120.0])
    total = sum(
        quad(lambda x: np.exp((k + 1.0) * x) * imf.pdf(np.exp(x)), a, b, epsabs=0.0, epsrel=1e-12)[0]
        for a, b in pairwise(edges)
    )
    # the quadrature was asked for 1e-12; its rounding over five pieces adds some more
    assert imf.moment(k) == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize("name", IMF_NAMES)
def test_survival_and_its_inverse_keep_relative_accuracy_in_the_tail(name):
    imf = Imf.by_name(name)
    u = np.r_[0.0, np.logspace(-12.0, 0.0, 400)]
    mass = imf.inverse_survival(u)
    assert mass[0] == imf.high
    assert mass[-1] == pytest.approx(imf.low, rel=1e-12)
    assert (np.diff(mass) <= 0.0).all()
    # near the top d ln u = dm/(m - high): a rounding of m by 1e-16 * 120 is 1e-14 / (u / pdf) of u
    slack = 1e-11 + 2e-16 * mass[1:] * imf.pdf(mass[1:]) / u[1:] * 8.0
    assert (np.abs(imf.survival(mass[1:]) / u[1:] - 1.0) < slack).all()


@pytest.mark.parametrize("name", IMF_NAMES)
def test_cdf_and_survival_complement_and_pdf_is_continuous(name):
    imf = Imf.by_name(name, 0.05, 100.0)
    mass = np.logspace(np.log10(0.05), 2.0, 300)
    np.testing.assert_allclose(imf.cdf(mass) + imf.survival(mass), 1.0, rtol=1e-13)
    for edge in (0.08, 0.5, 1.0):
        # slope at most 2.3: a step of 2e-9 in mass changes the density by 5e-9
        assert imf.pdf(edge * (1 - 1e-9)) == pytest.approx(float(imf.pdf(edge * (1 + 1e-9))), rel=1e-8)
    assert (imf.pdf([0.049, 100.1]) == 0.0).all()
    assert imf.cdf(0.01) == 0.0
    assert imf.survival(500.0) == 0.0


def test_chabrier_and_kroupa_have_their_published_shapes():
    chabrier = Imf.by_name("chabrier", 0.01, 120.0)
    log_density = np.log10(chabrier.pdf(np.logspace(-1.9, -0.5, 1401)) * np.logspace(-1.9, -0.5, 1401))
    peak = -1.9 + 1.4 * np.argmax(log_density) / 1400
    assert peak == pytest.approx(np.log10(0.079), abs=0.0005)  # half a step of the grid
    kroupa = Imf.by_name("kroupa")
    assert kroupa.pdf(10.0) / kroupa.pdf(1.0) == pytest.approx(10.0**-2.3, rel=1e-12)
    assert kroupa.pdf(0.4) / kroupa.pdf(0.1) == pytest.approx(4.0**-1.3, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("krupa",), "did you mean 'kroupa'"),
        (("kroupa", 1.0, 0.5), "0 < low < high"),
        (("salpeter", 0.0, 100.0), "0 < low < high"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        Imf.by_name(*arguments)


def test_inverse_survival_refuses_what_is_no_share():
    with pytest.raises(InvalidInput, match="0 to 1"):
        Imf.by_name("kroupa").inverse_survival([0.5, 1.5])
