"""Surveys and priors: loading, copies, and what they refuse."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import yaml

import clustercnn as cc
from clustercnn.errors import DataFileError, InvalidInput


@pytest.fixture
def m83():
    return copy.deepcopy(cc.Survey.load("m83").to_dict())


def test_m83(m83):
    survey = cc.Survey.load("m83")
    assert survey.band_names == ("F336W", "F438W", "F814W")
    assert cc.Survey.from_dict(m83).to_dict() == m83
    yaml.safe_dump(m83)  # plain enough to be written
    # zero points of the stellar table: 23.458, 24.981, 24.668 by independent integration, to their rounding
    np.testing.assert_allclose([b.zero_point for b in survey.bands], [23.458, 24.981, 24.668], atol=0.01)


def test_from_a_file(tmp_path, m83):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(m83 | {"name": "mine"}))
    assert cc.Survey.load(path).name == "mine"
    path.write_text("just text")
    with pytest.raises(DataFileError, match=r"mine\.yaml: holds str"):
        cc.Survey.load(path)
    path.write_text("a: [")
    with pytest.raises(DataFileError, match=r"mine\.yaml: cannot be read as YAML"):
        cc.Survey.load(path)
    with pytest.raises(InvalidInput, match="survey 'm38' is unknown; did you mean 'm83'"):
        cc.Survey.load("m38")


def johnson(given, path):
    """A survey of two bands with the user's own isochrones."""
    band = given["bands"]["F814W"] | {"zero_point": 25.0, "a_milky_way": 0.0}
    given["bands"] = {name: band | {"filter": f"Bessell_{name}"} for name in "VI"}
    columns = {"Bessell_V": "Vmag", "Bessell_I": "Imag"}
    return given | {"metallicity": [0.03, 0.03], "isochrones": {"path": str(path), "columns": columns}}


def test_isochrones_of_the_users_own(m83, shared_data):
    """The stars drawn are those of the file: magnitudes of its rows, read here by NumPy."""
    path = shared_data / "samples" / "parsec_cmd33_ubvrijhk_z0.0300.dat"
    survey = cc.Survey.from_dict(johnson(m83, path))
    assert cc.Survey.from_dict(survey.to_dict()).table is survey.table
    params = cc.ClusterParams(log_age=7.0, log_mass=4.0, a_v=0.0, log_rh=-1.0)
    stars = cc.Renderer(survey, size=64).stars(params, index=0, seed=1)
    rows = np.loadtxt(path)
    rows = rows[(rows[:, 2] == 7.0) & (rows[:, 9] <= 1)]  # labels 0 and 1: until the end of the main sequence
    mass = stars["mass"].to_value("Msun")
    known = (mass > rows[0, 3]) & (mass < rows[-1, 3])
    assert known.sum() > 1000
    for band, column in (("V", 13), ("I", 15)):
        flux = stars[f"flux_{band}"].value[known]
        expected = 10 ** (-0.4 * (np.interp(mass[known], rows[:, 3], rows[:, column]) + m83["distance_modulus"] - 25.0))
        # flux is linear between the renderer's knots, magnitudes between the file's rows, which lie up to 0.3 mag
        # apart: chords differ by (0.3 ln(10) / 2.5)^2 / 8 = 1 %
        np.testing.assert_allclose(flux, expected, rtol=0.01)


def test_columns_for_all_bands(m83, tmp_path):
    given = johnson(m83, tmp_path / "none.dat")
    survey = cc.Survey.from_dict(given)  # a network's own survey is known where its files are not
    with pytest.raises(DataFileError, match=r"none\.dat"):
        _ = survey.table
    del given["isochrones"]["columns"]["Bessell_I"]
    with pytest.raises(InvalidInput, match=r"survey: isochrones\.columns: Bessell_I missing"):
        cc.Survey.from_dict(given)


