"""The backend without a compiler: the algorithm of the C++ core as numba loops."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.render import faint, image_loops, star_loops, table_loops
from clustercnn.render.fft_loops import transform
from clustercnn.render.star_lists import draw_one_by_one
from clustercnn.render.variety import PLAIN, is_plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.render.backends import ClusterColumns
    from clustercnn.render.fft_loops import Transform
    from clustercnn.render.plans import GridPlan, Period
    from clustercnn.render.settings import RenderSettings
    from clustercnn.render.star_lists import StarLists

__all__ = ["NumbaBackend"]

LANES = 32  # signals that a transform works on at once: long enough for any processor's vectors


@dataclass(frozen=True, eq=False)
class _Domain:
    """A period as the loops read it."""

    period: Period
    dtype: type

    @cached_property
    def transforms(self) -> tuple[Transform, Transform]:
        """Of cells, and back to pixels."""
        return transform(self.period.cells, -1, self.dtype), transform(self.period.pixels, +1, self.dtype)

    @cached_property
    def transfers(self) -> list[list[NDArray]]:
        """[band][psf]: [2, 2 K + 1, padded K + 1]."""
        return [[_by_column(psf, self.dtype) for psf in band.transfer] for band in self.period.bands]

    @property
    def modes(self) -> int:
        """The highest of any band."""
        return max(band.modes for band in self.period.bands)


def _by_column(modes: NDArray[np.complex128], dtype: type) -> NDArray:
    """Modes [ky, kx] as [2 (re, im), kx, ky], ky padded to whole vectors."""
    padded = np.zeros((2, modes.shape[1], -(-modes.shape[0] // LANES) * LANES), dtype=dtype)
    padded[:, :, : modes.shape[0]] = np.stack([modes.real, modes.imag]).transpose(0, 2, 1)
    return padded


class NumbaBackend:
    """The same algorithm as the C++ core."""

    name = "numba"
    arrays = np

    def __init__(self, plan: GridPlan, settings: RenderSettings) -> None:
        self._plan, self._threads = plan, settings.n_threads
        self._dtype = np.float64 if plan.double_precision else np.float32
        self._taps = plan.taps.astype(self._dtype)
        self._domains = [_Domain(period, self._dtype) for period in plan.periods]
        self._memory = threading.local()

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """See ``Backend``."""
        out = np.from_dlpack(out) if not isinstance(out, np.ndarray) else out

        def one(i: int) -> None:
            (x, y, *masses), flux, smooth, faint_mass = self._sample(populations, clusters, i)
            total_mass[i] = np.sum(masses, dtype=np.float64) + faint_mass
            stars = (x.astype(np.float64), y.astype(np.float64), flux)
            shape = tuple(clusters.shape[1:, i].tolist())
            self._draw(stars, (smooth, shape), int(clusters.psf[i]), out[i])

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(one, range(len(clusters.index))))

    def draw(self, x, y, flux, psf: int, out) -> None:
        """See ``Backend``."""
        out = np.from_dlpack(out) if not isinstance(out, np.ndarray) else out
        self._draw((x, y, flux), (np.zeros(flux.shape[1]), ()), psf, out)

    def draw_images(self, populations, clusters: ClusterColumns | None, lists: StarLists, rows, images, total_mass):
        """See ``Backend``."""
        draw_one_by_one(self, (populations, clusters), lists, (rows, images), total_mass)

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray]:
        """See ``Backend``."""
        return self._sample(populations, clusters, i)[:3]

    def _sample(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray, float]:
        """What ``stars`` gives, and the mass of the stars that are not drawn."""
        seed, cluster = np.uint64(clusters.seed), np.uint64(clusters.index[i])
        table = tuple(column[clusters.population[i]] for column in populations)
        a_v, _, _, scale, exponent = shape = tuple(clusters.shape[:, i].tolist())
        table = (*table[:2], table_loops.redden(table[2], table[3], a_v), *table[3:])
        number = star_loops.star_count(seed, cluster, clusters.mean_count[i])
        count, u_max, faint_mass, smooth = number, 1.0, 0.0, np.zeros(table[2].shape[1])
        traits = PLAIN if clusters.variety is None else tuple(clusters.variety[:, i].tolist())
        if clusters.faint_fraction > 0 and number >= faint.WORTHWHILE and is_plain(traits):
            density = 1.0 / (np.pi * exponent * scale**2)
            tail = faint.faint_tail(table[:3], (clusters.faint_fraction, clusters.faint), number, density)
            if tail.u < 1.0:
                count, gauss = faint.draw_lots(seed, cluster, float(number), tail.u)
                u_max, rest = tail.u, number - count
                faint_mass = rest * tail.mass + np.sqrt(rest * tail.spread) * gauss
                smooth = rest * tail.flux
        stars = np.empty((4, count), dtype=np.float32)
        flux = np.empty((count, smooth.size), dtype=np.float32)
        radius2 = np.empty(0, dtype=np.float32) if clusters.radius2 is None else clusters.radius2
        key, traits = (seed, cluster, np.float32(u_max)), (traits, tuple(clusters.law.tolist()))
        star_loops.sample(key, shape, table, radius2, traits, (stars, flux))
        return stars, flux, smooth, faint_mass

    def _draw(self, stars, smooth, psf: int, out: NDArray[np.float32]) -> None:
        """Draws stars (x, y, flux) and smooth light (flux [band], the profile's shape)."""
        plan, bands = self._plan, out.shape[0]
        low, high = -plan.reach, plan.size - 1 + plan.reach
        grid = self._grid(bands)
        box = image_loops.deposit(stars, self._taps, (float(plan.margin), plan.cells_per_pixel, low, high), grid)
        if box[1] == 0 and not smooth[0].any():
            out[:] = 0.0
            return
        box = box if box[1] else (0, 1, 0, 1)
        # smooth light lies all over the largest domain
        domain = self._domains[-1] if smooth[0].any() else self._smallest(box)
        self._convolve(grid, box, domain, self._smooth_modes(smooth, domain), psf, out)
        grid[box[2] : box[3], box[0] * bands : box[1] * bands] = 0.0

    def _grid(self, bands: int) -> NDArray:
        """This thread's empty grid, kept from call to call; it holds every star whose light reaches the frame."""
        if getattr(self._memory, "grid", None) is None:
            plan = self._plan
            cells = int((plan.size - 1 + plan.reach + plan.margin) * plan.cells_per_pixel + plan.window.taps / 2) + 2
            self._memory.grid = np.zeros((cells, (cells * bands // (2 * LANES) + 2) * 2 * LANES), dtype=self._dtype)
        return self._memory.grid

    def _smallest(self, box: tuple[int, int, int, int]) -> _Domain:
        """The smallest domain in which neither light nor a star's window wraps round."""
        plan, half = self._plan, self._plan.window.taps / 2
        low = (min(box[0], box[2]) - 1 + half) / plan.cells_per_pixel - plan.margin
        high = (max(box[1], box[3]) - half) / plan.cells_per_pixel - plan.margin
        needed, width = max(plan.size - 1 - low, high) + plan.reach, max(box[1] - box[0], box[3] - box[2])
        fitting = (d for d in self._domains if d.period.pixels >= needed and d.period.cells >= width)
        return next(fitting, self._domains[-1])

    def _smooth_modes(self, smooth, domain: _Domain) -> list[NDArray]:
        """[band]: modes of the smooth light like a transfer; empty arrays where there is none."""
        flux, shape = smooth
        none = np.empty((2, 0, 0), dtype=self._dtype)
        if not flux.any():
            return [none] * flux.size
        spectra = faint.gaussian_modes(shape, (self._plan.margin, domain.period.pixels), domain.modes)
        return [
            _by_column(f * faint.smooth_modes(spectra, band), self._dtype) if f > 0 else none
            for f, band in zip(flux, domain.period.bands, strict=True)
        ]

    def _convolve(self, grid, box, domain: _Domain, smooth: list[NDArray], psf: int, out) -> None:
        period, bands, transforms = domain.period, out.shape[0], domain.transforms
        columns = (box[0] * bands // (2 * LANES) * 2 * LANES, -(-box[1] * bands // (2 * LANES)) * 2 * LANES)
        cells, pixels = (np.empty((n, 2, LANES), dtype=self._dtype) for n in (period.cells, period.pixels))
        half = np.empty((2, domain.modes + 1, columns[1]), dtype=self._dtype)
        image_loops.columns_forward(grid, box, columns, (transforms[0], cells), half)
        folded = np.empty((2, period.pixels // 2 + 1, period.pixels), dtype=self._dtype)
        for b in range(bands):
            folded[:] = 0.0
            light = (domain.transfers[b][psf], smooth[b])
            image_loops.rows(half, box, (b, bands), (transforms, (cells, pixels)), light, folded)
            image_loops.columns_inverse(folded, self._plan.margin, transforms[1], pixels, out[b])
