"""What the renderer's tests share: the survey, its backends, and the judge of them all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.render import RenderSettings
from clustercnn.render.cuda import probe


@pytest.fixture(scope="session")
def survey():
    return cc.Survey.load("m83")


class OnHost:
    """A renderer on a GPU, or on the stand-in for one, that hands out NumPy arrays."""

    def __init__(self, renderer):
        self._renderer = renderer

    def __getattr__(self, name):
        return getattr(self._renderer, name)

    def render(self, params, *, log_mass_out=None, **more):
        mass = self._renderer._backend.arrays.zeros(len(params))
        images = self._renderer.render(params, log_mass_out=mass, **more)
        if log_mass_out is not None:
            log_mass_out[:] = mass.get()
        return images.get()

    def draw(self, *stars, **more):
        return self._renderer.draw(*stars, **more).get()


@pytest.fixture(scope="session", params=["cpp", "numba"])
def cpu_backend(request):
    return request.param


@pytest.fixture(scope="session", params=["cpp", "numba", "emulated", pytest.param("cuda", marks=pytest.mark.cuda)])
def backend(request):
    """What draws: "emulated" is backend "cuda" on the stand-in for a GPU."""
    return request.param


@pytest.fixture(scope="session")
def same_stars(backend):
    """How far the image of a cluster's stars may be from the cluster's, over its peak.

    A GPU lists stars by another kernel than it draws them by, whose compilation may round a place differently: 64
    pixels in single precision are known to 4e-6, and light falls by less than its peak per pixel; both axes and some
    spare.
    """
    return 2e-5 if backend == "cuda" else 0.0


@pytest.fixture(scope="session")
def new_renderer(request):
    """``cc.Renderer`` of any of the above backends, with images on the host."""

    def make(survey, size, backend, **more):
        if backend in {"cpp", "numba"}:
            return cc.Renderer(survey, size, backend, **more)
        if backend == "cuda":
            return OnHost(cc.Renderer(survey, size, "cuda", **more))
        with pytest.MonkeyPatch.context() as patch:
            cupy = request.getfixturevalue("new_cupy")()
            patch.setattr(probe, "load_cupy", lambda: cupy)
            return OnHost(cc.Renderer(survey, size, "cuda", **more))

    return make


@pytest.fixture(scope="session")
def make_renderer(survey, new_renderer):
    """A renderer of the given kind; plans are dear, so equal ones are made once."""
    made = {}

    def make(backend, size=64, profile=None, binaries=None, **settings):
        key = (backend, size, profile, binaries, tuple(sorted(settings.items())))
        if key not in made:
            of = survey if binaries is None else replace(survey, binaries=binaries)
            made[key] = new_renderer(of, size, backend, settings=RenderSettings(**settings), profile=profile)
        return made[key]

    return make


@pytest.fixture(scope="session")
def exact_image():
    """Dense float64 oracle: every star at every pixel, flux times the sinc interpolant of the zero-padded kernel."""

    def image(survey, size, x, y, flux):
        pixel = np.arange(size)
        out = np.zeros((len(survey.bands), size, size))
        for band, name in enumerate(survey.band_names):
            psf = survey.psf(name)
            sample = np.arange(psf.image.shape[0]) - (psf.image.shape[0] - 1) / 2
            along_x, along_y = (
                np.sinc(psf.oversample * (pixel[None, :, None] - np.asarray(at)[:, None, None]) - sample)
                for at in (x, y)
            )
            light = np.asarray(flux)[:, band, None, None] * (along_y @ psf.image)  # [star, y, sample]
            out[band] = np.tensordot(light, along_x, axes=([0, 2], [0, 2]))
        return out

    return image
