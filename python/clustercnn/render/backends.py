"""The machines that draw: the C++ core, numba loops with the same results, and a GPU. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from clustercnn.errors import InvalidInput, MissingBackend
from clustercnn.render.cuda import probe
from clustercnn.render.star_lists import draw_one_by_one

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.render.plans import BandModes, GridPlan
    from clustercnn.render.settings import RenderSettings
    from clustercnn.render.star_lists import StarLists

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
        psf: int32 [n], which of the survey's library of kernels.
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
    psf: NDArray[np.int32]
    radius2: NDArray[np.float32] | None
    faint_fraction: float
    faint: NDArray[np.float32]
    variety: NDArray[np.float32] | None
    law: NDArray[np.float32]


class Backend(Protocol):
    """What a machine must do; see ``Renderer`` for the meaning of the arrays.

    ``arrays`` is the module whose arrays it makes: NumPy, or CuPy for arrays on a GPU.
    """

    name: str
    arrays: Any

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """Fills ``out`` [n, band, y, x] and ``total_mass`` [n], Msun."""

    def draw(self, x, y, flux, psf: int, out) -> None:
        """Fills ``out`` [band, y, x] from stars at x, y [n] with flux [n, band], through that kernel of the library."""

    def draw_images(self, populations, clusters: ClusterColumns | None, lists: StarLists, rows, images, total_mass):
        """Fills those of ``images`` [n, band, y, x] that ``rows`` names, clusters first, and ``total_mass``."""

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray]:
        """Cluster i's x, y, mass, companion's mass [4, n_star]; flux [n_star, band]; smooth flux [band]."""


def load_native():
    """The compiled extension, or None in an installation without it."""
    try:
        from clustercnn import _native
    except ImportError:
        return None
    return _native


def make_backend(name: str, plan: GridPlan, settings: RenderSettings) -> Backend:
    """The backend of that name; "auto" is C++ where the extension is installed, numba elsewhere.

    Not CUDA even where there is a GPU: nobody is handed arrays on a device without having asked for them.

    Raises:
        InvalidInput: an unknown name.
        MissingBackend: it cannot work here.
    """
    if name not in BACKENDS:
        raise InvalidInput(f"backend: {name!r}; allowed: {', '.join(BACKENDS)}")
    native = load_native()
    if name == "cuda":
        from clustercnn.render.cuda.backend import CudaBackend

        return CudaBackend(probe.load_cupy(), plan)
    if name == "cpp" and native is None:
        raise MissingBackend(
            "backend 'cpp': the compiled extension is not installed; reinstall with a C++20 compiler and without "
            "CLUSTERCNN_NO_EXTENSION, or use backend 'numba'"
        )
    if name == "numba" or native is None:
        from clustercnn.render.numba_backend import NumbaBackend

        return NumbaBackend(plan, settings)
    return CppBackend(native, plan, settings)


class CppBackend:
    """The C++ core."""

    name = "cpp"
    arrays = np

    def __init__(self, native, plan: GridPlan, settings: RenderSettings) -> None:
        self._native = native
        self._threads = settings.n_threads
        periods = [
            native.Period(period.pixels, period.cells, [_native_modes(native, band) for band in period.bands])
            for period in plan.periods
        ]
        self._plan = native.plan(
            plan.size,
            plan.double_precision,
            plan.margin,
            plan.reach,
            plan.cells_per_pixel,
            plan.taps,
            periods,
            settings.instruction_set,
        )

    def _clusters(self, c: ClusterColumns):
        return self._native.clusters(
            c.seed,
            c.index,
            c.population,
            c.mean_count,
            c.shape,
            c.psf,
            c.radius2,
            c.faint_fraction,
            c.faint,
            c.variety,
            c.law,
        )

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """See ``Backend``."""
        self._plan.render(
            self._native.Populations(*populations), self._clusters(clusters), self._threads, out, total_mass
        )

    def draw(self, x, y, flux, psf: int, out) -> None:
        """See ``Backend``."""
        self._plan.draw(x, y, flux, psf, out)

    def draw_images(self, populations, clusters: ClusterColumns | None, lists: StarLists, rows, images, total_mass):
        """See ``Backend``."""
        draw_one_by_one(self, (populations, clusters), lists, (rows, images), total_mass)

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


def _native_modes(native, band: BandModes):
    return native.band_modes(
        band.radius, band.response, band.transfer.view(np.float64).reshape(*band.transfer.shape, 2)
    )
