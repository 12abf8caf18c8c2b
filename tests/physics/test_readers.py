from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics.imf import Imf
from clustercnn.physics.isochrones import StellarTable

PARSEC = "samples/parsec_cmd33_ubvrijhk_z0.0155.dat"
MIST = "samples/mist_v12_panstarrs_feh-1.35_12gyr.iso.cmd"
JOHNSON = {"Bessell_V": "Vmag", "Bessell_I": "Imag"}


def test_parsec_web_output(shared_data):
    table = StellarTable.from_file(shared_data / PARSEC, JOHNSON)
    np.testing.assert_allclose(table.z, [0.0155])
    np.testing.assert_allclose(table.log_ages(0.0155), np.arange(7.0, 10.1, 0.5))
    assert table.bands == ("Bessell_V", "Bessell_I")
    isochrone = table.isochrone(7.1, 0.0155, bands=("Bessell_I", "Bessell_V"))  # nearest: 7.0
    # the file's first row of log age 7: 0.09 Msun, V 14.295, I 10.368
    assert isochrone.m_ini[0] == pytest.approx(0.09, abs=1e-8)
    np.testing.assert_allclose(isochrone.mag[0], [10.368, 14.295])
    assert (np.diff(isochrone.m_ini) > 0.0).all()
    assert isochrone.extinction.shape == (isochrone.m_ini.size, 2, 2)
    assert 0.8 < isochrone.extinction[-1, 1, 0] < 1.2  # V through the V band


def test_parsec_populations_resemble_the_shipped_table(shared_data):
    imf = Imf.by_name("kroupa", 0.1, 100.0)
    user = StellarTable.from_file(shared_data / PARSEC, JOHNSON)
    shipped = StellarTable.load()
    for age in (8.0, 8.5, 9.0, 9.5, 10.0):
        a, b = (t.isochrone(age, 0.0155, bands=tuple(JOHNSON)).integrated_magnitude(imf) for t in (user, shipped))
        # their bolometric corrections (YBC) differ by 0.045 in V, 0.06 in I plus 0.03 of Vega; Z 0.0155 against 0.017;
        # and they have no thermally pulsing AGB: 0.05 in I
        np.testing.assert_allclose(a, b, atol=0.13)


def test_mist(shared_data):
    # Pan-STARRS r stands in for a band of ours; the file is in AB magnitudes
    table = StellarTable.from_file(shared_data / MIST, {"ACS_WFC_F606W": "PS_r"})
    assert table.z[0] == pytest.approx(6.64289e-4)
    (age,) = table.log_ages(table.z[0])
    assert age == pytest.approx(np.log10(1.2e10), abs=1e-5)  # ages are matched to five decimals
    isochrone = table.isochrone(age, table.z[0], bands=("ACS_WFC_F606W",))
    ab_minus_vega = StellarTable.load().provenance["ab_minus_vega"]["ACS_WFC_F606W"]
    assert isochrone.mag[0, 0] == pytest.approx(12.396160 - ab_minus_vega)
    assert isochrone.log_teff[0] == pytest.approx(3.5403398)
    assert isochrone.logg[0] == pytest.approx(5.3213759, abs=0.003)  # PARSEC's constants against MESA's


def test_mist_ages_are_joined_by_eep(shared_data, tmp_path):
    lines = (shared_data / MIST).read_text().splitlines()
    header, rows = lines[:13], [line.split() for line in lines[13:] if line.strip()]
    header[-1] = header[-1].replace("isochrone_age_yr", "log10_isochrone_age_yr")
    blocks = []
    for log_age, shift in ((10.0, 0.0), (10.1, 0.2)):
        own = [[row[0], str(log_age), *row[2:10], f"{float(row[10]) + shift}", *row[11:]] for row in rows]
        blocks += [*header, *(" ".join(row) for row in own)]
    path = tmp_path / "two.iso.cmd"
    path.write_text("\n".join(blocks))
    table = StellarTable.from_file(path, {"ACS_WFC_F606W": "PS_r"})
    first, middle = (table.isochrone(age, table.z[0], bands=table.bands) for age in (10.0, 10.05))
    np.testing.assert_allclose(middle.m_ini, first.m_ini)
    np.testing.assert_allclose(middle.mag, first.mag + 0.1, atol=1e-6)


def test_several_metallicities_in_one_file(shared_data, tmp_path):
    path = tmp_path / "both.dat"
    other = shared_data / "samples" / "parsec_cmd33_ubvrijhk_z0.0300.dat"
    path.write_text((shared_data / PARSEC).read_text() + other.read_text())
    table = StellarTable.from_file(path, JOHNSON)
    np.testing.assert_allclose(table.z, [0.0155, 0.03])
    assert table.isochrone(8.0, 0.029, bands=("Bessell_V",)).z == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        ({"Bessell_V": "V"}, "did you mean Vmag"),
        ({"Bessel_V": "Vmag"}, "did you mean Bessell_V"),
        ({}, "at least one"),
    ],
)
def test_wrong_bands_are_named(shared_data, bands, message):
    with pytest.raises(InvalidInput, match=message):
        StellarTable.from_file(shared_data / PARSEC, bands)


def test_broken_files_are_named_with_the_line(shared_data, tmp_path):
    lines = (shared_data / PARSEC).read_text().splitlines()[:40]
    path = tmp_path / "broken.dat"

    def refused(changed, message):
        path.write_text("\n".join(changed))
        with pytest.raises(DataFileError, match=message):
            StellarTable.from_file(path, JOHNSON)

    refused([*lines[:20], lines[20][:60], *lines[21:]], r"broken\.dat, line 21: .* expected 19")
    refused([*lines[:20], lines[20].replace("0.0155", "o.0155"), *lines[21:]], r"line 21: .*expected numbers")
    refused(lines[15:], "line 1: numbers before any line of column names")
    refused([line.replace("logTe", "Teff") for line in lines], r"line 12: no column 'logTe'")
    refused(lines[:12], "no isochrones")
    with pytest.raises(DataFileError, match="nowhere"):
        StellarTable.from_file(tmp_path / "nowhere.dat", JOHNSON)


def test_magnitudes_with_extinction_are_refused(shared_data, tmp_path):
    path = tmp_path / "dusty.iso.cmd"
    path.write_text((shared_data / MIST).read_text().replace("Av =  0.000", "Av =  1.000"))
    with pytest.raises(DataFileError, match=r"Av = 1\.000"):
        StellarTable.from_file(path, {"ACS_WFC_F606W": "PS_r"})
