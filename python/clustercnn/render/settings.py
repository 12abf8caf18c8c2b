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
            surroundings as far as stars are drawn; 1e-2 to 1e-6. Smaller costs larger transforms and wider windows:
            1e-5 takes about twice the time of 1e-3, and what is below is done in double precision, which is also to be
            asked for where more than some 100,000 stars of one image must add up to 1e-5. Bands share their
            transforms: in single precision one may be fainter than another by a factor of tolerance / 1e-7.
        faint_fraction: stars whose summed fluctuation in a pixel stays below this fraction of the pixel's noise (sky,
            read-out, and the cluster's own photons) are not drawn one by one but shine as their expectation, their
            number and mass still being random. 0 draws every star; at most 0.5. Only with EFF profiles. Clusters of
            fewer than 2,000 stars are drawn in full, and so are those with binaries, an ellipticity, segregation or
            scatter of their A_V, as the expectation is that of plain ones.
        threads: clusters drawn at once; 0 takes every core this process may use.
        taps: cells along an axis that a star is spread over, 2 to 8; 0 takes what is cheapest at this tolerance.
        instruction_set: of the C++ backend: "" for the best of this machine, or "portable", "avx2", "avx512".

    Raises:
        InvalidInput: a value outside what is allowed.
    """

    tolerance: float = 1e-3
    faint_fraction: float = 0.0
    threads: int = 0
    taps: int = 0
    instruction_set: str = ""

    def __post_init__(self) -> None:
        if not 1e-6 <= self.tolerance <= 1e-2:
            raise InvalidInput(f"tolerance: {self.tolerance!r}; 1e-6 to 1e-2 is allowed")
        if not 0.0 <= self.faint_fraction <= 0.5:
            raise InvalidInput(f"faint_fraction: {self.faint_fraction!r}; 0 to 0.5 is allowed")
        if not isinstance(self.threads, int) or self.threads < 0:
            raise InvalidInput(f"threads: {self.threads!r}; a whole number >= 0 is allowed")
        if self.taps != 0 and self.taps not in range(2, 9):
            raise InvalidInput(f"taps: {self.taps!r}; 2 to 8, or 0 for the cheapest, is allowed")
        if self.instruction_set not in ("", "portable", "avx2", "avx512"):
            raise InvalidInput(
                f"instruction_set: {self.instruction_set!r}; '', 'portable', 'avx2' or 'avx512' is allowed"
            )

    @property
    def n_threads(self) -> int:
        """The number of threads in effect."""
        return self.threads or len(os.sched_getaffinity(0))
