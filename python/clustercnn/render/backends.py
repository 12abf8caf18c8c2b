"""The machines that draw: the C++ core, and numba loops with the same results. Arrays in, arrays out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clustercnn.errors import InvalidInput, MissingBackend
from clustercnn.render.variety import PLAIN, is_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clustercnn.render.plans import BandPlan, Frame
    from clustercnn.render.settings import RenderSettings

__all__ = ["BACKENDS", "Backend", "ClusterColumns", "load_native", "make_backend"]

BACKENDS = ("auto", "cpp", "cuda", "numba")


@dataclass(frozen=True, eq=False)
class ClusterColumns:
    """A batch of clusters as the kernels read it.

    Args:
        seed: of the run.
        index: int64 [n], each cluster's number in the run.
        population: int32 [n], row of the population tables.
        mean_count: float64 [n], expected number of stars.
        shape: float32 [5, n]: a_v, x, y, scale (pixels), exponent of the EFF profile.
        radius2: float32 [nodes], squared radii of a tabulated profile, or None for EFF.
        faint_fraction: see ``RenderSettings``.
        faint: float32 [3, band]: variance of a dark pixel ((e-/s)^2), exposure (s), the kernel's peak.
        variety: float32 [6, n], see ``variety_rows``, or None if all clusters are plain.
        law: float32 [5]: ``Binaries.inverse`` and the mean mass of stars, Msun.
    """

    seed: int
    index: NDArray[np.int64]
    population: NDArray[np.int32]
    mean_count: NDArray[np.float64]
    shape: NDArray[np.float32]
    radius2: NDArray[np.float32] | None
    faint_fraction: float
    faint: NDArray[np.float32]
    variety: NDArray[np.float32] | None
    law: NDArray[np.float32]


class Backend(Protocol):
    """What a machine must do; see ``Renderer`` for the meaning of the arrays."""

    name: str

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """Fills ``out`` [n, band, y, x] and ``total_mass`` [n], Msun."""

    def draw(self, x, y, flux, out) -> None:
        """Fills ``out`` [band, y, x] from stars at x, y [n] with flux [n, band]."""

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray]:
        """Cluster i's x, y, mass, companion's mass [4, n_star]; flux [n_star, band]; smooth flux [band]."""


def load_native():
    """The compiled extension, or None in an installation without it."""
    try:
        from clustercnn import _native
    except ImportError:
        return None
    return _native


def make_backend(name: str, frame: Frame, bands: Sequence[BandPlan], settings: RenderSettings) -> Backend:
    """The backend of that name; "auto" is C++ where the extension is installed, numba elsewhere.

    Raises:
        InvalidInput: an unknown name.
        MissingBackend: it cannot work here.
    """
    if name not in BACKENDS:
        raise InvalidInput(f"backend: {name!r}; allowed: {', '.join(BACKENDS)}")
    native = load_native()
    if name == "cuda":
        built = native is not None and native.cuda_built()
        devices = native.cuda_device_count() if built else 0
        raise MissingBackend(
            "backend 'cuda': this version has no CUDA kernels yet "
            f"(extension built with CUDA: {built}, devices: {devices}); backend 'cpp' or 'auto' draws on the CPU"
        )
    if name == "cpp" and native is None:
        raise MissingBackend(
            "backend 'cpp': the compiled extension is not installed; reinstall with a C++20 compiler and without "
            "CLUSTERCNN_NO_EXTENSION, or use backend 'numba'"
        )
    if name == "numba" or native is None:
        return NumbaBackend(frame, bands, settings)
    return CppBackend(native, frame, bands, settings)


class CppBackend:
    """The C++ core."""

    name = "cpp"

    def __init__(self, native, frame: Frame, bands: Sequence[BandPlan], settings: RenderSettings) -> None:
        self._native = native
        self._threads = settings.n_threads
        specs = [
            native.band_spec(
                b.window.grid, b.response, b.taps, b.transfer.view(np.float32).reshape(*b.transfer.shape, 2)
            )
            for b in bands
        ]
        self._plan = native.plan(frame.size, frame.domain, frame.margin, specs, settings.instruction_set)

    def _clusters(self, c: ClusterColumns):
        return self._native.clusters(
            c.seed, c.index, c.population, c.mean_count, c.shape, c.radius2, c.faint_fraction, c.faint, c.variety, c.law
        )

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """See ``Backend``."""
        self._plan.render(
            self._native.Populations(*populations), self._clusters(clusters), self._threads, out, total_mass
        )

    def draw(self, x, y, flux, out) -> None:
        """See ``Backend``."""
        self._plan.draw(x, y, flux, out)

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray]:
        """See ``Backend``."""
        columns, tables = self._clusters(clusters), self._native.Populations(*populations)
        smooth = np.empty(populations[2].shape[2])
        n = self._plan.count(tables, columns, i, smooth)
        stars = np.empty((4, n), dtype=np.float32)
        stars[3] = 0.0  # and stays 0 where the cluster has no companions
        flux = np.empty((n, smooth.size), dtype=np.float32)
        self._plan.stars(tables, columns, i, stars, flux)
        return stars, flux, smooth


class NumbaBackend:
    """The same algorithm as numba loops, with SciPy's Fourier transforms."""

    name = "numba"

    def __init__(self, frame: Frame, bands: Sequence[BandPlan], settings: RenderSettings) -> None:
        from clustercnn.render import faint, loops, star_loops

        self._loops, self._star_loops, self._faint = loops, star_loops, faint
        self._frame, self._bands, self._threads = frame, bands, settings.n_threads

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """See ``Backend``."""
        out = np.from_dlpack(out) if not isinstance(out, np.ndarray) else out

        def one(i: int) -> None:
            (x, y, *masses), flux, smooth, faint_mass = self._sample(populations, clusters, i)
            total_mass[i] = np.sum(masses, dtype=np.float64) + faint_mass
            spectra = None
            if smooth.any():
                highest = max(band.window.modes for band in self._bands)
                spectra = self._faint.gaussian_modes(tuple(clusters.shape[1:, i].tolist()), self._frame, highest)
            self._draw((x.astype(np.float64), y.astype(np.float64)), flux, (smooth, spectra), out[i])

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(one, range(len(clusters.index))))

    def draw(self, x, y, flux, out) -> None:
        """See ``Backend``."""
        out = np.from_dlpack(out) if not isinstance(out, np.ndarray) else out
        self._draw((x, y), flux, (np.zeros(len(self._bands)), None), out)

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray]:
        """See ``Backend``."""
        return self._sample(populations, clusters, i)[:3]

    def _sample(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray, float]:
        """What ``stars`` gives, and the mass of the stars that are not drawn."""
        seed, cluster = np.uint64(clusters.seed), np.uint64(clusters.index[i])
        table = tuple(column[clusters.population[i]] for column in populations[:4])
        a_v, _, _, scale, exponent = shape = tuple(clusters.shape[:, i].tolist())
        table = (*table[:2], self._star_loops.redden(table[2], table[3], a_v), table[3])
        number = self._star_loops.star_count(seed, cluster, clusters.mean_count[i])
        count, u_max, faint_mass, smooth = number, 1.0, 0.0, np.zeros(table[2].shape[1])
        traits = PLAIN if clusters.variety is None else tuple(clusters.variety[:, i].tolist())
        if clusters.faint_fraction > 0 and number > 0 and is_plain(traits):
            density = 1.0 / (np.pi * exponent * scale**2)
            tail = self._faint.faint_tail(table[:3], (clusters.faint_fraction, clusters.faint), number, density)
            if tail.u < 1.0:
                count, gauss = self._faint.draw_lots(seed, cluster, float(number), tail.u)
                u_max, rest = tail.u, number - count
                faint_mass = rest * tail.mass + np.sqrt(rest * tail.spread) * gauss
                smooth = rest * tail.flux
        stars = np.empty((4, count), dtype=np.float32)
        flux = np.empty((count, smooth.size), dtype=np.float32)
        radius2 = np.empty(0, dtype=np.float32) if clusters.radius2 is None else clusters.radius2
        key, traits = (seed, cluster, np.float32(u_max)), (traits, tuple(clusters.law.tolist()))
        self._star_loops.sample(key, shape, table, radius2, traits, (stars, flux))
        return stars, flux, smooth, faint_mass

    def _draw(self, place, flux, smooth, out: NDArray[np.float32]) -> None:
        """Draws stars at ``place`` (x, y) and the smooth light (flux [band], spectra)."""
        from scipy import fft

        frame = self._frame
        inside = slice(frame.margin, frame.margin + frame.size)
        for b, band in enumerate(self._bands):
            modes, domain = band.window.modes, frame.domain
            grid = np.zeros((band.window.grid, band.window.grid), dtype=np.float32)
            self._loops.deposit(*place, np.ascontiguousarray(flux[:, b]), band.taps, (frame.margin, domain), grid)
            # rows ky = 0 .. modes suffice, the image being real; the transform over x runs on those rows alone
            half = fft.fft(fft.rfft(grid, axis=0)[: modes + 1], axis=1)
            half = half[:, np.arange(-modes, modes + 1)]
            if smooth[0][b] > 0:
                half = half + smooth[0][b] * self._faint.smooth_modes(smooth[1], band)
            out[b] = _fold((half * band.transfer).astype(np.complex64), domain)[inside, inside]


def _fold(half: NDArray[np.complex64], domain: int) -> NDArray[np.float32]:
    """Inverse transform of modes (ky >= 0, |kx| <= modes) at whole pixels: aliases fall on one another."""
    from scipy import fft

    modes = half.shape[0] - 1
    folded = np.zeros((modes + 1, domain), dtype=np.complex64)
    np.add.at(folded, (slice(None), np.arange(-modes, modes + 1) % domain), half)
    rows = fft.ifft(folded, axis=1) * domain
    rows[1:] *= 2.0  # the modes with ky < 0 are their complex conjugates
    spectrum = np.zeros((domain, domain), dtype=np.complex64)
    np.add.at(spectrum, np.arange(modes + 1) % domain, rows)
    return (fft.ifft(spectrum, axis=0).real * domain).astype(np.float32)
