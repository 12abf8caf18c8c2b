"""Noise of an exposure: photons and read-out, a function of (seed, image, band, pixel) alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.render.arguments import check_out, check_seed
from clustercnn.render.backends import load_native

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["expose"]


def expose(
    rate: NDArray[np.float32],
    exposures: ArrayLike,
    read_noise: ArrayLike,
    *,
    seed: int,
    first: int = 0,
    out: Any = None,
    threads: int = 1,
) -> Any:
    """Poisson(rate t) / t + Normal(0, read_noise) / t for each pixel.

    Args:
        rate: float32 [n, band, y, x], e-/s; not negative.
        exposures: [band] t, seconds.
        read_noise: [band], e- rms per pixel of the whole exposure.
        seed: with ``first`` and the pixel it decides the noise.
        first: number within the run of the first image.
        out: float32 like ``rate`` to fill; may be ``rate`` itself.
        threads: images worked on at once.

    Returns:
        ``out``, or a new array: observed e-/s.

    Raises:
        InvalidInput: negative or non-finite rates, or arrays that do not fit.
    """
    rate = np.ascontiguousarray(rate, dtype=np.float32)
    if rate.ndim != 4:
        raise InvalidInput(f"rate: shape {rate.shape}; [n, band, y, x] is allowed")
    seconds, noise = (np.ascontiguousarray(v, dtype=np.float32) for v in (exposures, read_noise))
    if seconds.shape != rate.shape[1:2] or noise.shape != rate.shape[1:2]:
        raise InvalidInput(
            f"exposures, read_noise: shapes {seconds.shape}, {noise.shape}; {rate.shape[1:2]} is allowed"
        )
    if not (seconds > 0).all() or not (noise >= 0).all():
        raise InvalidInput(f"exposures {seconds.tolist()}, read_noise {noise.tolist()}: > 0 and >= 0 are allowed")
    if rate.size and not rate.min() >= 0:  # NaN fails too
        raise InvalidInput(f"rate: holds {rate.min():g}; finite values >= 0 are allowed")
    if rate.size and not float(rate.max()) * float(seconds.max()) < float(np.finfo(np.float32).max):
        raise InvalidInput(f"rate: holds {rate.max():g}; finite values, also times the exposure, are allowed")
    out = np.empty_like(rate) if out is None else check_out("out", out, rate.shape)
    index = np.arange(first, first + rate.shape[0], dtype=np.int64)
    native = load_native()
    flat = (rate.shape[0], rate.shape[1], -1)
    if native is not None:
        native.expose(check_seed(seed), index, rate.reshape(flat), seconds, noise, threads, out.reshape(flat))
        return out
    from clustercnn.render import loops

    filled = (out if isinstance(out, np.ndarray) else np.from_dlpack(out)).reshape(flat)
    for i, number in enumerate(index.tolist()):
        loops.expose(
            (np.uint64(check_seed(seed)), np.uint64(number)), rate[i].reshape(flat[1:]), seconds, noise, filled[i]
        )
    return out
