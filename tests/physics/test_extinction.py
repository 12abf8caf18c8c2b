from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from clustercnn.errors import InvalidInput
from clustercnn.physics.isochrones import StellarTable

BANDS = ("WFC3_UVIS_F336W", "WFC3_UVIS_F438W", "WFC3_UVIS_F555W", "WFC3_UVIS_F814W")
# A_band / A_V of a 30000 K star at A_V = 1, from the data README
HOT = {
    "CCM89": (1.651, 1.355, 1.080, 0.616),
    "F99": (1.640, 1.333, 1.066, 0.569),
    "G03_LMCAvg": (1.642, 1.320, 1.073, 0.551),
    "G03_SMCBar": (1.833, 1.410, 1.094, 0.595),
}


@pytest.fixture(scope="module")
def table() -> StellarTable:
    return StellarTable.load()


def coefficients(table, law, teff, logg, mh=0.0, bands=BANDS):
    index = [table.band_index(name) for name in bands]
    return table.dust.coefficients(law, np.log10(teff), logg, mh=mh, bands=index)[0]


@pytest.mark.parametrize("law", HOT)
def test_hot_star_under_each_law(table, law):
    found = coefficients(table, law, 30000.0, 4.0).sum(axis=1)
    # three decimals of the reference; the quadratic may miss by 0.002 at A_V = 1
    np.testing.assert_allclose(found, HOT[law], atol=0.003)


def test_coefficients_of_the_shared_table(table, shared_data):
    for row in Table.read(shared_data / "extinction" / "extinction_coefficients.ecsv"):
        law = str(row["law"]).removesuffix("_RV3.1")
        if row["teff"] <= 3500:  # the reference used one library there, the table the mean of two
            continue
        c1, c2 = coefficients(table, law, row["teff"], row["logg"]).T
        error = (c1 + c2 * row["A_V"] - [row[f"A_over_AV_{name}"] for name in BANDS]) * row["A_V"]
        # F336W: its red leak adds light that the law hardly dims in 4000 K stars; 0.02 mag at A_V = 3
        assert (np.abs(error) < (0.03, 0.004, 0.004, 0.004)).all(), (law, row["teff"], row["A_V"], error)


@pytest.mark.parametrize("law", ["CCM89", "F99"])
def test_quadratic_describes_the_extinction_up_to_five_magnitudes(table, shared_data, law):
    with np.load(shared_data / "reference" / f"bc_vega_{law.lower()}.npz", allow_pickle=False) as reference:
        magnitudes = reference["mag_1lsun"].astype(np.float64)
        a_v, log_teff = reference["a_v"].astype(np.float64), reference["log_teff"]
        names = [str(name) for name in reference["bands"]]
    exact = magnitudes - magnitudes[:, :, :, :1]  # [mh, teff, logg, a_v, band]
    grid = table.dust.normal[table.laws.index(law)][..., [table.band_index(n) for n in names], :].astype(np.float64)
    fitted = grid[:, :, :, None, :, 0] * a_v[:, None] + grid[:, :, :, None, :, 1] * a_v[:, None] ** 2
    error = dict(zip(names, np.abs(fitted - exact).transpose(4, 1, 0, 2, 3), strict=True))
    # measured maxima, rounded up; c1 and c2 are stored to 1e-4 and 1e-5: at most 0.0004 mag at A_V = 5
    for name in names:
        limit = {"WFC3_UVIS_F336W": 0.06, "WFC3_UVIS_F275W": 0.2, "ACS_WFC_F435W": 0.01}.get(name, 0.004)
        assert error[name].max() < limit, name
        if name != "WFC3_UVIS_F275W":
            assert error[name][log_teff > np.log10(6000.0)].max() < 0.003, name


def test_constant_coefficients_would_be_wrong_where_the_reference_says_so(table):
    hot, cool = (coefficients(table, "CCM89", *star).sum(axis=1) for star in ((30000.0, 4.0), (3600.0, 0.0)))
    # the data README: 0.06 (F336W) and 0.04 (F438W, F814W), 0.09 (F555W) between a hot star and a 3500 K giant
    assert (hot - cool > (0.02, 0.02, 0.05, 0.02)).all()
    assert (hot - cool < (0.08, 0.06, 0.11, 0.06)).all()


def test_isochrone_magnitudes_use_each_star_s_own_extinction(table):
    isochrone = table.isochrone(7.3, 0.02, bands=BANDS, law="F99")
    expected = isochrone.mag + isochrone.extinction @ np.array([2.0, 4.0])
    np.testing.assert_allclose(isochrone.magnitudes(2.0), expected, rtol=1e-12)
    with pytest.raises(InvalidInput, match="0 to 5"):
        isochrone.magnitudes(5.5)


def test_milky_way_foreground_of_m83(table):
    # catalogue: F336W 0.361, F438W 0.290, F555W 0.229, F814W 0.133 for A_V = 0.22; 0.013 mag allows for their law
    found = coefficients(table, "CCM89", 10000.0, 4.0) @ np.array([0.22, 0.22**2])
    np.testing.assert_allclose(found, (0.361, 0.290, 0.229, 0.133), atol=0.013)


def test_unknown_law_is_named_with_its_neighbours(table):
    with pytest.raises(InvalidInput, match="did you mean CCM89"):
        table.isochrone(7.0, 0.02, bands=BANDS, law="CCM98")
