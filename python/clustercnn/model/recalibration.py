"""A last correction of the posterior's calibration, fitted once to held-out mocks when the weights are final.

Under a calibrated posterior the ranks of true labels (each given the labels before it) are uniform. Where they are not,
a monotone map of the ranks makes them so, and leaves everything about the density exact: Kumaraswamy's distribution on
[0, 1] (1980, J. Hydrology 46, 79), whose cumulative function 1 - (1 - t^a)^b has a closed inverse. Exponents above one
narrow the posterior, below one widen it, unequal ones shift it; they vary with the S/N, as miscalibration does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Recalibration"]


class Recalibration(nn.Module):
    """Maps of ranks, one per label; the identity until ``coefficients`` are fitted.

    Args:
        labels: number of labels.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        # of (1, s, s^2), the logs of both exponents; s is log10 S/N from the middle of its range, 1.5
        self.register_buffer("coefficients", torch.zeros(labels, 2, 3))

    def exponents(self, log_snr: Tensor) -> Tensor:
        """A and b for each object and label, [n, label, 2], given its predicted log10 S/N [n]."""
        s = log_snr.clamp(-0.5, 3.5) - 1.5  # no extrapolation
        powers = torch.stack([torch.ones_like(s), s, s * s])  # [3, n]
        logs = torch.matmul(self.coefficients, powers).permute(2, 0, 1)
        return torch.exp(logs.clamp(-1.0, 1.0))

    def log_slope(self, ranks: Tensor, exponents: Tensor) -> Tensor:
        """What the map adds to the log-density at ``ranks`` [n, label], nats [n]."""
        a, b = exponents[..., 0], exponents[..., 1]
        log_t = torch.log(ranks.clamp(1e-6, 1.0 - 1e-6))
        return (torch.log(a * b) + (a - 1.0) * log_t + (b - 1.0) * torch.log(-torch.expm1(a * log_t))).sum(dim=1)

    def undo(self, t: Tensor, exponents: Tensor) -> Tensor:
        """The ranks [n, k, label] that the map takes to ``t``: uniform numbers in, ranks of calibrated draws out."""
        a, b = exponents[:, None, :, 0], exponents[:, None, :, 1]
        return (-torch.expm1(torch.log1p(-t) / b)).pow(1.0 / a)
