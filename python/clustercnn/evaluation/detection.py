"""How well clusters are told from what is none: completeness, purity, and what the probability is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.calibration import reliability
from clustercnn.evaluation.metrics import auc, paper_range, threshold_at
from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import HeldOut

__all__ = ["brier_score", "detection", "expected_calibration_error"]

_RATE = 0.01
_VISIBLE_SNR = 5.0
_EDGES = {
    "log_snr": np.log10([1, 2, 3, 5, 10, 20, 50, 100, 1000]),
    "log_age": np.array([6.6, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.1]),
    "log_mass": np.array([2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.7]),
}


def brier_score(probability: NDArray[Any], present: NDArray[Any]) -> float:
    """Mean squared distance of the probability from what is there, 0 or 1 (Brier 1950, Mon. Weather Rev. 78, 1)."""
    return float(np.mean(np.square(np.asarray(probability, dtype=np.float64) - present)))


def expected_calibration_error(probability: NDArray[Any], present: NDArray[Any], *, bins: int = 10) -> float:
    """Mean distance of predicted from measured shares over bins of probability, weighted with their counts."""
    mean, share, count = reliability(probability, present, bins=bins)
    filled = count > 0
    return float((np.abs(mean - share) * count)[filled].sum() / count.sum())


def detection(held: HeldOut) -> dict[str, Any]:
    """What ``metrics.json`` says of detection: ``brier``, ``ece``, and at 1 % false positives ``threshold``.

    ``completeness`` has, for true S/N, age and mass, ``edges`` of bins, ``n`` of the clusters in each and the ``share``
    above the threshold; ``purity`` the share of clusters among the stamps above it, by ``edges`` of the predicted
    log10 S/N. Purity is that of the mocks' own mixture: ``present_share`` of them have a cluster.
    ``paper_range_snr5`` has ``n``, ``auc`` and ``completeness`` of the clusters in the range of Paper II with S/N > 5.
    """
    present, score = held.present > 0.5, held.posterior.presence
    result = {"brier": brier_score(score, held.present), "ece": expected_calibration_error(score, held.present)}
    result["present_share"] = float(present.mean())
    if not present.any() or present.all():
        return result
    threshold = threshold_at(score[~present], _RATE)
    found = score > threshold
    truth = {
        "log_snr": held.log_snr,
        **{name: held.labels[:, LABEL_NAMES.index(name)] for name in ("log_age", "log_mass")},
    }
    completeness = {name: _shares(values[present], found[present], _EDGES[name]) for name, values in truth.items()}
    purity = _shares(held.posterior.log_snr[found], present[found], _EDGES["log_snr"])
    visible = present & paper_range(held.labels) & (held.log_snr > np.log10(_VISIBLE_SNR))
    paper = {
        "n": int(visible.sum()),
        "auc": auc(score[visible], score[~present]),
        "completeness": float(found[visible].mean()) if visible.any() else None,
    }
    return result | {
        "threshold": threshold,
        "completeness": completeness,
        "purity": purity,
        "paper_range_snr5": paper,
    }


def _shares(values: NDArray[Any], yes: NDArray[np.bool_], edges: NDArray[np.float64]) -> dict[str, Any]:
    """Per bin of the values: how many, and which share of them says yes; None in empty bins."""
    count, _ = np.histogram(values, bins=edges)
    hits, _ = np.histogram(values[yes], bins=edges)
    share = [float(h / n) if n else None for h, n in zip(hits, count, strict=True)]
    return {"edges": edges.tolist(), "n": count.tolist(), "share": share}
