"""What surrounds a run: deterministic operations, and signals that ask it to end."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["determinism", "stop_signals"]


@contextlib.contextmanager
def determinism(on: bool) -> Iterator[None]:
    """Only operations that give the same bits every time, when ``on``; otherwise a GPU's fastest convolutions."""
    before, trials = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(on or before)
    torch.backends.cudnn.benchmark = not (on or before)  # batches keep their shape: trying them all pays once
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = trials


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM end the run after the step in hand; a second Ctrl-C ends it at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: object) -> None:  # noqa: ARG001  (the signature is Python's)
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    for s in before:
        signal.signal(s, ask)
    try:
        yield asked.is_set
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
