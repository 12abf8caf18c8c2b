"""Isochrone files of the user's own: PARSEC (CMD web output) and MIST (``.iso.cmd``).

Columns are found by their names in the comment line above each block, whatever their order; several ages and
metallicities may follow each other. Magnitudes in the AB system are turned into VEGAMAG.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics.interpolation import BY_EEP, SNAP, Knot, strictly_increasing
from clustercnn.physics.photometry import Points

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_isochrones"]

_SOLAR_Z = 0.0152  # PARSEC's Sun
# quantity -> names it has in one or the other version of the file
_PARSEC = {
    "z": ("Zini", "Z"),
    "log_age": ("logAge", "log(age/yr)"),
    "m_ini": ("Mini", "M_ini"),
    "m_act": ("Mass", "M_act"),
    "log_l": ("logL", "logL/Lo"),
    "log_teff": ("logTe",),
}
_MIST = {
    "eep": ("EEP",),
    "m_ini": ("initial_mass",),
    "m_act": ("star_mass",),
    "log_l": ("log_L",),
    "log_teff": ("log_Teff",),
}
_MIST_AGES = ("log10_isochrone_age_yr", "isochrone_age_yr")


@dataclass
class _Content:
    """A file taken apart: comment lines, column names, and numbers with the line each row came from."""

    path: Path
    comments: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    names_line: int = 0
    rows: list[list[float]] = field(default_factory=list)
    z: list[float] = field(default_factory=list)  # MIST: of the header above each row

    def column(self, *names: str) -> NDArray[np.float64]:
        """The column that has one of these names."""
        for name in names:
            if name in self.names:
                return np.array([row[self.names.index(name)] for row in self.rows])
        wanted = " or ".join(repr(name) for name in names)
        raise DataFileError(
            f"{self.path}, line {self.names_line}: no column {wanted}; the columns are {', '.join(self.names)}"
        )


def read_isochrones(
    path: Path, bands: Mapping[str, str], *, ab_minus_vega: Mapping[str, float]
) -> list[tuple[float, float, tuple[Knot, ...]]]:
    """Read a file into (Z, [M/H], isochrones by age), by increasing metallicity.

    MIST files have equivalent evolutionary points, along which ages are interpolated; PARSEC files have none, so that
    the nearest of their ages serves.

    Args:
        path: the file.
        bands: this package's band name -> column of the file.
        ab_minus_vega: by band, to convert magnitudes of an AB file.

    Raises:
        InvalidInput: ``bands`` names a column that the file has not.
        DataFileError: the file is unreadable, broken or of another kind; names the line.
    """
    content = _parse(path)
    mist = content.names[0] == "EEP"
    missing = [column for column in bands.values() if column not in content.names]
    if missing:
        close = get_close_matches(missing[0], content.names, n=3, cutoff=0.3)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise InvalidInput(
            f"bands: column {missing[0]!r} is not in {path}; {hint}the columns are {', '.join(content.names)}"
        )
    shift = _vega_shift(content, bands, ab_minus_vega)
    mag = np.stack([content.column(column) for column in bands.values()], axis=1) - shift
    table = {name: content.column(*names) for name, names in (_MIST if mist else _PARSEC).items()}
    if mist:
        table["z"] = np.array(content.z)
        age = content.column(*_MIST_AGES)
        table["log_age"] = age if _MIST_AGES[0] in content.names else np.log10(age)
    table["log_age"] = np.round(table["log_age"], 5)
    found = []
    for z in np.unique(table["z"]):
        of_z = table["z"] == z
        knots = [
            _knot(table, mag, of_z & (table["log_age"] == age), kind=BY_EEP if mist else SNAP)
            for age in np.unique(table["log_age"][of_z])
        ]
        found.append((float(z), math.log10(float(z) / _SOLAR_Z), tuple(knots)))
    return found


def _knot(table: Mapping[str, NDArray[np.float64]], mag: NDArray[np.float64], rows: NDArray, *, kind: int) -> Knot:
    """One age: distinct masses in increasing order."""
    index = np.flatnonzero(rows)
    chosen, mass = strictly_increasing(table["m_ini"][index])
    index = index[chosen]
    column = {name: values[index] for name, values in table.items()} | {"m_ini": mass}
    points = Points(
        m_ini=column["m_ini"],
        log_l=column["log_l"],
        log_teff=column["log_teff"],
        m_ratio=column["m_act"] / column["m_ini"],
        carbon=np.zeros(index.size, dtype=bool),
        eep=column.get("eep", np.zeros(index.size)),
    )
    return Knot(float(column["log_age"][0]), kind, points, mag[index])


def _parse(path: Path) -> _Content:
    """Split the file into comments, the names of columns, and numbers."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read ({error}); expected PARSEC or MIST isochrones") from error
    content, z = _Content(path), math.nan
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("#"):
            words = text.lstrip("#").split()
            if _is_header(words):
                _take_names(content, words, number)
            elif content.comments and "Zinit" in content.comments[-1] and len(words) > 1:
                z = float(words[content.comments[-1].lstrip("# ").split().index("Zinit")])
            content.comments.append(text)
        elif text:
            content.rows.append(_numbers(content, text, number))
            content.z.append(z)
    if not content.rows:
        raise DataFileError(f"{path}: no isochrones; expected PARSEC (CMD) or MIST (.iso.cmd) output")
    if content.names[0] == "EEP" and math.isnan(content.z[0]):
        raise DataFileError(f"{path}, line {content.names_line}: no 'Zinit' line above; expected a MIST header")
    return content


def _is_header(words: list[str]) -> bool:
    names = set(words)
    return bool({"Mini", "M_ini"} & names) or words[:1] == ["EEP"]


def _take_names(content: _Content, words: list[str], number: int) -> None:
    if content.names and words != content.names:
        raise DataFileError(
            f"{content.path}, line {number}: other columns than in line {content.names_line}; "
            "expected the same ones in every block"
        )
    content.names, content.names_line = words, content.names_line or number


def _numbers(content: _Content, text: str, number: int) -> list[float]:
    words = text.split()
    if not content.names:
        raise DataFileError(
            f"{content.path}, line {number}: numbers before any line of column names; "
            "expected '# Zini MH logAge Mini ...' (PARSEC) or '# EEP ...' (MIST)"
        )
    if len(words) != len(content.names):
        raise DataFileError(
            f"{content.path}, line {number}: {len(words)} values; expected {len(content.names)}, one per column"
        )
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise DataFileError(f"{content.path}, line {number}: {error}; expected numbers") from error
    if not all(math.isfinite(value) for value in values):
        raise DataFileError(f"{content.path}, line {number}: a value that is not finite; expected numbers")
    return values


def _vega_shift(content: _Content, bands: Mapping[str, str], ab_minus_vega: Mapping[str, float]) -> NDArray[np.float64]:
    """What to subtract from each band to have VEGAMAG; refuses magnitudes with extinction in them."""
    header = "\n".join(content.comments)
    reddened = re.search(r"Av\s*=\s*([0-9.]+)", header)
    if reddened and float(reddened[1]) != 0.0:
        raise DataFileError(
            f"{content.path}: magnitudes with extinction Av = {reddened[1]}; expected Av = 0, it is added per cluster"
        )
    system = next((text for text in content.comments if "hotometric system" in text), "")
    if re.search(r"\bAB", system):
        return np.array([ab_minus_vega[name] for name in bands])
    return np.zeros(len(bands))
