"""Angles from table columns: degrees, any angle unit, or sexagesimal text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import DataFileError

if TYPE_CHECKING:
    from pathlib import Path

    from astropy.table import Table
    from numpy.typing import NDArray

__all__ = ["angles", "coordinate_column"]


def angles(path: Path, name: str, column: Any, *, hours: bool) -> NDArray[np.float64]:
    """A column as degrees [n]; masked entries become NaN.

    Args:
        path: the file, for messages.
        name: the column's name, for messages.
        column: numbers in the column's unit (degrees when it has none), or text, decimal or sexagesimal.
        hours: whether sexagesimal text without a unit is in hours, as right ascensions are.

    Raises:
        DataFileError: text that is no angle, a unit that is no angle, or declinations beyond 90 degrees.
    """
    from astropy import units as u

    if np.asarray(np.ma.getdata(column)).dtype.kind in "USO":
        degrees = _from_text(path, name, column, hours=hours)
    else:
        unit = getattr(column, "unit", None) or u.deg
        try:
            factor = u.Unit(unit).to(u.deg)
        except (u.UnitConversionError, ValueError, TypeError) as error:
            raise DataFileError(f"{path}: the column {name!r} has the unit {unit}, which is not an angle") from error
        values = getattr(column, "value", column)
        degrees = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan) * factor
    limit = 360.0 if hours else 90.0
    bad = np.abs(degrees) > limit
    if bad.any():
        row = int(np.argmax(bad))
        raise DataFileError(f"{path}: {name} = {degrees[row]:g} degrees in row {row}; up to {limit:g} is allowed")
    return degrees


def _from_text(path: Path, name: str, column: Any, *, hours: bool) -> NDArray[np.float64]:
    from astropy import units as u
    from astropy.coordinates import Angle

    degrees = np.full(len(column), np.nan)
    for row, entry in enumerate(np.ma.filled(np.ma.asarray(column).astype(object), "")):
        text = str(entry).strip()
        if not text:
            continue
        try:
            degrees[row] = float(text)
            continue
        except ValueError:
            pass
        try:
            # "12h30m" and "12d30m" carry their own unit, which overrules the one given here
            degrees[row] = Angle(text, u.hourangle if hours else u.deg).to_value(u.deg)
        except (ValueError, u.UnitsError) as error:
            raise DataFileError(f"{path}: {name} = {text!r} in row {row} is not an angle") from error
    return degrees


def coordinate_column(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]] | tuple[None, None]:
    """ICRS degrees of the first SkyCoord column, such as ``sky_centroid`` of photutils; two None without one."""
    from astropy.coordinates import SkyCoord

    for name in table.colnames:
        if isinstance(table[name], SkyCoord):
            position = table[name].icrs
            return np.asarray(position.ra.deg, np.float64), np.asarray(position.dec.deg, np.float64)
    return None, None
