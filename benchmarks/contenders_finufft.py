"""FINUFFT (Barnett, Magland & af Klinteberg 2019, SIAM J. Sci. Comput. 41, C479) as a way to draw a star list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from contenders import centred
from scipy import fft

if TYPE_CHECKING:
    from bench_helpers import Stars
    from contenders import Draw, Task
    from numpy.typing import NDArray

    import clustercnn as cc


def finufft(task: Task, *, eps: float, tuned: bool) -> Draw:
    """Type-1 transform to the modes that the kernels hold, times the kernels, folded to pixels, inverse FFT.

    Plans are made once and single precision is used. Plain: the library's default options, one transform a band.
    Tuned: measured FFTW plans, upsampling 1.25, and two real bands in one complex transform.
    """
    import finufft as library

    period = fft.next_fast_len(task.size + int(np.ceil(task.psfs[0].radius)))
    bands = len(task.psfs)
    half = max(_modes(psf, period, 0.3 * eps) for psf in task.psfs)
    groups = (
        [(b, b + 1) if b + 1 < bands else (b,) for b in range(0, bands, 2)] if tuned else [(b,) for b in range(bands)]
    )
    direct, mirrored = _transfers([_kernel_series(psf, period, half) for psf in task.psfs], groups)
    options = {"upsampfac": 1.25, "fftw": 0} if tuned else {}  # 0 is FFTW_MEASURE
    shape = (2 * half + 1, 2 * half + 1)
    plan = library.Plan(1, shape, len(groups), eps, -1, "complex64", nthreads=1, **options)
    modes = np.empty((len(groups), *shape), np.complex64)
    to_phase = 2 * np.pi / period

    def draw(stars: Stars) -> NDArray:
        strength = np.empty((len(groups), stars.x.size), np.complex64)
        for g, group in enumerate(groups):
            strength[g].real = stars.flux[:, group[0]]
            strength[g].imag = stars.flux[:, group[1]] if len(group) > 1 else 0.0
        plan.setpts((stars.y * to_phase).astype(np.float32), (stars.x * to_phase).astype(np.float32))
        plan.execute(strength, out=modes)
        spectrum = modes * direct
        if tuned:
            spectrum += modes[:, ::-1, ::-1].conj() * mirrored
        image = fft.ifft2(_fold(_fold(spectrum, period, 1), period, 2))[:, : task.size, : task.size]
        return np.stack([part for g, z in zip(groups, image, strict=True) for part in (z.real, z.imag)[: len(g)]])

    return draw


def _kernel_series(psf: cc.Psf, period: int, half: int) -> NDArray[np.complex128]:
    """Modes -half .. half of the kernel repeated every ``period`` pixels."""
    modes = np.fft.fft2(centred(psf.image, psf.oversample * period)) / psf.oversample**2
    k = np.arange(-half, half + 1)
    return modes[np.ix_(k, k)]


def _modes(psf: cc.Psf, period: int, share: float) -> int:
    """The lowest mode beyond which the kernel holds less than ``share`` of its peak."""
    half = psf.oversample * period // 2 - 1
    amplitude = np.abs(_kernel_series(psf, period, half))
    k = np.abs(np.arange(-half, half + 1))
    ring = np.bincount(np.maximum.outer(k, k).ravel(), amplitude.ravel())
    return int(np.argmax(1.0 - np.cumsum(ring) / ring.sum() < share))


def _transfers(series: list[NDArray], groups: list[tuple[int, ...]]) -> tuple[NDArray, NDArray]:
    """Factors of C(k) and of conj C(-k), C being the transform of one group's strengths.

    With C of f_a + i f_b, the spectrum of image_a + i image_b is (K_a + K_b) / 2 C(k) + (K_a - K_b) / 2 conj C(-k).
    """
    pairs = [(series[g[0]], series[g[-1]]) for g in groups]
    return (
        np.stack([(a + b) / 2 for a, b in pairs]).astype(np.complex64),
        np.stack([(a - b) / 2 for a, b in pairs]).astype(np.complex64),
    )


def _fold(spectrum: NDArray, period: int, axis: int) -> NDArray:
    """Sum of the modes that are the same at whole pixels; mode 0 first."""
    spectrum = np.moveaxis(spectrum, axis, 0)
    half = spectrum.shape[0] // 2
    folded = np.zeros((period, *spectrum.shape[1:]), spectrum.dtype)
    start = -half
    while start <= half:
        stop = min((start // period + 1) * period, half + 1)
        folded[start % period : start % period + stop - start] += spectrum[start + half : stop + half]
        start = stop
    return np.moveaxis(folded, 0, axis)
