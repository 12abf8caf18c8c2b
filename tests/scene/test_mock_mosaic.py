from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS

from clustercnn.errors import InvalidInput
from clustercnn.scene import FieldSettings, check_room, fits_output, mock_mosaic, mosaic_bytes, read_mosaics, write_mock
from clustercnn.scene.mock_mosaic import place_clusters

SEED = 6


@pytest.fixture(scope="module")
def mock(survey, prior):
    field = FieldSettings(surface_brightness=(23.0, 23.0), foreground=0.0, galaxies=0.0)
    return mock_mosaic(survey, prior, size=256, clusters=12, seed=SEED, field=field)


def test_bright_clusters_are_where_the_table_says(mock, survey):
    mosaic, truth = mock
    assert mosaic.noisy
    assert (truth["snr"] > 0).all()
    bright = [row for row in truth if row["snr"] > 100]
    assert bright
    for row in bright:
        x, y = round(row["x"]), round(row["y"])
        band = int(np.argmax([row[f"snr_{b}"] for b in survey.band_names]))
        patch = mosaic.data[band, y - 12 : y + 13, x - 12 : x + 13]
        edge = np.median(np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]]))
        assert patch[9:16, 9:16].mean() > edge + 3 * mosaic.data[band].std() / 49
        core = np.clip(patch[7:18, 7:18] - edge, 0.0, None)
        steps = np.arange(-5, 6)
        centroid = np.array([(core.sum(axis=0) * steps).sum(), (core.sum(axis=1) * steps).sum()]) / core.sum()
        # light is lumpy: half of that of the one cluster here, of 4e5 Msun, lies within 3.4 pixels; its centroid
        # scatters by that over the root of its hundreds of bright giants, 0.2. Off by a pixel is seen
        assert np.abs(centroid - (row["x"] - x, row["y"] - y)).max() < 0.5


def test_truth_agrees_with_itself(mock, survey, prior):
    mosaic, truth = mock
    np.testing.assert_allclose(truth["snr"] ** 2, sum(truth[f"snr_{b}"] ** 2 for b in survey.band_names))
    ra, dec = mosaic.wcs.pixel_to_world_values(truth["x"], truth["y"])
    np.testing.assert_allclose(truth["ra"], ra)
    np.testing.assert_allclose(truth["dec"], dec)
    params = prior.sample(12, seed=SEED)
    np.testing.assert_allclose(truth["a_v"], params.a_v)
    assert (
        np.abs(truth["log_mass"] - params.log_mass).max() < 0.25
    )  # the realised mass, 3 sigma of the IMF's scatter at 300 Msun


def test_truth_holds_what_the_prior_varies(survey, prior):
    varied = replace(prior, ellipticity=(0.1, 0.5), log_mass=(2.5, 3.0))
    field = FieldSettings(surface_brightness=(25.0, 25.0), foreground=0.0, galaxies=0.0)
    truth = mock_mosaic(survey, varied, size=256, clusters=2, seed=SEED, field=field)[1]
    params = varied.sample(2, seed=SEED)
    for name in ("ellipticity", "position_angle"):
        np.testing.assert_array_equal(truth[name], getattr(params, name))
    assert truth["position_angle"].unit == "deg"
    assert "segregation" not in truth.colnames


def test_noise_is_there_once(mock, survey):
    """Differences of neighbouring pixels along the empty rim scatter as sky, light and read-out make them."""
    mosaic, _ = mock
    for k, band in enumerate(survey.bands):
        image = mosaic.data[k]
        rim = np.concatenate([image[:16], image[-16:], image[:, :16].T, image[:, -16:].T])  # clusters lie inside
        rate = max(float(np.median(rim)), 0.0)
        expected = (rate + band.sky) / band.exposure + (band.read_noise / band.exposure) ** 2
        differences = (rim[:, 1::2] - rim[:, ::2]).ravel() / np.sqrt(2 * expected)
        robust = 1.4826 * np.median(np.abs(differences))
        # of 8192 differences sigma is known to 1.17 / sqrt(8192) = 1.3 %; stars of the field add 3 % in F336W to
        # 10 % in F814W. Twice the noise's variance would make 1.41 and more
        assert 0.94 < robust < 1.2, band.name


