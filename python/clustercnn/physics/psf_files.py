"""Kernels in FITS files: an oversampled image, or one of STScI's grids of PSFs over a detector (STDPSF)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning

from clustercnn.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

    from astropy.io.fits import Header
    from numpy.typing import NDArray

__all__ = ["read_kernels"]

OVERSAMPLE_KEYWORDS = ("OVERSAMP", "OVERSAMPLE", "DET_SAMP", "OSAMP")
# The format has no keyword for it (Anderson 2016, ISR WFC3 2016-12). photutils' reader is of no use here: it wants one
# detector, told by the file's name, and places on it; a library has all planes.
STDPSF_OVERSAMPLE = 4


def read_kernels(path: str | Path, oversample: int | None) -> tuple[NDArray[np.float64], int]:
    """The kernels [k, y, x] of a file and their samples per detector pixel.

    Args:
        path: FITS; its first image of two dimensions is one kernel, a cube with NXPSFS and NYPSFS in its header many.
        oversample: samples per detector pixel; None reads it from the header, or is 4 for a STDPSF.

    Raises:
        DataFileError: the file cannot be read, holds no kernel, or does not say how it is sampled.
    """
    try:
        with warnings.catch_warnings(), fits.open(path, memmap=False) as hdus:
            warnings.simplefilter("ignore", VerifyWarning)  # STDPSFs have keywords in lower case
            hdu = next((h for h in hdus if _holds_kernels(h)), None)
            if hdu is None:
                raise DataFileError(f"{path}: no HDU holds a two-dimensional image, or a STDPSF; a PSF is one")
            data, header = np.asarray(hdu.data, dtype=np.float64), hdu.header
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read as FITS ({error})") from error
    found = _oversample(header, path) if oversample is None else oversample
    return data.reshape(-1, *data.shape[-2:]), found


def _holds_kernels(hdu: Any) -> bool:
    if not hdu.is_image or hdu.data is None:
        return False
    return hdu.data.ndim == 2 or (hdu.data.ndim == 3 and _is_stdpsf(hdu.header))


def _is_stdpsf(header: Header) -> bool:
    return "NXPSFS" in header and "NYPSFS" in header


def _oversample(header: Header, path: str | Path) -> int:
    key = next((k for k in OVERSAMPLE_KEYWORDS if k in header), None)
    if key is not None:
        return int(header[key])
    if _is_stdpsf(header):
        return STDPSF_OVERSAMPLE
    raise DataFileError(f"{path}: no keyword of {', '.join(OVERSAMPLE_KEYWORDS)}; give oversample")
