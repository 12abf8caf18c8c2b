"""Mosaics as FITS files with HST-like headers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from clustercnn.physics import StellarTable
from clustercnn.scene.files import filling, package_version, replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from astropy.table import Table
    from numpy.typing import NDArray

    from clustercnn.physics import Survey
    from clustercnn.physics.bands import Band
    from clustercnn.scene.mosaics import Mosaic

__all__ = ["mosaic_bytes", "tangent_wcs", "write_mock", "write_mosaics"]

_RECORD = 2880  # bytes; FITS files are made of such records
_ROWS = 256  # rows of pixels converted at once


def tangent_wcs(shape: tuple[int, int], *, ra: float, dec: float, pixel_scale: float) -> WCS:
    """A gnomonic WCS, north up and east to the left.

    Args:
        shape: (y, x) pixels.
        ra: right ascension of the middle of the image, degrees.
        dec: its declination, degrees.
        pixel_scale: arcsec.
    """
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cd = np.diag([-pixel_scale, pixel_scale]) / 3600.0
    wcs.array_shape = shape
    return wcs


def write_mosaics(
    folder: Path, mosaic: Mosaic, survey: Survey, *, extra: Mapping[str, tuple[object, str]] | None = None
) -> dict[str, Path]:
    """Write one file per band: an empty primary HDU, ``SCI`` in electrons/s, and ``WHT``, the exposure time.

    WHT is 0, and SCI NaN, where the mosaic is not valid.
    Headers carry what drizzled HST images do (telescope, filter, EXPTIME, BUNIT, PHOTFLAM, PHOTPLAM, WCS), so that any
    pipeline reads them. Each file appears under its name only when it is complete. Pixels are written some rows at a
    time, so that ``mosaic.data`` may be a mapped file larger than memory.

    Args:
        folder: is made if needed.
        mosaic: what to write.
        survey: says what the filters are.
        extra: more keywords for the primary header, (value, comment) by name.

    Returns:
        The path of each band's file.
    """
    paths = {}
    for k, band in enumerate(survey.bands):
        path = folder / f"{survey.name}_{band.name.lower()}_drc.fits"
        header = _primary_header(band, float(mosaic.exposures[k]), extra or {})
        science = _science_header(band, mosaic, float(mosaic.zero_points[k]))
        with replacing(path) as part, part.open("wb") as file:
            file.write(_padded(fits.PrimaryHDU(header=header).header.tostring().encode("ascii"), b" "))
            _append_image(file, _image_header("SCI", science, mosaic), mosaic, _science_rows(mosaic, k))
            _append_image(file, _image_header("WHT", _wcs_header(mosaic), mosaic), mosaic, _weight_rows(mosaic, k))
        paths[band.name] = path
    return paths


def write_mock(folder: Path, mosaic: Mosaic, truth: Table, survey: Survey, *, seed: int) -> list[Path]:
    """Write a mock mosaic and ``truth.ecsv`` into a folder; nothing appears there before all of it is written.

    Returns:
        The files.
    """
    ra, dec = mosaic.wcs.wcs.crval
    extra = {
        "TARGNAME": (survey.name, "simulated field of a galaxy"),
        "RA_TARG": (float(ra), "[deg] middle of the image"),
        "DEC_TARG": (float(dec), "[deg] middle of the image"),
        "SEED": (seed, "of the simulation"),
        "NCLUSTER": (len(truth), "clusters, listed in truth.ecsv"),
    }
    with filling(folder) as part:
        names = [path.name for path in write_mosaics(part, mosaic, survey, extra=extra).values()]
        truth.write(part / "truth.ecsv", format="ascii.ecsv")
    return [folder / name for name in [*names, "truth.ecsv"]]


def mosaic_bytes(n_bands: int, shape: tuple[int, int]) -> int:
    """Size of the files that ``write_mosaics`` writes, bytes."""
    headers = 3 * 4 * _RECORD  # no header is longer than four records
    return n_bands * (headers + 2 * (4 * shape[0] * shape[1] + _RECORD))


def _image_header(name: str, header: fits.Header, mosaic: Mosaic) -> fits.Header:
    """The header of an image extension of the mosaic's shape."""
    pixels = np.broadcast_to(np.float32(0), mosaic.valid.shape)  # takes no memory
    return fits.ImageHDU(pixels, header=header, name=name, ver=1).header


