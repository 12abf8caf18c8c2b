"""A synthetic field of a galaxy's disc, noise-free: stars one by one, smooth light, dust, associations, confusers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.physics import Imf, StellarTable
from clustercnn.render import Renderer, RenderSettings
from clustercnn.scene.associations import clumped_offsets, group_masses
from clustercnn.scene.contaminants import background_galaxies, foreground_stars
from clustercnn.scene.counters import check_seed, generator
from clustercnn.scene.dust import Arm, dust_screen, random_field
from clustercnn.scene.mosaics import Mosaic
from clustercnn.scene.population import (
    YOUNG,
    AgeBin,
    StarList,
    age_bins,
    flux_at_snr,
    pixel_parsec,
    reddened,
    star_formation_history,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics import Survey

__all__ = ["FieldSettings", "draw_stars", "synthetic_field"]

_TILE = 256  # pixels drawn at once
_REFERENCE = "WFC3_UVIS_F438W"  # the band whose surface brightness sets the mass of the field


@dataclass(frozen=True)
class FieldSettings:
    """What a synthetic field looks like.

    Args:
        surface_brightness: range of the mean F438W surface brightness before any dust, VEGAMAG per
            square arcsec; each field draws its own. M83 has B = 20.5 to 22.5 between 1 and 4.5 kpc, from memory of
            published profiles.
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
                raise InvalidInput(f"field.{name}: ({low}, {high}); 0 <= low <= high is allowed")
        for name in ("old_fraction", "grouped"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"field.{name}: {getattr(self, name)}; 0 to 1 is allowed")
        for name in ("foreground", "galaxies"):
            if not getattr(self, name) >= 0:
                raise InvalidInput(f"field.{name}: {getattr(self, name)}; a value >= 0 is allowed")
        for name in ("star_snr", "max_stars"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"field.{name}: {getattr(self, name)}; a value > 0 is allowed")


@dataclass(frozen=True)
class _Disc:
    """The field's maps, all [y, x]: mass surface density relative to the mean of old and young stars, and dust."""

    old: NDArray[np.float32]
    young: NDArray[np.float32]
    a_v: NDArray[np.float32]

    def density(self, log_age: float) -> NDArray[np.float32]:
        return self.young if log_age < YOUNG else self.old


def synthetic_field(
    survey: Survey, size: int, *, seed: int, index: int = 0, settings: FieldSettings | None = None, threads: int = 0
) -> Mosaic:
    """Draw a noise-free field of a galaxy's disc, ``size`` x ``size`` pixels, without sky.

    Stars of a composite population (constant star formation plus an old population) that can be told from noise are
    drawn one by one with the package's renderer, the light of the others is spread smoothly; both follow the same
    density maps and lie half in front of, half behind a layer of dust. The youngest stars stand in loose associations.

    Args:
        survey: bands, distance, PSFs.
        size: pixels on a side, at least 64.
        seed: the field is a function of survey, size, settings, seed and index alone.
        index: number of the field, for several of one seed.
        settings: what the field looks like.
        threads: for the renderer.

    Raises:
        InvalidInput: a size or seed out of range.
    """
    if size < 64:
        raise InvalidInput(f"size: {size}; at least 64 pixels are allowed")
    settings = settings or FieldSettings()
    rng = generator(check_seed(seed), "field", index)
    disc = _disc(rng, survey, size, settings)
    log_ages, shares = star_formation_history(old_fraction=settings.old_fraction)
    mass = shares * _total_mass(rng, survey, size, log_ages, shares, settings)
    bins = _split_population(survey, size, log_ages, mass, settings)
    stars = [_uniform_stars(rng, b, m, disc, settings) for b, m in zip(bins, mass, strict=True)]
    stars += _associations(rng, survey, bins, mass, disc, settings)
    stars.append(foreground_stars(rng, survey, size, density=settings.foreground))
    stars.append(background_galaxies(rng, survey, size, density=settings.galaxies, a_v=disc.a_v))
    data = draw_stars(survey, StarList.join(stars), size, threads=threads)
    _add_smooth_light(data, bins, mass, disc)
    return Mosaic(
        bands=survey.band_names,
        data=data,
        valid=np.ones((size, size), dtype=bool),
        exposures=np.array([b.exposure for b in survey.bands], dtype=np.float64),
        pixel_scale=survey.pixel_scale,
        zero_points=np.array([b.zero_point for b in survey.bands], dtype=np.float64),
        noisy=False,
    )


def draw_stars(survey: Survey, stars: StarList, size: int, *, threads: int = 0) -> NDArray[np.float32]:
    """Image [band, size, size] of a star list, drawn tile by tile; stars outside of it leave their wings in it."""
    edge = min(_TILE, max(size, 64))
    renderer = Renderer(survey, size=edge, settings=RenderSettings(threads=threads))
    out = np.zeros((len(survey.bands), size, size), dtype=np.float32)
    order = np.argsort(stars.y)
    x, y, flux = stars.x[order], stars.y[order], stars.flux[order]
    margin = max(survey.psf(name).radius for name in survey.band_names) + 1
    for y0 in range(0, size, edge):
        rows = slice(*np.searchsorted(y, [y0 - margin, y0 + edge + margin]))
        for x0 in range(0, size, edge):
            near = np.flatnonzero((x[rows] > x0 - margin) & (x[rows] < x0 + edge + margin)) + rows.start
            tile = renderer.draw(x[near] - x0, y[near] - y0, flux[near])
            target = out[:, y0 : y0 + edge, x0 : x0 + edge]
            # the renderer's error may be negative
            target[...] = np.maximum(tile[:, : target.shape[1], : target.shape[2]], 0.0)
    return out


