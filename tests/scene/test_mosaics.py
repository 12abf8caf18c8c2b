from __future__ import annotations

import gzip
import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics import StellarTable, Survey
from clustercnn.scene import read_mosaics, write_mosaics

FLOAT = 2e-6  # float32 in the file and in memory: 2^-24 each, and room for the factor


def offsets(survey) -> list[float]:
    """AB minus VEGAMAG of the survey's bands."""
    return [StellarTable.load().provenance["ab_minus_vega"][b.filter] for b in survey.bands]


def test_rates_come_back_as_they_were(images, survey):
    mosaic = read_mosaics(images.all(EXPTIME=700.0), survey)
    np.testing.assert_allclose(mosaic.data, images.rates(), rtol=FLOAT)
    assert mosaic.data.dtype == np.float32
    assert mosaic.valid.all()
    assert mosaic.bands == survey.band_names
    assert mosaic.exposures.tolist() == [700.0] * 3
    assert mosaic.noisy
    assert mosaic.wcs.celestial.array_shape == images.shape or mosaic.wcs.has_celestial


@pytest.mark.parametrize("name", ["", "SCI"])
def test_primary_or_sci_extension(images, survey, name):
    np.testing.assert_allclose(read_mosaics(images.all(name=name), survey).data, images.rates(), rtol=FLOAT)


def test_exposures_of_the_survey_stand_in(images, survey):
    assert read_mosaics(images.all(), survey).exposures.tolist() == [b.exposure for b in survey.bands]


@pytest.mark.parametrize(
    ("keywords", "factor"),
    [
        ({"BUNIT": "ELECTRONS", "EXPTIME": 500.0}, 500.0),
        ({"BUNIT": "electron", "EXPTIME": 500.0}, 500.0),
        ({"BUNIT": "e-/s"}, 1.0),
        ({"BUNIT": "COUNTS", "EXPTIME": 500.0}, 500.0),
        ({"BUNIT": "COUNTS", "EXPTIME": 500.0, "CCDGAIN": 1.5}, 500.0 / 1.5),
        ({"BUNIT": "DN/s", "ATODGAIN": 2.0, "CCDGAIN": 1.5}, 0.5),
        ({"BUNIT": "counts/s"}, 1.0),
        # a drizzled rate that kept the unit of its inputs
        ({"BUNIT": "ELECTRONS", "D001OUUN": "cps", "EXPTIME": 500.0}, 1.0),
        ({"BUNIT": "ELECTRONS/S", "D001OUUN": "counts", "EXPTIME": 500.0}, 500.0),
    ],
)
def test_units_of_detectors(images, survey, keywords, factor):
    rates = images.rates()
    paths = {b: images.write(b, rates[k] * factor, **keywords) for k, b in enumerate(survey.band_names)}
    np.testing.assert_allclose(read_mosaics(paths, survey).data, rates, rtol=FLOAT)


@pytest.mark.parametrize(
    ("unit", "per_jansky"), [("Jy", 1.0), ("MJy", 1e-6), ("MJY", 1e-6), ("mJy", 1e3), ("uJy", 1e6)]
)
def test_flux_per_pixel(images, survey, unit, per_jansky):
    # 1 e-/s is 3631 Jy 10^(-0.4 ZP_AB)
    rates = images.rates()
    factors = [
        3631 * 10 ** (-0.4 * (b.zero_point + o)) * per_jansky
        for b, o in zip(survey.bands, offsets(survey), strict=True)
    ]
    paths = {b: images.write(b, rates[k] * factors[k], BUNIT=unit) for k, b in enumerate(survey.band_names)}
    np.testing.assert_allclose(read_mosaics(paths, survey).data, rates, rtol=FLOAT)


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("MJy/sr", 1e-6), ("MJY/SR", 1e-6), ("Jy/arcsec2", 0.04**2 / (0.04 / 3600 * math.pi / 180) ** 2)],
)
def test_surface_brightness(images, survey, unit, scale):
    steradian = (survey.pixel_scale / 3600 * math.pi / 180) ** 2
    rates = images.rates()
    paths = {}
    for k, band in enumerate(survey.bands):
        jansky = rates[k].astype(float) * 3631 * 10 ** (-0.4 * (band.zero_point + offsets(survey)[k]))
        per_area = jansky / 0.04**2 if unit == "Jy/arcsec2" else jansky / steradian * scale
        paths[band.name] = images.write(band.name, per_area, BUNIT=unit)
    np.testing.assert_allclose(read_mosaics(paths, survey).data, rates, rtol=1e-5)  # units' constants


