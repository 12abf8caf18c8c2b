"""The grid fit that networks are compared with finds what it should where nothing hides it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import clustercnn as cc

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fit():
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    try:
        yield importlib.import_module("sed_fit").SedFit(cc.Renderer(cc.Survey.load("m83")))
    finally:
        sys.path.pop(0)


def test_massive_clusters_without_noise_are_recovered(fit):
    """1e6 Msun: the scatter of a few giants' light is 1 %; three colours then fix age and A_V to about a grid step.

    Mass follows from the light, of which the nearest age and A_V keep 10 %.
    """
    truth = {"log_age": [7.0, 7.5, 8.5], "log_mass": [6.0] * 3, "a_v": [2.0, 1.0, 0.5], "log_rh": [-0.9] * 3}
    masses = np.empty(3)
    renderer = cc.Renderer(fit.survey)
    images = renderer.render(cc.ClusterParams(**truth, metallicity=[0.03] * 3), seed=7, log_mass_out=masses)
    labels, _ = fit.fit(images)
    # three steps of the grid in age, four in A_V: what 1 % of the light moves the best point by along their valley
    np.testing.assert_allclose(labels[:, 0], truth["log_age"], atol=0.15)
    np.testing.assert_allclose(labels[:, 1], masses, atol=0.1)
    np.testing.assert_allclose(labels[:, 2], truth["a_v"], atol=0.2)
    assert np.isnan(labels[:, 3]).all()


def test_old_clusters_behind_dust_fit_as_well_as_older_ones(fit):
    """1 Gyr behind 1.5 mag has the colours of 7 Gyr behind little: the truth is within one of the least chi^2."""
    renderer = cc.Renderer(fit.survey)
    truth = {"log_age": [9.0], "log_mass": [6.0], "a_v": [1.5], "log_rh": [-0.9]}
    image = renderer.render(cc.ClusterParams(**truth, metallicity=[0.03]), seed=7)
    _, chi2 = fit.surface(*(values[0] for values in fit.photometry(image)))
    axes = importlib.import_module("sed_fit")
    at = np.abs(axes.LOG_AGES - 9.0).argmin(), np.abs(axes.A_VS - 1.5).argmin()
    assert chi2[at] - chi2.min() < 1.0


def test_aperture_correction_is_a_share(fit):
    assert ((fit.correction > 0.6) & (fit.correction < 1.0)).all()
