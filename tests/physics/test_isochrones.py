from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics.imf import Imf
from clustercnn.physics.interpolation import BY_EEP, Knot, StarTable, blend, strictly_increasing
from clustercnn.physics.isochrones import StellarTable
from clustercnn.physics.tables import tracks

BANDS = ("WFC3_UVIS_F336W", "WFC3_UVIS_F438W", "WFC3_UVIS_F814W")
IMF = Imf.by_name("kroupa", 0.1, 100.0)


@pytest.fixture(scope="module")
def table() -> StellarTable:
    return StellarTable.load()


def test_every_age_gives_a_usable_isochrone(table):
    low, high = table.log_age_range
    assert (low, high) == (6.0, 10.1)
    for z in table.z:
        for age in np.linspace(low, high, 150):
            isochrone = table.isochrone(age, z, bands=BANDS)
            assert (np.diff(isochrone.m_ini) > 0.0).all()
            assert np.isfinite(isochrone.mag).all()
            assert np.isfinite(isochrone.extinction).all()
            assert isochrone.m_ini.size <= 800
            # published sets begin at 0.09 to 0.107 Msun
            assert 0.085 < isochrone.m_ini[0] < 0.108
            assert isochrone.m_ini[-1] <= 120.0 * (1.0 + 1e-12)
            if age < 6.4:  # nobody has died before 2.5 Myr
                assert isochrone.m_ini[-1] == pytest.approx(120.0)


def test_largest_living_mass_falls_with_age(table):
    for z in table.z:
        heaviest = [table.isochrone(age, z, bands=BANDS[:1]).m_ini[-1] for age in np.arange(6.0, 10.1, 0.02)]
        assert (np.diff(heaviest) <= 1e-9).all()
        assert heaviest[0] == pytest.approx(120.0)
        assert heaviest[-1] == pytest.approx(1.0, abs=0.1)  # the Sun's life is about 10 Gyr


def test_sun_like_star_is_where_it_belongs(table):
    isochrone = table.isochrone(9.66, 0.017, bands=("Bessell_V",))
    log_l = np.interp(1.0, isochrone.m_ini, isochrone.log_l)
    log_teff = np.interp(1.0, isochrone.m_ini, isochrone.log_teff)
    # 4.57 Gyr at 1.1 times the solar metallicity: a tenth fainter and 1 % cooler than the Sun at most
    assert log_l == pytest.approx(0.0, abs=0.06)
    assert 10.0**log_teff == pytest.approx(5777.0, rel=0.02)


def test_very_young_stars_are_on_the_pre_main_sequence(table):
    young, old = (table.isochrone(age, 0.02, bands=("Bessell_V",)) for age in (6.0, 8.5))
    above = np.interp(0.5, young.m_ini, young.log_l) - np.interp(0.5, old.m_ini, old.log_l)
    # a 0.5 Msun star of 1 Myr is about ten times brighter than on the main sequence (Baraffe et al. 2015)
    assert 0.6 < above < 1.4


def test_neighbouring_ages_join_without_a_step(table):
    for knot in (6.5, 6.75, 7.1, 7.5, 8.0, 8.9):
        at, after = (table.isochrone(age, 0.02, bands=BANDS).integrated_magnitude(IMF) for age in (knot, knot + 1e-7))
        # other rows on either side of a knot between published and derived points: 0.01 mag of light between them
        np.testing.assert_allclose(after, at, atol=0.015)


def test_interpolated_ages_agree_with_isochrones_derived_there(table, shared_data):
    native = tracks.NativeSet.read(shared_data / "isochrones" / "parsec_v12s_z0.0200.npz")
    grid = tracks.TrackSet.read(shared_data / "tracks" / "parsec_v12s_eep_z0.0200.npz")
    errors = []
    for age in np.arange(7.20625, 9.0, 0.0375):
        knot = Knot(age, BY_EEP, tracks.derived(grid, native, age, thin=False))
        there = replace(table, knots=tuple((knot,) for _ in table.z)).isochrone(age, 0.02, bands=BANDS)
        found = table.isochrone(age, 0.02, bands=BANDS)
        errors.append(found.integrated_magnitude(IMF) - there.integrated_magnitude(IMF))
    errors = np.abs(errors)
    # measured over all ages from 7.2 to 9.1 and Z: median 0.0005, 0.0005, 0.002, largest 0.005, 0.015, 0.031
    assert (np.median(errors, axis=0) < (0.001, 0.001, 0.004)).all()
    assert (errors.max(axis=0) < (0.01, 0.02, 0.04)).all()


