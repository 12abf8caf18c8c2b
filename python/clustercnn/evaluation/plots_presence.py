"""Figures of the presence probability and the S/N: ROC, completeness, reliability, true against predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.calibration import reliability
from clustercnn.evaluation.metrics import auc, bias, completeness_at, scatter, threshold_at
from clustercnn.evaluation.plots_style import COLOURS, figure, legend, note, running_quantiles, saving

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import HeldOut

__all__ = ["plot_presence"]

_RATES = (0.01, 0.001)


def plot_presence(held: HeldOut, path: Path) -> None:
    """Four panels: ROC, completeness against S/N, reliability of the probability, predicted against true S/N.

    Args:
        held: mocks with truth and answers.
        path: PNG to write.
    """
    present = held.present > 0.5
    made, axes = figure(2, 2, width=8.6, height=7.4)
    with saving(path, made):
        _roc(axes[0, 0], held, present)
        _completeness(axes[0, 1], held, present)
        _reliability(axes[1, 0], held)
        _snr(axes[1, 1], held.log_snr[present], held.posterior.log_snr[present])


def _roc(panel: Axes, held: HeldOut, present: NDArray[np.bool_]) -> None:
    background = held.posterior.presence[~present]
    samples = [
        ("all", present),
        ("S/N > 10", present & (held.log_snr > 1.0)),
        ("S/N < 10", present & (held.log_snr <= 1.0)),
    ]
    for colour, (name, chosen) in zip(COLOURS, samples, strict=False):
        score = held.posterior.presence[chosen]
        area = auc(score, background)
        if area is None:
            continue
        rates = np.logspace(-3.5, 0, 200)[:-1]
        panel.plot(
            rates, [completeness_at(score, background, r) for r in rates], color=colour, label=f"{name}: AUC {area:.4f}"
        )
    panel.set(xscale="log", xlim=(3e-4, 1), ylim=(0, 1.02), xlabel="false positive rate", ylabel="completeness")
    legend(panel, loc="best")
    panel.set_title("ROC")


def _completeness(panel: Axes, held: HeldOut, present: NDArray[np.bool_]) -> None:
    background = held.posterior.presence[~present]
    log_snr, score = held.log_snr[present], held.posterior.presence[present]
    if not background.size or not score.size:
        return
    edges = np.linspace(*np.quantile(log_snr, [0.002, 0.998]), 16)
    for colour, rate in zip(COLOURS, _RATES, strict=False):
        if rate * background.size < 1:
            continue
        found = (score > threshold_at(background, rate)).astype(float)
        which = np.digitize(log_snr, edges) - 1
        points = [(0.5 * (edges[k] + edges[k + 1]), found[which == k]) for k in range(len(edges) - 1)]
        points = [
            (x, f.mean(), np.sqrt(max(f.mean() * (1 - f.mean()), 1e-9) / f.size)) for x, f in points if f.size >= 5
        ]
        x, share, error = np.array(points).reshape(-1, 3).T
        panel.errorbar(x, share, error, color=colour, marker="o", ms=3, label=f"at {100 * rate:g} % false positives")
    panel.set(ylim=(0, 1.04), xlabel="true $\\log_{10}$ S/N", ylabel="completeness")
    panel.axvline(np.log10(5.0), color="grey", lw=0.8, ls=":")
    legend(panel, loc="best")
    panel.set_title("Completeness (dotted: S/N = 5)")


def _reliability(panel: Axes, held: HeldOut) -> None:
    mean, share, count = reliability(held.posterior.presence, held.present)
    filled = count > 0
    error = np.sqrt(np.clip(share * (1 - share), 1e-9, None)[filled] / count[filled])
    panel.plot([0, 1], [0, 1], color="black", lw=0.8, ls="--")
    panel.errorbar(mean[filled], share[filled], error, color=COLOURS[0], marker="o", ms=4, ls="-")
    panel.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel="predicted probability", ylabel="share with a cluster")
    panel.set_title("Reliability of the presence probability")


def _snr(panel: Axes, true: NDArray[Any], predicted: NDArray[Any]) -> None:
    if len(true) == 0:
        return
    low, high = np.quantile(np.concatenate([true, predicted]), [0.001, 0.999])
    panel.hexbin(
        true, predicted, gridsize=50, bins="log", cmap="cividis", mincnt=1, extent=(low, high, low, high), linewidths=0
    )
    panel.plot([low, high], [low, high], color="black", lw=0.8, ls="--")
    middle, (q16, median, q84) = running_quantiles(true, predicted, edges=np.linspace(low, high, 13))
    panel.fill_between(middle, q16, q84, color=COLOURS[1], alpha=0.25, lw=0)
    panel.plot(middle, median, color=COLOURS[1])
    residual = predicted - true
    note(panel, f"bias {bias(residual):+.3f}\nscatter {scatter(residual):.3f} dex")
    panel.set(xlim=(low, high), ylim=(low, high), xlabel="true $\\log_{10}$ S/N", ylabel="predicted $\\log_{10}$ S/N")
    panel.set_title("Visibility")
