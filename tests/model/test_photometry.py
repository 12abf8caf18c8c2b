from __future__ import annotations

import numpy as np
import pytest
import torch

from clustercnn.model import ModelSettings
from clustercnn.model.photometry import Photometry, contrasts

SIZE = 40
SIGMAS = np.array([1.0, 1.6, 2.5, 4.0, 6.0, 9.0])


def star(sigma=1.5, flux=1000.0, y=0.0, x=0.0):
    """A Gaussian, (y, x) pixels from the middle, [y, x]."""
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    image = np.exp(-0.5 * ((axis[:, None] - y) ** 2 + (axis - x) ** 2) / sigma**2)
    return torch.as_tensor(flux * image / (2 * np.pi * sigma**2), dtype=torch.float32)


@pytest.fixture(scope="module")
def photometry():
    return Photometry(1, SIZE, ModelSettings(layers=(4,))).eval().requires_grad_(requires_grad=False)


def middle(photometry, images):
    return photometry.fluxes(images, torch.zeros(len(images), 2))


def test_a_flux_is_the_matched_filter_of_the_aperture(photometry):
    # sum of flux * N(r; s) * g(r; a) / sqrt(sum g^2) = flux / (2 pi (s^2 + a^2)) * 2 pi a^2 / (a sqrt(pi)), integrals
    # of Gaussians; sums over pixels are those to 1e-6 for sigmas of a pixel, and the frame cuts little up to sigma = 4
    sigma, a = 1.5, SIGMAS[:4]
    expected = 1000.0 * a / (np.sqrt(np.pi) * (sigma**2 + a**2))
    found = middle(photometry, star(sigma)[None, None])[0, 0, :4]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_fluxes_are_in_units_of_their_noise(photometry):
    noise = torch.randn(4000, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    # 4000 draws know the scatter to 1.1 %: four standard errors
    np.testing.assert_allclose(middle(photometry, noise)[:, 0].std(dim=0), 1.0, rtol=0.045)


@pytest.mark.parametrize("place", [(0.0, 0.0), (1.3, -0.8), (-2.0, 2.0)])
def test_the_centre_is_found(photometry, place):
    image = star(1.5, 5000.0, *place)[None, None]
    # light is compressed, so its moment is that of another, but still round, profile: three rounds leave some of the
    # way, each of them less than a quarter: 2 * 0.25^3 = 0.03 pixels
    np.testing.assert_allclose(photometry.centre(image)[0], place, atol=0.05)


def test_faint_objects_stay_near_the_middle(photometry):
    noise = torch.randn(500, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    centre = photometry.centre(noise)
    assert centre.abs().max() <= 3.0
    assert centre.abs().mean() < 1.5  # uniform in the reach: 1.5


def test_a_flat_background_changes_nothing_but_the_sky(photometry):
    image = star()[None, None]
    a, b = photometry.measure(image), photometry.measure(image + 50.0)
    changed = (a - b).abs() > 1e-3  # float32 rounding of 50 and of sums over the frame, beside fluxes of 1 to 400
    assert int(changed.sum()) == 1
    assert b[changed].item() == pytest.approx(np.arcsinh(50.0 + np.sinh(a[changed].item())), rel=1e-5)


def test_fluxes_follow_the_object(photometry):
    """About the measured centre, an offset object has the fluxes of a centred one, which fixed apertures miss."""
    there, off = star(1.5)[None, None], star(1.5, 1000.0, 1.7, -1.1)[None, None]
    fixed, own = (photometry.fluxes(off, c) for c in (torch.zeros(1, 2), photometry.centre(off)))
    about_there = middle(photometry, there)
    # a centre off by 0.05 pixels costs 0.05^2 / (2 (s^2 + a^2)) of the flux: 4e-4 in the narrowest aperture
    np.testing.assert_allclose(own[0, 0, :5], about_there[0, 0, :5], rtol=2e-3)
    assert fixed[0, 0, 0] < 0.7 * about_there[0, 0, 0]


def test_contrasts_are_a_mean_and_colours():
    values = torch.tensor([[[1.0, 2.0], [4.0, 3.0], [7.0, 10.0]]])
    assert contrasts(values).tolist() == [[4.0, 5.0, 3.0, 1.0, 3.0, 7.0]]


@pytest.mark.parametrize("bands", [1, 4])
def test_any_number_of_bands(bands):
    module = Photometry(bands, 33, ModelSettings(layers=(8, 5))).eval()
    assert module(torch.randn(2, bands, 33, 33)).shape == (2, module.length) == (2, 5)
