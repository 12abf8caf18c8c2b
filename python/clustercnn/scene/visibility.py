"""How visible a cluster is: its matched-filter signal-to-noise ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST_SNR", "snr", "structure_ranks", "structure_variance"]

LEAST_SNR = 1e-3  # of a cluster without light, so that the label has a logarithm


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


# The brightest pixels, 1 in 50, count as the next brightest; a normal deviate's variance becomes this by it: with
# z = 2.054 the 98 % point and density f(z), 0.98 - z f(z) + 0.02 z^2 - (0.02 z - f(z))^2.
_KEPT, _NORMAL_VARIANCE = 0.98, 0.9648651
_STEP = 2  # rows and columns from one that is looked at to the next


def structure_variance(
    images: NDArray[np.float32], *, step: int = _STEP
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Median and variance of each background: its stars, gradients and mottle, and its noise if it is an observed one.

    Pixels above the 98 % point count as that point, so that one bright star in a corner does not stand for all of the
    stamp, while the many fainter ones, which are what a cluster must be told from, do count.

    Args:
        images: [n, band, y, x], e-/s.
        step: every step-th row and column is used.

    Returns:
        Median in e-/s and variance in (e-/s)^2, both [n, band]; of normal noise, its own variance.
    """
    n, bands = images.shape[:2]
    pixels = images[:, :, ::step, ::step].reshape(n, bands, -1)  # a copy: partition works in place
    middle, top = _ranks(pixels.shape[2])
    pixels.partition((middle, top), axis=2)
    median = pixels[:, :, middle].copy()
    pixels[:, :, top:] = pixels[:, :, top, None]
    return median, pixels.var(axis=2) / np.float32(_NORMAL_VARIANCE)


def structure_ranks(size: int, *, step: int = _STEP) -> dict[str, float]:
    """How a GPU's kernel measures the same of images of ``size`` pixels a side; see csrc/gpu/scenes.hpp."""
    middle, top = _ranks((-(-size // step)) ** 2)
    return {
        "step": step,
        "middle": middle,
        "top": top,
        "normal_variance": _NORMAL_VARIANCE,
        "least_snr": LEAST_SNR,
    }


def _ranks(n: int) -> tuple[int, int]:
    """Of the median and of the brightest pixel that counts as it is."""
    return n // 2, int(_KEPT * n)
