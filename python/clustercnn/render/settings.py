"""What the renderer may trade between speed and accuracy: one frozen object, nothing global."""

from __future__ import annotations

import os
from dataclasses import dataclass

from clustercnn.errors import InvalidInput

__all__ = ["RenderSettings"]


@dataclass(frozen=True)
class RenderSettings:
    """Settings of a renderer.

    Args:
        tolerance: largest error of a pixel, against the exact sum over stars, over the peak of the image and of its
            surroundings as far as stars are drawn; 1e-2 to 1e-5.
            Smaller costs larger transforms and wider windows: 1e-5 takes about twice the time of 1e-3.
        threads: clusters drawn at once; 0 takes every core this process may use.
        instruction_set: of the C++ backend: "" for the best of this machine, or "portable", "avx2", "avx512".

    Raises:
        InvalidInput: a value outside what is allowed.
    """

    tolerance: float = 1e-3
    threads: int = 0
    instruction_set: str = ""

    def __post_init__(self) -> None:
        if not 1e-5 <= self.tolerance <= 1e-2:
            raise InvalidInput(
                f"tolerance: {self.tolerance!r}; 1e-5 to 1e-2 is allowed (single precision carries no more)"
            )
        if not isinstance(self.threads, int) or self.threads < 0:
            raise InvalidInput(f"threads: {self.threads!r}; a whole number >= 0 is allowed")
        if self.instruction_set not in ("", "portable", "avx2", "avx512"):
            raise InvalidInput(
                f"instruction_set: {self.instruction_set!r}; '', 'portable', 'avx2' or 'avx512' is allowed"
            )

    @property
    def n_threads(self) -> int:
        """The number of threads in effect."""
        return self.threads or len(os.sched_getaffinity(0))
