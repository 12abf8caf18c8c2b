"""Calibration in numbers: of each label, of all four together, and apart for thirds of the mocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.calibration import coverage_curve
from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import HeldOut

__all__ = ["LEVELS", "calibration", "thirds"]

LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.682689, 0.8, 0.9, 0.9545])
_LEAST = 30  # mocks, of which a distribution is judged


def calibration(held: HeldOut, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """What ``metrics.json`` says of the calibration of the chosen clusters [n].

    ``levels`` are probabilities of central intervals; each label has its measured ``coverage`` there, ``off``: the
    largest deviation at any level, and ``sbc_p``: the chance of ranks as uneven as these if it is calibrated, by the
    Kolmogorov-Smirnov test of simulation-based calibration (arXiv:1804.06788). ``joint`` has ``off`` and ``p`` of all
    four labels together, see ``tarp_ranks``. ``chance`` is what ``off`` stays below in 95 % of all cases for a
    calibrated posterior, 1.358 / sqrt(n). ``thirds`` repeats ``n``, ``chance`` and every ``off`` for the lowest, middle
    and highest third of the mocks in each label and in S/N as inferred, with the range of that quantity.
    """
    whole = _judged(held, chosen)
    parts = {
        name: [
            {"range": [float(low), float(high)], **_judged(held, rows, brief=True)}
            for (low, high), rows in thirds(held, name, chosen)
        ]
        for name in (*LABEL_NAMES, "log_snr")
    }
    return {"levels": LEVELS.tolist(), **whole, "thirds": parts}


def thirds(
    held: HeldOut, name: str, chosen: NDArray[np.bool_]
) -> Iterator[tuple[tuple[float, float], NDArray[np.bool_]]]:
    """The lowest, middle and highest third of the chosen clusters in a posterior median or in predicted log S/N.

    Not in the true values: of the clusters that are truly oldest, even an exact posterior holds some too young and none
    too old. Whatever is chosen by what the image tells, a calibrated posterior stays calibrated.

    Yields:
        The range of the quantity, and which clusters [n]; nothing where there are fewer than three.
    """
    answers = held.posterior
    values = answers.log_snr if name == "log_snr" else answers.median[:, LABEL_NAMES.index(name)]
    known = chosen & np.isfinite(values)
    if known.sum() < 3:
        return
    edges = np.quantile(values[known], [0, 1 / 3, 2 / 3, 1])
    part = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, 2)
    for k in range(3):
        yield (edges[k], edges[k + 1]), known & (part == k)


def _judged(held: HeldOut, chosen: NDArray[np.bool_], *, brief: bool = False) -> dict[str, Any]:
    ranks, n = held.posterior.rank[chosen], int(np.count_nonzero(chosen))
    parameters = {}
    for k, name in enumerate(LABEL_NAMES):
        # a level's coverage is the distribution function of twice the rank's distance from the middle
        parameters[name] = {"off": _deviation(np.abs(2 * ranks[:, k] - 1))[0]}
        if not brief:
            parameters[name] |= {
                "sbc_p": _deviation(ranks[:, k])[1],
                "coverage": coverage_curve(ranks[:, k], LEVELS).tolist(),
            }
    off, p = _deviation(held.joint_rank[chosen])
    joint = {"off": off} if brief else {"off": off, "p": p}
    return {"n": n, "chance": 1.358 / np.sqrt(n) if n else None, "parameters": parameters, "joint": joint}


def _deviation(uniform: NDArray[Any]) -> tuple[float | None, float | None]:
    """Largest distance of a distribution function from that of uniform numbers, and the chance of it."""
    from scipy.stats import kstest

    finite = uniform[np.isfinite(uniform)]
    if finite.size < _LEAST:
        return None, None
    found = kstest(finite, "uniform")
    return float(found.statistic), float(found.pvalue)
