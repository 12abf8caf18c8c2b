"""Figure of candidates beside clusters drawn again from their posteriors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustercnn.evaluation.plots_stamps import colour_picture
from clustercnn.evaluation.plots_style import COLOURS, figure, saving
from clustercnn.inference import cut_stamps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clustercnn.inference import Catalogue, Posterior, PredictiveCheck, Predictor

__all__ = ["choose_rows", "picture_redraws", "plot_redraws"]


def picture_redraws(
    check: PredictiveCheck, predictor: Predictor, catalogue: Catalogue, posterior: Posterior, path: Path
) -> None:
    """The figure of a table of answers: its least typical rows, then others of high S/N.

    Args:
        check: with which the answers were made; holds the mosaic and the seed.
        predictor: which made them.
        catalogue: the candidates, with pixel positions.
        posterior: the answers, with ``ppp``.
        path: PNG to write.
    """
    rows = choose_rows(posterior.ppp, posterior.log_snr).tolist()
    x, y = catalogue.x[rows], catalogue.y[rows]
    stamps, _ = cut_stamps(check.mosaic.data, check.mosaic.valid, x, y, size=predictor.size)
    redraws, titles = [], []
    for k, row in enumerate(rows):
        # draws and clusters are functions of seed and row: the very ones that ppp rests on
        draws = predictor.predict(stamps[k : k + 1], samples=check.redraws, seed=check.seed, first=row).samples[0]
        redraws.append(check.redraw(x[k], y[k], draws, number=row))
        snr, presence = 10.0 ** posterior.log_snr[row], posterior.presence[row]
        titles.append(f"{catalogue.id[row]}: ppp {posterior.ppp[row]:.2f}, presence {presence:.2f}, S/N {snr:.0f}")
    plot_redraws(stamps, redraws, titles, path)


def choose_rows(ppp: NDArray[Any], log_snr: NDArray[Any], *, n: int = 8) -> NDArray[np.intp]:
    """Rows worth a look, at most ``n``: half of them the least typical, half the others of highest S/N.

    Args:
        ppp: [row] posterior predictive p-values; rows of NaN are not chosen.
        log_snr: [row].
        n: how many.
    """
    known = np.flatnonzero(np.isfinite(ppp))
    odd = known[np.argsort(ppp[known], kind="stable")][: n // 2]
    rest = np.setdiff1d(known, odd)
    return np.concatenate([odd, rest[np.argsort(-log_snr[rest], kind="stable")][: n - len(odd)]])


def plot_redraws(
    stamps: NDArray[Any], redraws: Sequence[NDArray[Any]], titles: Sequence[str], path: Path, *, columns: int = 4
) -> None:
    """A row for each candidate: its own image, framed, then some drawn from its posterior, in the same colours.

    Args:
        stamps: [n, band, y, x] e-/s.
        redraws: for each stamp [k, band, y, x], k of at least ``columns``.
        titles: a line for each.
        path: PNG to write.
        columns: how many of the redrawn are shown.
    """
    made, axes = figure(max(len(stamps), 1), columns + 1, width=1.5 * (columns + 1), height=1.7 * max(len(stamps), 1))
    with saving(path, made):
        made.get_layout_engine().set(w_pad=0.02, h_pad=0.03, wspace=0.0, hspace=0.0)
        for panel in axes.flat:
            panel.axis("off")
        for row, stamp, again, title in zip(axes, stamps, redraws, titles, strict=False):
            for panel, image in zip(row, [stamp, *again[:columns]], strict=True):
                panel.imshow(colour_picture(image, like=stamp), origin="lower", interpolation="nearest")
            row[0].axis("on")
            row[0].set(xticks=[], yticks=[])
            for spine in row[0].spines.values():
                spine.set(color=COLOURS[1], linewidth=2.0)
            row[1].set_title(title, loc="left")
