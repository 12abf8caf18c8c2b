"""The faint tail without the extension: which stars are not drawn, and the light they leave; see csrc/faint.hpp.

Stars whose summed Poisson fluctuation stays under a stated fraction of the pixel noise shine as their expectation: an
EFF profile, written as a sum of Gaussians so that its Fourier modes are products of one function of x and one of y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from clustercnn.render.loops import normal_quantile, philox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.render.plans import BandModes

__all__ = ["FaintTail", "draw_lots", "eff_gaussians", "faint_tail", "gaussian_modes", "smooth_modes"]

STEP, LARGEST_TAU, WIDEST, NARROW = 0.9, 20.0, 8.0, 0.045  # as in csrc/smooth.hpp
FAINT = 3  # purpose of the random stream
WORTHWHILE = 2000  # stars below which a cluster is drawn in full; as in csrc/faint.hpp


@dataclass(frozen=True, eq=False)
class FaintTail:
    """Stars with uniform numbers beyond ``u``: mean flux [band], mean mass and its variance."""

    u: float
    flux: NDArray[np.float64]
    mass: float
    spread: float


def faint_tail(knots: tuple, faint: tuple[float, NDArray[np.float32]], number: float, density: float) -> FaintTail:
    """Where to cut a population of ``number`` stars at ``density`` stars per pixel and star in its densest place.

    Args:
        knots: u [k], mass [k], reddened flux [k, band].
        faint: the fraction, and rows floor, seconds, peak [3, band].
        number: of stars.
        density: share of the stars per pixel at the centre.
    """
    u, mass, flux = (np.asarray(v, dtype=np.float64) for v in knots)
    fraction, (floor, seconds, peak) = faint[0], faint[1].astype(np.float64)
    width = np.diff(u)

    def tail_sums(v: NDArray[np.float64], power: int) -> NDArray[np.float64]:
        low, high = v[:-1], v[1:]
        mean = (low + high) / 2 if power == 1 else (low**2 + low * high + high**2) / 3
        return np.cumsum((width * mean.T).T[::-1], axis=0)[::-1]

    f1, f2 = tail_sums(flux, 1), tail_sums(flux, 2)
    k = np.minimum(density, peak)
    allowed = fraction**2 * (floor / (number * k) + f1[0] / seconds) / peak
    drowned = np.nonzero((f2 <= allowed).all(axis=1))[0]
    if drowned.size == 0 or u[drowned[0]] >= 1.0:
        return FaintTail(1.0, np.zeros(flux.shape[1]), 0.0, 0.0)
    cut = drowned[0]
    share = 1.0 - u[cut]
    mean_mass = tail_sums(mass, 1)[cut] / share
    return FaintTail(u[cut], f1[cut] / share, mean_mass, max(tail_sums(mass, 2)[cut] / share - mean_mass**2, 0.0))


@njit(cache=True)
def draw_lots(seed, cluster, number, p):
    """How many of ``number`` stars are bright, and a standard normal number: as ``draw_lots`` of the C++ core."""
    block, used = 0, 4
    words = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
    flipped, q = p > 0.5, min(p, 1.0 - p)
    odds, count, done = q / (1.0 - q), 0.0, q <= 0.0  # none of probability 0, without drawing a number
    sigma = math.sqrt(number * q * (1.0 - q))
    b = 1.15 + 2.53 * sigma
    a, c = -0.0873 + 0.0248 * b + 0.01 * q, number * q + 0.5
    v_r, alpha, mode = 0.92 - 4.2 / b, (2.83 + 5.1 / b) * sigma, math.floor((number + 1.0) * q)
    at_mode = math.lgamma(mode + 1.0) + math.lgamma(number - mode + 1.0)
    while not done:
        if used == 4:
            words, block, used = philox(seed, 0, FAINT + (block << 8), cluster), block + 1, 0
        u = (float(words[used]) + 0.5) * 2.0**-32
        used += 1
        if number * q < 10.0:
            term = math.exp(number * math.log1p(-q))
            while u > term and count < number and count < 200.0:
                u -= term
                term *= odds * (number - count) / (count + 1.0)
                count += 1.0
            break
        v = (float(words[used]) + 0.5) * 2.0**-32
        used += 1
        u -= 0.5
        us = 0.5 - abs(u)
        count = math.floor((2.0 * a / us + b) * u + c)
        if us >= 0.07 and v <= v_r:
            done = True
        elif 0.0 <= count <= number:
            bound = at_mode - math.lgamma(count + 1.0) - math.lgamma(number - count + 1.0)
            bound += (count - mode) * math.log(odds)
            done = math.log(v * alpha / (a / (us * us) + b)) <= bound
    if used == 4:
        words, used = philox(seed, 0, FAINT + (block << 8), cluster), 0
    return int(number - count if flipped else count), normal_quantile(words[used])


def eff_gaussians(scale: float, exponent: float, widest: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard deviations, and shares of the light, of Gaussians that add up to an EFF profile.

    The profile is a mixture of Gaussians of variance a² / (2τ), τ following a Gamma distribution of shape γ/2 - 1; the
    sum is the trapezoidal rule in ln τ.

    Args:
        scale: a, any unit of length.
        exponent: 2 / (γ - 2).
        widest: Gaussians wider than this are left out.
    """
    nu = 1.0 / exponent
    last = int(np.floor(np.log(widest / scale * np.sqrt(2.0 * LARGEST_TAU)) * 2.0 / STEP))
    tau = LARGEST_TAU * np.exp(-STEP * np.arange(last + 1))
    return scale / np.sqrt(2.0 * tau), STEP / math.gamma(nu) * tau**nu * np.exp(-tau)


def gaussian_modes(shape: tuple[float, ...], domain: tuple[int, int], modes: int) -> tuple[NDArray, NDArray]:
    """Spectra over x and over y [gaussian, modes + 1] of the Gaussians that make up an EFF profile.

    Args:
        shape: x, y, scale (pixels), exponent 2 / (gamma - 2).
        domain: pixels of the periodic domain before the frame, and its width; wide Gaussians are cut at its edge.
        modes: highest mode wanted.
    """
    x, y, scale, exponent = shape
    margin, n = domain
    sigma, share = eff_gaussians(scale, exponent, WIDEST * n)
    k, pixel = np.arange(modes + 1), np.arange(n)
    spectra = []
    for centre in (x + margin, y + margin):
        out = np.exp(-0.5 * (2 * np.pi / n * np.outer(sigma, k)) ** 2 - 2j * np.pi / n * k * centre)
        wide = sigma > NARROW * n
        sampled = np.exp(-0.5 * ((pixel - centre) / sigma[wide, None]) ** 2) / (sigma[wide, None] * np.sqrt(2 * np.pi))
        low = min(modes + 1, n // 2)
        out[wide, low:] = 0.0
        out[wide, :low] = np.fft.fft(sampled, axis=1)[:, :low]
        spectra.append(np.sqrt(share)[:, None] * out)
    return spectra[0], spectra[1]


def smooth_modes(spectra: tuple[NDArray, NDArray], band: BandModes) -> NDArray[np.complex128]:
    """Modes [ky from 0, kx from -modes] of the profile through the band's window, for a flux of 1."""
    along_x, along_y = (v[:, : band.modes + 1] * band.response for v in spectra)
    return along_y.T @ np.concatenate([along_x[:, :0:-1].conj(), along_x], axis=1)
