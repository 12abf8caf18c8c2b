"""The field's own tools as ways to draw a star list: GalSim, photutils, ArtPop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from contenders import FineGrid, centred

if TYPE_CHECKING:
    from bench_helpers import Stars
    from contenders import Draw, Task
    from numpy.typing import NDArray

    import clustercnn as cc

PHOTONS = 1_000_000  # a band


def galsim_per_star(task: Task) -> Draw:
    """GSObject.drawImage for each star; "no_pixel" as the kernel includes the pixel's response."""
    import galsim

    kernels = [_interpolated(psf.image, psf.oversample) for psf in task.psfs]

    def band(stars: Stars, b: int) -> NDArray:
        image = galsim.ImageD(task.size, task.size, xmin=0, ymin=0, scale=1.0)
        for x, y, flux in zip(stars.x, stars.y, stars.flux[:, b].astype(float), strict=True):
            place = galsim.PositionD(x, y)
            (kernels[b] * flux).drawImage(image, center=place, method="no_pixel", add_to_image=True)
        return image.array

    return lambda stars: np.stack([band(stars, b) for b in range(len(kernels))])


def galsim_sum(task: Task) -> Draw:
    """A Sum of shifted DeltaFunctions, convolved with the kernel once."""
    import galsim

    kernels = [_interpolated(psf.image, psf.oversample) for psf in task.psfs]
    middle = (task.size - 1) / 2

    def band(stars: Stars, b: int) -> NDArray:
        points = [
            galsim.DeltaFunction(flux=flux).shift(x, y)
            for x, y, flux in zip(stars.x - middle, stars.y - middle, stars.flux[:, b].astype(float), strict=True)
        ]
        scene = galsim.Convolve(galsim.Sum(points), kernels[b])
        return scene.drawImage(nx=task.size, ny=task.size, scale=1.0, method="no_pixel", dtype=float).array

    return lambda stars: np.stack([band(stars, b) for b in range(len(kernels))])


def galsim_photons(task: Task) -> Draw:
    """A PhotonArray of a million photons a band, shared out by flux, displaced by photons of the PSF."""
    import galsim

    kernels = [_interpolated(without_pixel(psf), psf.oversample) for psf in task.psfs]
    rng, deviate = np.random.default_rng(1), galsim.BaseDeviate(1)

    def band(stars: Stars, b: int) -> NDArray:
        flux = stars.flux[:, b].astype(float)
        star = np.repeat(np.arange(flux.size), rng.multinomial(PHOTONS, flux / flux.sum()))
        photons = galsim.PhotonArray(PHOTONS, x=stars.x[star], y=stars.y[star])
        photons.flux = np.full(PHOTONS, flux.sum() / PHOTONS)
        photons.convolve(kernels[b].shoot(PHOTONS, deviate), deviate)
        image = galsim.ImageD(task.size, task.size, xmin=0, ymin=0, scale=1.0)
        photons.addTo(image)
        return image.array

    return lambda stars: np.stack([band(stars, b) for b in range(len(kernels))])


def _interpolated(kernel: NDArray, oversample: int):
    import galsim

    return galsim.InterpolatedImage(galsim.Image(np.array(kernel), scale=1.0 / oversample), normalization="sb")


def without_pixel(psf: cc.Psf) -> NDArray[np.float64]:
    """The kernel before it falls on pixels, which collect photons themselves: their response is divided out.

    It has zeros, so the quotient is damped there (as Wiener's filter is).
    """
    cells = 2 * psf.image.shape[0]
    response = np.sinc(psf.oversample * np.fft.fftfreq(cells))
    response = np.outer(response, response)
    spectrum = np.fft.fft2(centred(psf.image, cells)) * response / (response**2 + 1e-4)
    half = psf.image.shape[0] // 2
    light = np.roll(np.fft.ifft2(spectrum).real, (half, half), axis=(0, 1))[: 2 * half + 1, : 2 * half + 1]
    return light * psf.oversample**2 / light.sum()


def photutils_image_psf(task: Task) -> Draw:
    """ImagePSF, drawn by make_model_image on stamps as wide as the kernel."""
    from astropy.table import Table
    from photutils.datasets import make_model_image
    from photutils.psf import ImagePSF

    models = [ImagePSF(psf.image, oversampling=psf.oversample) for psf in task.psfs]
    widths = [2 * int(np.ceil(psf.radius)) + 1 for psf in task.psfs]
    shape = (task.size, task.size)

    def band(stars: Stars, b: int) -> NDArray:
        table = Table({"x_0": stars.x, "y_0": stars.y, "flux": stars.flux[:, b]})
        return make_model_image(shape, models[b], table, model_shape=(widths[b], widths[b]))

    return lambda stars: np.stack([band(stars, b) for b in range(len(models))])


def artpop(task: Task, *, upsample: bool) -> Draw:
    """ArtPop's IdealImager: inject_stars, then apply_seeing, on a frame padded so that its wrap-round stays outside.

    Without ``upsample``, stars go to pixels of the detector. With it, to pixels of 1/oversample, as its documentation
    advises; its magnitudes are left out, which favours it.
    """
    from artpop.image import IdealImager

    imager, grid = IdealImager(), FineGrid(task)
    step = grid.oversample if upsample else 1
    kernels = [psf.image[_centred_steps(psf, grid.oversample // step)] for psf in task.psfs]
    cells = grid.cells if upsample else task.size + kernels[0].shape[0]
    origin = grid.origin if upsample else 0
    inside = slice(origin, origin + step * task.size, step)

    def band(stars: Stars, b: int) -> NDArray:
        # its histogram has an edge, not a centre, at whole numbers; and its bins are (cells - 1) / cells wide
        x, y = (step * at + origin + 0.5 for at in (stars.x, stars.y))
        light = imager.inject_stars(x, y, stars.flux[:, b], (cells, cells))
        return step**2 * imager.apply_seeing(light, kernels[b])[inside, inside]

    return lambda stars: np.stack([band(stars, b) for b in range(len(kernels))])


def _centred_steps(psf: cc.Psf, step: int) -> tuple[slice, slice]:
    first = (psf.image.shape[0] // 2) % step
    return (slice(first, None, step),) * 2
