"""Figures of the inferred parameters: true against inferred, and errors against age, mass and S/N."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.metrics import bias, paper_range, scatter
from clustercnn.evaluation.plots_style import COLOURS, figure, legend, note, padded, running_quantiles, saving
from clustercnn.labels import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import HeldOut

__all__ = ["plot_errors", "plot_true_vs_inferred"]

_MANY = 3000  # points above which a density says more than dots


def plot_true_vs_inferred(labels: NDArray[Any], inferred: NDArray[Any], path: Path, *, log_snr: NDArray[Any]) -> None:
    """Four panels, one per label: posterior median against truth, with running median, 16 and 84 % points.

    Args:
        labels: true labels [n, 4]; rows of NaN are left out.
        inferred: posterior medians [n, 4].
        path: PNG to write.
        log_snr: true log10 S/N [n], the colour of the dots when they are few.
    """
    known = np.isfinite(labels).all(axis=1)
    labels, inferred, log_snr = labels[known], inferred[known], log_snr[known]
    made, axes = figure(2, 2, width=8.6, height=7.6)
    with saving(path, made):
        for k, panel in enumerate(axes.flat):
            artist = _cloud(panel, labels[:, k], inferred[:, k], log_snr)
            _one_to_one(panel, labels[:, k], inferred[:, k])
            panel.set_xlabel(f"true {LABELS[k].latex}")
            panel.set_ylabel(f"inferred {LABELS[k].latex}")
            residual = inferred[:, k] - labels[:, k]
            if len(residual):
                note(panel, f"bias {bias(residual):+.3f}\nscatter {scatter(residual):.3f}")
        legend(axes[1, 1], loc="lower right", frameon=True, edgecolor="none")  # it may cover cells
        name = "true $\\log_{10}$ S/N" if len(labels) <= _MANY else "clusters per cell"
        made.colorbar(artist, ax=axes, shrink=0.6, pad=0.02, label=name)
        made.suptitle(f"Posterior medians of {len(labels)} held-out mock clusters", fontsize=10)


def _cloud(panel: Axes, true: NDArray[Any], inferred: NDArray[Any], log_snr: NDArray[Any]) -> Any:
    if len(true) > _MANY:
        return panel.hexbin(true, inferred, gridsize=55, bins="log", cmap="cividis", mincnt=1, linewidths=0)
    order = np.argsort(log_snr)
    return panel.scatter(
        true[order], inferred[order], c=log_snr[order], s=7, cmap="viridis", vmin=0.0, vmax=3.0, linewidths=0, alpha=0.8
    )


def _one_to_one(panel: Axes, true: NDArray[Any], inferred: NDArray[Any]) -> None:
    low, high = padded(np.concatenate([true, inferred]))
    panel.plot([low, high], [low, high], color="black", lw=0.8, ls="--", label="1:1")
    edges = np.linspace(*padded(true, 0.0), 13)
    middle, (q16, median, q84) = running_quantiles(true, inferred, edges=edges)
    panel.plot(middle, median, color=COLOURS[1], label="median")
    for line, name in ((q16, "16, 84 %"), (q84, None)):  # a band would lie behind the clusters, or hide them
        panel.plot(middle, line, color=COLOURS[1], lw=1.0, ls=":", label=name)
    panel.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def plot_errors(held: HeldOut, path: Path) -> None:
    """Residuals of each label (rows) against true age, mass and S/N (columns): median and 16-84 % band.

    All clusters, and those in the range of Paper II.

    Args:
        held: mocks with truth and answers.
        path: PNG to write.
    """
    present = held.present > 0.5
    labels, residual = held.labels[present], (held.posterior.median - held.labels)[present]
    inside = paper_range(labels)
    abscissae = [
        (labels[:, 0], f"true {LABELS[0].latex}"),
        (labels[:, 1], f"true {LABELS[1].latex}"),
        (held.log_snr[present], "true $\\log_{10}$ S/N"),
    ]
    made, axes = figure(4, 3, width=9.0, height=9.4, sharex="col", sharey="row")
    with saving(path, made):
        for row, label in enumerate(LABELS):
            for column, (x, name) in enumerate(abscissae):
                panel = axes[row, column]
                _residuals(panel, x, residual[:, row], COLOURS[0], "all clusters")
                _residuals(panel, x[inside], residual[inside, row], COLOURS[1], "range of Paper II")
                panel.axhline(0.0, color="black", lw=0.8, ls="--")
                if row == len(LABELS) - 1:
                    panel.set_xlabel(name)
            axes[row, 0].set_ylabel(f"$\\Delta$ {label.latex}")
            limit = 1.6 * (scatter(residual[:, row]) or 1.0)
            axes[row, 0].set_ylim(-2 * limit, 2 * limit)
        handles, names = axes[0, 0].get_legend_handles_labels()
        made.legend(handles, names, loc="outside upper center", ncols=2)


def _residuals(panel: Axes, x: NDArray[Any], residual: NDArray[Any], colour: str, name: str) -> None:
    if len(x) == 0:
        return
    edges = np.linspace(*np.quantile(x, [0.005, 0.995]), 11)
    middle, (q16, median, q84) = running_quantiles(x, residual, edges=edges)
    panel.fill_between(middle, q16, q84, color=colour, alpha=0.2, lw=0)
    panel.plot(middle, median, color=colour, marker="o", ms=3, label=f"{name}: median, 16-84 %")
