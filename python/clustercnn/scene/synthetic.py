"""A synthetic field of a galaxy's disc, noise-free: stars one by one, smooth light, dust, associations, confusers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.physics import Imf
from clustercnn.render import RenderSettings
from clustercnn.scene.counters import check_seed, generator
from clustercnn.scene.disc import Disc
from clustercnn.scene.field_stars import FieldStars
from clustercnn.scene.mosaics import Mosaic
from clustercnn.scene.population import AgeBin, age_bins, flux_at_snr, pixel_parsec, star_formation_history
from clustercnn.scene.streaming import FieldStep, checked_out, stream_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clustercnn.physics import Survey

__all__ = ["FieldSettings", "synthetic_field"]

_TILE = 256  # pixels on a side of the tiles whose stars are drawn from one stream; part of what a seed means
_REFERENCE = "WFC3_UVIS_F438W"  # the band whose surface brightness sets the mass of the field


@dataclass(frozen=True)
class FieldSettings:
    """What a synthetic field looks like.

    Args:
        surface_brightness: range of the mean F438W surface brightness before any dust, VEGAMAG per square arcsec; each
            field draws its own. M83 has B = 20.5 to 22.5 between 1 and 4.5 kpc, from memory of published profiles.
            Where the survey's own isochrones lack that band, its first one counts.
        old_fraction: share of the mass in the old population (see ``star_formation_history``).
        a_v: range of the mean depth of the dust layer between its lanes, mag; each field draws its own.
        star_snr: stars whose S/N on the field's mean light would exceed this in some band are drawn one by one.
        max_stars: the cut is raised until fewer stars per pixel than this are expected.
        grouped: share of the stars younger than 30 Myr that belong to associations.
        foreground: Milky Way stars per square arcminute; 3 is typical of M83's latitude, +32 degrees (from memory).
        galaxies: background galaxies per square arcminute.
    """

    surface_brightness: tuple[float, float] = (20.5, 22.5)
    old_fraction: float = 0.5
    a_v: tuple[float, float] = (0.2, 0.8)
    star_snr: float = 1.0
    max_stars: float = 0.4
    grouped: float = 0.6
    foreground: float = 3.0
    galaxies: float = 8.0

    def __post_init__(self) -> None:
        for name in ("surface_brightness", "a_v"):
            low, high = getattr(self, name)
            if not (np.isfinite([low, high]).all() and low <= high and low >= 0):
                raise InvalidInput(f"scene.field.{name}: ({low}, {high}); 0 <= low <= high is allowed")
        for name in ("old_fraction", "grouped"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"scene.field.{name}: {getattr(self, name)}; 0 to 1 is allowed")
        for name in ("foreground", "galaxies"):
            if not getattr(self, name) >= 0:
                raise InvalidInput(f"scene.field.{name}: {getattr(self, name)}; a value >= 0 is allowed")
        for name in ("star_snr", "max_stars"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"scene.field.{name}: {getattr(self, name)}; a value > 0 is allowed")


def synthetic_field(
    survey: Survey,
    size: int,
    *,
    seed: int,
    index: int = 0,
    settings: FieldSettings | None = None,
    threads: int = 0,
    out: NDArray[np.float32] | None = None,
    progress: Callable[[FieldStep], None] | None = None,
) -> Mosaic:
    """Draw a noise-free field of a galaxy's disc, ``size`` x ``size`` pixels, without sky.

    Stars of a composite population (constant star formation plus an old population) that can be told from noise are
    drawn one by one with the package's renderer, the light of the others is spread smoothly; both follow the same
    density maps and lie half in front of, half behind a layer of dust. The youngest stars stand in loose associations.

    The field is made tile by tile, each when it is drawn: beside ``out``, memory grows neither with the number of stars
    nor with the square of ``size``. To draw fainter stars one by one, lower ``star_snr`` and raise ``max_stars``.

    Args:
        survey: bands, distance, PSFs.
        size: pixels on a side, at least 64.
        seed: the field is a function of survey, size, settings, seed and index alone.
        index: number of the field, for several of one seed.
        settings: what the field looks like.
        threads: tiles drawn at once; 0 takes every core this process may use.
        out: float32 [band, size, size] to fill, ``np.memmap`` for example.
        progress: called with a ``FieldStep`` after each piece of the maps and each tile.

    Raises:
        InvalidInput: a size or seed out of range, or an ``out`` that does not fit.
    """
    if size < 64:
        raise InvalidInput(f"size: {size}; at least 64 pixels are allowed")
    settings, threads = settings or FieldSettings(), RenderSettings(threads=threads).n_threads
    shape = (len(survey.bands), size, size)
    data = np.empty(shape, dtype=np.float32) if out is None else checked_out(out, shape)
    key = (check_seed(seed), index)
    rng = generator(seed, "field", index)
    disc = Disc(
        rng,
        key,
        size,
        pixel_parsec=pixel_parsec(survey),
        a_v=rng.uniform(*settings.a_v),
        threads=threads,
        progress=None if progress is None else lambda done, total: progress(FieldStep("maps", done, total)),
    )
    log_ages, shares = star_formation_history(survey, old_fraction=settings.old_fraction)
    mass = shares * _total_mass(rng, survey, size, log_ages, shares, settings)
    bins = _split_population(survey, size, log_ages, mass, settings)
    stars = FieldStars(rng, key, survey, disc, bins, mass, settings=settings)
    rows = stream_field(survey, stars.stars, size, light=stars.light, progress=progress, threads=threads, tile=_TILE)
    for first, image, light in rows:
        # the renderer's error may be negative
        np.maximum(image, 0.0, out=image)
        np.add(image, light, out=data[:, first : first + image.shape[1]])
    return Mosaic(
        bands=survey.band_names,
        data=data,
        valid=np.broadcast_to(np.True_, (size, size)),
        exposures=np.array([b.exposure for b in survey.bands], dtype=np.float64),
        pixel_scale=survey.pixel_scale,
        zero_points=np.array([b.zero_point for b in survey.bands], dtype=np.float64),
        noisy=False,
    )


def _total_mass(
    rng: np.random.Generator,
    survey: Survey,
    size: int,
    log_ages: NDArray[np.float64],
    shares: NDArray[np.float64],
    settings: FieldSettings,
) -> float:
    """Mass formed in the field, Msun, from its surface brightness."""
    imf, table, metallicity = Imf.by_name(**survey.imf), survey.table, sum(survey.metallicity) / 2
    band = _REFERENCE if _REFERENCE in table.bands else survey.bands[0].filter
    isochrones = [table.isochrone(float(a), metallicity, bands=[band]) for a in log_ages]
    per_mass = np.array([10 ** (-0.4 * i.integrated_magnitude(imf)[0]) for i in isochrones])
    luminosity = float(shares @ per_mass)  # per Msun formed, in units of a star of absolute magnitude 0
    magnitude = rng.uniform(*settings.surface_brightness) - survey.distance_modulus
    return 10 ** (-0.4 * magnitude) * (size * survey.pixel_scale) ** 2 / luminosity


def _split_population(
    survey: Survey, size: int, log_ages: NDArray[np.float64], mass: NDArray[np.float64], settings: FieldSettings
) -> list[AgeBin]:
    """Age bins whose drawn stars are those that the noise of the field lets one see, but no more than ``max_stars``."""
    bins = age_bins(survey, log_ages, cut=np.full(len(survey.bands), np.inf))
    light = sum(m * b.total for b, m in zip(bins, mass, strict=True)) / size**2
    cut = flux_at_snr(survey, settings.star_snr, light=light)
    while True:
        bins = [b.with_cut(cut) for b in bins]
        if sum(m * b.expected_stars() for b, m in zip(bins, mass, strict=True)) <= settings.max_stars * size**2:
            return bins
        cut = cut * 1.1
