"""The backend that draws on a GPU: batches as structures, kernels in order, nothing waited for."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.render.cuda.columns import pack_clusters, pack_lists
from clustercnn.render.cuda.layout import JOB, LIST_JOB, LOTS, POPULATIONS
from clustercnn.render.cuda.memory import Parcel, Post, address
from clustercnn.render.cuda.modules import Kernels
from clustercnn.render.cuda.plan_tables import PlanTables
from clustercnn.render.cuda.populations import DevicePopulations
from clustercnn.render.cuda.scratch import Scratch, ScratchSizes, images_at_once
from clustercnn.render.cuda.shapes import THREADS, block_shapes
from clustercnn.render.star_lists import StarLists

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.render.backends import ClusterColumns
    from clustercnn.render.plans import GridPlan

__all__ = ["CudaBackend"]


class CudaBackend:
    """Draws on CuPy's current device, in the order of its current stream.

    Args:
        cupy: the module.
        plan: of the images.

    Raises:
        InvalidInput: the frame is too large for the device.
        MissingBackend: no kernels came with the package.
    """

    name = "cuda"

    def __init__(self, cupy: Any, plan: GridPlan) -> None:
        limit = int(cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"])
        self.arrays, self._device = cupy, cupy.cuda.Device().id
        self._plan, self._shapes = plan, block_shapes(plan, limit)
        self._bands = len(plan.periods[-1].bands)
        self._kernels, self._tables = Kernels(cupy), PlanTables(cupy, plan, self._shapes)
        self._populations, self._post = DevicePopulations(cupy), Post(cupy)
        self._lock = threading.Lock()  # of what is kept from call to call on the host

    def render(self, populations, clusters: ClusterColumns, out, total_mass) -> None:
        """See ``Backend``."""
        n = clusters.index.size
        self.draw_images(
            populations, clusters, StarLists.none(self._bands), np.arange(n, dtype=np.int32), out, total_mass
        )

    def draw(self, x, y, flux, psf: int, out) -> None:
        """See ``Backend``."""
        first = np.array([0, x.shape[0]], dtype=np.int64)
        lists = StarLists(first, x, y, flux, np.array([psf], dtype=np.int32))
        self.draw_images(None, None, lists, np.zeros(1, dtype=np.int32), out, self.arrays.empty(0))

    def draw_images(
        self,
        populations: tuple[Any, ...] | None,
        clusters: ClusterColumns | None,
        lists: StarLists,
        target: NDArray[np.int32],
        images: Any,
        total_mass: Any,
    ) -> None:
        """Draws clusters and star lists into some of a batch's images; the others are left as they are.

        Args:
            populations: tables of the clusters; None without any.
            clusters: may be None.
            lists: of stars.
            target: int32 [clusters + lists], the image of each.
            images: float32 [n, band, y, x] on the device: any DLPack array.
            total_mass: float64 [clusters] on the device, Msun.

        Raises:
            InvalidInput: an array on another device.
            DeviceMemoryError: too little memory there.
        """
        if target.size == 0:
            return
        images, total_mass = self.own(images), self.own(total_mass)
        with self._lock:
            tables = self._population_tables(populations, clusters)
            sizes = ScratchSizes.of(self._plan, self._shapes, int(tables["knots"]))
            scratch = Scratch(self.arrays, sizes, min(images_at_once(sizes), target.size))
            firsts = np.arange(0, target.size, scratch.images)

            def fill(parcel: Parcel, base: int) -> int:
                jobs = np.zeros(firsts.size, dtype=JOB)
                jobs["plan"], jobs["populations"] = self._tables.structure, tables
                jobs["clusters"], jobs["lists"] = pack_clusters(clusters, parcel, base), pack_lists(lists, parcel, base)
                jobs["first"], jobs["target"] = firsts, base + parcel.add(target)
                jobs["images"], jobs["total_mass"] = address(images), address(total_mass)
                for name, array in scratch.arrays.items():
                    jobs[name] = address(array)
                return parcel.add(jobs)

            jobs = self._post.pack(fill)
            of_clusters = 0 if clusters is None else clusters.index.size
            for number, first in enumerate(firsts.tolist()):
                job = jobs[number * JOB.itemsize : (number + 1) * JOB.itemsize]
                count = min(scratch.images, target.size - first)
                self._launch(job, images=count, clusters=min(max(of_clusters - first, 0), count))
            self._post.done()

    def stars(self, populations, clusters: ClusterColumns, i: int) -> tuple[NDArray, NDArray, NDArray]:
        """See ``Backend``; waits for the device."""
        cupy, one = self.arrays, _only(clusters, i)
        with self._lock:
            tables = self._population_tables(populations, one)
            scratch = Scratch(cupy, ScratchSizes.of(self._plan, self._shapes, int(tables["knots"])), 1)
            columns: dict[str, Any] = {}

            def fill(parcel: Parcel, base: int) -> int:
                job = np.zeros((), dtype=LIST_JOB)
                job["job"]["plan"], job["job"]["populations"] = self._tables.structure, tables
                job["job"]["clusters"] = pack_clusters(one, parcel, base)
                for name, array in scratch.arrays.items():
                    job["job"][name] = address(array)
                for name, array in columns.items():
                    job[name] = address(array)
                return parcel.add(job)

            # the number of stars is known only then
            self._kernels.launch(
                "prepare", (1, 1, 1), THREADS, self._post.pack(fill), shared=self._shapes.shared["prepare"]
            )
            self._post.done()
            lots = scratch.arrays["lots"].get().view(LOTS)[0]
            n = int(lots["count"])
            columns |= {name: cupy.zeros(n, dtype=np.float32) for name in ("x", "y", "mass", "companion")}
            columns["flux"] = cupy.zeros((n, self._bands), dtype=np.float32)
            self._kernels.launch("list_stars", (-(-n // THREADS), 1, 1), THREADS, self._post.pack(fill))
            self._post.done()
        stars = [columns[name].get() for name in ("x", "y", "mass", "companion")]
        return np.stack(stars), columns["flux"].get(), lots["smooth_flux"][: self._bands].astype(np.float64)

    def own(self, array: Any) -> Any:
        """A CuPy array of the same memory, which must be this device's."""
        if (device := array.__dlpack_device__()[1]) != self._device:
            raise InvalidInput(f"an array is on GPU {device}; this renderer draws on GPU {self._device}")
        return array if isinstance(array, self.arrays.ndarray) else self.arrays.from_dlpack(array)

    def _population_tables(self, populations: tuple[Any, ...] | None, clusters: ClusterColumns | None) -> np.ndarray:
        if clusters is None or clusters.index.size == 0:
            return np.zeros((), dtype=POPULATIONS)
        return self._populations.structure(populations, int(clusters.population.max()) + 1)

    def _launch(self, job: Any, *, images: int, clusters: int) -> None:
        """All kernels for the images of one job, of which the first ``clusters`` are clusters."""
        plan, shapes, launch = self._plan, self._shapes, self._kernels.launch
        kind = "double" if plan.double_precision else "float"
        folded = plan.periods[-1].pixels // 2 + 1
        shared = shapes.shared
        launch("prepare", (clusters, 1, 1), THREADS, job, shared=shared["prepare"])
        launch("smooth_light", (clusters, 1, 1), THREADS, job, shared=shared["smooth_light"])
        launch(f"draw_strip_{kind}", (shapes.strips, images, 1), THREADS, job, shared=shared["draw_strip"])
        groups = (-(-folded // shapes.column_group), self._bands, images)
        launch(f"transform_columns_{kind}", groups, THREADS, job, shared=shared["transform_columns"])
        groups = (-(-plan.size // shapes.row_group), self._bands, images)
        launch(f"transform_rows_{kind}", groups, THREADS, job, shared=shared["transform_rows"])


def _only(clusters: ClusterColumns, i: int) -> ClusterColumns:
    """The batch of cluster ``i`` alone."""
    names = ("index", "population", "mean_count", "psf")
    part = {name: getattr(clusters, name)[i : i + 1] for name in names}
    variety = None if clusters.variety is None else clusters.variety[:, i : i + 1]
    return replace(clusters, **part, shape=clusters.shape[:, i : i + 1], variety=variety)