def test_other_psfs_make_a_copy():
    survey = cc.Survey.load("m83")
    kernel = cc.Psf(np.outer(np.hanning(41), np.hanning(41)), 4)
    other = survey.with_psfs({"F814W": kernel})
    assert other.psf("F814W") is kernel
    assert survey.psf("F814W") is not kernel
    with pytest.raises(InvalidInput, match="band 'F841W' is unknown; did you mean 'F814W'"):
        survey.with_psfs({"F841W": kernel})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("pixel_scale"), "pixel_scale missing"),
        (lambda d: d.update(pixelscale=1), "entry 'pixelscale' is unknown; did you mean 'pixel_scale'"),
        (lambda d: d.update(bands={}), "bands is empty"),
        (lambda d: d["bands"]["F336W"].update(filter="WFC3_UVIS_F363W"), "did you mean 'WFC3_UVIS_F336W'"),
        (lambda d: d["bands"]["F336W"].update(exposure=0), r"bands\.F336W\.exposure: 0; a number > 0"),
        (lambda d: d["bands"]["F336W"].update(read_noise="low"), r"bands\.F336W\.read_noise: 'low'"),
        (lambda d: d["bands"]["F336W"].pop("sky"), r"bands\.F336W: sky missing"),
        (lambda d: d.update(pixel_scale=-0.04), r"pixel_scale \(arcsec\): -0.04; a number > 0"),
        (lambda d: d.update(pixel_scale="fine"), r"pixel_scale \(arcsec\): 'fine'; a number > 0"),
        (lambda d: d.update(distance_modulus=float("nan")), "distance_modulus: nan; a number"),
        (lambda d: d.update(metallicity=0.02), r"metallicity: 0.02; \[low, high\]"),
        (lambda d: d.update(metallicity=[0.04, 0.02]), r"metallicity: \[0.04, 0.02\]; \[low, high\] with low <= high"),
        (lambda d: d.update(imf="kroupa"), "imf: 'kroupa'; a mapping"),
        (lambda d: d.update(imf={"name": "kroupa", "min": 0.1}), "imf: entry 'min' is unknown"),
        (lambda d: d.update(bands=["F336W"]), r"bands: \['F336W'\]; a mapping"),
        (lambda d: d["bands"].update(F336W=None), r"bands\.F336W: None; a mapping"),
        (lambda d: d["bands"]["F336W"].update(exposure=float("inf")), r"bands\.F336W\.exposure: inf; a number > 0"),
        (lambda d: d["bands"]["F336W"].update(zero_point="abc"), r"bands\.F336W\.zero_point: 'abc'; a number"),
        (lambda d: d["bands"]["F336W"].update(psf="kernel.fits"), r"bands\.F336W\.psf: 'kernel\.fits'; a mapping"),
        (
            lambda d: d["bands"]["F336W"].update(filter="Bessell_V", zero_point=None),
            r"bands\.F336W\.zero_point: none; Bessell_V, which belongs to no camera, needs one",
        ),
    ],
)
def test_surveys_refused(m83, change, message):
    change(m83)
    with pytest.raises(InvalidInput, match=message):
        cc.Survey.from_dict(m83)


def test_psf_entries_are_checked(m83):
    m83["bands"]["F336W"]["psf"] = {"wavelenght": 3354.8, "bandwidth": 511.0}
    with pytest.raises(InvalidInput, match="entry 'wavelenght' is unknown; did you mean 'wavelength'"):
        cc.Survey.from_dict(m83).psf("F336W")


@pytest.mark.parametrize(
    ("psf", "message"),
    [
        ({"wavelength": 3354.8}, r"bands\.F336W\.psf: bandwidth missing"),
        ({"wavelength": 3354.8, "bandwidth": 511.0, "pixel_scale": 0.1}, "entry 'pixel_scale' is unknown"),
        ({"wavelength": 3354.8, "bandwidth": 511.0, "blur": -1}, r"bands\.F336W\.psf: blur: -1; a number >= 0"),
        ({"path": "none.fits", "oversample": 4}, "none.fits: cannot be read as FITS"),
    ],
)
def test_psfs_refused(m83, psf, message):
    m83["bands"]["F336W"]["psf"] = psf
    with pytest.raises((InvalidInput, DataFileError), match=message):
        cc.Survey.from_dict(m83).psf("F336W")


def test_a_stdpsf_in_a_survey(m83, shared_data):
    """Its kernels are the band's library; bands with a single kernel have it in every place."""
    path = shared_data / "samples" / "stdpsf_wfc3uv_f814w.fits"
    m83["bands"]["F814W"]["psf"] = {"path": str(path)}
    survey = cc.Survey.from_dict(m83)
    assert survey.psf_count == 56
    assert survey.psf("F814W", 1) is not survey.psf("F814W", 0)
    assert survey.psf("F336W", 1) is survey.psf("F336W", 0)


def test_numbers_may_come_as_text(m83):
    """YAML 1.1 reads 1e-8 as a text."""
    m83["bands"]["F336W"]["psf"] |= {"defocus": "1e-8"}
    assert cc.Survey.from_dict(m83).psf("F336W").image.max() > 0
    m83["bands"]["F336W"]["exposure"] = "1e3"
    assert cc.Survey.from_dict(m83).band("F336W").exposure == 1000.0


def test_lists_within_an_entry_are_a_library(m83):
    given = m83["bands"]["F336W"]["psf"]
    m83["bands"]["F336W"]["psf"] = given | {"defocus": [0.0, 3e-8], "blur": [0.016, 0.02]}
    survey = cc.Survey.from_dict(m83)
    assert survey.psf_count == 2
    assert survey.psf("F336W", 1).image.max() < survey.psf("F336W", 0).image.max()
    assert cc.Survey.from_dict(survey.to_dict()).to_dict() == survey.to_dict()
    m83["bands"]["F336W"]["psf"]["blur"] = [0.016]
    with pytest.raises(InvalidInput, match=r"bands\.F336W\.psf: .*; lists of one length, or single values"):
        cc.Survey.from_dict(m83).psf("F336W")