def test_files_describe_themselves(mock, survey, tmp_path):
    mosaic, truth = mock
    paths = write_mock(tmp_path / "galaxy", mosaic, truth, survey, seed=SEED)
    assert sorted(p.name for p in paths) == [
        "m83_f336w_drc.fits",
        "m83_f438w_drc.fits",
        "m83_f814w_drc.fits",
        "truth.ecsv",
    ]
    assert sorted(p.name for p in (tmp_path / "galaxy").iterdir()) == sorted(p.name for p in paths)
    assert [p.name for p in tmp_path.iterdir()] == ["galaxy"]
    again = read_mosaics(dict(zip(survey.band_names, paths, strict=False)), survey)
    np.testing.assert_allclose(again.data, mosaic.data, rtol=2e-6)  # float32 twice
    header = fits.getheader(paths[0])
    assert header["SEED"] == SEED
    assert header["NCLUSTER"] == 12
    assert header["ORIGIN"].startswith("clustercnn ")
    wcs = WCS(fits.getheader(paths[0], "SCI"))
    middle = wcs.pixel_to_world(127.5, 127.5)
    assert middle.to_string("hmsdms", precision=0) == "13h37m01s -29d51m57s"
    table = QTable.read(paths[-1])
    assert len(table) == 12
    assert str(table["ra"].unit) == "deg"
    assert str(table["log_age"].unit) == "dex(yr)"
    np.testing.assert_allclose(table["x"].value, truth["x"])


def test_a_failure_leaves_nothing(mock, survey, tmp_path, monkeypatch):
    mosaic, truth = mock

    def fail(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(type(truth), "write", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        fits_output.write_mock(tmp_path / "galaxy", mosaic, truth, survey, seed=SEED)
    assert list(tmp_path.iterdir()) == []


def test_places_keep_their_distance():
    x, y = place_clusters(np.random.default_rng(1), 200, size=1024, separation=40.0, margin=32.0)
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    assert distance.min() >= 40
    assert min(x.min(), y.min()) >= 32
    assert max(x.max(), y.max()) <= 1023 - 32


def test_no_room_is_an_error():
    with pytest.raises(
        InvalidInput,
        match=r"mosaic.clusters: 2000 clusters 40 pixels apart fill .* of 1024 x 1024 pixels; up to 50% is",
    ):
        place_clusters(np.random.default_rng(1), 2000, size=1024, separation=40.0, margin=32.0)
    with pytest.raises(InvalidInput, match=r"mosaic.clusters, mosaic.separation: 2, -1.0; values >= 0"):
        place_clusters(np.random.default_rng(1), 2, size=1024, separation=-1.0, margin=32.0)


def test_small_mosaics_are_refused(survey, prior):
    with pytest.raises(InvalidInput, match=r"mosaic\.size: 128; at least 256"):
        mock_mosaic(survey, prior, size=128, clusters=1, seed=1)


def test_huge_mosaics_are_refused():
    with pytest.raises(InvalidInput, match=r"mosaic\.size: 70000; at least 256 and at most 65536"):
        check_room(0, size=70000, separation=40.0)


def test_the_size_of_the_files_is_known(mock, survey, tmp_path):
    mosaic, truth = mock
    paths = write_mock(tmp_path / "galaxy", mosaic, truth, survey, seed=SEED)
    written = sum(path.stat().st_size for path in paths[:-1])
    known = mosaic_bytes(3, (256, 256))
    assert written <= known < 1.2 * written  # headers may be longer than these


def test_files_follow_the_standard(mock, survey, tmp_path):
    mosaic, truth = mock
    for path in write_mock(tmp_path / "galaxy", mosaic, truth, survey, seed=SEED)[:-1]:
        with fits.open(path) as hdus:
            hdus.verify("exception")
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "WHT"]
            assert hdus[1].data.dtype == np.dtype(">f4")
        assert path.stat().st_size % 2880 == 0


def test_invalid_pixels_are_nan_of_no_weight(mock, survey, tmp_path):
    valid = np.ones((256, 256), bool)
    valid[10:20, 30:40] = False
    (path, *_) = fits_output.write_mosaics(tmp_path, replace(mock[0], valid=valid), survey).values()
    np.testing.assert_array_equal(np.isnan(fits.getdata(path, "SCI")), ~valid)
    np.testing.assert_array_equal(fits.getdata(path, "WHT") > 0, valid)
