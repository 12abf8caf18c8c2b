"""Figure of the posterior's calibration: coverage at all levels and rank histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.evaluation.calibration import binomial_band, coverage_curve, rank_histogram
from clustercnn.evaluation.plots_style import COLOURS, figure, saving
from clustercnn.labels import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from clustercnn.evaluation.held_out import HeldOut

__all__ = ["plot_calibration"]


def plot_calibration(held: HeldOut, path: Path) -> None:
    """Above: measured minus nominal coverage of central intervals. Below: rank histograms. Grey: 95 % of pure chance.

    The last column judges all four labels together, by the ranks of ``tarp_ranks``: there "coverage" is the share of
    ranks below a level.

    Args:
        held: mocks with truth and answers.
        path: PNG to write.
    """
    present = held.present > 0.5
    rank, joint = held.posterior.rank[present], held.joint_rank[present]
    made, axes = figure(2, 5, width=13.0, height=5.6, sharey="row")
    bins = int(np.clip(len(rank) // 50, 5, 20))
    with saving(path, made):
        for k, label in enumerate(LABELS):
            _coverage(axes[0, k], rank[:, k])
            axes[0, k].set_title(label.latex)
            _ranks(axes[1, k], rank[:, k], bins)
        # a share of ranks below a level is what the coverage of ranks about a half is to central intervals
        _coverage(axes[0, 4], 0.5 + 0.5 * joint)
        _ranks(axes[1, 4], joint, bins)
        axes[0, 4].set(title="all four together", xlabel="level")
        axes[1, 4].set_xlabel("share of draws nearer a random point")
        axes[0, 0].set_ylabel("measured - nominal coverage")
        axes[1, 0].set_ylabel("relative frequency")
        made.suptitle(f"Calibration of the posterior, {len(rank)} held-out mock clusters", fontsize=10)


def _coverage(panel: Axes, rank: np.ndarray) -> None:
    levels = np.linspace(0.01, 0.99, 99)
    low, high = binomial_band(levels, len(rank))
    panel.fill_between(levels, low - levels, high - levels, color="0.85", lw=0)
    panel.axhline(0.0, color="black", lw=0.8, ls="--")
    off = coverage_curve(rank, levels) - levels
    panel.plot(levels, off, color=COLOURS[0])
    limit = max(0.08, 1.2 * np.nanmax(np.abs(off))) if len(rank) else 0.08
    old = panel.get_ylim()
    panel.set(xlim=(0, 1), ylim=(min(-limit, old[0]), max(limit, old[1])), xlabel="nominal coverage")
    panel.text(0.97, 0.04, "below 0: too narrow", transform=panel.transAxes, ha="right", fontsize=7, color="0.4")


def _ranks(panel: Axes, rank: np.ndarray, bins: int) -> None:
    low, high = binomial_band(1.0 / bins, len(rank))
    panel.axhspan(float(low) * bins, float(high) * bins, color="0.85", lw=0)
    panel.axhline(1.0, color="black", lw=0.8, ls="--")
    found = rank_histogram(rank, bins)
    panel.stairs(found, np.linspace(0, 1, bins + 1), color=COLOURS[1], baseline=None)
    top = max(panel.get_ylim()[1], 1.1 * found.max())  # panels share their axis: a limit set once no longer grows
    panel.set(xlim=(0, 1), ylim=(0, top), xlabel="share of the posterior below the truth")