def _append_image(file: BinaryIO, header: fits.Header, mosaic: Mosaic, rows: Callable[[slice], NDArray]) -> None:
    """Write an image HDU: its header, and its pixels as big-endian numbers, padded with zeros to whole records."""
    file.write(_padded(header.tostring().encode("ascii"), b" "))
    height, width = mosaic.valid.shape
    for first in range(0, height, _ROWS):
        file.write(rows(slice(first, min(first + _ROWS, height))).astype(">f4").tobytes())
    file.write(bytes(-4 * height * width % _RECORD))


def _padded(text: bytes, filler: bytes) -> bytes:
    return text + filler * (-len(text) % _RECORD)


def _science_rows(mosaic: Mosaic, band: int) -> Callable[[slice], NDArray]:
    return lambda rows: np.where(mosaic.valid[rows], mosaic.data[band, rows], np.float32(np.nan))


def _weight_rows(mosaic: Mosaic, band: int) -> Callable[[slice], NDArray]:
    return lambda rows: np.where(mosaic.valid[rows], np.float32(mosaic.exposures[band]), np.float32(0.0))


def _primary_header(band: Band, exposure: float, extra: Mapping[str, tuple[object, str]]) -> fits.Header:
    header = fits.Header()
    instrument, _, rest = band.filter.partition("_")
    detector, _, name = rest.partition("_")
    if name:
        header["TELESCOP"] = ("HST", "simulated")
        header["INSTRUME"] = instrument
        header["DETECTOR"] = detector
    header["FILTER"] = name or band.filter
    header["EXPTIME"] = (exposure, "[s] total exposure time")
    header["ORIGIN"] = (f"clustercnn {package_version()}", "simulated image")
    for keyword, value in extra.items():
        header[keyword] = value
    return header


def _science_header(band: Band, mosaic: Mosaic, zero_point: float) -> fits.Header:
    about = StellarTable.load().provenance
    pivot, zero_point_ab = about["pivot"][band.filter], zero_point + about["ab_minus_vega"][band.filter]
    header = _wcs_header(mosaic)
    header["BUNIT"] = "ELECTRONS/S"
    # the inverse of calibration.ab_zero_point
    header["PHOTFLAM"] = (
        10 ** (-0.4 * (zero_point_ab + 21.10 + 5 * math.log10(pivot) - 18.6921)),
        "[erg/s/cm2/A] of 1 electron/s",
    )
    header["PHOTPLAM"] = (pivot, "[Angstrom] pivot wavelength")
    header["PHOTZPT"] = (-21.10, "ST magnitude zero point")
    header["ZP_AB"] = (round(zero_point_ab, 5), "[mag] AB, 1 electron/s")
    header["ZP_VEGA"] = (round(zero_point, 5), "[mag] VEGAMAG, 1 electron/s")
    header["READNOIS"] = (band.read_noise, "[electron] rms per pixel, whole exposure")
    header["SKYSUB"] = (band.sky, "[electron/s] mean sky taken off")
    header["A_MW"] = (band.a_milky_way, "[mag] Milky Way extinction, in the data")
    return header


def _wcs_header(mosaic: Mosaic) -> fits.Header:
    if mosaic.wcs is None:
        return fits.Header()
    header = mosaic.wcs.to_header()
    scale = mosaic.wcs.pixel_scale_matrix  # to_header turns the CD matrix into PC and CDELT; HST images carry CD
    for key in list(header):
        if key.startswith(("PC", "CDELT")):
            del header[key]
    for i in range(2):
        for j in range(2):
            header[f"CD{i + 1}_{j + 1}"] = scale[i, j]
    return header
