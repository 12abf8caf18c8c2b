"""Training batches drawn on the GPU that trains: on a stream beside the optimiser's, into tensors that it reads there.

The host waits for nothing. Events keep order: a buffer is painted once the optimiser has done what it was given to do
with it, and read once it has been painted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from clustercnn.data.stream import Batch, SceneStream
from clustercnn.scene import SceneBatch

if TYPE_CHECKING:
    from clustercnn.scene import DeviceScenes

__all__ = ["DeviceStream"]

BUFFERS = 2  # painted ahead, beside the one that is read


class _Buffer:
    """A batch's tensors, the same memory as the painter knows it, and when it may be painted and read."""

    def __init__(self, arrays: Any, n: int, bands: int, size: int, *, device: torch.device) -> None:
        shapes = {"images": (n, bands, size, size), "present": (n,), "labels": (n, 4), "log_snr": (n,)}
        tensors = {name: torch.empty(shape, device=device) for name, shape in shapes.items()}
        self.batch = Batch(**tensors)
        self.arrays = SceneBatch(**{name: arrays.from_dlpack(tensor) for name, tensor in tensors.items()})
        self.free, self.painted = (arrays.cuda.Event(disable_timing=True) for _ in range(2))


class _Painter:
    """What ``SceneStream`` draws with: ``DeviceScenes`` on a stream of its own."""

    def __init__(self, scenes: DeviceScenes, device: torch.device) -> None:
        self.bands, self.size = scenes.bands, scenes.size
        self._scenes, self._device = scenes, device
        with scenes.device:
            self.stream = scenes.arrays.cuda.Stream(non_blocking=True)

    def allocate(self, n: int, bands: int, size: int) -> _Buffer:
        with self._scenes.device:
            return _Buffer(self._scenes.arrays, n, bands, size, device=self._device)

    def batch(self, first: int, n: int, *, seed: int, out: _Buffer) -> _Buffer:
        with self._scenes.device, self.stream:
            self.stream.wait_event(out.free)
            self._scenes.batch(first, n, seed=seed, out=out.arrays)
            out.painted.record(self.stream)
        return out


class DeviceStream(SceneStream):
    """As ``SceneStream``, with tensors on the GPU.

    The tensors may be used in the order of the consumer's stream until the next batch is asked for.

    Args:
        scenes: draws on the GPU.
        n: scenes per batch.
        device: the GPU as torch names it.
        reader: CuPy stream that the consumer works on; None is torch's current one on the device.
        seed, start, threads, shard: as for ``SceneStream``; threads prepare batches on the host.

    Attributes:
        waited: seconds for which the consumer, or its stream, has waited for batches so far; of the stream's waits,
            those that have ended.
    """

    def __init__(
        self,
        scenes: DeviceScenes,
        n: int,
        *,
        device: torch.device,
        seed: int,
        start: int = 0,
        threads: int = 1,
        shard: tuple[int, int] | None = None,
        reader: Any = None,
    ) -> None:
        self._cuda, self._device_scenes = scenes.arrays.cuda, scenes
        self._reader = reader or self._cuda.ExternalStream(torch.cuda.current_stream(device).cuda_stream)
        self._painter = _Painter(scenes, device)
        with scenes.device:
            self._wait = tuple(self._cuda.Event() for _ in range(2))  # of the reader's stream: its begin, its end
        self._timing = False
        super().__init__(self._painter, n, seed=seed, start=start, threads=threads, prefetch=BUFFERS, shard=shard)

    def _lend(self, scenes: _Buffer) -> Batch:
        with self._device_scenes.device:
            timed = self._time_ended()
            if timed:
                self._wait[0].record(self._reader)
            self._reader.wait_event(scenes.painted)
            if timed:
                self._wait[1].record(self._reader)
                self._timing = True
        return scenes.batch

    def _take_back(self, scenes: _Buffer) -> None:
        with self._device_scenes.device:
            scenes.free.record(self._reader)

    def _time_ended(self) -> bool:
        """Whether the events are free to time a wait; adds up the one that they timed."""
        if not self._timing:
            return True
        if not self._wait[1].done:
            return False
        self.waited += self._cuda.get_elapsed_time(*self._wait) / 1000.0
        self._timing = False
        return True

    def close(self) -> None:
        """Ends the threads and waits until nothing is painted any more: the buffers' memory is torch's again."""
        super().close()
        with self._device_scenes.device:
            self._painter.stream.synchronize()
