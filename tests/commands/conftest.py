"""A small untrained network and a small mock mosaic, made once for the tests of all commands."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from clustercnn import LABEL_NAMES, Prior, Survey
from clustercnn.model import ClusterNet, ModelSettings, noise_scale, save_artefact

SIZE = 32
BANDS = ("F336W", "F438W", "F814W")
SCENE = {
    "kind": "synthetic",
    "fields": 1,
    "field_size": 128,
    "present_fraction": 0.5,
    "confuser_fraction": 0.0,
    "field": {"max_stars": 0.05},
}


def write_network(path, **changes):
    """The artefact of an untrained network, with metadata as ``train`` writes it."""
    survey, prior = Survey.load("m83"), Prior.load("m83")
    settings = ModelSettings(stem=4, widths=(8,), depths=(1,), strides=(2,), context=8, hidden=8, bins=24)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = ClusterNet(settings, scale=noise_scale(survey), bounds=prior.label_bounds, size=SIZE)
    known = {
        "format": 1,
        "version": "0.0.test",
        "bands": list(BANDS),
        "size": SIZE,
        "pixel_scale": survey.pixel_scale,
        "labels": list(LABEL_NAMES),
        "label_bounds": prior.label_bounds.tolist(),
        "survey": survey.to_dict(),
        "prior": prior.to_dict(),
        "config": {"scene": SCENE},
    }
    save_artefact(net, {**known, **changes}, path, exported=False)
    return path


def make_image(path, *, band, scale=0.04, unit="electron/s", fill=None, shape=(80, 100), shift=0.0):
    """A band's image as drizzled HST images come: noise about zero, a WCS, exposure and unit in the header."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [204.25, -29.86], [50.0 + shift, 40.0]
    wcs.wcs.cdelt = np.array([-scale, scale]) / 3600
    rng = np.random.default_rng(len(path.name))
    data = rng.normal(0, 0.005, shape).astype(np.float32) if fill is None else np.full(shape, fill, np.float32)
    header = wcs.to_header()
    header.update({"BUNIT": unit, "EXPTIME": 1500.0, "FILTER": band})
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, header, name="SCI")]).writeto(path, overwrite=True)
    return path


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """A model, one image per band and a catalogue of four: two inside, one outside, one without a position."""
    folder = tmp_path_factory.mktemp("inputs")
    images = {band: str(make_image(folder / f"{band}.fits", band=band)) for band in BANDS}
    table = Table({"id": ["a", "b", "c", "d"], "x": [30.0, 60.5, 500.0, np.nan], "y": [30.0, 40.2, 10.0, 3.0]})
    table.write(folder / "cat.ecsv")
    model = write_network(folder / "model.ts")
    return SimpleNamespace(folder=folder, images=images, catalogue=str(folder / "cat.ecsv"), model=str(model))


@pytest.fixture(scope="session")
def write_image():
    """The function that writes a band's image, for tests that need a broken one."""
    return make_image


@pytest.fixture
def options():
    """The plain configuration of a command with some options replaced."""

    def configuration(command, **changes):
        path = Path(__file__).parents[2] / "conf" / f"{command}.yaml"
        values = {k: v for k, v in yaml.safe_load(path.read_text()).items() if k not in ("defaults", "hydra")}
        if "model" in changes:
            changes["model"] = {"path": changes["model"]}
        return {**values, "device": "cpu", **changes}

    return configuration
