"""The stars of a synthetic field, tile by tile: those that lie alone, associations, and what is not the galaxy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.scene.associations import REACH, clumped_offsets, group_masses
from clustercnn.scene.contaminants import BackgroundGalaxies, ForegroundStars
from clustercnn.scene.counters import generator
from clustercnn.scene.parts import part_number
from clustercnn.scene.population import YOUNG, AgeBin, StarList, pixel_parsec, reddened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clustercnn.physics import Survey
    from clustercnn.scene.disc import Disc, DiscMaps
    from clustercnn.scene.streaming import Tile
    from clustercnn.scene.synthetic import FieldSettings

__all__ = ["FieldStars"]

_GROUPED_BELOW = 7.5  # log10(yr): older associations have dissolved
_SIGMA = (1.2, 1.7)  # log10(pc) of associations: 16 to 50 pc, so that no subgroup is as dense as a cluster


class FieldStars:
    """What shines in a field, as ``stream_field`` asks for it.

    A tile's stars are functions of (seed, index, tile): the field's Poisson process is drawn independently in each
    tile. Groups and galaxies are listed for the field as a whole, and their members drawn again by each tile that
    they may reach.

    Args:
        rng: of the field as a whole.
        key: (seed, index) of the field.
        survey: bands, distance.
        disc: its maps.
        bins: the stars of each age, and which of them are drawn.
        mass: [bin] Msun formed in the field.
        settings: what the field looks like.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        key: tuple[int, int],
        survey: Survey,
        disc: Disc,
        bins: list[AgeBin],
        mass: NDArray[np.float64],
        *,
        settings: FieldSettings,
    ) -> None:
        self._key, self._disc, self._bins, self._mass = key, disc, bins, mass
        self._grouped = np.array([settings.grouped if b.log_age < _GROUPED_BELOW else 0.0 for b in bins])
        self._groups = _Groups(rng, survey, disc, [m * share for m, share in zip(mass, self._grouped, strict=True)])
        self._foreground = ForegroundStars(survey, density=settings.foreground)
        self._galaxies = BackgroundGalaxies(rng, survey, disc.size, density=settings.galaxies, a_v=disc.coarse_a_v)

    def stars(self, tile: Tile) -> Iterator[StarList]:
        """The stars of a tile, list by list."""
        rng = self._generator("tile", tile.number)
        maps = self._disc.maps(tile)
        yield from self._alone(rng, tile, maps)
        foreground = self._foreground.draw(rng, (tile.height, tile.width))
        yield StarList(foreground.x + tile.x0, foreground.y + tile.y0, foreground.flux)
        for number in _reaching(self._groups, tile):
            rng = self._generator("group", number)
            flux, coefficients = self._bins[self._groups.age[number]].draw(rng, self._groups.mass[number])
            x, y = self._groups.places(rng, number, len(flux))
            behind = rng.random(len(flux)) < 0.5
            here = tile.holds(x, y)
            if here.any():
                x, y, behind = x[here], y[here], behind[here]
                column, row = _pixel(x - tile.x0, tile.width), _pixel(y - tile.y0, tile.height)
                a_v = maps.a_v[row, column].astype(np.float64)
                yield StarList(x, y, flux[here] * reddened(coefficients[here], a_v * behind))
        for number in _reaching(self._galaxies, tile):
            points = self._galaxies.draw(self._generator("galaxy", number), number)
            here = tile.holds(points.x, points.y)
            yield StarList(points.x[here], points.y[here], points.flux[here])

    def light(self, tile: Tile) -> NDArray[np.float32]:
        """Light [band, height, width] of all stars that are not drawn, half of it behind the dust layer."""
        maps = self._disc.maps(tile)
        out = np.zeros((self._bins[0].smooth.size, tile.height, tile.width), dtype=np.float32)
        for young in (False, True):
            chosen = [(b, m) for b, m in zip(self._bins, self._mass, strict=True) if (b.log_age < YOUNG) == young]
            light = sum(m * b.smooth for b, m in chosen) / self._disc.size**2
            weighted = sum(m * b.smooth[:, None] * b.smooth_extinction for b, m in chosen)
            coefficients = weighted / np.maximum(light * self._disc.size**2, 1e-300)[:, None]
            for band in range(len(out)):
                factor = reddened(coefficients[band : band + 1].astype(np.float32), maps.a_v)[..., 0]
                out[band] += np.float32(light[band]) * (maps.young if young else maps.old) * (0.5 + 0.5 * factor)
        return out

    def _alone(self, rng: np.random.Generator, tile: Tile, maps: DiscMaps) -> Iterator[StarList]:
        """The stars that belong to no group, placed by the density maps; a random half is behind the dust."""
        old, young = (np.cumsum(m, dtype=np.float64) for m in (maps.old, maps.young))
        a_v = maps.a_v.ravel()
        for age_bin, formed, grouped in zip(self._bins, self._mass, self._grouped, strict=True):
            cumulative = young if age_bin.log_age < YOUNG else old
            mass = formed * (1 - grouped) * cumulative[-1] / self._disc.size**2
            flux, coefficients = age_bin.draw(rng, mass)
            n = len(flux)
            # sorted places: the search and the deposit stay in cache; the fluxes have no order that it could couple to
            pixel = np.searchsorted(cumulative, np.sort(rng.random(n)) * cumulative[-1])
            pixel = np.minimum(pixel, cumulative.size - 1)
            # single precision: multiples of 2^-24, so that adding the pixel is exact and no star leaves its tile
            dx, dy = rng.random((2, n), dtype=np.float32) - np.float32(0.5)
            behind = rng.random(n) < 0.5
            flux[behind] *= reddened(coefficients[behind], a_v[pixel[behind]].astype(np.float64))
            yield StarList(dx + (tile.x0 + pixel % tile.width), dy + (tile.y0 + pixel // tile.width), flux)

    def _generator(self, kind: str, number: int) -> np.random.Generator:
        return generator(self._key[0], "field", self._key[1], part=part_number(kind, int(number)))


class _Groups:
    """Loose groups of young stars, each of one age.

    Attributes:
        age: [n] number of the age bin.
        mass: [n] Msun.
        x, y: [n] pixels.
        reach: [n] pixels.
    """

    def __init__(self, rng: np.random.Generator, survey: Survey, disc: Disc, formed: list[float]) -> None:
        masses = [group_masses(rng, mass) for mass in formed]
        self.mass = np.concatenate(masses)
        self.age = np.repeat(np.arange(len(formed)), [len(m) for m in masses])
        n = self.mass.size
        self.x, self.y = disc.young_places(rng, n)
        self._sigma = 10 ** rng.uniform(*_SIGMA, n) / pixel_parsec(survey)
        self.reach = REACH * self._sigma

    def places(self, rng: np.random.Generator, number: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places (x, y) in pixels of the members of a group."""
        dx, dy = clumped_offsets(rng, n, sigma=self._sigma[number])
        return self.x[number] + dx, self.y[number] + dy


def _reaching(things: _Groups | BackgroundGalaxies, tile: Tile) -> NDArray[np.int64]:
    """Numbers of the groups or galaxies that may have members in a tile."""
    near_x = (things.x + things.reach >= tile.x_range[0]) & (things.x - things.reach < tile.x_range[1])
    near_y = (things.y + things.reach >= tile.y_range[0]) & (things.y - things.reach < tile.y_range[1])
    return np.flatnonzero(near_x & near_y)


def _pixel(v: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """The pixel that holds a place, or the nearest of ``n`` for places beyond the field."""
    return np.rint(v).astype(np.int64).clip(0, n - 1)
