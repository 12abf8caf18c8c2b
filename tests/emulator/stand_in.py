"""A stand-in for CuPy on a machine without a GPU: "device" arrays are NumPy's, kernels run in emulator.cpp.

It has what the package uses of CuPy, and no more, so that its host code runs in the tests as it would on a GPU.
"""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

SHARED_LIMIT = 232_448  # bytes per block of an H100
GPU = (2, 0)  # DLPack's kDLCUDA, device 0


class Ndarray:
    """CuPy's array: like it, not one that NumPy takes without being asked."""

    def __init__(self, held: np.ndarray) -> None:
        self.held = held
        self.shape, self.dtype, self.size, self.nbytes = held.shape, held.dtype, held.size, held.nbytes
        self.ndim = held.ndim
        self.data = SimpleNamespace(ptr=held.ctypes.data)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("a device array is no NumPy array; use .get()")

    def __dlpack__(self, **_: Any) -> Any:
        return self.held.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return GPU

    def __getitem__(self, key: Any) -> Ndarray:
        return Ndarray(self.held[key])

    def __setitem__(self, key: Any, value: Ndarray) -> None:
        self.held[key] = value.held

    def view(self, dtype: Any) -> Ndarray:
        return Ndarray(self.held.view(dtype))

    def get(self) -> np.ndarray:
        return self.held.copy()

    def set(self, array: np.ndarray, stream: Any = None) -> None:
        self.held[...] = array


class Device:
    """The one device."""

    attributes = {"MaxSharedMemoryPerBlockOptin": SHARED_LIMIT}  # noqa: RUF012
    compute_capability = "90"
    id = 0

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        pass


class Stream:
    """Work is done at once, but the stream knows what it may rely on having been done.

    ``seen`` holds how much of each stream's work comes before this one's next piece: by its own order, and by the
    events it has waited for.
    """

    _of_thread = threading.local()

    def __init__(self, **_: Any) -> None:
        self.seen: Counter[int] = Counter()
        self._outer: list[Stream] = []

    @classmethod
    def current(cls) -> Stream:
        if not hasattr(cls._of_thread, "stream"):
            cls._of_thread.stream = cls()
        return cls._of_thread.stream

    def __enter__(self) -> Stream:
        self._outer.append(self.current())
        self._of_thread.stream = self
        return self

    def __exit__(self, *_: Any) -> None:
        self._of_thread.stream = self._outer.pop()

    def work(self) -> tuple[int, int]:
        """One piece of work; returns its stream and number."""
        self.seen[id(self)] += 1
        return id(self), self.seen[id(self)]

    def comes_after(self, work: tuple[int, int]) -> bool:
        """Whether the next piece of work here can only begin when that one has ended."""
        stream, number = work
        return self.seen[stream] >= number

    def wait_event(self, event: Event) -> None:
        self.seen |= event.seen

    def synchronize(self) -> None:
        pass


class Event:
    """What a stream had been given when the event was recorded."""

    done = True

    def __init__(self, **_: Any) -> None:
        self.seen: Counter[int] = Counter()

    def record(self, stream: Stream) -> None:
        self.seen = stream.seen.copy()

    def synchronize(self) -> None:
        pass


class OutOfMemoryError(MemoryError):
    """CuPy's, which is a MemoryError too."""


def build(sources: Path, out: Path) -> Path:
    """The emulator with the kernels of ``sources`` (csrc/gpu), as a shared library in the folder ``out``."""
    here, library = Path(__file__).parent, out / "emulator.so"
    command = ["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-Wno-unknown-pragmas", "-fPIC"]
    command += ["-shared", "-DCLUSTERCNN_EMULATED", f"-I{here}", f"-I{sources}", str(here / "emulator.cpp")]
    subprocess.run([*command, "-o", str(library)], check=True)
    return library


class Emulator:
    """The library behind the kernels.

    ``order`` is that of a block's threads between barriers, see emulator.cpp; ``warps_wait`` makes warps do so too,
    which takes four times as long.
    """

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.emulator_error.restype = ctypes.c_char_p
        self._library.emulator_size_of.restype = ctypes.c_size_t
        self.order, self.warps_wait = 0, False
        self.launched: list[str] = []

    def size_of(self, structure: str) -> int:
        return self._library.emulator_size_of(structure.encode())

    def launch(self, name: str, grid: tuple[int, int, int], threads: int, job: Ndarray, shared: int) -> None:
        self.launched.append(name)
        blocks = (ctypes.c_int * 3)(*grid)
        failed = self._library.emulator_launch(
            name.encode(),
            blocks,
            threads,
            ctypes.c_size_t(shared),
            ctypes.c_void_p(job.data.ptr),
            self.order,
            int(self.warps_wait),
        )
        if failed:
            raise RuntimeError(self._library.emulator_error().decode())


class StandIn:
    """What is imported as ``cupy``."""

    ndarray = Ndarray
    __version__ = "stand-in"

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.RawModule = self._module
        self.room = 1 << 40  # bytes that may be allocated at once
        self.cuda = SimpleNamespace(
            Device=Device,
            Event=Event,
            Stream=Stream,
            ExternalStream=lambda *_: contextlib.nullcontext(),
            alloc_pinned_memory=bytearray,
            get_current_stream=Stream.current,
            get_elapsed_time=lambda *_: 0.0,
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            runtime=SimpleNamespace(
                getDeviceCount=lambda: 1,
                deviceGetAttribute=lambda number, _: {13: 1_980_000, 16: 132}[number],  # kHz, multiprocessors
                CUDARuntimeError=RuntimeError,
            ),
        )

    def empty(self, shape: Any, dtype: Any = np.float64) -> Ndarray:
        array = np.empty(shape, dtype=dtype)
        if array.nbytes > self.room:
            raise OutOfMemoryError(f"{array.nbytes} bytes")
        array.reshape(-1).view(np.uint8)[...] = 0xFF  # memory that nobody has written to
        return Ndarray(array)

    def zeros(self, shape: Any, dtype: Any = np.float64) -> Ndarray:
        return Ndarray(np.zeros(shape, dtype=dtype))

    def asarray(self, array: Any, dtype: Any = None) -> Ndarray:
        return Ndarray(np.array(array, dtype=dtype))

    def ascontiguousarray(self, array: Ndarray, dtype: Any) -> Ndarray:
        return array if array.dtype == dtype else Ndarray(array.held.astype(dtype))

    def from_dlpack(self, array: Any) -> Ndarray:
        return Ndarray(np.from_dlpack(array))

    def copyto(self, out: Ndarray, source: Ndarray) -> None:
        out.held[...] = source.held

    def log10(self, array: Ndarray, out: Ndarray) -> Ndarray:
        np.log10(array.held, out=out.held)
        return out

    def _module(self, **_: Any) -> Any:
        return SimpleNamespace(get_function=lambda name: _Kernel(self._emulator, name))


class _Kernel:
    """CuPy's RawKernel, with the limits that a launch meets on a device."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self._emulator, self._name = emulator, name
        self.max_dynamic_shared_size_bytes = 48 * 1024

    def __call__(
        self, grid: tuple[int, int, int], block: tuple[int, int, int], args: tuple, *, shared_mem: int
    ) -> None:
        if shared_mem > self.max_dynamic_shared_size_bytes or self.max_dynamic_shared_size_bytes > SHARED_LIMIT:
            raise RuntimeError(f"{self._name}: {shared_mem} bytes of shared memory")
        (job,) = args
        self._emulator.launch(self._name, grid, block[0], job, shared_mem)
