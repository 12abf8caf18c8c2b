"""Samples drawn on a GPU: the same numbers as on a CPU, painted there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.render.cuda import probe
from clustercnn.render.cuda.finish import CONFUSER, NOTHING, SceneFinisher, SceneTruth
from clustercnn.scene.compose import SceneBatch
from clustercnn.scene.visibility import structure_ranks

if TYPE_CHECKING:
    from clustercnn.scene.compose import Scenes
    from clustercnn.scene.numbers import SceneNumbers

__all__ = ["DeviceScenes"]


class DeviceScenes:
    """Draws the samples of ``Scenes`` on a GPU.

    Sample i of a seed is what ``scenes`` draws on a CPU: same background, same stars, same random words for the noise;
    rounding apart, which may move a pixel by a photon. Work is given to CuPy's current stream; nothing waits for it.

    Args:
        scenes: what to draw.
        device: number of the GPU.

    Raises:
        MissingBackend: nothing can be drawn on a GPU here.
        InvalidInput: samples too large for the device.
    """

    def __init__(self, scenes: Scenes, *, device: int = 0) -> None:
        self.arrays = probe.load_cupy()
        self.scenes, self._number = scenes, device
        self.bands, self.size = scenes.bands, scenes.size
        noise = scenes.noise
        with self.device:
            self.renderer = scenes.renderer.on("cuda")
            self._finisher = SceneFinisher(
                self.arrays,
                [m.data for m in scenes.backgrounds.mosaics],
                noisy=scenes.backgrounds.noisy,
                noise={
                    "seconds": noise.exposures,
                    "read_noise": noise.read_noise,
                    "sky": noise.sky,
                    "fixed": noise.fixed,
                },
                structure=structure_ranks(scenes.size),
            )

    @property
    def device(self) -> Any:
        """CuPy's device, for a ``with`` of one thread: it remembers the one to go back to, so each has its own."""
        return self.arrays.cuda.Device(self._number)

    def allocate(self, n: int, bands: int, size: int) -> SceneBatch:
        """A batch of ``n`` samples on the device, to be filled."""
        shapes = {"images": (n, bands, size, size), "present": n, "labels": (n, 4), "log_snr": n}
        with self.device:
            return SceneBatch(**{name: self.arrays.zeros(shape, np.float32) for name, shape in shapes.items()})

    def batch(self, first: int, n: int, *, seed: int, out: SceneBatch | None = None) -> SceneBatch:
        """Samples first .. first + n - 1, as ``Scenes.batch``, in CuPy arrays.

        Raises:
            InvalidInput: as ``Scenes.batch``.
            DeviceMemoryError: too little memory on the device.
        """
        numbers = self.scenes.numbers(first, n, seed=seed)
        out = self.allocate(n, len(self.bands), self.size) if out is None else self.scenes.checked(n, out)
        with self.device:
            self._paint(numbers, out)
        return out

    def _paint(self, numbers: SceneNumbers, out: Any) -> None:
        content = np.full(len(numbers), NOTHING, np.int32)
        content[numbers.with_confuser] = CONFUSER
        content[numbers.with_cluster] = np.arange(numbers.with_cluster.size)
        mass = self.renderer.fill(
            out.images,
            numbers.params,
            numbers.confusers,
            numbers.rows,
            seed=numbers.seed,
            indices=numbers.first + numbers.with_cluster,
        )
        groups = {"crops": vars(numbers.crops), "blemishes": vars(numbers.blemishes)}
        labels, gains = numbers.labels, numbers.gains
        truth = SceneTruth(numbers.seed, numbers.first, content=content, target=labels, gains=gains, **groups)
        self._finisher.finish(truth, mass, out)
