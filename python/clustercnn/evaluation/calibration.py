"""Whether posteriors mean what they say: coverage at every level, rank histograms, reliability of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.metrics import coverage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["binomial_band", "coverage_curve", "rank_histogram", "reliability"]


def coverage_curve(rank: NDArray[Any], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measured coverage [k] of the central intervals of probability ``levels`` [k]; NaN without ranks.

    Args:
        rank: share of the posterior below the true value [n], in (0, 1); NaN is left out.
        levels: probabilities in (0, 1).
    """
    return np.array([np.nan if (c := coverage(rank, level)) is None else c for level in levels])


def rank_histogram(rank: NDArray[Any], bins: int) -> NDArray[np.float64]:
    """Share of true values per rank bin, times the number of bins [bins]: 1 everywhere when calibrated.

    Simulation-based calibration, Talts et al. 2018 (arXiv:1804.06788): a hollow says too wide, a U too narrow, a
    slope biased.
    """
    finite = rank[np.isfinite(rank)]
    counts, _ = np.histogram(finite, bins=bins, range=(0.0, 1.0))
    return counts * (bins / max(finite.size, 1))


def binomial_band(
    share: NDArray[np.float64] | float, n: int, *, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits between which a measured share of n trials falls with probability ``level`` when ``share`` is true."""
    from scipy.stats import binom

    low, high = binom.interval(level, max(n, 1), share)
    return np.asarray(low) / max(n, 1), np.asarray(high) / max(n, 1)


def reliability(
    probability: NDArray[Any], present: NDArray[Any], *, bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean probability, share that is really there, and count, per bin of probability [bins]; NaN in empty bins."""
    which = np.clip((np.asarray(probability) * bins).astype(int), 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(which, weights=probability, minlength=bins) / count
        share = np.bincount(which, weights=present, minlength=bins) / count
    return mean, share, count
