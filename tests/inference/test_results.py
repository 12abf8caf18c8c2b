from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table

from clustercnn.errors import InvalidInput
from clustercnn.inference import Catalogue, flag_bit, results_table, write_table
from clustercnn.inference.results import check_samples, posterior_flags, remarks, table_meta
from clustercnn.labels import LABEL_NAMES

BOUNDS = np.array([[6.0, 10.0], [2.0, 6.0], [0.0, 4.0], [-2.0, 2.0]])


@pytest.fixture
def table(predictor):
    images = np.full((3, 2, 16, 16), 10.0, np.float32)
    answer = predictor.predict(images, samples=7)
    flags = np.array([0, flag_bit("OUTSIDE_IMAGE"), flag_bit("LOW_SNR")], np.int32)
    where = Catalogue(np.array(["a", "b", "c"]), np.arange(3.0), np.arange(3.0), np.full(3, 204.0), np.full(3, -29.0))
    return results_table(
        where, answer, flags, meta=table_meta(predictor.artefact, images={"A": "/data/a.fits"}, seed=3)
    )


def test_columns(table):
    first = ["id", "ra", "dec", "x", "y", "presence", "snr"]
    labels = [f"{name}{end}" for name in LABEL_NAMES for end in ("", "_q16", "_q84")]
    covariances = [f"cov_{b}_{a}" for i, a in enumerate(LABEL_NAMES) for b in LABEL_NAMES[: i + 1]]
    assert table.colnames == [*first, *labels, *covariances, "flags", "samples"]
    assert table["log_age"].unit == u.Unit("dex(yr)")
    assert table["a_v"].unit == u.mag
    assert table["snr"][0] == pytest.approx(10.0)
    assert table["samples"].shape == (3, 7, 4)


def test_rows_without_values_hold_nan(table):
    assert np.isnan([table[name][1] for name in ("presence", "snr", "a_v", "cov_log_age_a_v")]).all()
    assert np.isnan(table["samples"][1]).all()
    assert table["x"][1] == 1.0
    assert np.isfinite(table["a_v"][[0, 2]]).all()


@pytest.mark.parametrize("name", ["a.ecsv", "a.fits", "a.h5"])
def test_files_read_back(table, tmp_path, name):
    if name == "a.ecsv":
        table.remove_column("samples")
    write_table(table, tmp_path / name)
    again = Table.read(tmp_path / name) if name != "a.h5" else Table.read(tmp_path / name, path="results")
    assert again.colnames == table.colnames
    for column in table.colnames[1:]:
        np.testing.assert_array_equal(np.ma.filled(again[column], np.nan), table[column])
    assert again["ra"].unit == u.deg
    assert "10.1051" in str(again.meta) or "A148" in str(again.meta)
    assert "LOW_SNR" in str(again.meta)
    assert "0.0.test" in str(again.meta)
    assert "/data" not in str(again.meta)
    assert list(tmp_path.glob(".*part*")) == []


@pytest.mark.parametrize("name", ["a.fits", "a.h5"])
def test_names_of_any_letters(table, tmp_path, name):
    table["id"] = ["α1", "b", "ć"]
    table.meta["images"] = {"A": "größe.fits"}
    write_table(table, tmp_path / name)
    again = Table.read(tmp_path / name, **({} if name == "a.fits" else {"path": "results"}))
    again.convert_bytestring_to_unicode()
    expected = [r"\u03b11", "b", r"\u0107"] if name == "a.fits" else ["α1", "b", "ć"]  # FITS has ASCII only
    assert again["id"].tolist() == expected


def test_ecsv_is_a_table_of_quantities(table, tmp_path):
    table.remove_column("samples")
    write_table(table, tmp_path / "a.ecsv")
    row = QTable.read(tmp_path / "a.ecsv")[0]
    # a logarithm below 16 rounds by 5e-7 in single precision, times ln 10, on both sides
    assert row["log_age"].physical.to_value(u.Myr) == pytest.approx(10 ** (row["log_age"].value - 6), rel=2.4e-6)


def test_flags_of_answers(predictor):
    images = np.zeros((3, 2, 16, 16), np.float32)
    images[:, 0, 6:10, 6:10] = np.array([10.0, 2.0, -190.0])[:, None, None]
    answer = predictor.predict(images)
    flags = posterior_flags(answer, BOUNDS)
    low = flag_bit("LOW_SNR") | flag_bit("LOW_PRESENCE")
    # the third sits 0.1 above the low end of every label, where q16 = low
    assert flags.tolist() == [0, low, low | flag_bit("NEAR_PRIOR_EDGE")]
    wide = np.stack([BOUNDS[:, 0] - 10, BOUNDS[:, 1] + 10], axis=1)
    assert posterior_flags(answer, wide).tolist() == [0, low, low]


def test_remarks_count_what_needs_a_look():
    few, unlike = flag_bit("FEW_DRAWS"), flag_bit("UNLIKE_REDRAWS")
    assert remarks(np.array([0, flag_bit("EDGE")], np.int32)) == ""
    assert remarks(np.array([few, few | unlike, 0], np.int32)) == (
        "; 2 of them rest on fewer than 100 effective draws, raise draws"
        "; 1 of them do not look like clusters drawn from their posteriors, see ppp"
    )
    lost = np.array([flag_bit("NO_POSITION"), flag_bit("OUTSIDE_IMAGE"), flag_bit("OUTSIDE_IMAGE")], np.int32)
    assert remarks(lost) == "; 1 of them have no position; 2 of them lie outside the image"


def test_samples_need_a_binary_table(tmp_path):
    check_samples(tmp_path / "a.fits", 100)
    check_samples(tmp_path / "a.ecsv", 0)
    with pytest.raises(
        InvalidInput, match=r"samples: 5 per row do not fit a text table; give out a name ending in .fits or .h5"
    ):
        check_samples(tmp_path / "a.ecsv", 5)
    with pytest.raises(InvalidInput, match="samples: -1; 0 or more"):
        check_samples(tmp_path / "a.h5", -1)
