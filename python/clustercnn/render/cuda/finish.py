"""The last step of a batch of samples on a GPU, in one kernel: background, signal-to-noise ratio, exposure, truth."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.render.cuda.layout import SCENE_JOB
from clustercnn.render.cuda.memory import Parcel, Post, address
from clustercnn.render.cuda.modules import Kernels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["CONFUSER", "NOTHING", "SceneFinisher", "SceneTruth"]

NOTHING, CONFUSER = -2, -1  # content of a sample, if it is no cluster
THREADS, PARTS = 256, 32  # of a block; the numbers that a sum over it is taken from, see csrc/gpu/reduce.hpp


@dataclass(frozen=True, eq=False)
class SceneTruth:
    """What the kernel is told of a batch's samples.

    Args:
        seed: of the run.
        first: number of the first sample.
        crops: int32 [n] by name: mosaic, y, x, code.
        content: int32 [n]: the cluster's number among the batch's clusters, ``CONFUSER``, or ``NOTHING``.
        target: float32 [n, 4] labels with the mass aimed at; NaN without a cluster.
        gains: float32 [clusters, band], factors on the clusters' light.
        blemishes: by name: edges float32 [n, 3]; first int64 [n + 1]; pixels int32 and rates float32 [hit pixel].
    """

    seed: int
    first: int
    crops: Mapping[str, NDArray[np.int32]]
    content: NDArray[np.int32]
    target: NDArray[np.float32]
    gains: NDArray[np.float32]
    blemishes: Mapping[str, NDArray[Any]]


class SceneFinisher:
    """Turns light into samples, on CuPy's current device, in the order of its current stream.

    Args:
        cupy: the module.
        mosaics: float32 [band, y, x] each; copied to the device.
        noisy: whether they carry their noise.
        noise: float32 [band] by name: seconds, read_noise, sky, fixed.
        structure: by name: step, middle, top, normal_variance, least_snr; see csrc/gpu/scenes.hpp.
    """

    def __init__(
        self,
        cupy: Any,
        mosaics: Sequence[NDArray[np.float32]],
        *,
        noisy: bool,
        noise: Mapping[str, NDArray[np.float32]],
        structure: Mapping[str, float],
    ) -> None:
        self._cupy, self._kernels, self._post = cupy, Kernels(cupy), Post(cupy)
        self._lock = threading.Lock()
        self._mosaics = [cupy.asarray(np.ascontiguousarray(m), dtype=np.float32) for m in mosaics]
        cupy.cuda.get_current_stream().synchronize()  # other streams read them as well
        self._fixed = np.zeros((), dtype=SCENE_JOB)
        self._fixed["bands"] = mosaics[0].shape[0]
        self._fixed["mosaics"]["noisy"] = noisy
        for name, value in structure.items():
            self._fixed["structure"][name] = value
        self._noise = {name: np.asarray(row, np.float32) for name, row in noise.items()}

    def finish(self, truth: SceneTruth, total_mass: Any, out: Any) -> None:
        """Finishes a batch.

        Args:
            truth: of its samples.
            total_mass: float64 [clusters] on the device, Msun.
            out: CuPy arrays ``images`` [n, band, size, size], which hold the light of what is drawn and get the noisy
                samples, and ``present``, ``labels``, ``log_snr`` to fill.
        """
        shape = out.images.shape

        def fill(parcel: Parcel, base: int) -> int:
            job = self._fixed.copy()
            job["n"], job["first"], job["seed"], job["size"] = len(truth.content), truth.first, truth.seed, shape[-1]
            planes = [np.array([m.shape[axis] for m in self._mosaics], np.int32) for axis in (1, 2)]
            data = np.array([address(m) for m in self._mosaics], np.uint64)
            for name, array in zip(("data", "heights", "widths"), (data, *planes), strict=True):
                job["mosaics"][name] = base + parcel.add(array)
            for group, arrays in (
                ("crops", truth.crops),
                ("noise", self._noise),
                ("blemishes", truth.blemishes),
            ):
                for name, array in arrays.items():
                    job[group][name] = base + parcel.add(array)
            for name in ("content", "target", "gains"):
                job[name] = base + parcel.add(getattr(truth, name))
            job["total_mass"] = address(total_mass)
            for name in ("images", "present", "labels", "log_snr"):
                job[name] = address(getattr(out, name))
            return parcel.add(job)

        with self._lock:
            job = self._post.pack(fill)
            shared = (THREADS + PARTS) * (8 + 4)
            self._kernels.launch("finish_scene", (len(truth.content), 1, 1), THREADS, job, shared=shared)
            self._post.done()