@pytest.mark.parametrize("how", ["PHOTFLAM", "ABMAG", "ABZP", "VEGAMAG", "VEGAZP", "ZP AB", "MAGZPT VEGAMAG"])
def test_zero_points_bring_data_to_the_survey(images, survey, how):
    # a camera 0.3 mag more sensitive: its rates are 10^0.12 larger, and its photons more by the same factor
    rates, better = images.rates(), 0.3
    paths = {}
    for k, band in enumerate(survey.bands):
        vega = band.zero_point + better
        ab = vega + offsets(survey)[k]
        keyword, _, system = how.partition(" ")
        keywords = {keyword: vega if "VEGA" in how else ab}
        if system:
            keywords["MAGSYS"] = system
        if how == "PHOTFLAM":
            pivot = 5000.0 + k
            keywords = {"PHOTFLAM": 10 ** (-0.4 * (ab + 21.10 - 18.6921 + 5 * math.log10(pivot))), "PHOTPLAM": pivot}
        paths[band.name] = images.write(band.name, rates[k] * 10 ** (0.4 * better), EXPTIME=1000.0, **keywords)
    mosaic = read_mosaics(paths, survey)
    np.testing.assert_allclose(mosaic.data, rates, rtol=1e-5)  # the AB constant of PHOTFLAM is known to 1e-5 mag
    np.testing.assert_allclose(mosaic.exposures, 1000.0 * 10 ** (0.4 * better), rtol=1e-5)  # rate x exposure: photons


def test_invalid_pixels(images, survey):
    rates = images.rates()
    paths = images.all()
    holes = rates[0].copy()
    holes[3, 4] = np.nan
    holes[20:26, 30:37] = 0.0  # drizzle's filling
    holes[50, 50] = 0.0  # one zero is a value
    weight = np.ones(images.shape, np.float32)
    weight[7, 8], weight[9, 9] = 0.0, np.nan
    paths["F336W"] = images.write("F336W", holes)
    paths["F814W"] = images.write("F814W", rates[2], weight=weight)
    mosaic = read_mosaics(paths, survey)
    expected = np.ones(images.shape, bool)
    expected[3, 4] = expected[7, 8] = expected[9, 9] = False
    expected[20:26, 30:37] = False
    np.testing.assert_array_equal(mosaic.valid, expected)
    assert (mosaic.data[:, ~expected] == 0).all()
    assert np.isfinite(mosaic.data).all()


def test_written_mosaics_are_read_back(tmp_path, survey, images):
    mosaic = read_mosaics(images.all(EXPTIME=900.0), survey)
    valid = mosaic.valid.copy()
    valid[5, 6] = False
    paths = write_mosaics(
        tmp_path / "new", replace(mosaic, valid=valid), survey, extra={"SEED": (3, "of the simulation")}
    )
    again = read_mosaics(paths, survey)
    np.testing.assert_allclose(again.data[:, valid], mosaic.data[:, valid], rtol=FLOAT)
    np.testing.assert_array_equal(again.valid, valid)
    np.testing.assert_allclose(again.exposures, 900.0, rtol=1e-5)
    np.testing.assert_allclose(
        again.wcs.pixel_to_world_values(3, 4), mosaic.wcs.pixel_to_world_values(3, 4), rtol=1e-12
    )
    with fits.open(paths["F336W"]) as hdus:
        primary, science = hdus[0].header, hdus["SCI"].header
        assert [primary[k] for k in ("TELESCOP", "INSTRUME", "DETECTOR", "FILTER", "EXPTIME", "SEED")] == [
            "HST",
            "WFC3",
            "UVIS",
            "F336W",
            900.0,
            3,
        ]
        assert science["BUNIT"] == "ELECTRONS/S"
        # the data README's values of these filter curves
        assert science["PHOTFLAM"] == pytest.approx(1.3424e-18, rel=1e-4)
        assert science["PHOTPLAM"] == pytest.approx(3354.8, abs=0.1)
        assert (hdus["WHT"].data[valid] == 900.0).all()
        assert hdus["WHT"].data[5, 6] == 0.0
    assert not list((tmp_path / "new").glob(".*"))


