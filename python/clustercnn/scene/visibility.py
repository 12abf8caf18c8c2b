"""How visible a cluster is: its matched-filter signal-to-noise ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["robust_variance", "snr"]


def snr(signal: NDArray[np.float32], variance: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signal-to-noise ratio of known shapes on noise of known variance, sqrt(sum over pixels of s^2 / sigma^2).

    This is what a matched filter reaches, the best of all linear measurements (North 1943, reprinted in
    Proc. IEEE 51, 1016, 1963). The total adds the bands in quadrature.

    Args:
        signal: noise-free images, [n, band, y, x], e-/s.
        variance: pixel variance including the background's own structure, [n or 1, band, y, x] (the last two axes
            may be 1 too), (e-/s)^2.

    Returns:
        S/N per band [n, band] and of all bands together [n].

    Raises:
        InvalidInput: shapes that do not fit, or a variance that is not positive.
    """
    signal, variance = np.asarray(signal), np.asarray(variance)
    if signal.ndim != 4:
        raise InvalidInput(f"signal: shape {signal.shape}; [n, band, y, x] is allowed")
    if variance.ndim != 4 or any(v not in {1, s} for v, s in zip(variance.shape, signal.shape, strict=True)):
        raise InvalidInput(f"variance: shape {variance.shape}; {signal.shape} or 1 along any axis is allowed")
    if variance.size and not variance.min() > 0:
        raise InvalidInput(f"variance: smallest value {variance.min():g}; values > 0 are allowed")
    power = np.square(signal)
    power /= variance
    per_band = np.sqrt(power.sum(axis=(2, 3), dtype=np.float64))
    return per_band, np.sqrt(np.square(per_band).sum(axis=1))


def robust_variance(images: NDArray[np.float32], *, step: int = 2) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Median and robust variance of each image, from its median absolute deviation.

    Half of the pixels decide, so that a few stars do not count as fluctuation while mottle, gradients and noise do.

    Args:
        images: [n, band, y, x], e-/s.
        step: every step-th row and column is used; 2 costs a quarter, and of 64 x 64 pixels still knows sigma to
            3 % (1.17 / sqrt(1024), the scatter of a MAD of normal deviates, 1.17 being its known inefficiency).

    Returns:
        Median in e-/s and variance in (e-/s)^2, both [n, band].
    """
    n, bands = images.shape[:2]
    pixels = images[:, :, ::step, ::step].reshape(n, bands, -1)  # a copy: partition works in place
    middle = pixels.shape[2] // 2
    pixels.partition(middle, axis=2)
    median = pixels[:, :, middle].copy()
    pixels -= median[:, :, None]
    np.abs(pixels, out=pixels)
    pixels.partition(middle, axis=2)
    sigma = 1.4826022 * pixels[:, :, middle]  # 1 / Phi^-1(3/4): makes a normal deviate's MAD its sigma
    return median, np.square(sigma)
