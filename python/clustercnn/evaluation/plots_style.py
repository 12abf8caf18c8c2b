"""How all figures look: size, colours that colour-blind readers can tell apart, atomic saving."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clustercnn.scene.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["COLOURS", "figure", "legend", "note", "padded", "running_quantiles", "saving"]

# Okabe & Ito 2008: blue, vermilion, green, purple, orange, sky
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DPI = 150
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.5,
    "image.origin": "lower",
}


def figure(
    rows: int,
    columns: int,
    *,
    width: float,
    height: float,
    margins: tuple[float, ...] | None = None,
    **kwargs: Any,
) -> tuple[Figure, NDArray[Any]]:
    """A figure without a window, and its axes [rows, columns].

    Args:
        rows, columns: of panels.
        width, height: inches.
        margins: left, right, bottom, top, wspace, hspace of ``GridSpec``; None lets the panels find their places, which
            takes seconds where there are many with colour bars.
        kwargs: for ``Figure.subplots``.
    """
    if margins is not None:
        names = ("left", "right", "bottom", "top", "wspace", "hspace")
        kwargs["gridspec_kw"] = dict(zip(names, margins, strict=True))
    with mpl.rc_context(_STYLE):
        made = Figure(figsize=(width, height), layout="constrained" if margins is None else None)
        FigureCanvasAgg(made)
        axes = made.subplots(rows, columns, squeeze=False, **kwargs)
    return made, axes


@contextmanager
def saving(path: Path, made: Figure) -> Iterator[Figure]:
    """Style for the block that fills a figure; then the figure as PNG at ``path``, whole or not at all."""
    with mpl.rc_context(_STYLE):
        yield made
        with replacing(path) as part:
            made.savefig(part, dpi=_DPI, format="png")


def running_quantiles(
    x: NDArray[Any], y: NDArray[Any], *, edges: NDArray[np.float64], least: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 16, 50 and 84 % points of y in bins of x.

    Returns:
        Middles of the bins that hold at least ``least`` points [k], and the three points there [3, k].
    """
    which = np.digitize(x, edges) - 1
    middles, points = [], []
    for k in range(len(edges) - 1):
        inside = y[(which == k) & np.isfinite(y)]
        if inside.size >= least:
            middles.append(0.5 * (edges[k] + edges[k + 1]))
            points.append(np.quantile(inside, [0.16, 0.5, 0.84]))
    return np.array(middles), np.array(points).reshape(-1, 3).T


def padded(values: NDArray[Any], share: float = 0.04) -> tuple[float, float]:
    """Range of the finite values, wider by ``share`` on both sides; (0, 1) when there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = share * ((high - low) or 1.0)
    return low - margin, high + margin


def legend(axes: Axes, **kwargs: Any) -> None:
    """The panel's legend, if there is anything to explain; ``kwargs`` for ``Axes.legend``."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**kwargs)


def note(axes: Axes, text: str, *, x: float = 0.04, y: float = 0.96) -> None:
    """A small text in the upper left corner of a panel, on a light ground."""
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    axes.text(x, y, text, transform=axes.transAxes, va="top", ha="left", fontsize=8, bbox=box)
