"""Kernels sampled too coarsely for the accuracy asked: their interpolant rings beyond the array, and that is said."""

from __future__ import annotations

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.errors import AccuracyWarning


def gaussian(sigma, oversample):
    x = np.arange(-12 * oversample, 12 * oversample + 1) / oversample
    return cc.Psf(np.exp(-0.5 * (x[:, None] ** 2 + x**2) / sigma**2), oversample)


# samples per sigma; a Gaussian's light at the Nyquist frequency is exp(-(pi samples)^2 / 2): 2e-2, 1.3e-4, 1e-7
@pytest.mark.parametrize(("sigma", "oversample", "tolerance"), [(0.9, 1, 1e-3), (0.9, 1, 1e-5), (1.35, 1, 1e-6)])
def test_a_warning_says_how_far_it_rings(survey, exact_image, sigma, oversample, tolerance):
    one = survey.with_psfs(dict.fromkeys(survey.band_names, gaussian(sigma, oversample)))
    with pytest.warns(AccuracyWarning, match=r"rings by \d.* of the peak beyond its array.*sample it finer"):
        renderer = cc.Renderer(one, 64, "cpp", settings=cc.RenderSettings(tolerance=tolerance))
    x, y = np.random.default_rng(1).uniform(20, 44, (2, 12))
    worst = 0.0
    for place in zip(x, y, strict=True):
        exact = exact_image(one, 64, *np.array(place)[:, None], np.ones((1, 3)))
        image = renderer.draw(*np.array(place)[:, None], np.ones((1, 3)))
        worst = max(worst, np.abs(image - exact).max() / exact.max())
    # the prediction is a bound, of the right order
    assert 0.02 * renderer.plan.error < worst <= renderer.plan.error


def test_finer_ones_are_silent(survey):
    for sigma, oversample, tolerance in ((0.9, 2, 1e-5), (0.6, 4, 1e-6), (1.2, 1, 1e-2)):
        one = survey.with_psfs(dict.fromkeys(survey.band_names, gaussian(sigma, oversample)))
        cc.Renderer(one, 64, "cpp", settings=cc.RenderSettings(tolerance=tolerance))  # warnings are errors here
