"""Figures of calibration show all of their data."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from clustercnn.evaluation import plots_calibration


def test_rank_histograms_fit_into_their_shared_axis(tmp_path, monkeypatch):
    """The first label calibrated, the last with a peak: its panel's limits once cut off what rose above the first's."""
    kept = []

    def keeping(*args, **kwargs):
        kept.append(figure(*args, **kwargs))
        return kept[-1]

    figure = plots_calibration.figure
    monkeypatch.setattr(plots_calibration, "figure", keeping)
    n = 2000
    even = (np.arange(n) + 0.5) / n
    ranks = np.column_stack([even, even, even, 0.25 + 0.5 * even])
    held = SimpleNamespace(present=np.ones(n), posterior=SimpleNamespace(rank=ranks), joint_rank=even)
    plots_calibration.plot_calibration(held, tmp_path / "calibration.png")
    (_, axes) = kept[0]
    assert all(panel.get_ylim()[1] > 2.0 for panel in axes[1])  # half of the range holds all: twice the density