def test_prior_samples_are_uniform_and_independent_of_batching():
    prior = cc.Prior.load("m83")
    whole = prior.sample(4000, seed=5, size=64)
    part = prior.sample(100, seed=5, first=2000, size=64)
    np.testing.assert_array_equal(part.labels(), whole.labels()[2000:2100])
    np.testing.assert_array_equal(part.x, whole.x[2000:2100])
    for name, (low, high) in zip(cc.LABEL_NAMES, prior.bounds, strict=True):
        values = getattr(whole, name)
        assert low <= values.min()
        assert values.max() <= high
        # mean of 4000 uniforms: standard error (high - low) / sqrt(12 * 4000); five of them
        assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * 4000)
    assert np.abs(np.corrcoef(whole.labels().T) - np.eye(4)).max() < 5 / np.sqrt(4000)
    assert np.abs(whole.x - 31.5).max() <= prior.offset
    assert not np.array_equal(prior.sample(10, seed=6).log_age, whole.log_age[:10])


VARIETY = {
    "binary_fraction": [0.2, 0.8],
    "ellipticity": [0.0, 0.4],
    "segregation": [0.1, 0.1],
    "a_v_scatter": [0.0, 0.5],
}


def test_prior_of_varied_clusters():
    plain = cc.Prior.load("m83")
    assert plain.variety == {}
    assert plain.sample(3, seed=5).ellipticity is None
    prior = cc.Prior.from_dict(plain.to_dict() | VARIETY)
    assert cc.Prior.from_dict(prior.to_dict()) == prior
    one, other = plain.sample(2000, seed=5, size=64), prior.sample(2000, seed=5, size=64)
    for name in (*cc.LABEL_NAMES, "gamma", "metallicity", "x", "y"):
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name))
    ranges = VARIETY | {"position_angle": [0.0, 180.0]}  # of ellipses, any
    for name, (low, high) in ranges.items():
        values = getattr(other, name)
        assert low <= values.min() <= values.max() <= high
        # mean of 2000 uniforms: standard error (high - low) / sqrt(12 * 2000); five of them, and rounding
        assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * 2000) + 1e-12
    # each has numbers of its own, which do not depend on what else is varied
    columns = np.stack([one.log_age, one.y, *(getattr(other, n) for n in ranges if n != "segregation")])
    assert np.abs(np.corrcoef(columns) - np.eye(len(columns))).max() < 5 / np.sqrt(2000)
    alone = cc.Prior.from_dict(plain.to_dict() | {"a_v_scatter": VARIETY["a_v_scatter"]}).sample(2000, seed=5)
    np.testing.assert_array_equal(alone.a_v_scatter, other.a_v_scatter)
    assert alone.ellipticity is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_age": [5.0, 9.0]}, r"prior: log_age: \[5.0, 9.0\] is outside the stellar table; 6"),
        ({"metallicity": [0.001, 0.02]}, r"prior: metallicity: \[0.001, 0.02\] is outside"),
    ],
)
def test_priors_of_stars_that_a_survey_has_not(change, message):
    prior = cc.Prior.from_dict(cc.Prior.load("m83").to_dict() | change)
    with pytest.raises(InvalidInput, match=message):
        prior.check(cc.Survey.load("m83").table)


def test_prior_entropy():
    prior = cc.Prior.load("m83")
    assert prior.entropy == pytest.approx(np.log(np.prod(np.diff(prior.bounds, axis=1))))
    assert cc.Prior.from_dict(prior.to_dict()) == prior


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a_v": [0.0, 9.0]}, "prior: a_v"),
        ({"log_mass": [5.0, 4.0]}, "prior: log_mass"),
        ({"log_mass": [300, 500000]}, r"prior: log_mass: \[300.0, 500000.0\]; -3 to 8, a logarithm, is allowed"),
        ({"ellipticity": 0.3}, r"prior: ellipticity: 0.3; \[low, high\]"),
        ({"zero_point": None}, r"prior: zero_point \(mag\): None; 0 to 1 is allowed"),
        ({"gamma": [1.9, 3.0]}, "prior: gamma"),
        ({"offset": -1.0}, "prior: offset"),
        ({"binary_fraction": [0.5, 1.5]}, r"prior: binary_fraction: \[0.5, 1.5\]; 0 to 1 is allowed"),
        ({"ellipticity": [0.4, 0.1]}, r"prior: ellipticity: \[0.4, 0.1\]; \[low, high\] with low <= high"),
        ({"a_v_scater": [0.0, 0.1]}, "entry 'a_v_scater' is unknown; did you mean 'a_v_scatter'"),
        ({"log_agee": [6.0, 7.0]}, "entry 'log_agee' is unknown; did you mean 'log_age'"),
    ],
)
def test_priors_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        cc.Prior.from_dict(cc.Prior.load("m83").to_dict() | change)
