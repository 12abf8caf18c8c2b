"""Catalogues of candidates: any table astropy can read, RA/Dec or x/y under their usual names.

Pixels follow the package's convention: the centre of the first pixel is (0, 0). ``origin=1`` reads FITS pixels, whose
first centre is (1, 1); columns named as SExtractor does (``X_IMAGE``) are FITS pixels whatever ``origin`` says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.inference.sky import angles, coordinate_column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.table import Table
    from astropy.wcs import WCS
    from numpy.typing import NDArray

__all__ = ["Catalogue", "read_catalogue"]

_FORMATS = {
    ".ecsv": "ascii.ecsv",
    ".csv": "ascii.csv",
    ".fits": "fits",
    ".fit": "fits",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".vot": "votable",
    ".xml": "votable",
    ".votable": "votable",
}
# Names are compared in lower case without "_", "-" and blanks: X_IMAGE, RAJ2000, _RAJ2000 and ra_j2000 all match.
_SPELLINGS = {
    "ra": ("ra", "raj2000", "radeg", "radegrees", "raicrs", "ra2000", "alphaj2000", "alpha", "rightascension", "rahms"),
    "dec": ("dec", "de", "dej2000", "decj2000", "decdeg", "dedeg", "decdegrees", "deicrs", "decicrs", "dec2000",
            "deltaj2000", "delta", "declination", "decdms"),
    "x": ("x", "xcentroid", "xcenter", "xcentre", "xcen", "xpix", "xpixel", "xpos", "ximage", "xcoord", "xfit", "x0"),
    "y": ("y", "ycentroid", "ycenter", "ycentre", "ycen", "ypix", "ypixel", "ypos", "yimage", "ycoord", "yfit", "y0"),
    "id": ("id", "name", "number", "label", "objid", "clusterid", "sourceid", "source", "objectid", "object"),
}  # fmt: skip


@dataclass(frozen=True)
class Catalogue:
    """Candidates: ``id`` [n] and positions, each float64 [n] or None when the file does not give that kind.

    ``x``, ``y`` are pixels, centre of the first pixel (0, 0); ``ra``, ``dec`` are ICRS degrees. A position that the
    file leaves empty is NaN.
    """

    id: NDArray[Any]
    x: NDArray[np.float64] | None = None
    y: NDArray[np.float64] | None = None
    ra: NDArray[np.float64] | None = None
    dec: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.id)

    @classmethod
    def counted(cls, x: NDArray[np.float64], y: NDArray[np.float64]) -> Catalogue:
        """Candidates at pixels [n], numbered from 1."""
        return cls(np.arange(1, len(x) + 1), x, y)

    def located(self, wcs: WCS | None) -> Catalogue:
        """The same candidates with pixels and, where ``wcs`` is celestial, RA/Dec.

        RA/Dec of the file come first; rows without them take its pixels, if it has any.

        Raises:
            InvalidInput: the file has RA/Dec only and the images have no celestial WCS.
        """
        if wcs is None or not wcs.has_celestial:
            if self.x is None:
                raise InvalidInput(
                    "catalogue: it gives RA/Dec only, but the images have no celestial WCS; give x and y"
                )
            return replace(self, ra=None, dec=None)
        from astropy.wcs import NoConvergence

        if self.ra is None:
            ra, dec = wcs.celestial.all_pix2world(self.x, self.y, 0)
            return replace(self, ra=np.asarray(ra), dec=np.asarray(dec))
        try:
            x, y = wcs.celestial.all_world2pix(self.ra, self.dec, 0, quiet=True)
        except (NoConvergence, ValueError) as error:
            raise InvalidInput(f"catalogue: RA/Dec cannot be turned into pixels of the images, {error}") from error
        if self.x is None:
            return replace(self, x=np.asarray(x), y=np.asarray(y))
        lost = ~(np.isfinite(self.ra) & np.isfinite(self.dec))
        x, y = np.where(lost, self.x, x), np.where(lost, self.y, y)
        ra, dec = wcs.celestial.all_pix2world(x, y, 0)
        return Catalogue(self.id, x, y, np.where(lost, ra, self.ra), np.where(lost, dec, self.dec))


def read_catalogue(path: str | Path, *, origin: int = 0, columns: Mapping[str, str | None] | None = None) -> Catalogue:
    """Candidates from a table file.

    Args:
        path: ECSV, CSV, FITS, HDF5, VOTable by suffix, gzipped ones too; anything else as the text table that astropy
            makes of it.
        origin: pixel coordinate of the centre of the first pixel in the file, 0 or 1.
        columns: names of the columns to use for ``id``, ``x``, ``y``, ``ra``, ``dec``; None looks for usual spellings.
            Positions are those of a pair that is named, whatever else the file has.

    Raises:
        InvalidInput: ``origin`` or ``columns`` are not what they must be.
        DataFileError: the file is missing, unreadable, empty, or has no positions.
    """
    if origin not in (0, 1):
        raise InvalidInput(f"origin: {origin!r}; 0 (first pixel centre at 0) or 1 (FITS pixels) are allowed")
    wanted = {key: str(name) for key, name in (columns or {}).items() if name is not None}
    unknown = set(wanted) - set(_SPELLINGS)
    if unknown:
        raise InvalidInput(f"columns: {sorted(unknown)}; {', '.join(_SPELLINGS)} are allowed")
    path = Path(path)
    table = _read_table(path)
    if len(table) == 0:
        raise DataFileError(f"{path}: the catalogue has no rows; at least one candidate is expected")
    found = _find_columns(path, table, wanted)
    pixels, sky = (_named(pair, wanted, found) for pair in (("x", "y"), ("ra", "dec")))
    x, y = (None, None) if sky and not pixels else _pixels(path, table, found, origin)
    ra, dec = (None, None) if pixels and not sky else _sky(path, table, found)
    if x is None and ra is None:
        raise DataFileError(
            f"{path}: no positions found among the columns {', '.join(table.colnames)}; expected ra and dec (degrees, "
            "or sexagesimal), or x and y (pixels); name others with columns.ra=... columns.dec=... or columns.x=..."
        )
    ids = _identifiers(table[found["id"]]) if "id" in found else np.arange(1, len(table) + 1)
    return Catalogue(ids, x, y, ra, dec)


def _read_table(path: Path) -> Table:
    from astropy.table import QTable, Table

    if not path.is_file():
        reason = "a folder" if path.is_dir() else "no such file"
        raise DataFileError(f"{path}: {reason}; a catalogue of candidates is expected")
    kind = _FORMATS.get(Path(path.name.removesuffix(".gz")).suffix.lower(), "ascii")
    try:
        # A QTable would fail on columns whose unit astropy does not know; only ECSV needs it, for sky coordinates
        reader = QTable if kind == "ascii.ecsv" else Table
        table = reader.read(path, format=kind)
        if kind in ("fits", "hdf5"):
            table.convert_bytestring_to_unicode()
    except Exception as error:  # every reader of astropy raises its own kinds
        first = str(error).strip().splitlines()
        reason = first[0] if first else type(error).__name__
        raise DataFileError(f"{path}: cannot be read as a table ({kind}): {reason}") from error
    return table


def _identifiers(column: Any) -> NDArray[Any]:
    """Numbers as they are, all else as text; an empty entry is an empty text."""
    values = np.ma.asarray(column)
    if values.dtype.kind in "iuf" and not np.ma.is_masked(values):
        return np.asarray(values)
    return np.array(["" if entry is np.ma.masked else str(entry) for entry in values])


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c not in "_- ")


def _find_columns(path: Path, table: Table, wanted: Mapping[str, str]) -> dict[str, str]:
    """Column name for each of id, x, y, ra, dec that the table has."""
    found: dict[str, str] = {}
    plain = {_plain(name): name for name in reversed(table.colnames)}
    for key, spellings in _SPELLINGS.items():
        if key in wanted:
            if wanted[key] not in table.colnames:
                raise DataFileError(f"{path}: no column {wanted[key]!r} ({key}); it has {', '.join(table.colnames)}")
            found[key] = wanted[key]
            continue
        match = next((plain[s] for s in spellings if s in plain), None)
        if match is not None:
            found[key] = match
    return found


def _named(pair: tuple[str, str], wanted: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Whether one of a pair of coordinates is named; raises if the other one is not to be found."""
    named = [key for key in pair if key in wanted]
    absent = [key for key in pair if key not in found]
    if named and absent:
        raise InvalidInput(f"columns.{named[0]}: {wanted[named[0]]}; give columns.{absent[0]}=... too")
    return bool(named)


def _pixels(path: Path, table: Table, found: Mapping[str, str], origin: int) -> tuple[Any, Any]:
    if "x" not in found or "y" not in found:
        return None, None
    values = []
    for key in ("x", "y"):
        name = found[key]
        first = 1 if _plain(name) in ("ximage", "yimage") else origin
        values.append(_numbers(path, name, table[name]) - first)
    return values[0], values[1]


def _sky(path: Path, table: Table, found: Mapping[str, str]) -> tuple[Any, Any]:
    if "ra" in found and "dec" in found:
        return (
            angles(path, found["ra"], table[found["ra"]], hours=True),
            angles(path, found["dec"], table[found["dec"]], hours=False),
        )
    return coordinate_column(table)


def _numbers(path: Path, name: str, column: Any) -> NDArray[np.float64]:
    """A column as float64, masked entries as NaN."""
    values = getattr(column, "value", column)  # a Quantity in pixels
    try:
        return np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    except (TypeError, ValueError) as error:
        raise DataFileError(f"{path}: the column {name!r} is not made of numbers") from error
