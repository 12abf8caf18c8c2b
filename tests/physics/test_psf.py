"""Kernels: normalisation, sampling, shape of the optical model, files, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from scipy.special import j1

import clustercnn as cc
from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics import OpticalModel, Psf


def gaussian(size=41, sigma=4.0):
    r = np.arange(size) - size // 2
    return np.exp(-0.5 * (r[:, None] ** 2 + r**2) / sigma**2)


@pytest.mark.parametrize("band", ["F336W", "F438W", "F814W"])
def test_built_in_kernels(band):
    psf = cc.Survey.load("m83").psf(band)
    assert psf.image.sum() / psf.oversample**2 == pytest.approx(1.0, abs=1e-12)
    assert not psf.image[[0, -1]].any()
    assert not psf.image[:, [0, -1]].any()
    assert np.unravel_index(psf.image.argmax(), psf.image.shape) == (psf.image.shape[0] // 2,) * 2
    # pupil with four-fold symmetry: the same after a quarter turn, to the rounding of a matrix product of 400 terms
    np.testing.assert_allclose(psf.image, np.rot90(psf.image), atol=1e-10)


def test_unobscured_monochromatic_limit_is_the_airy_pattern():
    """Without vanes, hole and blur: the Airy pattern (2 J1(v)/v)^2, averaged over the pixel by direct quadrature."""
    scale, wave, oversample = 0.04, 6000.0, 4
    model = OpticalModel(
        wavelength=wave,
        bandwidth=1e-3,
        pixel_scale=scale,
        blur=0.0,
        obscuration=0.0,
        vane=0.0,
        wavefront=0.0,
        oversample=oversample,
    )
    image = model.psf().image
    centre = image.shape[0] // 2
    offsets = np.arange(-6, 7)
    node, weight = np.polynomial.legendre.leggauss(12)

    def airy(dx, dy):
        v = np.pi * 2.4 / (wave * 1e-10) * np.deg2rad(np.hypot(dx, dy) * scale / 3600) + 1e-12
        return (2 * j1(v) / v) ** 2

    def pixel(dx, dy):
        gx, gy = np.meshgrid(dx + node / 2, dy + node / 2)
        return weight @ airy(gx, gy) @ weight / 4

    expected = np.array([pixel(o / oversample, 0.0) for o in offsets])
    measured = image[centre, centre + offsets]
    # the pupil is a mosaic of 384 cells across: its outline, and so the pattern's width, is right to 1 / 384 / 2
    np.testing.assert_allclose(measured / measured.max(), expected / expected.max(), atol=2e-3)


def test_defocus_costs_the_peak_what_theory_says():
    """Over a clear annulus r^2 is uniform, and so the phase of focus: of rms s it leaves sinc^2(sqrt(3) s) of the peak.

    An annulus of 384 cells across has an area right to some 1 / 384, which the ratio of two peaks does not feel in
    first order.
    """
    wave, given = 5000.0, {"wavefront": 0.0, "blur": 0.0, "vane": 0.0, "bandwidth": 1e-3, "pixel_scale": 0.04}
    sharp, blurred = (
        OpticalModel(wavelength=wave, defocus=d, **given)._diffraction(wave * 1e-10, 8)[8, 8] for d in (0.0, 4e-8)
    )
    half_range = np.sqrt(3) * 2 * np.pi * 4e-8 / (wave * 1e-10)
    assert blurred / sharp == pytest.approx((np.sin(half_range) / half_range) ** 2, rel=2e-3)


def test_encircled_energy_of_the_empirical_library(shared_data):
    """Light within a radius over that within 5 pixels, against the mean of STScI's measured F814W PSFs."""
    planes = fits.getdata(shared_data / "samples" / "stdpsf_wfc3uv_f814w.fits").astype(float)[:, 2:-2, 2:-2]
    planes = planes[[plane.min() > -1e-3 for plane in planes]]  # some planes have a broken edge
    psf = OpticalModel(wavelength=8029.5, bandwidth=1536.0, pixel_scale=0.0396).psf()
    radii = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0])

    def energy(image, oversample):
        r = (np.arange(image.shape[0]) - image.shape[0] // 2) / oversample
        distance = np.hypot(r[:, None], r)
        within = np.array([image[distance <= radius].sum() for radius in radii])
        return within / within[-1]

    measured = np.mean([energy(plane, 4) for plane in planes], axis=0)
    # over the detector the library itself scatters by 0.007 (rms), and focus breathes by as much again
    np.testing.assert_allclose(energy(psf.image, psf.oversample), measured, atol=0.01)


def test_taper_and_scale_are_applied_once_and_for_all():
    once = Psf(gaussian() * 17.0, 4)
    assert once.image.sum() == pytest.approx(16.0)
    assert not once.image.flags.writeable
    assert once.radius == 5.0


@pytest.mark.parametrize(
    ("image", "oversample", "message"),
    [
        (np.zeros((41, 41)), 4, "image: the sum is 0"),
        (-gaussian(), 4, "image: the sum is -"),
        (gaussian(40), 4, r"image: shape \(40, 40\)"),
        (gaussian()[:, :39], 4, r"image: shape \(41, 39\)"),
        (gaussian(9), 4, "image: 9 samples are 2.2 pixels"),
        (np.where(gaussian() > 0.9, np.nan, 1.0), 4, "values are not finite"),
        (gaussian(), 0, "oversample: 0"),
        (gaussian(), 2.5, "oversample: 2.5"),
    ],
)
def test_refusals(image, oversample, message):
    with pytest.raises(InvalidInput, match=message):
        Psf(image, oversample)


def test_fits_round_trip(tmp_path):
    path = tmp_path / "psf.fits"
    fits.PrimaryHDU(gaussian()).writeto(path)
    np.testing.assert_array_equal(Psf.from_fits(path, oversample=4).image, Psf(gaussian(), 4).image)
    with pytest.raises(DataFileError, match=r"psf.fits: no keyword of OVERSAMP"):
        Psf.from_fits(path)
    fits.PrimaryHDU(gaussian(), fits.Header({"OVERSAMP": 4})).writeto(path, overwrite=True)
    assert Psf.from_fits(path).oversample == 4


def test_pixel_response_can_be_added(tmp_path):
    """A point-like kernel then becomes a pixel: the average over 4 x 4 samples, in the band-limited sense."""
    path = tmp_path / "psf.fits"
    fits.PrimaryHDU(gaussian(sigma=3.0)).writeto(path)
    with_pixel = Psf.from_fits(path, oversample=4, includes_pixel=False).image
    r = np.arange(41) - 20
    spread = (with_pixel.sum(0) * r**2).sum() / with_pixel.sum()
    # variances add: 9 of the Gaussian, 16 / 12 of a square four samples wide; the cut at 6.7 sigma takes below 1e-3
    assert spread == pytest.approx(9 + 16 / 12, abs=1e-2)


def test_a_stdpsf_is_a_library(shared_data, tmp_path):
    """STScI's own file: 56 places on the detector, the pixel's response included, 4 samples a pixel."""
    path = shared_data / "samples" / "stdpsf_wfc3uv_f814w.fits"
    found = Psf.library_from_fits(path)
    assert len(found) == 56
    planes = fits.getdata(path).astype(float)
    for k in (0, 33, 55):
        assert found[k].oversample == 4
        np.testing.assert_array_equal(found[k].image, Psf(planes[k], 4).image)
    with pytest.raises(InvalidInput, match=r"holds 56 kernels, one is wanted; Psf\.library_from_fits reads them all"):
        Psf.from_fits(path)
    planes[7, 3, 3] = np.nan
    fits.PrimaryHDU(planes, fits.getheader(path)).writeto(tmp_path / "hole.fits", output_verify="silentfix")
    with pytest.raises(InvalidInput, match=r"hole\.fits: image: 1 values are not finite.*\(kernel 8 of 56\)"):
        Psf.library_from_fits(tmp_path / "hole.fits")


def test_kernels_that_are_not_square_are_refused_with_and_without_the_pixel(tmp_path):
    fits.PrimaryHDU(np.ones((41, 81))).writeto(tmp_path / "psf.fits")
    for includes_pixel in (True, False):
        with pytest.raises(InvalidInput, match=r"psf\.fits: image: shape \(41, 81\); a square array"):
            Psf.from_fits(tmp_path / "psf.fits", oversample=4, includes_pixel=includes_pixel)


def test_bad_files(tmp_path):
    path = tmp_path / "psf.fits"
    path.write_text("not FITS")
    with pytest.raises(DataFileError, match=r"psf\.fits: cannot be read as FITS"):
        Psf.from_fits(path, oversample=4)
    fits.PrimaryHDU(np.zeros((3, 9, 9))).writeto(path, overwrite=True)
    with pytest.raises(DataFileError, match="no HDU holds a two-dimensional image"):
        Psf.from_fits(path, oversample=4)
    fits.PrimaryHDU(np.zeros((41, 41))).writeto(path, overwrite=True)
    with pytest.raises(InvalidInput, match=r"psf\.fits: image: the sum is 0"):
        Psf.from_fits(path, oversample=4)
    with pytest.raises(DataFileError, match="absent"):
        Psf.from_fits(tmp_path / "absent.fits", oversample=4)


def test_model_refuses_coarse_sampling():
    with pytest.raises(InvalidInput, match="oversample: 2 per pixel"):
        OpticalModel(wavelength=3354.8, bandwidth=511.0, pixel_scale=0.04, oversample=2).psf()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wavelength": -1}, "wavelength: -1; a number > 0"),
        ({"bandwidth": "wide"}, "bandwidth: 'wide'; a number > 0"),
        ({"bandwidth": 9000.0}, "bandwidth: 9000; less than twice the wavelength, 3354.8"),
        ({"blur": -0.01}, "blur: -0.01; a number >= 0"),
        ({"obscuration": 1.5}, "obscuration: 1.5; 0 to 0.9"),
        ({"defocus": float("nan")}, "defocus: nan; a number is allowed"),
        ({"radius": 29.5}, "radius: 29.5; a whole number from 3 to 512"),
    ],
)
def test_model_refuses_values_out_of_range(change, message):
    with pytest.raises(InvalidInput, match=message):
        OpticalModel(**({"wavelength": 3354.8, "bandwidth": 511.0, "pixel_scale": 0.04} | change))
