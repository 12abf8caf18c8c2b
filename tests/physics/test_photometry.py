from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from clustercnn.physics.isochrones import StellarTable
from clustercnn.physics.photometry import HST_AREA_CM2, Bandpass, trilinear

# The data README's in-orbit zero points (VEGAMAG of 1 e-/s) and the Sun at 10 pc
VEGA_ZERO_POINTS = {
    "WFC3_UVIS_F275W": 22.646,
    "WFC3_UVIS_F336W": 23.458,
    "WFC3_UVIS_F438W": 24.981,
    "WFC3_UVIS_F555W": 25.809,
    "WFC3_UVIS_F657N": 22.354,
    "WFC3_UVIS_F814W": 24.668,
    "ACS_WFC_F435W": 25.775,
    "ACS_WFC_F606W": 26.400,
    "ACS_WFC_F814W": 25.513,
}
SUN = {"WFC3_UVIS_F336W": 5.475, "WFC3_UVIS_F438W": 5.510, "WFC3_UVIS_F555W": 4.882, "WFC3_UVIS_F814W": 4.117}


@pytest.fixture(scope="module")
def table() -> StellarTable:
    return StellarTable.load()


def read_band(shared_data, name):
    curve = Table.read(shared_data / "filters" / f"{name}.ecsv")
    return Bandpass(name, np.asarray(curve["wavelength"], float), np.asarray(curve["throughput"], float))


def test_zero_points_of_the_shipped_table(table):
    for name, expected in VEGA_ZERO_POINTS.items():
        assert table.zero_points[name] == pytest.approx(expected, abs=0.001)  # the reference has three decimals
    assert "Bessell_V" not in table.zero_points  # a relative curve has none


def test_zero_points_follow_from_the_bands(table, shared_data):
    vega = Table.read(shared_data / "vega" / "alpha_lyr_stis_005.ecsv")
    wavelength, flux = (np.asarray(vega[name], float) for name in ("wavelength", "flux"))
    reference = Table.read(shared_data / "reference" / "zero_points.ecsv")
    for row in reference[:10]:
        band = read_band(shared_data, str(row["filter"]))
        zero_point = band.vega_zero_point(wavelength, flux)
        assert zero_point == pytest.approx(table.zero_points[band.name], abs=1e-5)  # stored with five decimals
        assert zero_point == pytest.approx(row["zp_vega"], abs=0.001)
        assert band.ab_minus_vega(wavelength, flux) == pytest.approx(row["ab_minus_vega"], abs=0.0002)
        assert band.photflam() == pytest.approx(row["photflam"], rel=1e-4)
        assert band.pivot() == pytest.approx(row["pivot_A"], abs=0.02)
        # Vega behind a detector has magnitude zero, and PHOTFLAM is one electron per second
        assert band.electron_rate(wavelength, flux) == pytest.approx(10 ** (0.4 * zero_point), rel=1e-12)
        flat = np.full_like(wavelength, band.photflam())
        assert band.electron_rate(wavelength, flat) == pytest.approx(1.0, rel=1e-4)  # trapezoid on another grid


def test_weights_integrate_a_piecewise_linear_spectrum_exactly():
    band = Bandpass("box", np.array([1000.0, 1000.001, 2000.0, 2000.001]), np.array([0.0, 1.0, 1.0, 0.0]))
    wavelength = np.linspace(500.0, 2500.0, 4001)
    flux = 3.0 + 0.002 * wavelength
    exact = 3.0 * (2000.0**2 - 1000.0**2) / 2.0 + 0.002 * (2000.0**3 - 1000.0**3) / 3.0
    # the integrand is a parabola between samples 0.5 A apart: trapezoid error h^2/12 * f' difference, 1e-8; edges 1e-6
    assert band.counts(wavelength, flux) == pytest.approx(exact, rel=3e-6)
    assert band.electron_rate(wavelength, flux) > HST_AREA_CM2


def test_trilinear_reproduces_a_multilinear_function_and_clips():
    x, y = np.array([0.0, 1.0, 3.0]), np.array([-1.0, 2.0])
    grid = (2.0 + x[:, None] * 3.0 - y[None, :] + 0.5 * x[:, None] * y[None, :])[..., None]
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.0, 3.0, 50), rng.uniform(-1.0, 2.0, 50)
    np.testing.assert_allclose(trilinear((x, y), grid, (a, b))[:, 0], 2 + 3 * a - b + 0.5 * a * b, rtol=1e-12)
    assert trilinear((x, y), grid, (np.array([9.0]), np.array([5.0])))[0, 0] == pytest.approx(grid[-1, -1, 0])


def test_sun(table):
    found = table.star_magnitudes(np.log10(3.828 / 3.846), np.log10(5777.0), 4.44, mh=0.0, bands=list(SUN))
    np.testing.assert_allclose(found[0], list(SUN.values()), atol=0.001)  # the reference has three decimals


def test_star_checks(table, shared_data):
    for row in Table.read(shared_data / "reference" / "star_checks.ecsv"):
        bands = [name for name in table.bands if f"M_{name}" in row.colnames]
        found = table.star_magnitudes(0.0, np.log10(row["teff"]), row["logg"], mh=row["mh"], bands=bands)
        expected = [row[f"M_{name}"] for name in bands]
        assert len(bands) == 10
        # three decimals, and up to 0.001 from rounding of the reference's single-precision grid
        np.testing.assert_allclose(found[0], expected, atol=0.002, err_msg=str(row["star"]))


def test_magnitudes_fall_with_luminosity_as_they_must(table):
    bands = ["WFC3_UVIS_F336W", "WFC3_UVIS_F814W"]
    one, hundred = (table.star_magnitudes(x, 3.9, 4.0, mh=0.1, bands=bands) for x in (0.0, 2.0))
    np.testing.assert_allclose(one - hundred, 5.0, atol=1e-12)


def test_grid_agrees_with_the_reference_bolometric_corrections(table, shared_data):
    with np.load(shared_data / "reference" / "bc_vega_ccm89.npz", allow_pickle=False) as reference:
        expected = reference["mag_1lsun"][:, :, :, 0, :]
        np.testing.assert_allclose(table.photometry.log_teff, reference["log_teff"], rtol=2e-7)  # single precision
    # both rounded to single precision at 1e-5
    np.testing.assert_allclose(table.photometry.normal[..., :10], expected, atol=3e-5)
