"""Whether the stars of images are as sharp as those that a network was trained with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from astropy.stats import sigma_clipped_stats
from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture, aperture_photometry
from photutils.detection import DAOStarFinder

from clustercnn.errors import DataFileError
from clustercnn.physics import Survey
from clustercnn.render import Renderer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.inference.predict import Predictor
    from clustercnn.scene.mosaics import Mosaic

__all__ = ["concentrations", "psf_warnings"]

_CORE, _WHOLE, _SKY = 1.5, 5.0, (7.0, 10.0)  # pixels: radii of the two apertures and of the annulus for the background
_REGION = 1536  # pixels; the middle of a large image tells enough
_THRESHOLD, _BRIGHTEST, _FEWEST = 20.0, 500, 30  # sigma of the sky; sources that are measured; that are needed
# Of a field's sources some are blends and clusters, less concentrated than stars. On mock mosaics of m83 the upper
# quartile lies 0.01 above a star's value where the PSF is the network's; 0.03 below where it is blurred by another 0.4
# pixel (a 7 % wider core, within what drizzling does), 0.08 below with 0.6 pixel
_QUARTILE, _TOLERANCE = 75.0, 0.04


def psf_warnings(predictor: Predictor, mosaic: Mosaic) -> list[str]:
    """What to say of images whose stars are sharper or broader than all PSFs of the network's survey: a line a band.

    The measure is the share of the light within 5 pixels that lies within 1.5. Images with too few sources are not
    judged, nor are any for a network whose own PSFs are in files that are not here.
    """
    survey = Survey.from_dict(predictor.artefact.metadata["survey"])
    found = [concentrations(*_middle(mosaic, mosaic.bands.index(band))) for band in survey.band_names]
    if max(map(len, found)) < _FEWEST:
        return []
    try:
        known = _range_of(survey)
    except DataFileError as error:
        return [f"whether the PSF is one that the model was trained with was not checked: {error}"]
    lines = []
    for band, shares, low, high in zip(survey.band_names, found, *known, strict=True):
        if len(shares) < _FEWEST:
            continue
        value = float(np.percentile(shares, _QUARTILE))
        if low - _TOLERANCE <= value <= high + _TOLERANCE:
            continue
        lines.append(
            f"images.{band}: stars hold {value:.2f} of their light within {_CORE:g} pixels, those that the model was "
            f"trained with {low:.2f} to {high:.2f}: the PSF is {'broader' if value < low else 'sharper'} than any of "
            "its own, so sizes and presence may be off"
        )
    return lines


def concentrations(image: NDArray[np.float64], invalid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The light within 1.5 pixels over that within 5 of an image's brightest sources, [source].

    Args:
        image: [y, x].
        invalid: [y, x] pixels not to be used.
    """
    _, median, sigma = sigma_clipped_stats(image[::4, ::4], mask=invalid[::4, ::4])
    if not sigma > 0:
        return np.empty(0)
    finder = DAOStarFinder(
        threshold=_THRESHOLD * sigma, fwhm=2.0, min_separation=8.0, n_brightest=_BRIGHTEST, exclude_border=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no sources is an answer
        sources = finder(np.where(invalid, 0.0, image - median), mask=invalid)
    if sources is None:
        return np.empty(0)
    share = _share(image, np.column_stack([sources["x_centroid"], sources["y_centroid"]]))
    return share[np.isfinite(share)]


def _share(image: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    core, whole = CircularAperture(places, _CORE), CircularAperture(places, _WHOLE)
    sums = aperture_photometry(image, [core, whole])
    sky = ApertureStats(image, CircularAnnulus(places, *_SKY)).median
    return np.asarray((sums["aperture_sum_0"] - sky * core.area) / (sums["aperture_sum_1"] - sky * whole.area))


def _middle(mosaic: Mosaic, band: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The middle of an image and its invalid pixels."""
    corner = [max(0, (side - _REGION) // 2) for side in mosaic.valid.shape]
    rows, columns = (slice(low, low + _REGION) for low in corner)
    image = mosaic.data[band, rows, columns].astype(np.float64)
    invalid = ~(mosaic.valid[rows, columns] & np.isfinite(image))
    return np.where(invalid, 0.0, image), invalid


def _range_of(survey: Survey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and largest share of the survey's PSFs, [band] each: of stars at nine places within a pixel, on average."""
    size = 41
    renderer, flux = Renderer(survey, size=size, backend="auto"), np.ones((1, len(survey.bands)))
    shares = np.empty((survey.psf_count, len(survey.bands), 9))
    for psf in range(survey.psf_count):
        for k in range(9):
            place = np.array([[size // 2 + (k % 3 - 1) / 3, size // 2 + (k // 3 - 1) / 3]])
            star = np.asarray(renderer.draw(place[:, 0], place[:, 1], flux, psf=psf), np.float64)
            shares[psf, :, k] = [_share(image, place)[0] for image in star]
    mean = shares.mean(axis=2)
    return mean.min(axis=0), mean.max(axis=0)