def test_integrated_magnitude_is_the_integral_over_the_stars(table):
    isochrone = table.isochrone(7.37, 0.03, bands=BANDS)
    found = isochrone.integrated_magnitude(IMF)
    # the dense sum divides each mass interval by 64 instead of 8: errors go with the square, 1e-4 mag at 8
    np.testing.assert_allclose(found, [dense_sum(isochrone.m_ini, column) for column in isochrone.mag.T], atol=5e-4)


def dense_sum(m_ini, mag):
    """Integrated magnitude per Msun by a plain sum of density times width, independent of the package's quadrature."""
    edges = np.interp(np.linspace(0.0, m_ini.size - 1.0, 64 * (m_ini.size - 1) + 1), np.arange(m_ini.size), m_ini)
    centre = 0.5 * (edges[1:] + edges[:-1])
    number = IMF.pdf(centre) * np.diff(edges)
    below = IMF.cdf(m_ini[0]) * 10.0 ** (-0.4 * mag[0])
    return -2.5 * np.log10((number @ 10.0 ** (-0.4 * np.interp(centre, m_ini, mag)) + below) / IMF.mean_mass)


def test_blend_joins_like_with_like():
    # two isochrones of the same shape in EEP, shifted in mass: a giant must not be mixed with a dwarf
    eep = np.arange(5.0)
    value = np.array([[5.0], [4.0], [3.0], [-5.0], [-6.0]])
    young = StarTable(eep, np.array([1.0, 2.0, 3.0, 3.1, 3.2]), value)
    old = StarTable(eep, np.array([1.0, 1.8, 2.7, 2.8, 2.9]), value)
    middle = blend(young, old, 0.5, by_eep=True)
    np.testing.assert_allclose(middle.values, value)
    np.testing.assert_allclose(middle.m_ini, np.sqrt(young.m_ini * old.m_ini))
    np.testing.assert_allclose(blend(young, old, 0.0, by_eep=False).m_ini[[0, -1]], [1.0, 3.2])


def test_of_equal_masses_the_first_and_last_stay():
    index, mass = strictly_increasing(np.array([1.0, 1.0, 1.0, 2.0, 1.5, 3.0, 3.0]))
    np.testing.assert_array_equal(index, [0, 2, 3, 5, 6])
    assert (np.diff(mass.astype(np.float32)) > 0.0).all()
    np.testing.assert_allclose(mass, [1.0, 1.0, 2.0, 3.0, 3.0], rtol=2e-7)  # a unit of single precision


@pytest.mark.parametrize(
    ("age", "z", "bands", "message"),
    [
        (5.0, 0.02, BANDS, "log_age: 5; 6 to 10.1"),
        (10.2, 0.02, BANDS, "log_age: 10.2"),
        (7.0, 0.06, BANDS, "z: 0.06; metallicities of 0.014 to 0.04"),
        (7.0, 0.02, ("F336W",), "did you mean WFC3_UVIS_F336W"),
        (float("nan"), 0.02, BANDS, "log_age: nan"),
    ],
)
def test_bad_arguments_are_named(table, age, z, bands, message):
    with pytest.raises(InvalidInput, match=message):
        table.isochrone(age, z, bands=bands)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataFileError, match=r"nowhere\.npz"):
        StellarTable.load(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("no table")
    with pytest.raises(DataFileError, match="not a stellar table"):
        StellarTable.load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(DataFileError, match="not a stellar table"):
        StellarTable.load(tmp_path / "other.npz")
    header = np.frombuffer(b'{"format": 99}', dtype=np.uint8)
    np.savez(tmp_path / "future.npz", header=header)
    with pytest.raises(DataFileError, match="format 99"):
        StellarTable.load(tmp_path / "future.npz")
