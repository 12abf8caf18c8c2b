"""The machines that draw: the C++ core, and numba loops with the same results. Arrays in, arrays out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clustercnn.errors import InvalidInput, MissingBackend

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
    """

    seed: int
    index: NDArray[np.int64]
    population: NDArray[np.int32]
    mean_count: NDArray[np.float64]
    shape: NDArray[np.float32]
    radius2: NDArray[np.float32] | None


class Backend(Protocol):
    """What a machine must do; see ``Renderer`` for the meaning of the arrays."""

    name: str

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """Fills ``out`` [n, band, y, x] and ``total_mass`` [n], Msun."""

    def draw(self, x, y, flux, out) -> None:
        """Fills ``out`` [band, y, x] from stars at x, y [n] with flux [n, band]."""

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(x, y, mass) [3, n_star] and flux [n_star, band] of cluster i of the batch."""


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
                b.window.grid, b.window.modes, b.taps, b.transfer.view(np.float32).reshape(*b.transfer.shape, 2)
            )
            for b in bands
        ]
        self._plan = native.plan(frame.size, frame.domain, frame.margin, specs, settings.instruction_set)

    def _clusters(self, c: ClusterColumns):
        return self._native.clusters(c.seed, c.index, c.population, c.mean_count, c.shape, c.radius2)

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """See ``Backend``."""
        self._plan.render(
            self._native.Populations(*populations), self._clusters(clusters), self._threads, out, total_mass
        )

    def draw(self, x, y, flux, out) -> None:
        """See ``Backend``."""
        self._plan.draw(x, y, flux, out)

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See ``Backend``."""
        columns = self._clusters(clusters)
        n = self._native.star_count(columns, i)
        position_mass = np.empty((3, n), dtype=np.float32)
        flux = np.empty((n, populations[2].shape[2]), dtype=np.float32)
        self._plan.stars(self._native.Populations(*populations), columns, i, position_mass, flux)
        return position_mass, flux


class NumbaBackend:
    """The same algorithm as numba loops, with SciPy's Fourier transforms."""

    name = "numba"

    def __init__(self, frame: Frame, bands: Sequence[BandPlan], settings: RenderSettings) -> None:
        from clustercnn.render import loops

        self._loops = loops
        self._frame, self._bands, self._threads = frame, bands, settings.n_threads

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """See ``Backend``."""
        out = np.from_dlpack(out) if not isinstance(out, np.ndarray) else out

        def one(i: int) -> None:
            position_mass, flux = self.stars(populations, clusters, i)
            total_mass[i] = position_mass[2].sum(dtype=np.float64)
            self._draw(position_mass[0].astype(np.float64), position_mass[1].astype(np.float64), flux, out[i])

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(one, range(len(clusters.index))))

    def draw(self, x, y, flux, out) -> None:
        """See ``Backend``."""
        self._draw(x, y, flux, np.from_dlpack(out) if not isinstance(out, np.ndarray) else out)

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See ``Backend``."""
        seed, cluster = np.uint64(clusters.seed), np.uint64(clusters.index[i])
        count = self._loops.star_count(seed, cluster, clusters.mean_count[i])
        position_mass = np.empty((3, count), dtype=np.float32)
        flux = np.empty((count, populations[2].shape[2]), dtype=np.float32)
        row = clusters.population[i]
        radius2 = np.empty(0, dtype=np.float32) if clusters.radius2 is None else clusters.radius2
        table = tuple(column[row] for column in populations[:4])
        shape = tuple(clusters.shape[:, i].astype(np.float64).tolist())
        self._loops.sample((seed, cluster), count, shape, table, radius2, (position_mass, flux))
        return position_mass, flux

    def _draw(self, x, y, flux, out: NDArray[np.float32]) -> None:
        from scipy import fft

        frame = self._frame
        inside = slice(frame.margin, frame.margin + frame.size)
        for b, band in enumerate(self._bands):
            modes, domain = band.window.modes, frame.domain
            grid = np.zeros((band.window.grid, band.window.grid), dtype=np.float32)
            self._loops.deposit(x, y, np.ascontiguousarray(flux[:, b]), band.taps, (frame.margin, domain), grid)
            # rows ky = 0 .. modes suffice, the image being real; the transform over x runs on those rows alone
            half = fft.fft(fft.rfft(grid, axis=0)[: modes + 1], axis=1)
            kx = np.arange(-modes, modes + 1)
            half = half[:, kx] * band.transfer
            out[b] = _fold(half, domain)[inside, inside]


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
