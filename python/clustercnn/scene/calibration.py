"""From the numbers of a FITS image to electrons per second at the survey's zero point.

What a header may say, and what is made of it:

- ``BUNIT``: electrons, electrons/s, counts, counts/s (DN and ADU are counts), any flux density per pixel (Jy, MJy, ...)
  or surface brightness (MJy/sr, ...). Drizzled images that keep a stale BUNIT of their inputs are recognised by the
  drizzle keyword ``D001OUUN``, which wins: "cps" is a rate, "counts" is not.
- counts are turned into electrons with ``ATODGAIN``, ``CCDGAIN`` or ``GAIN``, when one is there.
- ``PHOTFLAM`` with ``PHOTPLAM``, or a zero point ``ABMAG``, ``ABZP``, ``VEGAMAG``, ``VEGAZP``, or ``ZP``,
  ``MAGZERO``, ``MAGZPT`` with ``MAGSYS``, says what one electron per second (count per second) means: the data are
  scaled to the survey's zero point. Without any of them the data are taken to be at the survey's zero point already.
- ``EXPTIME``; for drizzled images the times of the distinct input exposures, where the header lists them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from astropy import units

from clustercnn.errors import DataFileError

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["Calibration", "ab_zero_point", "calibrate"]

ALLOWED_UNITS = "electrons, electrons/s, counts, counts/s, Jy or MJy (per pixel), MJy/sr"
_SPELLINGS = {
    "ELECTRON": "electron",
    "ELECTRONS": "electron",
    "E-": "electron",
    "ELECTRONS/S": "electron/s",
    "ELECTRON/S": "electron/s",
    "ELECTRONS/SEC": "electron/s",
    "E-/S": "electron/s",
    "E/S": "electron/s",
    "COUNTS": "ct",
    "COUNT": "ct",
    "DN": "ct",
    "ADU": "ct",
    "COUNTS/S": "ct/s",
    "COUNT/S": "ct/s",
    "DN/S": "ct/s",
    "ADU/S": "ct/s",
    "CPS": "ct/s",
    "MJY": "MJy",
    "MJY/SR": "MJy/sr",
    "JY": "Jy",
}


@dataclass(frozen=True)
class Calibration:
    """How one image becomes rates of the survey.

    Args:
        scale: e-/s of the survey per data unit.
        exposure: seconds for which the SCALED rate times exposure counts detected electrons; None: not in the header.
        unit: the unit the data were found to be in.
    """

    scale: float
    exposure: float | None
    unit: str


def calibrate(
    header: Header, where: str, *, zero_point_ab: float, ab_minus_vega: float, pixel_scale: float
) -> Calibration:
    """Read the calibration of one image.

    Args:
        header: FITS header, that of the extension with the primary's keywords behind it.
        where: path and HDU, for messages.
        zero_point_ab: AB magnitude of 1 e-/s of the survey's band.
        ab_minus_vega: AB minus VEGAMAG magnitude of any star in that band.
        pixel_scale: arcsec.

    Raises:
        DataFileError: a unit that is missing or unknown, or keywords that are missing or make no sense.
    """
    unit = _data_unit(header, where)
    exposure = _exposure(header, where)
    if unit.is_equivalent(units.Jy) or unit.is_equivalent(units.Jy / units.sr):
        per_pixel = (pixel_scale * units.arcsec) ** 2 if unit.is_equivalent(units.Jy / units.sr) else 1.0
        jansky = float((1.0 * unit * per_pixel).to(units.Jy).value)
        return Calibration(jansky / (3631.0 * 10 ** (-0.4 * zero_point_ab)), exposure, str(unit))
    scale = 1.0
    counts = unit in {units.ct, units.ct / units.s}
    if unit in {units.electron, units.ct}:
        if exposure is None:
            raise DataFileError(f"{where}: unit {unit} needs the keyword EXPTIME (seconds), which is missing")
        scale /= exposure
    gain = _positive(header, where, "ATODGAIN", "CCDGAIN", "GAIN") if counts else None
    scale *= gain or 1.0
    zero_point = ab_zero_point(header, where, ab_minus_vega=ab_minus_vega)
    if zero_point is not None:
        if counts and gain:  # the zero point belongs to one unit of the data; the scale above is already in electrons
            zero_point += 2.5 * math.log10(gain)
        sensitivity = 10 ** (0.4 * (zero_point_ab - zero_point))
        scale *= sensitivity
        exposure = None if exposure is None else exposure / sensitivity  # keeps rate x exposure the detected electrons
    return Calibration(scale, exposure, str(unit))


def ab_zero_point(header: Header, where: str, *, ab_minus_vega: float) -> float | None:
    """AB magnitude of one data unit per second, from PHOTFLAM and PHOTPLAM or a zero point keyword; None: not there.

    m_AB = -2.5 log10(PHOTFLAM) - 21.10 - 5 log10(PHOTPLAM) + 18.6921 (WFC3 Data Handbook, section 9.1).

    Raises:
        DataFileError: PHOTFLAM without PHOTPLAM, values out of range, or a zero point of no stated magnitude system.
    """
    photflam = _positive(header, where, "PHOTFLAM")
    if photflam is not None:
        pivot = _positive(header, where, "PHOTPLAM")
        if pivot is None:
            raise DataFileError(f"{where}: PHOTFLAM without PHOTPLAM (pivot wavelength in Angstrom)")
        return -2.5 * math.log10(photflam) - 21.10 - 5.0 * math.log10(pivot) + 18.6921
    for keyword in ("ABMAG", "ABZP"):
        if keyword in header:
            return _number(header, where, keyword)
    for keyword in ("VEGAMAG", "VEGAZP"):
        if keyword in header:
            return _number(header, where, keyword) + ab_minus_vega
    for keyword in ("ZP", "MAGZERO", "MAGZPT"):
        if keyword in header:
            system = str(header.get("MAGSYS", "")).strip().upper()
            if system not in {"AB", "ABMAG", "VEGA", "VEGAMAG"}:
                raise DataFileError(
                    f"{where}: {keyword} needs the keyword MAGSYS, found {system!r}; AB or VEGAMAG is allowed"
                )
            return _number(header, where, keyword) + (ab_minus_vega if system.startswith("VEGA") else 0.0)
    return None


def _data_unit(header: Header, where: str) -> units.UnitBase:
    text = str(header.get("BUNIT", "")).strip()
    if not text:
        raise DataFileError(f"{where}: no BUNIT keyword; {ALLOWED_UNITS} are allowed")
    spelling = _SPELLINGS.get(text.upper()) if text == text.upper() or "Jy" not in text else None
    try:
        unit = units.Unit(spelling or text)
    except ValueError as error:
        raise DataFileError(f"{where}: unknown unit BUNIT = {text!r}; {ALLOWED_UNITS} are allowed") from error
    known = (units.electron, units.electron / units.s, units.ct, units.ct / units.s)
    if unit not in known and not any(unit.is_equivalent(u) for u in (units.Jy, units.Jy / units.sr)):
        raise DataFileError(f"{where}: BUNIT = {text!r} is no count rate or flux; {ALLOWED_UNITS} are allowed")
    drizzled = str(header.get("D001OUUN", "")).strip().lower()
    if unit in known and drizzled in {"cps", "counts"}:
        base = units.electron if unit.is_equivalent(units.electron) or unit == units.electron / units.s else units.ct
        unit = base / units.s if drizzled == "cps" else base
    return unit


def _exposure(header: Header, where: str) -> float | None:
    """Exposure time in seconds; each exposure of a drizzled stack once, though both of its chips are listed."""
    times: dict[str, float] = {}
    for card in header.get("D???DEXP*", ()) or ():
        name = str(header.get(f"{card[:4]}DATA", card))
        times[re.sub(r"[\[_]sci[_,]?\d+.*$", "", name, flags=re.IGNORECASE)] = _number(header, where, card)
    total = sum(times.values())
    return total if total > 0 else _positive(header, where, "EXPTIME")


def _number(header: Header, where: str, keyword: str) -> float:
    try:
        value = float(header[keyword])
    except (TypeError, ValueError) as error:
        raise DataFileError(f"{where}: {keyword} = {header[keyword]!r}; a number was expected") from error
    if not math.isfinite(value):
        raise DataFileError(f"{where}: {keyword} = {value}; a finite number was expected")
    return value


def _positive(header: Header, where: str, *keywords: str) -> float | None:
    """The first keyword that is there; None when none is."""
    for keyword in keywords:
        if keyword in header:
            value = _number(header, where, keyword)
            if value <= 0:
                raise DataFileError(f"{where}: {keyword} = {value:g}; a value > 0 was expected")
            return value
    return None
