"""Maps of where inference can be relied on: bias, scatter and what is learnt, over pairs of true parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import CenteredNorm

from clustercnn.evaluation.metrics import bias, scatter
from clustercnn.evaluation.plots_style import figure, saving
from clustercnn.labels import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import HeldOut

__all__ = ["cell_map", "plot_maps"]

_PLANES = ((0, 1), (2, 3))  # age with mass, extinction with size
_MARGINS = (0.05, 0.98, 0.05, 0.96, 0.35, 0.42)
_LEAST = 8  # clusters in a cell, of which a median is shown


def plot_maps(held: HeldOut, bounds: NDArray[np.float64], path: Path) -> None:
    """Bias and scatter of each label, and the information gained, over (age, mass) and (A_V, size).

    The gain is the mean of log q(truth) plus the entropy of a uniform density over ``bounds``, in nats: what an image
    tells beyond the range of the labels. Cells of few mocks stay empty.

    Args:
        held: mocks with truth and answers.
        bounds: ends of the labels' ranges [4, 2].
        path: PNG to write.
    """
    present = held.present > 0.5
    labels, residual = held.labels[present], (held.posterior.median - held.labels)[present]
    log_prob = held.posterior.log_prob[present]
    gain = np.where(np.isfinite(log_prob), log_prob, np.nan) + np.log(bounds[:, 1] - bounds[:, 0]).sum()
    cells = int(np.clip(np.sqrt(len(labels) / (4 * _LEAST)), 2, 14))
    made, axes = figure(2 * len(_PLANES), len(LABELS) + 1, width=15.0, height=10.5, margins=_MARGINS)
    with saving(path, made):
        for plane, (a, b) in enumerate(_PLANES):
            edges = [np.linspace(*bounds[k], cells + 1) for k in (a, b)]
            places = labels[:, [a, b]]
            for k, label in enumerate(LABELS):
                spread = scatter(residual[:, k]) or 1.0
                top, below = axes[2 * plane, k], axes[2 * plane + 1, k]
                _show(
                    top,
                    cell_map(places, residual[:, k], edges, bias),
                    edges,
                    norm=CenteredNorm(0.0, spread),
                    cmap="RdBu_r",
                )
                top.set_title(f"bias of {label.latex}")
                _show(
                    below,
                    cell_map(places, residual[:, k], edges, scatter),
                    edges,
                    vmin=0.0,
                    vmax=2 * spread,
                    cmap="viridis",
                )
                below.set_title(f"scatter of {label.latex}")
            _show(axes[2 * plane, -1], cell_map(places, gain, edges, np.mean), edges, vmin=0.0, cmap="magma")
            axes[2 * plane, -1].set_title("information gained [nats]")
            _show(
                axes[2 * plane + 1, -1], cell_map(places, held.log_snr[present], edges, np.median), edges, cmap="magma"
            )
            axes[2 * plane + 1, -1].set_title("median $\\log_{10}$ S/N")
            for row in (2 * plane, 2 * plane + 1):
                axes[row, 0].set_ylabel(f"true {LABELS[b].latex}")
                for panel in axes[row]:
                    panel.set_xlabel(f"true {LABELS[a].latex}")


def cell_map(
    places: NDArray[Any],
    values: NDArray[Any],
    edges: list[NDArray[np.float64]],
    of: Callable[[NDArray[Any]], float | None],
) -> NDArray[np.float64]:
    """``of`` the finite values in each cell [x, y]; NaN where there are fewer than a handful.

    Args:
        places: [n, 2].
        values: [n].
        edges: of the cells along both axes.
        of: statistic.
    """
    x, y = (np.digitize(places[:, k], edges[k]) - 1 for k in range(2))
    out = np.full([len(e) - 1 for e in edges], np.nan)
    for i, j in np.ndindex(*out.shape):
        inside = values[(x == i) & (y == j) & np.isfinite(values)]
        if inside.size >= _LEAST:
            out[i, j] = of(inside)
    return out


def _show(panel: Axes, values: NDArray[Any], edges: list[NDArray[np.float64]], **how: Any) -> None:
    mesh = panel.pcolormesh(*edges, np.ma.masked_invalid(values.T), rasterized=True, **how)
    panel.figure.colorbar(mesh, ax=panel, pad=0.02)
    panel.set_facecolor("0.9")
