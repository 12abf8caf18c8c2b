"""The shipped table is what its builder makes of the documented inputs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from clustercnn.physics.imf import Imf
from clustercnn.physics.interpolation import BY_EEP, Knot
from clustercnn.physics.isochrones import TABLE_FORMAT, StellarTable
from clustercnn.physics.tables import build, tracks


def shipped_path():
    return resources.files("clustercnn.physics.tables") / "stellar.npz"


def test_provenance(shared_data):
    table = StellarTable.load()
    header = table.provenance
    assert header["format"] == TABLE_FORMAT
    assert header["builder_version"] == build.BUILDER_VERSION
    assert table.sha256 == hashlib.sha256(shipped_path().read_bytes()).hexdigest()
    assert len(header["inputs_sha256"]) == 15 + 1 + 7 + 2 * 5  # bands, Vega, spectra, isochrones and tracks
    for name, digest in header["inputs_sha256"].items():
        assert hashlib.sha256((shared_data / name).read_bytes()).hexdigest() == digest, name
    assert any("Bressan" in text for text in header["citations"])
    np.testing.assert_allclose(table.z, [0.014, 0.017, 0.02, 0.03, 0.04])


def test_table_is_small():
    assert len(shipped_path().read_bytes()) < 6_000_000


@pytest.mark.slow
def test_builder_reproduces_the_shipped_table(shared_data, tmp_path):
    out = tmp_path / "again.npz"
    assert build.main(["--inputs", str(shared_data), "--out", str(out)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["again.npz"]  # nothing else is left
    with np.load(out, allow_pickle=False) as again, np.load(str(shipped_path()), allow_pickle=False) as shipped:
        assert again.files == shipped.files
        for name in shipped.files:
            a, b = again[name], shipped[name]
            assert a.shape == b.shape, name
            assert a.dtype == b.dtype, name
            # another machine's linear algebra may round the last digit that is kept the other way: one unit
            step = 1.1e-5 if a.dtype.kind == "f" else 1.0
            assert np.abs(a.astype(np.float64) - b.astype(np.float64)).max() <= step * max(1.0, np.abs(b[:1]).max()), (
                name
            )


def test_missing_inputs_are_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        build.main(["--inputs", str(tmp_path), "--out", str(tmp_path / "x.npz")])
    assert stopped.value.code == 2
    assert "alpha_lyr_stis_005.ecsv" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_false_evolved_branch_is_cut(shared_data):
    native = tracks.NativeSet.read(shared_data / "isochrones" / "parsec_v12s_z0.0400.npz")
    points = native.isochrone(6.2)
    assert points.m_ini[-1] == pytest.approx(120.0)
    # a 120 Msun star of 1.6 Myr is a main-sequence star; the false branch is at 150.00 Msun
    assert 4.3 < points.log_teff[-1] < 4.8


def test_thinning_costs_nothing(shared_data):
    table = StellarTable.load()
    bands = [f"WFC3_UVIS_{name}" for name in ("F336W", "F438W", "F814W")]
    native = tracks.NativeSet.read(shared_data / "isochrones" / "parsec_v12s_z0.0200.npz")
    grid = tracks.TrackSet.read(shared_data / "tracks" / "parsec_v12s_eep_z0.0200.npz")
    imf = Imf.by_name("kroupa", 0.1, 100.0)

    def light(age, *, thin):
        knot = Knot(age, BY_EEP, tracks.derived(grid, native, age, thin=thin))
        alone = replace(table, knots=tuple((knot,) for _ in table.z))
        return alone.isochrone(age, 0.02, bands=bands).integrated_magnitude(imf)

    for age in (7.25, 7.6, 8.0, 8.5, 9.0):
        # measured over all ages and Z from 7.2 up: 0.0007 in the blue bands; 0.004 in F814W, where the choice of the
        # first carbon star moves by one point
        assert (np.abs(light(age, thin=True) - light(age, thin=False)) < (0.001, 0.001, 0.005)).all(), age
