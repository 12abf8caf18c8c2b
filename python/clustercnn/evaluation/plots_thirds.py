"""Figure of the calibration apart for faint and bright, young and old, light and heavy clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustercnn.evaluation.calibration import binomial_band, coverage_curve
from clustercnn.evaluation.calibration_report import thirds
from clustercnn.evaluation.plots_style import COLOURS, figure, saving
from clustercnn.labels import LABEL_NAMES, LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from clustercnn.evaluation.held_out import HeldOut

__all__ = ["plot_thirds"]

_MARGINS = (0.08, 0.98, 0.05, 0.96, 0.08, 0.1)
_LEAST = 30  # mocks in a third, of which a curve is drawn


def plot_thirds(held: HeldOut, path: Path) -> None:
    """Measured minus nominal coverage of each label (columns) for thirds in each label and in S/N (rows).

    Thirds are of what is inferred, see ``calibration_report.thirds``.

    Grey: 95 % of pure chance in a third.

    Args:
        held: mocks with truth and answers.
        path: PNG to write.
    """
    present, levels = held.present > 0.5, np.linspace(0.02, 0.98, 49)
    names = [*LABEL_NAMES, "log_snr"]
    titles = [*(label.latex for label in LABELS), "$\\log_{10}$ S/N"]
    made, axes = figure(len(names), len(LABELS), width=10.5, height=11.0, margins=_MARGINS, sharex=True, sharey=True)
    with saving(path, made):
        for row, (name, title) in enumerate(zip(names, titles, strict=True)):
            for part, ((low, high), chosen) in enumerate(thirds(held, name, present)):
                if chosen.sum() < _LEAST:
                    continue
                for column in range(len(LABELS)):
                    off = coverage_curve(held.posterior.rank[chosen, column], levels) - levels
                    axes[row, column].plot(levels, off, color=COLOURS[part], label=f"{low:.2f} to {high:.2f}")
            low, high = binomial_band(levels, max(int(present.sum()) // 3, 1))
            for panel in axes[row]:
                panel.fill_between(levels, low - levels, high - levels, color="0.85", lw=0, zorder=0)
                panel.axhline(0.0, color="black", lw=0.8, ls="--")
            if axes[row, 0].get_legend_handles_labels()[0]:
                axes[row, 0].legend(title=f"inferred {title}", loc="lower left", fontsize=6, title_fontsize=7)
            axes[row, 0].set_ylabel("measured - nominal")
        axes[0, 0].set(xlim=(0, 1), ylim=(-0.15, 0.15), xticks=[0.2, 0.4, 0.6, 0.8])
        for column, label in enumerate(LABELS):
            axes[0, column].set_title(f"coverage of {label.latex}")
            axes[-1, column].set_xlabel("nominal coverage")
