"""Arrays on the device, and copies to it that nobody waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Parcel", "Post", "address"]

ALIGNED = 16  # bytes
IN_FLIGHT = 4  # parcels that may be on their way at once


def address(array: Any) -> int:
    """Where a CuPy array's numbers begin, on the device."""
    return int(array.data.ptr)


class Parcel:
    """Host arrays that go to the device as one piece."""

    def __init__(self) -> None:
        self._arrays: list[tuple[int, NDArray[Any]]] = []
        self.size = 0

    def add(self, array: NDArray[Any]) -> int:
        """Packs an array; returns its place in the parcel, bytes from its beginning."""
        array = np.ascontiguousarray(array)
        place, self.size = self.size, -(-(self.size + array.nbytes) // ALIGNED) * ALIGNED
        self._arrays.append((place, array))
        return place

    def write(self, to: NDArray[np.uint8]) -> None:
        """Puts everything into host memory of ``size`` bytes."""
        for place, array in self._arrays:
            to[place : place + array.nbytes] = array.reshape(-1).view(np.uint8)


class Post:
    """Sends parcels through page-locked memory, some at a time: only when all are on their way does the next one wait.

    Args:
        cupy: the module.
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._slots: list[tuple[Any, Any, Any]] = []  # page-locked memory, device memory, event after their last use
        self._next = 0

    def address_for(self, size: int) -> int:
        """Device memory for the next parcel; valid until ``IN_FLIGHT`` more have been sent."""
        if len(self._slots) < IN_FLIGHT:
            self._slots.append((None, None, None))
        pinned, device, sent = self._slots[self._next]
        if sent is not None:
            sent.synchronize()
        if device is None or device.nbytes < size:
            room = max(size, 1 << 16) * 3 // 2
            pinned, device = self._cupy.cuda.alloc_pinned_memory(room), self._cupy.empty(room, dtype=np.uint8)
            self._slots[self._next] = (pinned, device, None)
        return address(device)

    def send(self, parcel: Parcel) -> Any:
        """Copies the parcel, in the order of the current stream, to where ``address_for`` said; returns that array."""
        pinned, device, _ = self._slots[self._next]
        host = np.frombuffer(pinned, dtype=np.uint8, count=parcel.size)
        parcel.write(host)
        stream = self._cupy.cuda.get_current_stream()
        there = device[: parcel.size]
        there.set(host, stream=stream)
        return there

    def pack(self, fill: Callable[[Parcel, int], int]) -> Any:
        """Packs twice, as addresses are known after sizes only, and sends.

        Args:
            fill: puts arrays into a parcel that will lie at an address; returns the jobs' place.

        Returns:
            The device array from the jobs on.
        """
        trial = Parcel()
        fill(trial, 0)
        base = self.address_for(trial.size)
        parcel = Parcel()
        place = fill(parcel, base)
        return self.send(parcel)[place:]

    def done(self) -> None:
        """Says that all work on the last parcel has been given to the current stream."""
        pinned, device, event = self._slots[self._next]
        event = self._cupy.cuda.Event(disable_timing=True) if event is None else event
        event.record(self._cupy.cuda.get_current_stream())
        self._slots[self._next] = (pinned, device, event)
        self._next = (self._next + 1) % IN_FLIGHT
