"""Warnings of images whose stars are not those that the network was trained with."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from clustercnn import Survey
from clustercnn.inference.psf_check import concentrations, psf_warnings
from clustercnn.scene import FieldSettings, synthetic_field


@pytest.fixture(scope="module")
def survey():
    return Survey.load("m83")


@pytest.fixture(scope="module")
def predictor(survey):
    return SimpleNamespace(artefact=SimpleNamespace(metadata={"survey": survey.to_dict()}))


@pytest.fixture(scope="module")
def mosaic(survey):
    """A disc as observed, noise of its brightness included."""
    field = synthetic_field(survey, 512, seed=3, settings=FieldSettings(surface_brightness=(22.0, 22.0)))
    noise = np.sqrt(np.maximum(field.data, 0) / 1500 + (5.4 / 1500) ** 2)
    data = field.data + noise * np.random.default_rng(1).standard_normal(field.data.shape)
    return replace(field, data=data.astype(np.float32), noisy=True)


def test_the_right_psf_is_silent(predictor, mosaic):
    assert psf_warnings(predictor, mosaic) == []


def test_broader_stars_are_noticed(predictor, mosaic):
    blurred = replace(mosaic, data=gaussian_filter(mosaic.data, (0, 0.8, 0.8)))
    lines = psf_warnings(predictor, blurred)
    assert len(lines) == 3
    assert lines[0].startswith("images.F336W: stars hold 0.")
    assert all("the PSF is broader than any of its own" in line for line in lines)


def test_sharper_stars_are_noticed(survey, mosaic):
    """A network of broad PSFs only."""
    given = survey.to_dict()
    for band in given["bands"].values():
        band["psf"] |= {"blur": 0.04}
    broad = SimpleNamespace(artefact=SimpleNamespace(metadata={"survey": given}))
    assert all("the PSF is sharper than any" in line for line in psf_warnings(broad, mosaic))
    assert len(psf_warnings(broad, mosaic)) == 3


def test_psfs_in_files_that_are_not_here(survey, mosaic):
    given = survey.to_dict()
    for band in given["bands"].values():
        band["psf"] = {"path": "gone/kernel.fits", "oversample": 4}
    elsewhere = SimpleNamespace(artefact=SimpleNamespace(metadata={"survey": given}))
    [line] = psf_warnings(elsewhere, mosaic)
    assert "was not checked: gone/kernel.fits" in line


def test_images_without_stars_are_not_judged(predictor, mosaic):
    flat = replace(mosaic, data=np.full_like(mosaic.data, 0.1))
    assert psf_warnings(predictor, flat) == []
    assert len(concentrations(np.random.default_rng(2).normal(0, 1, (200, 200)), np.zeros((200, 200), bool))) == 0


def test_invalid_pixels_are_left_out(predictor, mosaic):
    data, valid = mosaic.data.copy(), mosaic.valid.copy()
    data[:, :100], valid[:100] = np.nan, False
    assert psf_warnings(predictor, replace(mosaic, data=data, valid=valid)) == []
