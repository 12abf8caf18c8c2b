"""The stellar table: stars of any age and metallicity, with magnitudes and extinction in any of its bands.

``StellarTable.load()`` reads the table that ships with the package, ``StellarTable.from_file`` isochrones of the
user's own (PARSEC web output, MIST). ``StellarTable.isochrone`` gives the stars of one age. Which ages are published
and which derived, and how neighbours are joined, is said in ``tables/tracks.py`` and ``interpolation.py``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics.extinction import MAX_A_V, ExtinctionGrids
from clustercnn.physics.interpolation import BY_EEP, SNAP, Knot, StarTable, blend
from clustercnn.physics.photometry import PhotometryGrids, Points

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from clustercnn.physics.imf import Imf

__all__ = ["TABLE_FORMAT", "Isochrone", "StellarTable"]

TABLE_FORMAT = 1
_SUBDIVISIONS = 8  # of a mass interval, in integrals over an isochrone


@dataclass(frozen=True)
class Isochrone:
    """Stars of one age and metallicity, by strictly increasing initial mass; heavier ones are dead and dark.

    Magnitudes are linear in initial mass between neighbouring stars.
    """

    log_age: float  # log10 yr, as asked for
    z: float  # metal mass fraction of the table used
    bands: tuple[str, ...]
    m_ini: NDArray[np.float64]  # [n], Msun
    log_l: NDArray[np.float64]  # [n], log10 Lsun
    log_teff: NDArray[np.float64]  # [n], log10 K
    logg: NDArray[np.float64]  # [n], log10 cm/s2
    mag: NDArray[np.float64]  # [n, band], absolute VEGAMAG at A_V = 0
    extinction: NDArray[np.float64]  # [n, band, 2]: A_band = c1 A_V + c2 A_V^2, mag, for A_V of 0 to 5

    def magnitudes(self, a_v: float = 0.0) -> NDArray[np.float64]:
        """Absolute VEGAMAG [n, band] behind ``a_v`` mag of extinction.

        Raises:
            InvalidInput: ``a_v`` outside 0 to 5.
        """
        if not 0.0 <= a_v <= MAX_A_V:
            raise InvalidInput(f"a_v: {a_v:g}; 0 to {MAX_A_V:g} mag is allowed")
        return self.mag + self.extinction[..., 0] * a_v + self.extinction[..., 1] * a_v**2

    def integrated_magnitude(self, imf: Imf, a_v: float = 0.0) -> NDArray[np.float64]:
        """Absolute VEGAMAG [band] of a population of 1 Msun of stars formed, dead ones included in the mass.

        Stars below the first mass of the isochrone shine like the first.
        """
        share = np.arange(_SUBDIVISIONS + 1) / _SUBDIVISIONS
        fine = (self.m_ini[:-1, None] * (1.0 - share[:-1]) + self.m_ini[1:, None] * share[:-1]).ravel()
        edges = np.r_[fine, self.m_ini[-1]]
        centre = 0.5 * (edges[1:] + edges[:-1])
        number = -np.diff(imf.survival(edges))
        mag = self.magnitudes(a_v)
        flux = [number @ 10.0 ** (-0.4 * np.interp(centre, self.m_ini, column)) for column in mag.T]
        below = float(imf.cdf(edges[0]))
        total = np.array(flux) + below * 10.0 ** (-0.4 * mag[0])
        return -2.5 * np.log10(total / imf.mean_mass)


@dataclass(frozen=True)
class StellarTable:
    """Isochrones of several metallicities with their photometry; make one with ``load`` or ``from_file``."""

    bands: tuple[str, ...]  # full names, such as "WFC3_UVIS_F336W"
    zero_points: Mapping[str, float]  # VEGAMAG that gives HST 1 electron/s, by band
    z: NDArray[np.float64]  # [k], increasing
    mh: NDArray[np.float64]  # [k], log10 of metals over hydrogen, Sun = 0
    knots: tuple[tuple[Knot, ...], ...]  # by metallicity, then by age
    photometry: PhotometryGrids = field(repr=False)
    dust: ExtinctionGrids = field(repr=False)
    sha256: str = ""  # of the file
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)  # builder, inputs' hashes, citations

    @classmethod
    def load(cls, path: str | Path | None = None) -> StellarTable:
        """The table in the package (cached), or one that the builder wrote elsewhere.

        Raises:
            DataFileError: the file cannot be read, or is not such a table of this format.
        """
        return _load_cached(None if path is None else Path(path).resolve())

    @classmethod
    def from_file(cls, path: str | Path, bands: Mapping[str, str]) -> StellarTable:
        """The user's own isochrones: PARSEC (CMD web output) or MIST (``.iso.cmd``).

        Args:
            path: the file.
            bands: this package's band name -> the file's column, as in ``{"Bessell_V": "Vmag"}``. The band must be
                one of the shipped table, which lends its zero point and extinction.

        Raises:
            InvalidInput: an unknown band, or a column that the file has not.
            DataFileError: the file is not one of the two kinds, or is broken; names the line.
        """
        from clustercnn.physics.readers import read_isochrones

        base = cls.load()
        for name in bands:
            base.band_index(name)
        if not bands:
            raise InvalidInput("bands: empty; at least one 'band name: column of the file' is needed")
        found = read_isochrones(Path(path), bands, ab_minus_vega=base.provenance["ab_minus_vega"])
        index = [base.band_index(name) for name in bands]
        return replace(
            base,
            bands=tuple(bands),
            zero_points={name: base.zero_points[name] for name in bands if name in base.zero_points},
            z=np.array([z for z, _, _ in found]),
            mh=np.array([mh for _, mh, _ in found]),
            knots=tuple(knots for _, _, knots in found),
            photometry=base.photometry.only(index),
            dust=base.dust.only(index),
            sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
            provenance={"file": str(path)},
        )

    @property
    def laws(self) -> tuple[str, ...]:
        """Names of the extinction laws."""
        return self.dust.laws

    @property
    def log_age_range(self) -> tuple[float, float]:
        """Lowest and highest log10 age (yr) that every metallicity has."""
        return max(k[0].log_age for k in self.knots), min(k[-1].log_age for k in self.knots)

    def log_ages(self, z: float) -> NDArray[np.float64]:
        """The tabulated ages, log10 yr, of the metallicity nearest to ``z``."""
        return np.unique([knot.log_age for knot in self.knots[self.nearest_z(z)]])

    def band_index(self, name: str) -> int:
        """Where a band stands in ``bands``.

        Raises:
            InvalidInput: there is no such band; names the closest ones.
        """
        return self.bands.index(_known("band", name, self.bands))

    def nearest_z(self, z: float) -> int:
        """Index of the tabulated metallicity nearest to ``z`` in log.

        Raises:
            InvalidInput: ``z`` outside the table.
        """
        if not self.z[0] * (1 - 1e-6) <= z <= self.z[-1] * (1 + 1e-6):
            raise InvalidInput(f"z: {z:g}; metallicities of {self.z[0]:g} to {self.z[-1]:g} are in the table")
        return int(np.argmin(np.abs(np.log(self.z / z))))

    def isochrone(self, log_age: float, z: float, *, bands: Iterable[str], law: str = "CCM89") -> Isochrone:
        """The stars of one age, at the tabulated metallicity nearest to ``z``.

        Args:
            log_age: log10 of the age in years. Between derived ages, stars of equal EEP are joined; from log age 9.1
                up, and in tables without EEPs, the nearest published age serves.
            z: metal mass fraction.
            bands: full names of the wanted bands.
            law: name of the extinction law, one of ``laws``.

        Raises:
            InvalidInput: age or metallicity outside the table, unknown band or law.
        """
        bands = tuple(bands)
        index = np.array([self.band_index(name) for name in bands], dtype=np.intp)
        law = _known("law", law, self.laws)
        low, high = self.log_age_range
        if not low - 1e-9 <= log_age <= high + 1e-9:
            raise InvalidInput(f"log_age: {log_age:g}; {low:g} to {high:g} (log10 yr) is in the table")
        k = self.nearest_z(z)
        first, second, share = _neighbours(self.knots[k], log_age)
        stars = self._stars(first, k, index, law=law)
        if share > 0.0:
            by_eep = first.kind == second.kind == BY_EEP
            stars = blend(stars, self._stars(second, k, index, law=law), share, by_eep=by_eep)
        values, n = stars.values, len(bands)
        return Isochrone(
            log_age=float(log_age),
            z=float(self.z[k]),
            bands=bands,
            m_ini=stars.m_ini,
            log_l=values[:, 0],
            log_teff=values[:, 1],
            logg=values[:, 2],
            mag=values[:, 3 : 3 + n],
            extinction=values[:, 3 + n :].reshape(-1, n, 2),
        )

    def star_magnitudes(
        self, log_l: ArrayLike, log_teff: ArrayLike, logg: ArrayLike, *, mh: float, bands: Sequence[str]
    ) -> NDArray[np.float64]:
        """Absolute VEGAMAG [n, band] of normal single stars (log10 Lsun, log10 K, log10 cm/s2), without extinction."""
        log_l, log_teff, logg = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (log_l, log_teff, logg))
        # the mass that gives the wanted gravity; only the gravity matters for the magnitudes
        mass = 10.0 ** (logg + 10.609 - 4.0 * log_teff + log_l)
        nothing = np.zeros(mass.shape)
        points = Points(mass, log_l, log_teff, nothing + 1.0, nothing > 0.0, nothing)
        index = [self.band_index(name) for name in bands]
        return self.photometry.magnitudes(points, mh=mh, z=float(self.z[0]), bands=index)

    def _stars(self, knot: Knot, k: int, index: NDArray[np.intp], *, law: str) -> StarTable:
        points = knot.points
        if knot.mag is None:
            mag = self.photometry.magnitudes(points, mh=float(self.mh[k]), z=float(self.z[k]), bands=index)
        else:
            mag = knot.mag[:, index]
        dust = self.dust.of_points(law, points, mh=float(self.mh[k]), bands=index).reshape(points.m_ini.size, -1)
        values = np.concatenate([np.stack([points.log_l, points.log_teff, points.logg], axis=1), mag, dust], axis=1)
        return StarTable(points.eep, points.m_ini, values)


def _known(kind: str, name: str, allowed: Sequence[str]) -> str:
    if name in allowed:
        return name
    close = get_close_matches(str(name), allowed, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise InvalidInput(f"{kind}: {name!r} is not in the stellar table; {hint}known: {', '.join(allowed)}")


def _neighbours(knots: Sequence[Knot], log_age: float) -> tuple[Knot, Knot, float]:
    """The two knots around an age and the share of the second; a share of zero when one knot serves alone."""
    fixed = [knot for knot in knots if knot.kind == SNAP]
    if fixed and log_age >= fixed[0].log_age - 1e-9:
        nearest = min(fixed, key=lambda knot: abs(knot.log_age - log_age))
        return nearest, nearest, 0.0
    joined = [knot for knot in knots if knot.kind != SNAP]
    ages = np.array([knot.log_age for knot in joined])
    right = int(np.clip(np.searchsorted(ages, log_age - 1e-9), 0, ages.size - 1))
    if abs(ages[right] - log_age) < 1e-9 or right == 0:
        return joined[right], joined[right], 0.0
    first, second = joined[right - 1], joined[right]
    return first, second, (log_age - first.log_age) / (second.log_age - first.log_age)


@cache
def _load_cached(path: Path | None) -> StellarTable:
    if path is None:
        name = "stellar.npz (in the package)"
        content = resources.files("clustercnn.physics.tables").joinpath("stellar.npz").read_bytes()
    else:
        name = str(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataFileError(f"{name}: cannot be read ({error}); expected a stellar table (.npz)") from error
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        header = json.loads(arrays.pop("header").tobytes())
    except (ValueError, KeyError, EOFError, BadZipFile, AttributeError) as error:
        raise DataFileError(f"{name}: not a stellar table ({error}); expected one written by tables.build") from error
    if header.get("format") != TABLE_FORMAT:
        raise DataFileError(f"{name}: format {header.get('format')}; this version reads format {TABLE_FORMAT}")
    return _assemble(header, arrays, hashlib.sha256(content).hexdigest())


def _assemble(header: dict[str, Any], arrays: dict[str, NDArray], sha256: str) -> StellarTable:
    unit = header["scales"]
    ext_unit = np.array([unit["c1"], unit["c2"]], dtype=np.float32)
    photometry = PhotometryGrids(**{key[3:]: value for key, value in arrays.items() if key.startswith("bc_")})
    dust = ExtinctionGrids(
        laws=tuple(header["law_order"]),
        mh=photometry.mh,
        log_teff=photometry.log_teff,
        logg=photometry.logg,
        normal=arrays["ext_normal"] * ext_unit,
        carbon_log_teff=photometry.carbon_log_teff,
        carbon=arrays["ext_carbon"] * ext_unit,
    )
    stars = Points(
        m_ini=arrays["m_ini"].astype(np.float64),
        log_l=arrays["log_l"] * unit["log_l"],
        log_teff=3.0 + arrays["log_teff"] * unit["log_teff"],
        m_ratio=arrays["m_ratio"] * unit["m_ratio"],
        carbon=arrays["carbon"].astype(bool),
        eep=arrays["eep"].astype(np.float64),
    )
    knots: list[list[Knot]] = [[] for _ in header["z"]]
    names = Points.__dataclass_fields__
    for j, k in enumerate(arrays["iso_z"]):
        rows = slice(int(arrays["iso_start"][j]), int(arrays["iso_start"][j + 1]))
        points = Points(*(getattr(stars, name)[rows] for name in names))
        knots[k].append(Knot(float(arrays["iso_log_age"][j]), int(arrays["iso_kind"][j]), points))
    return StellarTable(
        bands=tuple(header["bands"]),
        zero_points=header["zero_points"],
        z=np.array(header["z"]),
        mh=np.array(header["mh"]),
        knots=tuple(tuple(sorted(k, key=lambda knot: (knot.log_age, knot.kind))) for k in knots),
        photometry=photometry,
        dust=dust,
        sha256=sha256,
        provenance=header,
    )
