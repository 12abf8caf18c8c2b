"""Training batches drawn on the fly by background threads, in order, into buffers that are used again.

Threads, not processes: the native renderer releases the GIL, nothing is copied, and a fork after OpenMP has run hangs.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from torch import Tensor

    from clustercnn.scene import SceneBatch, Scenes

__all__ = ["Batch", "SceneStream"]


@dataclass(frozen=True)
class Batch:
    """Tensors that share memory with a stream's buffer: valid until the next batch is asked for.

    ``images`` [n, band, y, x] e-/s, ``present`` [n] 0 or 1, ``labels`` [n, 4] and ``log_snr`` [n], NaN when absent.
    """

    images: Tensor
    present: Tensor
    labels: Tensor
    log_snr: Tensor

    @classmethod
    def of(cls, scenes: SceneBatch) -> Self:
        """The tensors of a scene batch, sharing its memory."""
        return cls(*(torch.from_numpy(getattr(scenes, k)) for k in ("images", "present", "labels", "log_snr")))


class SceneStream:
    """An endless iterator over batches; use it as a context manager, so that its threads end.

    Batch ``step`` holds the ``n`` scenes of ``seed`` from number ``step * n`` on: order and content do not depend on
    the number of threads, and a resumed run starts at its own step.

    Args:
        scenes: anything with ``bands``, ``size``, ``allocate(n, number of bands, size)`` and a thread-safe
            ``batch(first, n, seed=, out=)``.
        n: scenes per batch.
        seed: of the scenes; see ``stream_seed``.
        start: first step.
        threads: background threads that draw.
        prefetch: finished batches kept in store.
        shard: (offset, stride) when several ranks share a global batch: the batch of a step begins at scene
            offset + step * stride.

    Attributes:
        waited: seconds that the consumer has waited for batches so far.

    Raises:
        InvalidInput: a count below 1.
    """

    def __init__(
        self,
        scenes: Scenes,
        n: int,
        *,
        seed: int,
        start: int = 0,
        threads: int = 1,
        prefetch: int = 2,
        shard: tuple[int, int] | None = None,
    ) -> None:
        if n < 1 or threads < 1 or prefetch < 1 or start < 0:
            raise InvalidInput(
                f"n={n}, threads={threads}, prefetch={prefetch}, start={start}: start >= 0 and others >= 1 are allowed"
            )
        self.waited = 0.0
        self._scenes, self._n, self._seed = scenes, n, seed
        self._offset, self._stride = shard or (0, n)
        self._next_drawn = self._next_read = start
        self._ready: dict[int, Any] = {}
        self._lent: Any = None
        self._free = [scenes.allocate(n, len(scenes.bands), scenes.size) for _ in range(threads + prefetch)]
        self._error: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._draw, name=f"scenes-{i}", daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def _draw(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._free:
                    self._changed.wait()
                if self._closed or self._error is not None:
                    return
                out = self._free.pop()
                step = self._next_drawn
                self._next_drawn += 1
            try:
                done = self._scenes.batch(self._offset + step * self._stride, self._n, seed=self._seed, out=out)
            except BaseException as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._ready[step] = done
                self._changed.notify_all()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        """The next batch; the one before it becomes invalid. Raises what a drawing thread raised."""
        begin = time.perf_counter()
        with self._changed:
            if self._closed:
                raise StopIteration
            if self._lent is not None:
                self._take_back(self._lent)
                self._free.append(self._lent)
                self._lent = None
                self._changed.notify_all()
            while self._next_read not in self._ready:
                if self._error is not None:
                    raise self._error
                self._changed.wait(timeout=1.0)  # a timeout, so that Ctrl-C is heard
            self._lent = self._ready.pop(self._next_read)
            self._next_read += 1
        self.waited += time.perf_counter() - begin
        return self._lend(self._lent)

    def _lend(self, scenes: Any) -> Batch:
        """What the consumer gets of a finished batch."""
        return Batch.of(scenes)

    def _take_back(self, scenes: Any) -> None:
        """Called before the batch's buffer is used again."""

    def close(self) -> None:
        """Ends the threads; each finishes the batch in its hands first."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