def test_the_real_acs_cutout(shared_data, survey):
    """Its header says ELECTRONS and 4056 s, but drizzle made it a rate, of 4 exposures of 507 s on two chips."""
    path = shared_data / "samples" / "galsim_cosmos_acs_f814w_cutout.fits"
    plain = survey.to_dict()
    band = {**plain["bands"]["F814W"], "filter": "ACS_WFC_F814W", "zero_point": None}
    acs = Survey.from_dict({**plain, "name": "cosmos", "pixel_scale": 0.03, "bands": {"F814W": band}})
    mosaic = read_mosaics({"F814W": path}, acs)
    assert mosaic.data.shape == (1, 543, 543)
    assert mosaic.valid.all()
    ratio = np.median(mosaic.data[0] / fits.getdata(path))
    assert ratio == pytest.approx(1.0, abs=0.01)  # PHOTFLAM of the header and of the filter curve: within 0.01 mag
    assert mosaic.exposures[0] * ratio == pytest.approx(2028.0)
    with pytest.raises(
        InvalidInput, match=r"pixel scale of .*cutout.fits\[0, PRIMARY\] is 0.03000 arcsec; 0.04 as in survey m83"
    ):
        read_mosaics({"F814W": path}, Survey.from_dict({**plain, "bands": {"F814W": band}}))


def test_scaled_and_compressed_files(images, survey, tmp_path):
    counts = np.random.default_rng(3).integers(1, 60000, images.shape).astype(np.uint16)  # written with BZERO
    paths = {**images.all(), "F438W": images.write("F438W", counts, BUNIT="COUNTS", EXPTIME=100.0)}
    np.testing.assert_allclose(read_mosaics(paths, survey).data[1], counts / 100.0, rtol=FLOAT)
    packed = tmp_path / "packed.fits.gz"
    packed.write_bytes(gzip.compress(paths["F336W"].read_bytes()))
    with fits.open(paths["F814W"]) as hdus:
        tiled = fits.CompImageHDU(hdus[1].data, hdus[1].header, compression_type="GZIP_2", quantize_level=0)
        fits.HDUList([fits.PrimaryHDU(), tiled]).writeto(tmp_path / "tiled.fits.fz")
    again = read_mosaics({**paths, "F336W": packed, "F814W": tmp_path / "tiled.fits.fz"}, survey)
    np.testing.assert_allclose(again.data[[0, 2]], images.rates()[[0, 2]], rtol=FLOAT)


def test_bands_are_checked(images, survey):
    paths = images.all()
    with pytest.raises(
        InvalidInput, match=r"images.F366W: not a band of survey m83 \(F336W, F438W, F814W\); did you mean F336W\?"
    ):
        read_mosaics({**paths, "F366W": paths["F336W"]}, survey)
    with pytest.raises(
        InvalidInput, match=r"images.F814W: missing; survey m83 needs one image for each of F336W, F438W, F814W"
    ):
        read_mosaics({k: v for k, v in paths.items() if k != "F814W"}, survey)
    with pytest.raises(
        DataFileError, match=r"F814W.fits\[1, SCI\]: the header's filter is F606W; F814W \(WFC3_UVIS_F814W\)"
    ):
        read_mosaics({**paths, "F814W": images.write("F814W", images.rates()[0], FILTER="F606W")}, survey)


