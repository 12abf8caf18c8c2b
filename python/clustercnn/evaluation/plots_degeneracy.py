"""Figure of what a single image leaves open: joint posteriors of age with extinction and mass, truth marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.modes import PLANES, plane_density
from clustercnn.evaluation.plots_style import COLOURS, figure, saving
from clustercnn.labels import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import Examples

__all__ = ["density_levels", "plot_degeneracies"]

_SHARES = (0.95, 0.68, 0.39)  # 39 % is what one sigma of a two-dimensional Gaussian holds


def plot_degeneracies(examples: Examples, bounds: NDArray[Any], path: Path, *, columns: int = 5) -> None:
    """Joint posteriors (log age, A_V) and (log age, log mass) of a few mocks, from young to old.

    Args:
        examples: mocks with truth and posterior samples.
        bounds: ends of the labels' ranges [4, 2].
        path: PNG to write.
        columns: how many mocks to show.
    """
    chosen = examples.over_age(columns)
    made, axes = figure(2, max(len(chosen), 1), width=2.4 * max(len(chosen), 2), height=5.0, sharex=True, sharey="row")
    with saving(path, made):
        for column, i in enumerate(chosen):
            for row, (a, b) in enumerate(PLANES):
                panel = axes[row, column]
                _contours(panel, examples.samples[i][:, [a, b]], bounds[[a, b]])
                true = examples.labels[i]
                panel.plot(true[a], true[b], marker="*", ms=11, color=COLOURS[1], mec="black", mew=0.6)
                panel.set(xlim=bounds[a], ylim=bounds[b])
            name = f"S/N {10 ** examples.log_snr[i]:.0f}, $\\log_{{10}} M$ {examples.labels[i, 1]:.1f}"
            axes[0, column].set_title(name, fontsize=8)
            axes[1, column].set_xlabel(LABELS[0].latex)
        for row, (_, b) in enumerate(PLANES):
            axes[row, 0].set_ylabel(LABELS[b].latex)
        made.suptitle("Joint posteriors (39, 68, 95 %) of single mocks; star: truth", fontsize=10)


def density_levels(density: NDArray[Any], shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Heights above which a density on a grid holds each of ``shares`` (falling) of the total, rising heights."""
    ranked = np.sort(density.ravel())[::-1]
    held = np.cumsum(ranked) / ranked.sum()
    return np.array([ranked[min(np.searchsorted(held, share), ranked.size - 1)] for share in shares])


def _contours(panel: Axes, draws: NDArray[Any], bounds: NDArray[Any]) -> None:
    density, x, y = plane_density(draws, bounds)
    levels = density_levels(density, _SHARES)
    if not (np.diff(levels) > 0).all():
        panel.plot(draws[:, 0], draws[:, 1], ".", ms=2, color=COLOURS[0])
        return
    middles = [
        np.linspace(edges[0], edges[-1], len(edges) - 1) for edges in (x, y)
    ]  # half a cell wider, to reach the frame
    panel.contourf(
        *middles, density.T, levels=[*levels, density.max() * 1.001], colors=("#C6DBEF", "#6BAED6", "#08519C")
    )
    panel.contour(*middles, density.T, levels=levels, colors=COLOURS[0], linewidths=0.6)
