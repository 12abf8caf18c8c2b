"""Numbers that say how good inferences are: bias, scatter, coverage, classification.

Conventions, everywhere: a residual is inferred minus true; the inferred value is the posterior median; ``bias`` is the
median residual; ``scatter`` is 1.4826 times the median absolute deviation of the residuals from their median, which
is the standard deviation of a Gaussian; ``coverage_68`` and ``coverage_95`` are the shares of true values inside the
central 68.27 and 95.45 % credible intervals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import HeldOut

__all__ = [
    "BRIGHT_SNR",
    "auc",
    "bias",
    "completeness_at",
    "coverage",
    "metrics",
    "paper_range",
    "scatter",
    "threshold_at",
]

_ONE_SIGMA = 0.682689
_TWO_SIGMA = 0.954500
# Where Paper II (arXiv:1911.10059) reports reliable results: age <= 100 Myr, A_V 0-3 mag, mass 3e3-3e5 Msun,
# half-light radius 0.04-0.4 arcsec; in the order of LABEL_NAMES
PAPER_RANGE = np.array([[-np.inf, 8.0], [np.log10(3e3), np.log10(3e5)], [0.0, 3.0], [np.log10(0.04), np.log10(0.4)]])
BRIGHT_SNR = 10.0
_FPR = 0.01


def bias(residual: NDArray[Any]) -> float | None:
    """Median residual; None without finite ones."""
    finite = residual[np.isfinite(residual)]
    return float(np.median(finite)) if finite.size else None


def scatter(residual: NDArray[Any]) -> float | None:
    """1.4826 times the median absolute deviation from the median; None without finite residuals."""
    finite = residual[np.isfinite(residual)]
    return float(1.4826 * np.median(np.abs(finite - np.median(finite)))) if finite.size else None


def coverage(rank: NDArray[Any], level: float) -> float | None:
    """Share of true values inside the central credible interval that holds ``level`` of the posterior.

    Args:
        rank: share of the posterior below the true value, in (0, 1); NaN is left out.
        level: probability of the interval, in (0, 1).
    """
    finite = rank[np.isfinite(rank)]
    return float(np.mean(np.abs(finite - 0.5) <= level / 2)) if finite.size else None


def auc(positive: NDArray[Any], negative: NDArray[Any]) -> float | None:
    """Area under the ROC curve: chance that a positive scores above a negative, ties counting half.

    Mann-Whitney U / (n m); None when one side is empty.
    """
    if not positive.size or not negative.size:
        return None
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([positive, negative]))
    u = ranks[: positive.size].sum() - positive.size * (positive.size + 1) / 2
    return float(u / (positive.size * negative.size))


def threshold_at(negative: NDArray[Any], fpr: float) -> float:
    """Smallest threshold such that at most a share ``fpr`` of the negatives scores above it.

    Raises:
        InvalidInput: no negatives, or ``fpr`` outside [0, 1).
    """
    if not negative.size or not 0.0 <= fpr < 1.0:
        raise InvalidInput(f"threshold_at: {negative.size} negatives, fpr {fpr}; at least one and [0, 1) are allowed")
    allowed = int(np.floor(fpr * negative.size))
    return float(np.sort(negative)[negative.size - 1 - allowed])


def completeness_at(positive: NDArray[Any], negative: NDArray[Any], fpr: float) -> float | None:
    """Share of the positives above the threshold that lets at most ``fpr`` of the negatives pass."""
    if not positive.size or not negative.size:
        return None
    return float(np.mean(positive > threshold_at(negative, fpr)))


def paper_range(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Which clusters [n] of labels [n, 4] lie in the range of Paper II; NaN rows do not."""
    return ((labels >= PAPER_RANGE[:, 0]) & (labels <= PAPER_RANGE[:, 1])).all(axis=1)


def metrics(held: HeldOut, *, prior_entropy: float, data_wait: float | None = None) -> dict[str, Any]:
    """Numbers of ``metrics.json``; ``report.evaluate_artefact`` adds calibration and detection.

    ``nll`` is the mean of -log q(true labels | image) in nats over mocks with a cluster, without those whose realised
    mass fell outside the posterior's range, where the density is zero by construction; ``nll_gain`` is
    ``prior_entropy`` - ``nll``, what the images say beyond the prior. ``paper_range`` holds the same for the clusters
    inside the range of Paper II with S/N > 10, against all mocks without one; its ``prior_entropy`` stays that of the
    whole prior, which is what the network was trained on.

    Args:
        held: answers for mocks with known truth.
        prior_entropy: of the prior of the labels, nats.
        data_wait: share of the training time spent waiting for data, if known.
    """
    present = held.present > 0.5
    inside = present & paper_range(held.labels) & (held.log_snr > np.log10(BRIGHT_SNR))
    result = _metrics_of(held, present, prior_entropy)
    result["paper_range"] = _metrics_of(held, inside, prior_entropy)
    result["data_wait"] = data_wait
    return result


def _metrics_of(held: HeldOut, chosen: NDArray[np.bool_], prior_entropy: float) -> dict[str, Any]:
    """Metrics of the chosen clusters [n] and all mocks without a cluster."""
    answers = held.posterior
    absent = held.present <= 0.5
    residual = (answers.median - held.labels)[chosen]
    rank = answers.rank[chosen]
    log_prob = answers.log_prob[chosen]
    within = log_prob[np.isfinite(log_prob)]
    nll = float(-np.mean(within, dtype=np.float64)) if within.size else None
    off_snr = (answers.log_snr - held.log_snr)[chosen]
    score, background = answers.presence[chosen], answers.presence[absent]
    bright = held.log_snr[chosen] > np.log10(BRIGHT_SNR)
    return {
        "n": int(np.count_nonzero(chosen | absent)),
        "nll": nll,
        "prior_entropy": float(prior_entropy),
        "nll_gain": None if nll is None else float(prior_entropy) - nll,
        "parameters": {
            name: {
                "bias": bias(residual[:, k]),
                "scatter": scatter(residual[:, k]),
                "coverage_68": coverage(rank[:, k], _ONE_SIGMA),
                "coverage_95": coverage(rank[:, k], _TWO_SIGMA),
            }
            for k, name in enumerate(LABEL_NAMES)
        },
        "presence": {
            "auc": auc(score, background),
            "completeness_at_fpr_0.01": completeness_at(score, background, _FPR),
            "auc_snr10": auc(score[bright], background),
        },
        "log_snr": {"bias": bias(off_snr), "scatter": scatter(off_snr)},
    }