def test_alignment_is_checked(images, survey):
    paths, rates = images.all(), images.rates()
    with pytest.raises(InvalidInput, match=r"F438W.fits\[1, SCI\] has 70 x 59 pixels, .*F336W.fits\[1, SCI\] 70 x 60"):
        read_mosaics({**paths, "F438W": images.write("F438W", rates[1][1:])}, survey)
    with pytest.raises(
        InvalidInput, match=r"pixel scale of .*F438W.fits\[1, SCI\] is 0.03960 arcsec, of .*F336W.* 0.04000"
    ):
        read_mosaics({**paths, "F438W": images.write("F438W", rates[1], scale=0.0396)}, survey)
    shift = 0.04 / 3600 / math.cos(math.radians(29.87))  # one pixel
    with pytest.raises(InvalidInput, match=r"WCS of .*F438W.fits\[1, SCI\] is off by 1.00 pixels"):
        read_mosaics({**paths, "F438W": images.write("F438W", rates[1], ra=204.25 + shift)}, survey)
    nearly = {**paths, "F438W": images.write("F438W", rates[1], ra=204.25 + 0.05 * shift)}
    np.testing.assert_allclose(read_mosaics(nearly, survey).data, rates, rtol=FLOAT)
    bare = images.folder / "F438W.fits"
    fits.PrimaryHDU(rates[1], fits.Header({"BUNIT": "ELECTRONS/S"})).writeto(bare, overwrite=True)
    with pytest.raises(DataFileError, match=r"F438W.fits\[0, PRIMARY\]: no celestial WCS, while other bands have one"):
        read_mosaics({**paths, "F438W": bare}, survey)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"BUNIT": "furlong"}, r"F438W.fits\[1, SCI\]: unknown unit BUNIT = 'furlong'; electrons, electrons/s"),
        ({"BUNIT": "km/s"}, r"BUNIT = 'km/s' is no count rate or flux"),
        ({"BUNIT": None}, "no BUNIT keyword; electrons"),
        ({"BUNIT": "ELECTRONS"}, r"unit electron needs the keyword EXPTIME \(seconds\), which is missing"),
        ({"BUNIT": "ELECTRONS", "EXPTIME": 0.0}, "EXPTIME = 0; a value > 0 was expected"),
        ({"EXPTIME": "long"}, "EXPTIME = 'long'; a number was expected"),
        ({"D001DEXP": "long"}, "D001DEXP = 'long'; a number was expected"),
        ({"PHOTFLAM": 1e-19}, r"PHOTFLAM without PHOTPLAM \(pivot wavelength in Angstrom\)"),
        ({"PHOTFLAM": 0.0, "PHOTPLAM": 8000.0}, "PHOTFLAM = 0; a value > 0 was expected"),
        ({"ZP": 25.0}, "ZP needs the keyword MAGSYS, found ''; AB or VEGAMAG is allowed"),
    ],
)
def test_headers_are_checked(images, survey, keywords, message):
    paths = {**images.all(), "F438W": images.write("F438W", images.rates()[1], **keywords)}
    with pytest.raises(DataFileError, match=message):
        read_mosaics(paths, survey)


def test_files_are_checked(images, survey, tmp_path):
    paths, rates = images.all(), images.rates()

    def refused(path, message):
        with pytest.raises(DataFileError, match=message):
            read_mosaics({**paths, "F438W": path}, survey)

    refused(tmp_path / "none.fits", "none.fits: no such file; a FITS image was expected")
    text = tmp_path / "text.fits"
    text.write_text("no FITS at all")
    refused(text, "text.fits: not a readable FITS file")
    whole = paths["F336W"].read_bytes()
    cut = tmp_path / "cut.fits"
    cut.write_bytes(whole[: len(whole) - 8000])
    refused(cut, "cut.fits: not a readable FITS file .*truncated")
    table = tmp_path / "table.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])])]).writeto(
        table
    )
    refused(table, "table.fits: no two-dimensional image; SCI or the primary HDU was expected, found 0 PRIMARY NAXIS=0")
    refused(images.write("F438W", np.full(images.shape, np.nan, np.float32)), r"F438W.fits\[1, SCI\]: no valid pixel")
    refused(images.write("F438W", rates[1], weight=np.zeros(images.shape)), r"F438W.fits\[1, SCI\]: no valid pixel")
    refused(
        images.write("F438W", rates[1], weight=np.zeros((3, 3))),
        r"\[2, WHT\]: shape \(3, 3\); \(60, 70\) as SCI was expected",
    )


def test_images_must_overlap(images, survey):
    rates, paths = images.rates(), images.all()
    left, right = rates[0].copy(), rates[1].copy()
    left[:, 35:], right[:, :35] = np.nan, np.nan
    paths.update(F336W=images.write("F336W", left), F438W=images.write("F438W", right))
    with pytest.raises(InvalidInput, match="images: no pixel is valid in all bands"):
        read_mosaics(paths, survey)
