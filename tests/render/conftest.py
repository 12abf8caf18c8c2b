"""What the renderer's tests share: the survey, its backends, and the judge of them all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.render import RenderSettings


@pytest.fixture(scope="session")
def survey():
    return cc.Survey.load("m83")


@pytest.fixture(scope="session", params=["cpp", "numba"])
def backend(request):
    return request.param


@pytest.fixture(scope="session")
def make_renderer(survey):
    """A renderer of the given kind; plans are dear, so equal ones are made once."""
    made = {}

    def make(backend, size=64, profile=None, binaries=None, **settings):
        key = (backend, size, profile, binaries, tuple(sorted(settings.items())))
        if key not in made:
            of = survey if binaries is None else replace(survey, binaries=binaries)
            made[key] = cc.Renderer(of, size, backend, settings=RenderSettings(**settings), profile=profile)
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
