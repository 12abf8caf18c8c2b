"""Unresolved binaries: the law of mass ratios."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from clustercnn.errors import InvalidInput

__all__ = ["Binaries"]


@dataclass(frozen=True)
class Binaries:
    """Mass ratios q of companion and primary: p(q) ∝ q^beta between ``q_min`` and 1.

    A flat law (beta 0) is close to what solar-type binaries show (Raghavan et al. 2010, ApJS 190, 1; from memory);
    Moe & Di Stefano 2017, ApJS 230, 15, find steeper ones for massive stars.

    Args:
        q_min: least ratio, from 0.001 to below 1.
        beta: slope, -5 to 5; within 0.01 of -1 only -1 itself, as the inverse CDF loses its digits there in single
            precision.

    Raises:
        InvalidInput: a value out of range.
    """

    q_min: float = 0.1
    beta: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.q_min, Real) or not 1e-3 <= self.q_min < 1.0:
            raise InvalidInput(f"binaries: q_min: {self.q_min!r}; from 0.001 to below 1 is allowed")
        if not isinstance(self.beta, Real) or not -5.0 <= self.beta <= 5.0 or 0.0 < abs(self.beta + 1.0) < 0.01:
            raise InvalidInput(f"binaries: beta: {self.beta!r}; -5 to 5 is allowed, and not close to -1 but for -1")

    @property
    def mean_q(self) -> float:
        """Mean mass ratio: the integral of q^(beta + 1) over that of q^beta."""
        return _power_integral(self.q_min, self.beta + 1.0) / _power_integral(self.q_min, self.beta)

    @property
    def inverse(self) -> tuple[float, float, float, float]:
        """The inverse CDF as (base, slope, power, logarithmic).

        For v uniform in (0, 1) q is (base + slope v)^power or, if logarithmic is 1, 2^(power (base + slope v)).
        """
        if self.beta == -1.0:
            log_min = float(np.log2(self.q_min))
            return log_min, -log_min, 1.0, 1.0
        low = self.q_min ** (self.beta + 1.0)
        return low, 1.0 - low, 1.0 / (self.beta + 1.0), 0.0


def _power_integral(low: float, power: float) -> float:
    """Integral of q^power from ``low`` to 1."""
    if power == -1.0:
        return -float(np.log(low))
    return (1.0 - low ** (power + 1.0)) / (power + 1.0)
