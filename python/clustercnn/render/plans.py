"""How a band is drawn to a stated error: grid, window, and the transfer function from star grid to pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.render.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clustercnn.physics.psf import Psf

__all__ = ["BandPlan", "Frame", "plan_band", "plan_frame"]

# Share of the tolerance that each source of error may take; the rest is rounding and the slack of adding errors up
MODES_SHARE, WINDOW_SHARE, FIT_SHARE = 0.3, 0.4, 0.1
PAD = 3  # pixels beyond the kernel's reach, so that a star's window never crosses the domain's edge
# Cost of drawing, in ns: per grid point and pass of the transform, per star and tap row. Measured on one core with
# AVX-512; only their ratio matters, and the choice is flat about its optimum.
COST_POINT, COST_ROW, TYPICAL_STARS = 0.07, 1.2, 1e4


@dataclass(frozen=True)
class Frame:
    """Where the image lies in the periodic domain that Fourier transforms act on, in pixels.

    Args:
        size: of the image.
        margin: of the domain before it: the kernel's reach and a little more.
        domain: its period; a star anywhere in it never wraps round into the image.
    """

    size: int
    margin: int
    domain: int


@dataclass(frozen=True, eq=False)
class BandPlan:
    """One band's drawing.

    Attributes:
        window: the window and the grid it lives on.
        taps: float32 [degree + 1, taps], the window's polynomials.
        response: float32 [modes + 1], the window's transform.
        transfer: complex64 [modes + 1, 2 modes + 1]: kernel / window for ky from 0, kx from -modes, scaled so that the
            inverse transform over the domain gives e-/s per pixel.
        error: predicted error over the peak.
    """

    window: Window
    taps: NDArray[np.float32]
    response: NDArray[np.float32]
    transfer: NDArray[np.complex64]
    error: float


def plan_frame(size: int, psfs: Sequence[Psf]) -> Frame:
    """The smallest domain of an FFT-friendly size that holds the frame and every kernel's reach on both sides."""
    margin = int(np.ceil(max(psf.radius for psf in psfs))) + PAD
    return Frame(size, margin, next(_friendly(size + 2 * margin)))


def plan_band(psf: Psf, frame: Frame, tolerance: float) -> BandPlan:
    """The cheapest grid and window whose predicted error is below the tolerance.

    The error is counted against the peak of a single star in the worst place, between four pixels: errors of modes
    left out, plus each mode's aliases weighted by the kernel's amplitude there, over the kernel's value there.

    Raises:
        InvalidInput: no grid meets the tolerance (the kernel is too coarsely sampled).
    """
    kernel = _kernel_modes(psf, frame.domain)
    weight = np.abs(kernel)
    total = weight.sum()
    peak = _value_between_pixels(kernel, frame.domain) / total
    modes = _modes_needed(weight, MODES_SHARE * tolerance * peak)
    marginal = _marginal(weight, modes) / total
    best: tuple[float, Window, float] | None = None
    for taps in range(2, 9):
        for grid in _friendly(2 * modes + 2):
            cost = COST_POINT * grid**2 * np.log2(grid) + COST_ROW * TYPICAL_STARS * (taps + 2)
            if grid > 6 * modes or (best is not None and cost >= best[0]):
                break
            window = Window(taps, grid, modes)
            error = 2.0 * float(marginal @ window.alias()) / peak
            if error <= WINDOW_SHARE * tolerance and taps / 2 + 1 <= PAD * grid / frame.domain:
                best = (cost, window, error)
                break
    if best is None:
        raise InvalidInput(
            f"tolerance: {tolerance:g} cannot be met with a kernel sampled {psf.oversample} times per pixel"
        )
    _, window, error = best
    return BandPlan(
        window,
        taps=window.polynomials(FIT_SHARE * tolerance),
        response=window.transform(np.arange(modes + 1)).astype(np.float32),
        transfer=_transfer(kernel, window, frame),
        error=error + MODES_SHARE * tolerance,
    )


def _friendly(least: int) -> Iterator[int]:
    """Even numbers 2^a 3^b 5^c from ``least`` up."""
    n = least + least % 2
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            yield n
        n += 2


def _kernel_modes(psf: Psf, domain: int) -> NDArray[np.complex128]:
    """The kernel's Fourier series over the domain, [n, n] with n = oversample * domain, mode 0 first."""
    n, size = psf.oversample * domain, psf.image.shape[0]
    padded = np.zeros((n, n))
    padded[:size, :size] = psf.image
    centred = np.roll(padded, (-(size // 2), -(size // 2)), axis=(0, 1))
    modes = np.fft.fft2(centred) / psf.oversample**2
    if n % 2 == 0:  # the Nyquist mode has no partner; a band-limited interpolant has none of it
        modes[n // 2] = 0.0
        modes[:, n // 2] = 0.0
    return modes


def _value_between_pixels(kernel: NDArray[np.complex128], domain: int) -> float:
    """The band-limited kernel half a pixel off in x and in y, in units where its centre is the sum of the modes."""
    n = kernel.shape[0]
    shift = np.exp(1j * np.pi * np.fft.fftfreq(n, 1.0 / n) / domain)
    return float(np.abs(shift @ kernel @ shift))


def _modes_needed(weight: NDArray[np.float64], allowed: float) -> int:
    """The lowest K so that modes beyond it, in x or y, hold less than ``allowed`` of the summed amplitude."""
    n = weight.shape[0]
    mode = np.abs(np.fft.fftfreq(n, 1.0 / n)).astype(int)
    ring = np.maximum.outer(mode, mode)
    amplitude = np.bincount(ring.ravel(), weights=weight.ravel())
    beyond = 1.0 - np.cumsum(amplitude) / amplitude.sum()
    return max(int(np.argmax(beyond <= allowed)), 2)


def _marginal(weight: NDArray[np.float64], modes: int) -> NDArray[np.float64]:
    """Amplitude summed over y for |kx| = 0 .. modes."""
    columns = weight.sum(axis=0)
    both = columns[: modes + 1].copy()
    both[1:] += columns[-1 : -modes - 1 : -1]
    return both


def _transfer(kernel: NDArray[np.complex128], window: Window, frame: Frame) -> NDArray[np.complex64]:
    kx = np.arange(-window.modes, window.modes + 1)
    response = window.transform(np.arange(window.modes + 1))
    part = kernel[: window.modes + 1][:, kx] / np.outer(response, response[np.abs(kx)])
    return np.ascontiguousarray(part / frame.domain**2, dtype=np.complex64)
