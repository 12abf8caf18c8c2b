"""What the network says about n candidates, as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Posterior", "summarise"]

# Central 68.27 % of a Gaussian; the columns are called q16 and q84
QUANTILES = (0.158655, 0.5, 0.841345)


@dataclass(frozen=True)
class Posterior:
    """Answers for n candidates; labels in the order of ``LABEL_NAMES`` and in their units, float32.

    Args:
        presence: probability that a cluster is there [n].
        log_snr: log10 of the predicted S/N [n].
        median, q16, q84, mean: of each label's marginal posterior [n, 4].
        covariance: of the joint posterior [n, 4, 4].
        samples: draws from the joint posterior [n, k, 4], or None.
        log_prob: log density of the true labels, nats [n]; NaN where there is no truth; None when not asked for.
        rank: share of the draws below the true label [n, 4], in (0, 1); NaN and None as above.
        ess: how many independent draws the summaries rest on [n], when they are weighted to another prior, or None.
        ppp: posterior predictive p-value [n], see ``PredictiveCheck``; NaN where it was not possible, or None.
    """

    presence: NDArray[np.float32]
    log_snr: NDArray[np.float32]
    median: NDArray[np.float32]
    q16: NDArray[np.float32]
    q84: NDArray[np.float32]
    mean: NDArray[np.float32]
    covariance: NDArray[np.float32]
    samples: NDArray[np.float32] | None = None
    log_prob: NDArray[np.float32] | None = None
    rank: NDArray[np.float32] | None = None
    ess: NDArray[np.float32] | None = None
    ppp: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.presence)

    def __getitem__(self, rows: slice | NDArray) -> Posterior:
        """The rows of a slice, a mask or an index array."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Posterior(**{name: None if v is None else v[rows] for name, v in values.items()})

    def without_samples(self) -> Posterior:
        """The same answers without the draws, which are most of the memory."""
        return replace(self, samples=None)

    def radius(self, pixel_scale: float) -> NDArray[np.float64]:
        """Half-light radii in pixels [n], the median of each posterior; ``pixel_scale`` in arcsec per pixel."""
        return 10.0 ** self.median[:, LABEL_NAMES.index("log_rh")].astype(np.float64) / pixel_scale

    @classmethod
    def concatenate(cls, parts: Sequence[Posterior]) -> Posterior:
        """All rows of all parts, in order; at least one part."""
        values = {f.name: [getattr(p, f.name) for p in parts] for f in fields(cls)}
        return cls(**{name: None if v[0] is None else np.concatenate(v) for name, v in values.items()})


def summarise(draws: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Median, q16, q84, mean and covariance of joint draws [n, k, 4], k >= 2."""
    q16, median, q84 = np.quantile(draws, QUANTILES, axis=1)
    mean = draws.mean(axis=1, dtype=np.float64)
    centred = draws - mean[:, None]
    covariance = np.einsum("nki,nkj->nij", centred, centred) / (draws.shape[1] - 1)
    values = {"median": median, "q16": q16, "q84": q84, "mean": mean, "covariance": covariance}
    return {name: v.astype(np.float32) for name, v in values.items()}