def _disc(rng: np.random.Generator, survey: Survey, size: int, settings: FieldSettings) -> _Disc:
    parsec = pixel_parsec(survey)
    arm = Arm.random(rng, size, pixel_parsec=parsec)
    slope, angle = size * parsec / 2500.0, rng.uniform(0, 2 * np.pi)  # an exponential disc of scale length 2.5 kpc
    y, x = np.ogrid[:size, :size]
    disc = np.exp(-slope * ((x / size - 0.5) * np.cos(angle) + (y / size - 0.5) * np.sin(angle)))
    ridge = arm.strength * np.exp(-0.5 * np.square(arm.distance(size) / arm.width))
    patches = np.exp(0.7 * random_field(rng, size, index=3.0, largest=300.0 / parsec))
    old = disc * (1 + 0.3 * ridge)
    young = disc * (0.5 + 4.0 * ridge) * patches
    a_v = dust_screen(rng, size, arm=arm, mean=rng.uniform(*settings.a_v), pixel_parsec=parsec)
    return _Disc((old / old.mean()).astype(np.float32), (young / young.mean()).astype(np.float32), a_v)


def _total_mass(
    rng: np.random.Generator,
    survey: Survey,
    size: int,
    log_ages: NDArray[np.float64],
    shares: NDArray[np.float64],
    settings: FieldSettings,
) -> float:
    """Mass formed in the field, Msun, from its F438W surface brightness."""
    imf, table, metallicity = Imf.by_name(**survey.imf), StellarTable.load(), sum(survey.metallicity) / 2
    isochrones = [table.isochrone(float(a), metallicity, bands=[_REFERENCE]) for a in log_ages]
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
        cut = cut * 1.3


def _grouped_share(age_bin: AgeBin, settings: FieldSettings) -> float:
    return settings.grouped if age_bin.log_age < 7.5 else 0.0


def _uniform_stars(
    rng: np.random.Generator, age_bin: AgeBin, mass: float, disc: _Disc, settings: FieldSettings
) -> StarList:
    """The stars of one age that belong to no group, placed by the density map."""
    flux, coefficients = age_bin.draw(rng, mass * (1 - _grouped_share(age_bin, settings)))
    x, y = _places(rng, disc.density(age_bin.log_age), len(flux))
    return StarList(x, y, flux * _dimming(rng, x, y, coefficients, disc))


def _associations(
    rng: np.random.Generator,
    survey: Survey,
    bins: list[AgeBin],
    mass: NDArray[np.float64],
    disc: _Disc,
    settings: FieldSettings,
) -> list[StarList]:
    """Loose groups, 16 to 50 pc in sigma, so that no subgroup is as dense as a cluster; each of one age."""
    parsec, lists = pixel_parsec(survey), []
    for age_bin, formed in zip(bins, mass, strict=True):
        share = _grouped_share(age_bin, settings)
        if share == 0:
            continue
        groups = group_masses(rng, share * formed)
        xs, ys = _places(rng, disc.young, len(groups))
        for group, x, y in zip(groups, xs, ys, strict=True):
            flux, coefficients = age_bin.draw(rng, group)
            sigma = 10 ** rng.uniform(1.2, 1.7) / parsec
            dx, dy = clumped_offsets(rng, len(flux), sigma=sigma)
            lists.append(StarList(x + dx, y + dy, flux * _dimming(rng, x + dx, y + dy, coefficients, disc)))
    return lists


def _places(
    rng: np.random.Generator, density: NDArray[np.float32], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places of ``n`` stars, (x, y) in pixels, with the density of a map [y, x]."""
    cumulative = np.cumsum(density, dtype=np.float64)
    pixel = np.searchsorted(cumulative, np.sort(rng.random(n)) * cumulative[-1])  # sorted: the search stays in cache
    pixel = rng.permutation(np.minimum(pixel, density.size - 1))
    x, y = rng.uniform(-0.5, 0.5, (2, n))
    return x + pixel % density.shape[1], y + pixel // density.shape[1]


def _dimming(
    rng: np.random.Generator,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    disc: _Disc,
) -> NDArray[np.float64]:
    """Factor [n, band] by the dust layer; a random half of the stars lies in front of it."""
    last = disc.a_v.shape[0] - 1
    a_v = disc.a_v[np.rint(y).astype(int).clip(0, last), np.rint(x).astype(int).clip(0, last)].astype(np.float64)
    return reddened(coefficients, a_v * (rng.random(len(x)) < 0.5))


def _add_smooth_light(data: NDArray[np.float32], bins: list[AgeBin], mass: NDArray[np.float64], disc: _Disc) -> None:
    """Add the light of all stars that were not drawn, half of it behind the dust layer."""
    pixels = disc.a_v.size
    for young in (False, True):
        chosen = [(b, m) for b, m in zip(bins, mass, strict=True) if (b.log_age < YOUNG) == young]
        light = sum(m * b.smooth for b, m in chosen) / pixels
        density = disc.young if young else disc.old
        weighted = sum(m * b.smooth[:, None] * b.smooth_extinction for b, m in chosen)
        coefficients = weighted / np.maximum(light * pixels, 1e-300)[:, None]
        for band in range(len(data)):
            factor = reddened(coefficients[band : band + 1], disc.a_v.astype(np.float32))[..., 0]
            data[band] += (light[band] * density * (0.5 + 0.5 * factor)).astype(np.float32)
