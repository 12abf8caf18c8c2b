"""Derive the stellar table that ships with the package from isochrones, tracks, spectra, filters and Vega.

A maintainer's command; users never need it::

    pip install "clustercnn[tables]"
    python -m clustercnn.physics.tables.build --inputs shared/data --out python/clustercnn/physics/tables/stellar.npz

The same inputs give the same bytes. The table carries the SHA-256 of every input, the builder's version and the
citations, so that it can be told from any other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import ClusterCNNError, DataFileError
from clustercnn.physics.isochrones import TABLE_FORMAT
from clustercnn.physics.photometry import HST_AREA_CM2, Bandpass
from clustercnn.physics.tables import dust, spectra, tracks

if TYPE_CHECKING:
    from clustercnn.physics.photometry import Points

__all__ = ["build", "main"]

BUILDER_VERSION = 1  # raise it with every change of the builder's numbers
Z_VALUES = (0.014, 0.017, 0.02, 0.03, 0.04)
BANDS = (
    *(f"WFC3_UVIS_{name}" for name in ("F275W", "F336W", "F438W", "F555W", "F657N", "F814W")),
    *(f"ACS_WFC_{name}" for name in ("F435W", "F555W", "F606W", "F814W")),
    *(f"Bessell_{name}" for name in "UBVRI"),
)
CITATIONS = (
    "PARSEC v1.2S: Bressan et al. 2012, MNRAS 427, 127; Chen et al. 2014, MNRAS 444, 2525; 2015, MNRAS 452, 1068",
    "COLIBRI: Marigo et al. 2013, MNRAS 434, 488; isochrone files as in FSPS: Conroy et al. 2009, ApJ 699, 486",
    "EEP tracks as in SLUG: da Silva et al. 2012, ApJ 745, 145; Krumholz et al. 2015, MNRAS 452, 1447",
    "ATLAS9: Castelli & Kurucz 2003, IAUS 210, A20; cool stars: Pickles 1998, PASP 110, 863; Fluks et al. 1994",
    "Wolf-Rayet: Smith, Norris & Crowther 2002, MNRAS 337, 1309; carbon stars: Aringer et al. 2009, A&A 503, 913",
    "Vega: Bohlin 2007, ASPC 364, 315; bands: WFC3 and ACS handbooks (2009 epoch); Bessell 1990, PASP 102, 1181",
    "dust_extinction: Gordon 2024, JOSS 9, 7023",
)
# units of the packed integers: 2e-4 dex is 0.0003 mag of rounding, 5e-5 dex of temperature at most 0.001 mag
SCALES = {"log_l": 2e-4, "log_teff": 5e-5, "m_ratio": 2e-5, "c1": 1e-4, "c2": 1e-5}


class _Inputs:
    """The folder of inputs; remembers the hash of every file that was used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sha256: dict[str, str] = {}

    def path(self, name: str) -> Path:
        path = self.folder / name
        try:
            self.sha256[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataFileError(f"{path}: cannot be read ({error}); expected the file {name} of the inputs") from error
        return path

    def table(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        from astropy.table import Table

        table = Table.read(self.path(name), format="ascii.ecsv")
        return tuple(np.asarray(table[c], dtype=np.float64) for c in table.colnames[:2])


def build(inputs: Path) -> dict[str, np.ndarray]:
    """All arrays of the stellar table, by name, derived from the folder ``inputs``."""
    source = _Inputs(inputs)
    vega = source.table("vega/alpha_lyr_stis_005.ecsv")
    bands = [Bandpass(n, *source.table(f"filters/{n}.ecsv"), absolute=not n.startswith("Bessell")) for n in BANDS]
    for name in ("ck04_p00", "ck04_p02", "ck04_p05", "pickles_cool", "cmfgen_wn", "cmfgen_wc", "aringer_crich"):
        source.path(f"spectra/{name}.npz")
    library = spectra.SpectralLibrary(inputs / "spectra")
    arrays = _photometry(library, bands, vega) | _extinction(library, bands)
    isochrones, mh = _isochrones(source)
    arrays |= isochrones
    absolute = [band for band in bands if band.absolute]
    header = {
        "format": TABLE_FORMAT,
        "builder_version": BUILDER_VERSION,
        "bands": list(BANDS),
        "z": list(Z_VALUES),
        "mh": mh,
        "area_cm2": HST_AREA_CM2,
        "zero_points": {b.name: round(b.vega_zero_point(*vega), 5) for b in absolute},
        "photflam": {b.name: float(f"{b.photflam():.6e}") for b in absolute},
        "ab_minus_vega": {b.name: round(b.ab_minus_vega(*vega), 5) for b in bands},
        "pivot": {b.name: round(b.pivot(), 2) for b in bands},
        "law_order": list(dust.LAWS),
        "laws": {name: text for name, (_, _, text) in dust.LAWS.items()},
        "scales": SCALES,
        "citations": list(CITATIONS),
        "inputs_sha256": dict(sorted(source.sha256.items())),
    }
    arrays["header"] = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    return arrays


def _photometry(library: spectra.SpectralLibrary, bands: list[Bandpass], vega: tuple) -> dict[str, np.ndarray]:
    """Absolute VEGAMAG of 1 Lsun on the grids of every kind of star."""
    reference = np.array([float(band.counts(*vega)) for band in bands]) / spectra.solar_luminosity_at_ten_pc()

    def integrate(wavelength: np.ndarray, flux: np.ndarray) -> np.ndarray:
        weights = np.stack([band.weights(wavelength) for band in bands], axis=1)
        return np.maximum(flux @ weights, 1e-300) / reference

    wr_z, wn_teff, wn = library.wolf_rayet("wn", integrate)
    _, wc_teff, wc = library.wolf_rayet("wc", integrate)
    carbon_teff, carbon = library.carbon(integrate)
    normal = np.stack([library.normal(k, integrate) for k in range(spectra.MH.size)])
    magnitudes = {"bc_normal": normal, "bc_wr": np.stack([wn, wc]), "bc_carbon": carbon}
    return {name: np.round(mag, 5).astype(np.float32) for name, mag in magnitudes.items()} | {
        "bc_mh": spectra.MH,
        "bc_log_teff": spectra.LOG_TEFF,
        "bc_logg": spectra.LOGG,
        "bc_wr_z": wr_z,
        "bc_wr_log_teff": np.stack([wn_teff, wc_teff]),
        "bc_carbon_log_teff": carbon_teff,
    }


def _extinction(library: spectra.SpectralLibrary, bands: list[Bandpass]) -> dict[str, np.ndarray]:
    """Coefficients c1, c2 of every law for normal stars and carbon stars, as packed integers."""
    normal, carbon = [], []
    for law in dust.LAWS:
        integrate = dust.AttenuatedIntegrator(bands, law)
        grids = [library.normal(k, integrate) for k in range(spectra.MH.size)]
        normal.append(np.stack([dust.fit_quadratic(grid) for grid in grids]))
        carbon.append(dust.fit_quadratic(library.carbon(integrate)[1]))
    return {
        "ext_normal": _pack(np.stack(normal), np.array([SCALES["c1"], SCALES["c2"]]), np.int16),
        "ext_carbon": _pack(np.stack(carbon), np.array([SCALES["c1"], SCALES["c2"]]), np.int16),
    }


def _isochrones(source: _Inputs) -> tuple[dict[str, np.ndarray], list[float]]:
    """All isochrones in a row, with where each starts, its age, metallicity and source."""
    pieces: list[Points] = []
    keys: list[tuple[int, float, int]] = []
    mh = []
    for k, z in enumerate(Z_VALUES):
        native = tracks.NativeSet.read(source.path(f"isochrones/parsec_v12s_z{z:.4f}.npz"))
        grid = tracks.TrackSet.read(source.path(f"tracks/parsec_v12s_eep_z{z:.4f}.npz"))
        mh.append(round(native.mh, 6))
        for kind, ages in enumerate((tracks.YOUNG_AGES, tracks.DERIVED_AGES, tracks.OLD_AGES)):
            for age in ages:
                pieces.append(tracks.derived(grid, native, age) if kind == 1 else native.isochrone(age))
                keys.append((k, float(age), kind))

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    return {
        "iso_z": np.array([key[0] for key in keys], dtype=np.int8),
        "iso_log_age": np.array([key[1] for key in keys]),
        "iso_kind": np.array([key[2] for key in keys], dtype=np.int8),
        "iso_start": np.r_[0, np.cumsum([piece.m_ini.size for piece in pieces])].astype(np.int32),
        "m_ini": column("m_ini").astype(np.float32),
        "log_l": _pack(column("log_l"), SCALES["log_l"], np.int16),
        "log_teff": _pack(column("log_teff") - 3.0, SCALES["log_teff"], np.uint16),
        "m_ratio": _pack(column("m_ratio"), SCALES["m_ratio"], np.uint16),
        "carbon": column("carbon").astype(np.uint8),
        "eep": column("eep").astype(np.float32),
    }, mh


def _pack(values: np.ndarray, scale: np.ndarray | float, kind: type) -> np.ndarray:
    """Round to integers of a unit; refuse what does not fit."""
    packed = np.rint(values / scale)
    limits = np.iinfo(kind)
    if not np.isfinite(packed).all() or packed.min() < limits.min or packed.max() > limits.max:
        low, high = np.nanmin(values), np.nanmax(values)
        raise DataFileError(f"derived values from {low:g} to {high:g} do not fit {limits.dtype} in units of {scale}")
    return packed.astype(kind)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m clustercnn.physics.tables.build", description=__doc__)
    parser.add_argument("--inputs", type=Path, required=True, help="folder with isochrones/, tracks/, spectra/, ...")
    parser.add_argument("--out", type=Path, required=True, help="the table to write (.npz)")
    options = parser.parse_args(arguments)
    try:
        arrays = build(options.inputs)
    except ClusterCNNError as error:
        parser.exit(2, f"error: {error}\n")
    temporary = options.out.with_name(options.out.name + ".partial.npz")
    np.savez_compressed(temporary, **arrays)
    temporary.replace(options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
