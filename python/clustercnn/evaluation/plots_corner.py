"""Corner plots of single mocks: each label's posterior, each pair's, and the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import corner
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clustercnn.evaluation.plots_style import COLOURS, saving
from clustercnn.labels import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from clustercnn.evaluation.held_out import Examples

__all__ = ["plot_corners"]

_LEVELS = (0.39, 0.68, 0.95)  # 39 % is what one sigma of a two-dimensional Gaussian holds
_QUANTILES = (0.16, 0.5, 0.84)


def plot_corners(examples: Examples, bounds: NDArray[Any], folder: Path, *, count: int = 3) -> None:
    """Files ``corner_1.png`` ... of mocks from young to old, of the brighter half.

    Args:
        examples: mocks with truth and posterior samples.
        bounds: ends of the labels' ranges [4, 2].
        folder: where to write them.
        count: how many mocks at most.
    """
    for number, i in enumerate(examples.over_age(count), 1):
        made = Figure(figsize=(6.4, 6.4))
        FigureCanvasAgg(made)
        with saving(folder / f"corner_{number}.png", made):
            corner.corner(
                np.asarray(examples.samples[i], np.float64),
                fig=made,
                labels=[label.latex for label in LABELS],
                range=[tuple(ends) for ends in bounds],
                truths=examples.labels[i].tolist(),
                truth_color=COLOURS[1],
                color=COLOURS[0],
                quantiles=_QUANTILES,
                levels=_LEVELS,
                bins=40,
                smooth=1.0,
                plot_datapoints=False,
                label_kwargs={"fontsize": 9},
            )
            made.suptitle(f"Posterior of a mock with S/N {10 ** examples.log_snr[i]:.0f}; lines: truth", fontsize=10)
