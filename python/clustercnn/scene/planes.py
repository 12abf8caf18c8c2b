"""One band's FITS image: finding the right HDU, its WCS, units and weights, with every fault named."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales
from scipy import ndimage

from clustercnn.errors import DataFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Plane", "find_plane", "read_plane"]


@dataclass(frozen=True)
class Plane:
    """Where one band's image lies and what its header says; the pixels are still on disk.

    Args:
        path: the FITS file.
        where: path and HDU, as messages name them.
        hdu: index of the image's HDU.
        weight_hdu: index of the ``WHT`` extension that belongs to it, if there is one.
        header: keywords of the image's HDU, with those of the primary behind them.
        shape: (y, x) pixels.
        wcs: celestial WCS, None when the header has none.
        pixel_scale: arcsec along x and y; None without a WCS.
    """

    path: Path
    where: str
    hdu: int
    weight_hdu: int | None
    header: fits.Header
    shape: tuple[int, int]
    wcs: WCS | None
    pixel_scale: tuple[float, float] | None


def find_plane(path: str | Path, *, filter_name: str) -> Plane:
    """Find a band's image in a FITS file: the first ``SCI`` extension, else the first two-dimensional image.

    Args:
        path: the file.
        filter_name: full name of the filter; a header that names another one is refused.

    Raises:
        DataFileError: no readable FITS file, no image in it, a broken WCS, or the image of another filter.
    """
    path = Path(str(path))  # a name of digits comes as a number from a command line
    with _opened(path) as hdus:
        images = [i for i, hdu in enumerate(hdus) if hdu.is_image and hdu.header.get("NAXIS", 0) == 2]
        science = [i for i in images if hdus[i].name.upper() == "SCI"]
        if not images:
            found = ", ".join(f"{i} {h.name} NAXIS={h.header.get('NAXIS', 0)}" for i, h in enumerate(hdus))
            raise DataFileError(f"{path}: no two-dimensional image; SCI or the primary HDU was expected, found {found}")
        index = (science or images)[0]
        shape = hdus[index].shape
        weights = [i for i in images if hdus[i].name.upper() == "WHT" and hdus[i].ver == hdus[index].ver]
        if weights and hdus[weights[0]].shape != shape:
            raise DataFileError(
                f"{path}[{weights[0]}, WHT]: shape {hdus[weights[0]].shape}; {shape} as SCI was expected"
            )
        header = hdus[index].header.copy()
        header.extend((c for c in hdus[0].header.cards if c.keyword and c.keyword not in header), unique=True)
        where = f"{path}[{index}, {hdus[index].name}]" if hdus[index].name else f"{path}[{index}]"
        _check_filter(header, where, filter_name)
        wcs = _celestial(header, hdus, where)
    scale = None if wcs is None else tuple(float(s) * 3600.0 for s in proj_plane_pixel_scales(wcs))
    return Plane(path, where, index, weights[0] if weights else None, header, shape, wcs, scale)


def read_plane(plane: Plane, *, scale: float, out: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Read a band's pixels times ``scale`` into ``out`` [y, x] float32, row block by row block.

    Invalid are: values that are not finite, pixels of weight 0 (or not finite), and, in files without weights, areas
    of at least 5 x 5 pixels that are exactly zero, as drizzle leaves where no exposure looked. They are set to 0.

    Returns:
        Which pixels are valid, [y, x].

    Raises:
        DataFileError: unreadable pixels, or not one valid pixel.
    """
    valid = np.empty(plane.shape, dtype=bool)
    with _opened(plane.path) as hdus:
        try:
            data = hdus[plane.hdu].data
            weight = None if plane.weight_hdu is None else hdus[plane.weight_hdu].data
            for rows in (slice(y, y + 256) for y in range(0, plane.shape[0], 256)):
                block = np.asarray(data[rows], dtype=np.float64)
                good = np.isfinite(block)
                if weight is not None:
                    good &= np.isfinite(weight[rows]) & (weight[rows] > 0)
                out[rows] = np.where(good, block * scale, 0.0)
                valid[rows] = good
        except (OSError, TypeError, ValueError, IndexError) as error:
            raise DataFileError(f"{plane.where}: the pixels cannot be read ({error})") from error
    if weight is None:
        valid &= ~ndimage.binary_opening(out == 0.0, structure=np.ones((5, 5), dtype=bool))
    if not valid.any():
        raise DataFileError(f"{plane.where}: no valid pixel; finite values (of weight > 0) were expected")
    return valid


@contextmanager
def _opened(path: Path) -> Iterator[fits.HDUList]:
    """The open file, with astropy's complaints about broken files as our error."""
    if not path.is_file():
        raise DataFileError(f"{path}: no such file; a FITS image was expected")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # memory-mapped, but for scaled or compressed images, which an explicit memmap=True would refuse
            hdus = fits.open(path, lazy_load_hdus=False)
        with hdus:
            truncated = [str(w.message) for w in caught if "truncated" in str(w.message)]
            if truncated:
                raise OSError(truncated[0])
            yield hdus
    except (OSError, fits.VerifyError, KeyError) as error:
        raise DataFileError(f"{path}: not a readable FITS file ({str(error).splitlines()[0]})") from error


def _check_filter(header: fits.Header, where: str, filter_name: str) -> None:
    expected = re.search(r"F\d{3}[A-Z]+", filter_name.upper())
    stated = [str(header.get(keyword, "")).upper() for keyword in ("FILTER", "FILTER1", "FILTER2")]
    found = re.findall(r"\bF\d{3}[A-Z]+", " ".join(stated))
    if expected and found and expected[0] not in found:
        raise DataFileError(f"{where}: the header's filter is {found[0]}; {expected[0]} ({filter_name}) was expected")


def _celestial(header: fits.Header, hdus: fits.HDUList, where: str) -> WCS | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(header, hdus).celestial
    except (ValueError, KeyError, TypeError) as error:
        raise DataFileError(f"{where}: the WCS cannot be read ({error})") from error
    return wcs if wcs.has_celestial else None
