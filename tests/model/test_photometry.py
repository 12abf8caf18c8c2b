from __future__ import annotations

import numpy as np
import torch

from clustercnn.model.photometry import Photometry

SIZE = 40


def star(sigma=1.5, flux=1000.0):
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    image = np.exp(-0.5 * (axis[:, None] ** 2 + axis**2) / sigma**2)
    return torch.as_tensor(flux * image / image.sum(), dtype=torch.float32)


def fluxes(images):
    """The module before its normalisation: running statistics start at mean 0 and variance 1."""
    module = Photometry(images.shape[1], SIZE).eval().requires_grad_(requires_grad=False)
    # BatchNorm1d divides by sqrt(1 + 1e-5)
    return torch.sinh(module(images).double() * np.sqrt(1 + 1e-5)).view(len(images), images.shape[1], -1)


def test_linear_in_flux_and_blind_to_a_flat_background():
    image = star().view(1, 1, SIZE, SIZE)
    apertures = fluxes(image)[..., :-1]
    # float32 asinh of numbers up to 1e3: relative rounding of 1e-7 times asinh's argument, doubled by sinh
    torch.testing.assert_close(fluxes(3 * image)[..., :-1], 3 * apertures, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(fluxes(image + 50.0)[..., :-1], apertures, rtol=1e-3, atol=0.05)
    torch.testing.assert_close(fluxes(image + 50.0)[..., -1], torch.full((1, 1), 50.0).double(), rtol=1e-3, atol=0.05)


def test_an_aperture_is_a_weighted_mean_in_units_of_its_own_noise():
    noise = torch.randn(4000, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    scatter = fluxes(noise)[:, 0, :-1].std(dim=0)
    # the ring adds its own small noise, most to the widest aperture; 4000 draws know the scatter to 1.1 %
    ring = np.pi * ((0.47 * SIZE) ** 2 - (0.3 * SIZE) ** 2)
    sigmas = np.array([1.0, 1.6, 2.5, 4.0, 6.0, 9.0])
    expected = np.sqrt(1 + 4 * np.pi * sigmas**2 / ring)
    # the widest aperture is cut by the frame and overlaps the ring: 10 %; three standard errors for the others
    np.testing.assert_allclose(scatter[:4], expected[:4], rtol=0.05)
    np.testing.assert_allclose(scatter[4:], expected[4:], rtol=0.35)


def test_colours_are_exact_to_a_thousandth():
    red, blue = star(flux=5000.0), star(flux=5005.0)
    found = fluxes(torch.stack([red, blue])[None])[0]
    # float32: a relative 1e-6 in a ratio that differs from one by 1e-3
    np.testing.assert_allclose((found[1] / found[0])[1:4], 1.001, atol=1e-4)
