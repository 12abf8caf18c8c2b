"""Aligned mosaics of a galaxy, one FITS image per band, as one array in the survey's units."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics import StellarTable
from clustercnn.scene.calibration import Calibration, calibrate
from clustercnn.scene.planes import Plane, find_plane, read_plane

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from astropy.wcs import WCS
    from numpy.typing import NDArray

    from clustercnn.physics import Band, Survey

__all__ = ["Mosaic", "check_band_names", "read_mosaics"]

# Between the bands: pixel scales agree to 0.1 %, sky positions of the corners to 0.1 pixel, a quarter of the narrowest
# PSF's sigma. Against the survey: 1 %, which changes sizes by less than any posterior knows them.
BAND_SCALE_TOLERANCE = 1e-3
ALIGNMENT_TOLERANCE = 0.1
SURVEY_SCALE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Mosaic:
    """Images of one area of sky in all bands of a survey.

    Args:
        bands: names, in the survey's order.
        data: float32 [band, y, x], e-/s at the survey's zero points; 0 where not valid.
        valid: bool [y, x]; False where some band has no data.
        exposures: [band], seconds; rate times exposure is the number of detected electrons.
        pixel_scale: arcsec.
        zero_points: [band], VEGAMAG of 1 e-/s.
        wcs: celestial WCS, or None.
        noisy: whether the data carry their own noise, as observations do, or are noise-free rates.
    """

    bands: tuple[str, ...]
    data: NDArray[np.float32]
    valid: NDArray[np.bool_]
    exposures: NDArray[np.float64]
    pixel_scale: float
    zero_points: NDArray[np.float64]
    wcs: WCS | None = None
    noisy: bool = True


def read_mosaics(images: Mapping[str, str | Path], survey: Survey) -> Mosaic:
    """Read one aligned FITS image per band of a survey.

    All headers are read and compared before the first pixel is.

    Args:
        images: path of each band's image; the ``SCI`` extension is read, or else the first image.
        survey: says which bands, and what 1 e-/s means in each.

    Raises:
        InvalidInput: a band that is missing or unknown, or images that do not lie on one pixel grid.
        DataFileError: a file that cannot be read or used; see ``find_plane``, ``calibrate`` and ``read_plane``.
    """
    check_band_names(images, survey.band_names, survey.name)
    planes = [find_plane(images[band.name], filter_name=band.filter) for band in survey.bands]
    _check_alignment(planes, survey)
    calibrations = [
        _calibration(plane, band, survey.pixel_scale) for plane, band in zip(planes, survey.bands, strict=True)
    ]
    data = np.empty((len(planes), *planes[0].shape), dtype=np.float32)
    valid = np.ones(planes[0].shape, dtype=bool)
    for plane, calibration, out in zip(planes, calibrations, data, strict=True):
        valid &= read_plane(plane, scale=calibration.scale, out=out)
    if not valid.any():
        raise InvalidInput("images: no pixel is valid in all bands; images that overlap were expected")
    data[:, ~valid] = 0.0
    exposures = [c.exposure or b.exposure for c, b in zip(calibrations, survey.bands, strict=True)]
    return Mosaic(
        bands=survey.band_names,
        data=data,
        valid=valid,
        exposures=np.array(exposures, dtype=np.float64),
        pixel_scale=survey.pixel_scale,
        zero_points=np.array([b.zero_point for b in survey.bands], dtype=np.float64),
        wcs=planes[0].wcs,
    )


def check_band_names(
    images: Mapping[str, str | Path], bands: tuple[str, ...], survey_name: str, *, option: str = "images"
) -> None:
    """Make sure that there is one image for each band and none for others; ``option`` is what a message calls them.

    Raises:
        InvalidInput: names the band, and its nearest neighbour if it looks misspelt.
    """
    for name in images:
        if name not in bands:
            near = difflib.get_close_matches(str(name).upper(), bands, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InvalidInput(f"{option}.{name}: not a band of survey {survey_name} ({', '.join(bands)}){hint}")
    missing = [band for band in bands if not images.get(band)]
    if missing:
        raise InvalidInput(
            f"{option}.{missing[0]}: missing; survey {survey_name} needs one image for each of {', '.join(bands)}"
        )


def _calibration(plane: Plane, band: Band, pixel_scale: float) -> Calibration:
    offset = StellarTable.load().provenance["ab_minus_vega"][band.filter]
    return calibrate(
        plane.header, plane.where, zero_point_ab=band.zero_point + offset, ab_minus_vega=offset, pixel_scale=pixel_scale
    )


def _check_alignment(planes: list[Plane], survey: Survey) -> None:
    first = planes[0]
    for plane in planes:
        if plane.shape != first.shape:
            raise InvalidInput(
                f"images: {plane.where} has {plane.shape[1]} x {plane.shape[0]} pixels, "
                f"{first.where} {first.shape[1]} x {first.shape[0]}; all bands on one pixel grid were expected"
            )
        if (plane.wcs is None) != (first.wcs is None):
            lacking = plane if plane.wcs is None else first
            raise DataFileError(f"{lacking.where}: no celestial WCS, while other bands have one")
        if plane.wcs is None:
            continue
        for scale, reference in zip(plane.pixel_scale, first.pixel_scale, strict=True):
            if abs(scale / reference - 1) > BAND_SCALE_TOLERANCE:
                raise InvalidInput(
                    f"images: pixel scale of {plane.where} is {scale:.5f} arcsec, of {first.where} {reference:.5f}; "
                    f"agreement to {BAND_SCALE_TOLERANCE:.1%} was expected"
                )
            if abs(scale / survey.pixel_scale - 1) > SURVEY_SCALE_TOLERANCE:
                raise InvalidInput(
                    f"images: pixel scale of {plane.where} is {scale:.5f} arcsec; {survey.pixel_scale:g} as in survey "
                    f"{survey.name} was expected (to {SURVEY_SCALE_TOLERANCE:.0%})"
                )
        offset = _corner_offset(plane, first)
        if not offset <= ALIGNMENT_TOLERANCE:
            raise InvalidInput(
                f"images: the WCS of {plane.where} is off by {offset:.2f} pixels from that of {first.where}; "
                f"up to {ALIGNMENT_TOLERANCE:g} is allowed (align the bands first)"
            )


def _corner_offset(plane: Plane, first: Plane) -> float:
    """Largest distance in pixels between where two WCS put the corners of the image."""
    height, width = plane.shape
    x = np.array([0.0, width - 1.0, 0.0, width - 1.0])
    y = np.array([0.0, 0.0, height - 1.0, height - 1.0])
    back = first.wcs.world_to_pixel_values(*plane.wcs.pixel_to_world_values(x, y))
    return float(np.hypot(back[0] - x, back[1] - y).max())
