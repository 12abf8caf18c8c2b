"""Calibration of the joint posterior, by the distance of draws from random points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["tarp_ranks"]


def tarp_ranks(
    samples: NDArray[Any], truth: NDArray[Any], reference: NDArray[Any], *, widths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of the draws that lie closer to a random point than the truth does, [n]; NaN where the truth is.

    Uniform between 0 and 1 if the joint posterior is calibrated, whatever its shape: Tests of Accuracy with Random
    Points, Lemos et al. 2023 (arXiv:2302.03026). Half a draw is added, so that no rank is 0 or 1.

    Args:
        samples: posterior draws [n, k, label].
        truth: [n, label].
        reference: the random points [n, label], drawn without a look at the truth.
        widths: units of the distance [label].
    """
    far = (((samples - reference[:, None]) / widths) ** 2).sum(axis=2)
    true = (((truth - reference) / widths) ** 2).sum(axis=1)
    rank = ((far < true[:, None]).sum(axis=1) + 0.5) / (samples.shape[1] + 1)
    return np.where(np.isfinite(true), rank, np.nan)
