from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy.io import fits

from clustercnn.physics import Prior, Survey
from clustercnn.render import Renderer, RenderSettings
from clustercnn.scene import FieldSettings, Mosaic, synthetic_field
from clustercnn.scene.fits_output import tangent_wcs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def survey() -> Survey:
    return Survey.load("m83")


@pytest.fixture(scope="session")
def prior() -> Prior:
    return replace(Prior.load("m83"), zero_point=0.0, distance=0.0)  # the light is what the renderer draws


@pytest.fixture(scope="session")
def renderer(survey) -> Renderer:
    return Renderer(survey, size=32, settings=RenderSettings(threads=1))


@pytest.fixture(scope="session")
def field(survey) -> Mosaic:
    """A small noise-free field; clouds and groups need no more."""
    return synthetic_field(survey, 160, seed=3, settings=FieldSettings(surface_brightness=(21.5, 21.5)), threads=1)


@pytest.fixture
def flat(survey) -> Mosaic:
    """A noise-free field of 0.5 e-/s everywhere."""
    shape = (len(survey.bands), 96, 96)
    return Mosaic(
        bands=survey.band_names,
        data=np.full(shape, 0.5, np.float32),
        valid=np.ones(shape[1:], bool),
        exposures=np.array([b.exposure for b in survey.bands]),
        pixel_scale=survey.pixel_scale,
        zero_points=np.array([b.zero_point for b in survey.bands]),
        noisy=False,
    )


@dataclass(frozen=True)
class Images:
    """Writes one FITS file per band of the survey."""

    folder: Path
    survey: Survey
    shape: tuple[int, int] = (60, 70)
    scale: float = 0.04

    def rates(self) -> np.ndarray:
        """[band, y, x] e-/s at the survey's zero points."""
        return np.random.default_rng(5).uniform(0.01, 1.0, (len(self.survey.bands), *self.shape)).astype(np.float32)

    def write(
        self, band: str, data: np.ndarray, *, name: str = "SCI", weight: np.ndarray | None = None, **keywords
    ) -> Path:
        """A file with one image; keywords given as None are left out, ``ra`` (degrees) shifts the WCS."""
        header = tangent_wcs(
            data.shape, ra=keywords.pop("ra", 204.25), dec=-29.87, pixel_scale=keywords.pop("scale", self.scale)
        ).to_header()
        for key, value in {"BUNIT": "ELECTRONS/S", **keywords}.items():
            if value is not None:
                header[key] = value
        path = self.folder / f"{band}.fits"
        extension = [fits.PrimaryHDU(), fits.ImageHDU(data, header, name=name)]
        hdus = extension if name else [fits.PrimaryHDU(data, header)]
        if weight is not None:
            hdus.append(fits.ImageHDU(weight, name="WHT"))
        fits.HDUList(hdus).writeto(path, overwrite=True)
        return path

    def all(self, **keywords) -> dict[str, Path]:
        """One file per band, of ``rates``."""
        rates = self.rates()
        return {b: self.write(b, rates[k], **keywords) for k, b in enumerate(self.survey.band_names)}


@pytest.fixture
def images(tmp_path, survey) -> Images:
    return Images(tmp_path, survey)


@pytest.fixture
def observed(flat):
    """A flat field that claims to be observed: whatever noise is found on it came later."""
    return replace(flat, noisy=True)
