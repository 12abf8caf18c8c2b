"""A survey: bands, pixels, exposures, distance, and the point-spread function of each band."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.physics.bands import Band
from clustercnn.physics.binaries import Binaries
from clustercnn.physics.checks import known_keys, known_name, mapping, number, number_range
from clustercnn.physics.isochrones import StellarTable
from clustercnn.physics.psf import Psf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Survey", "load_yaml"]


@dataclass(frozen=True, eq=False)
class Survey:
    """What the images of one survey are like. Immutable; ``with_psfs`` makes a changed copy.

    Args:
        name: of the survey.
        bands: in the order of image planes.
        pixel_scale: arcsec per pixel.
        distance_modulus: mag.
        metallicity: (low, high) mass fraction of metals.
        extinction_law: name of a law in the stellar table.
        imf: ``{name, low, high}`` of the initial mass function.
        isochrones: ``{path, columns}`` of the user's own, ``columns`` being the file's column for each band's filter;
            see ``StellarTable.from_file``. None, or no such entry in a survey's file, takes the table in the package.
        psfs: libraries of kernels that replace those the bands describe, by band name.
        binaries: mass ratios of the companions that clusters with a ``binary_fraction`` have; a survey's file may leave
            them out.
    """

    name: str
    bands: tuple[Band, ...]
    pixel_scale: float
    distance_modulus: float
    metallicity: tuple[float, float]
    extinction_law: str
    imf: Mapping[str, Any]
    psfs: Mapping[str, tuple[Psf, ...]]
    binaries: Binaries = dataclasses.field(default_factory=Binaries)
    isochrones: Mapping[str, Any] | None = None

    @classmethod
    def load(cls, survey: str | Path) -> Survey:
        """A survey by name (``"m83"``) or from a YAML file of the same form.

        Raises:
            InvalidInput: no survey of that name, or an entry that is missing, unknown or not allowed.
            DataFileError: the file cannot be read.
        """
        return cls.from_dict(load_yaml("survey", survey))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Survey:
        """A survey from the mapping that its YAML file holds. Raises ``InvalidInput`` as ``load`` does."""
        keys = ("name", "pixel_scale", "distance_modulus", "metallicity", "extinction_law", "imf", "bands")
        known_keys(values, keys, where="survey", required=True, optional=("binaries", "isochrones"))
        binaries, imf = mapping(values.get("binaries") or {}, "survey: binaries"), mapping(values["imf"], "survey: imf")
        known_keys(imf, ("name",), where="survey: imf", required=True, optional=("low", "high"))
        known_keys(binaries, tuple(f.name for f in fields(Binaries)), where="survey: binaries")
        band_keys = tuple(f.name for f in fields(Band) if f.name != "name")
        bands = mapping(values["bands"] or {}, "survey: bands")
        if not bands:
            raise InvalidInput("survey: bands is empty; at least one band is needed")
        for name, band in bands.items():
            known_keys(mapping(band, f"survey: bands.{name}"), band_keys, where=f"survey: bands.{name}", required=True)
        return cls(
            name=str(values["name"]),
            bands=tuple(Band(name=name, **band) for name, band in bands.items()),
            pixel_scale=number(values["pixel_scale"], "survey: pixel_scale (arcsec)", above=0.0),
            distance_modulus=number(values["distance_modulus"], "survey: distance_modulus"),
            metallicity=number_range(values["metallicity"], "survey: metallicity"),
            extinction_law=str(values["extinction_law"]),
            imf=imf,
            psfs={},
            binaries=Binaries(**binaries),
            isochrones=_isochrones(values.get("isochrones"), bands),
        )

    def to_dict(self) -> dict[str, Any]:
        """The plain mapping ``from_dict`` takes. Kernels given by ``with_psfs`` are not in it."""
        own = {} if self.isochrones is None else {"isochrones": dict(self.isochrones)}
        return {
            "name": self.name,
            **own,
            "pixel_scale": self.pixel_scale,
            "distance_modulus": self.distance_modulus,
            "metallicity": list(self.metallicity),
            "extinction_law": self.extinction_law,
            "imf": dict(self.imf),
            "binaries": asdict(self.binaries),
            "bands": {
                b.name: {
                    **{k: v for k, v in asdict(b).items() if k != "name"},
                    "psf": b.psf_entries if len(b.psf_entries) > 1 else b.psf_entries[0],
                }
                for b in self.bands
            },
        }

    @property
    def table(self) -> StellarTable:
        """The stars of the survey, read on first use and then kept. Raises ``DataFileError`` if the file is no good."""
        if self.isochrones is None:
            return StellarTable.load()
        return _read_isochrones(self.isochrones["path"], tuple(self.isochrones["columns"].items()))

    @property
    def band_names(self) -> tuple[str, ...]:
        """Short names of the bands, in order."""
        return tuple(band.name for band in self.bands)

    def band(self, name: str) -> Band:
        """The band of that name. Raises ``InvalidInput`` naming the nearest ones."""
        known_name("band", name, self.band_names, where=f"survey {self.name}")
        return self.bands[self.band_names.index(name)]

    def psf(self, name: str, index: int = 0) -> Psf:
        """A kernel of a band: the first of its library, or that of number ``index``."""
        library = self.psf_library(name)
        if not 0 <= index < len(library):
            raise InvalidInput(f"index: {index}; band {name} has the kernels 0 to {len(library) - 1}")
        return library[index]

    def psf_library(self, name: str) -> tuple[Psf, ...]:
        """The kernels of a band, made on first use and then kept; a band with one has it in every place of the library.

        Raises:
            InvalidInput: bands with libraries of different length.
        """
        self.band(name)
        for band in self.bands:
            if band.name not in self.psfs:
                self.psfs[band.name] = band.load_psfs(self.pixel_scale)
        lengths = {band.name: len(self.psfs[band.name]) for band in self.bands}
        several = {n for n in lengths.values() if n != 1}
        if len(several) > 1 or 0 in several:
            raise InvalidInput(f"survey: libraries of {lengths} kernels; one length, or a single kernel, is allowed")
        own = self.psfs[name]
        return own * max(several, default=1) if len(own) == 1 else own

    @property
    def psf_count(self) -> int:
        """Kernels in the library of each band."""
        return len(self.psf_library(self.band_names[0]))

    def with_psfs(self, psfs: Mapping[str, Psf | Sequence[Psf]]) -> Survey:
        """The same survey with other kernels, or libraries of kernels, for the named bands."""
        for name in psfs:
            self.band(name)
        given = {name: (psf,) if isinstance(psf, Psf) else tuple(psf) for name, psf in psfs.items()}
        return replace(self, psfs={**self.psfs, **given})


def _isochrones(given: Any, bands: Mapping[str, Any]) -> dict[str, Any] | None:
    """What ``isochrones`` of a survey's file says, with a column for the filter of each band."""
    if given is None:
        return None
    where = "survey: isochrones"
    own = mapping(given, where)
    known_keys(own, ("path", "columns"), where=where, required=True)
    columns = mapping(own["columns"], f"{where}.columns")
    missing = [band["filter"] for band in bands.values() if band["filter"] not in columns]
    if missing:
        raise InvalidInput(f"{where}.columns: {missing[0]} missing; the file's column for each band's filter is needed")
    return {"path": str(own["path"]), "columns": {str(k): str(v) for k, v in columns.items()}}


@lru_cache(maxsize=8)
def _read_isochrones(path: str, columns: tuple[tuple[str, str], ...]) -> StellarTable:
    return StellarTable.from_file(path, dict(columns))


def load_yaml(kind: str, source: str | Path) -> dict[str, Any]:
    """The mapping in ``conf/<kind>/<source>.yaml`` of the package, or in a YAML file of the user's."""
    folder = files("clustercnn") / "conf" / kind
    names = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    path = folder / f"{source}.yaml" if str(source) in names else Path(source)
    if not path.is_file():
        known_name(kind, str(source), names, where=f"no such file either; {kind}")
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise DataFileError(f"{path}: cannot be read as YAML ({error})") from error
    if not isinstance(values, dict):
        raise DataFileError(f"{path}: holds {type(values).__name__}; a mapping is needed")
    return values
