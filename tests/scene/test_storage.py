from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics import Prior, Survey
from clustercnn.scene import Scenes, read_stamps, write_stamps


@pytest.fixture
def scenes(survey, prior, renderer, flat) -> Scenes:
    return Scenes(survey, prior, renderer, mosaics=[flat])


def test_stamps_come_back(scenes, tmp_path):
    path = tmp_path / "mocks.h5"
    seen = []
    write_stamps(path, scenes, 11, seed=4, chunk=4, progress=seen.append)
    assert seen == [4, 4, 3]
    stamps, batch = read_stamps(path), scenes.batch(0, 11, seed=4)
    for name in ("images", "present", "labels", "log_snr"):
        np.testing.assert_array_equal(getattr(stamps.batch, name), getattr(batch, name))
    assert stamps.bands == scenes.bands
    assert stamps.seed == 4
    assert Survey.from_dict(stamps.survey).to_dict() == scenes.survey.to_dict()
    assert Prior.from_dict(stamps.prior) == scenes.prior
    there = batch.present > 0
    params = scenes.prior.sample_at(np.arange(11), seed=4, size=32)
    np.testing.assert_allclose(stamps.truth["gamma"][there], params.gamma[there], rtol=1e-6)
    assert np.isnan(stamps.truth["x"][~there]).all()
    part = read_stamps(path, first=3, n=2)
    np.testing.assert_array_equal(part.batch.images, batch.images[3:5])


def test_what_the_prior_varies_is_stored(survey, prior, renderer, flat, tmp_path):
    varied = replace(prior, ellipticity=(0.1, 0.5), binary_fraction=(0.2, 0.9))
    scenes = Scenes(survey, varied, renderer, mosaics=[flat])
    path = write_stamps(tmp_path / "mocks.h5", scenes, 8, seed=4)
    stamps = read_stamps(path)
    assert Prior.from_dict(stamps.prior) == varied
    there = stamps.batch.present > 0
    params = varied.sample_at(np.arange(8), seed=4, size=32)
    for name in ("ellipticity", "position_angle", "binary_fraction"):
        np.testing.assert_allclose(stamps.truth[name][there], getattr(params, name)[there], rtol=1e-6)
        assert np.isnan(stamps.truth[name][~there]).all()
    assert "segregation" not in stamps.truth
    with h5py.File(path) as file:
        assert file["truth/position_angle"].attrs["unit"] == "deg"


def test_columns_say_their_units(scenes, tmp_path):
    path = write_stamps(tmp_path / "mocks.hdf5", scenes, 2, seed=4)
    with h5py.File(path) as file:
        assert file["images"].attrs["unit"] == "electron / s"
        units = {name: file[f"truth/{name}"].attrs["unit"] for name in file["truth"]}
        assert units["log_age"] == "dex(yr)"
        assert units["a_v"] == "mag"
        assert units["log_rh"] == "dex(arcsec)"
        assert file.attrs["pixel_scale_arcsec"] == 0.04


def test_a_failure_leaves_nothing(scenes, tmp_path, monkeypatch):
    def fail(first, n, *, seed, out=None):
        if first:
            raise RuntimeError("power cut")
        return Scenes.batch(scenes, first, n, seed=seed, out=out)

    monkeypatch.setattr(scenes, "batch", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        write_stamps(tmp_path / "mocks.h5", scenes, 8, seed=4, chunk=4)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_what_was_there(scenes, tmp_path, monkeypatch):
    path = write_stamps(tmp_path / "mocks.h5", scenes, 2, seed=4)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise RuntimeError("power cut")

    monkeypatch.setattr(scenes, "batch", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        write_stamps(path, scenes, 2, seed=5, overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_bad_requests_are_refused(scenes, tmp_path):
    with pytest.raises(InvalidInput, match=r"out: .*mocks.fits' ends in '.fits'; .h5 or .hdf5 is allowed"):
        write_stamps(tmp_path / "mocks.fits", scenes, 2, seed=4)
    with pytest.raises(InvalidInput, match="n: 0; 1 or more"):
        write_stamps(tmp_path / "mocks.h5", scenes, 0, seed=4)
    path = write_stamps(tmp_path / "mocks.h5", scenes, 2, seed=4)
    with pytest.raises(InvalidInput, match=r"mocks.h5' exists; choose another name, or overwrite=true"):
        write_stamps(path, scenes, 2, seed=4)
    with pytest.raises(InvalidInput, match="first, n: 1, 5; the file holds 2 samples"):
        read_stamps(path, first=1, n=5)


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(DataFileError, match=r"none.h5: no such file"):
        read_stamps(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("hello")
    with pytest.raises(DataFileError, match=r"text.h5: not a readable HDF5 file"):
        read_stamps(text)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(DataFileError, match=r"other.h5: format None; 'clustercnn stamps 1' was expected"):
        read_stamps(other)
