"""Other priors than training's: posterior draws weighted anew, presence shifted, without another pass of the network.

A posterior under the prior p' is that under p times p' / p. Training's prior is uniform in each label, so that the
weight of a draw is the density of the new prior there (importance sampling; Owen 2013, Monte Carlo theory, chapter 9).
The odds of a cluster's presence are those of the prior times what the image says, so that other prior odds multiply
them (Saerens, Latinne & Decaestecker 2002, Neural Computation 14, 21).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logit

from clustercnn.errors import InvalidInput
from clustercnn.labels import LABEL_NAMES
from clustercnn.model import read_settings
from clustercnn.scene.counters import uniforms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["LEAST_ESS", "NewPrior", "resample"]

LEAST_ESS = 100.0  # effective draws, below which a summary is not to be relied on
_SLOPES = {"age_slope": "log_age", "mass_slope": "log_mass", "size_slope": "log_rh"}


@dataclass(frozen=True)
class NewPrior:
    """What replaces training's uniform prior; None leaves a label as it is.

    Args:
        age_slope, mass_slope, size_slope: dN/dx ~ x^slope of age, mass and half-light radius themselves; -1 is uniform
            in the logarithm, as training has it.
        a_v_scale: A_V is exponential with this mean, mag.
        presence: share of the positions asked about that hold a cluster. In training half of the stamps or more do. A
            cluster counts where the stamp's centre is off by no more than in training, 2 pixels in either direction: N
            clusters on an image hold 16 N of its pixels.

    Raises:
        InvalidInput: a value out of range.
    """

    age_slope: float | None = None
    mass_slope: float | None = None
    size_slope: float | None = None
    a_v_scale: float | None = None
    presence: float | None = None

    def __post_init__(self) -> None:
        for name in _SLOPES:
            value = getattr(self, name)
            if value is not None and not -10 <= value <= 10:
                raise InvalidInput(f"prior.{name}: {value}; -10 to 10 is allowed")
        if self.a_v_scale is not None and not self.a_v_scale > 0:
            raise InvalidInput(f"prior.a_v_scale: {self.a_v_scale}; a value above 0 is allowed")
        if self.presence is not None and not 0 < self.presence < 1:
            raise InvalidInput(f"prior.presence: {self.presence}; values between 0 and 1 are allowed")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NewPrior | None:
        """From a command's options; None if nothing is replaced."""
        prior = read_settings(cls, values, where="prior")
        return prior if any(v is not None for v in asdict(prior).values()) else None

    @property
    def of_labels(self) -> bool:
        """Whether draws have to be weighted."""
        return any(v is not None for name, v in asdict(self).items() if name != "presence")

    def log_odds(self, trained: float) -> float:
        """What to add to the logit of presence, if the share ``trained`` of training's stamps had a cluster."""
        return 0.0 if self.presence is None else float(logit(self.presence) - logit(trained))

    def log_weights(self, draws: NDArray[Any]) -> NDArray[np.float64]:
        """Log of the new density over the old one, up to a constant, of draws [..., 4]: [...]."""
        out = np.zeros(draws.shape[:-1])
        for name, label in _SLOPES.items():
            slope = getattr(self, name)
            if slope is not None:
                out += (slope + 1) * np.log(10.0) * draws[..., LABEL_NAMES.index(label)]
        if self.a_v_scale is not None:
            out -= draws[..., LABEL_NAMES.index("a_v")] / self.a_v_scale
        return out


def resample(
    draws: NDArray[np.float32], log_weights: NDArray[np.float64], *, seed: int, first: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As many draws, each as often as its weight says, by systematic resampling (Kitagawa 1996, JCGS 5, 1).

    Their order is such that the first few of a row stand for all of them.

    Args:
        draws: [n, k, label].
        log_weights: [n, k], up to a constant for each row.
        seed: row i is a function of (seed, first + i) and its draws alone.
        first: number of the first row.

    Returns:
        Draws [n, k, label], and how many independent ones they are worth [n]: (sum w)^2 / sum w^2 (Kish 1965).
    """
    n, k = log_weights.shape
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    ess = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    cumulative = np.cumsum(weights, axis=1)
    cumulative /= cumulative[:, -1:]
    start = uniforms(seed, "resample", first=first, n=n, k=1)
    points = (np.arange(k) + start) / k
    # rows one above the other make one rising table, searched at once
    rows = np.arange(n)[:, None]
    chosen = np.searchsorted((cumulative + rows).ravel(), (points + rows).ravel()).reshape(n, k) - k * rows
    chosen = np.clip(chosen, 0, k - 1)[:, _spread(k)]
    return np.take_along_axis(draws, chosen[..., None], axis=1), ess.astype(np.float32)


def _spread(k: int) -> NDArray[np.intp]:
    """0 to k - 1 so ordered that the first few are spread evenly over all.

    Numbers whose multiple of the golden ratio has a small fractional part lie at no more than three distances.
    """
    return np.argsort(np.arange(k) * (np.sqrt(5.0) - 1) / 2 % 1.0, kind="stable")
