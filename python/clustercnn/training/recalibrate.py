"""Fits the posterior's last correction to held-out scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from clustercnn.data.stream import Batch
    from clustercnn.model.net import ClusterNet

__all__ = ["fit_coefficients", "recalibrate"]

_FEWEST = 200  # clusters: 24 numbers fitted to fewer would follow their noise
_ROUNDS = 100


@torch.no_grad()
def recalibrate(net: ClusterNet, batches: Iterable[Batch]) -> float:
    """Sets ``net.recalibration`` to what makes the ranks of the true labels uniform, by maximum likelihood.

    Args:
        net: the finished network, in evaluation mode; its correction is changed in place.
        batches: scenes it never saw; each is read before the next is asked for. With fewer than 200 clusters nothing is
            changed.

    Returns:
        mean gain of the log posterior density at the truth, on these scenes, nats.
    """
    parts = [_ranks(net, batch) for batch in batches]
    if sum(len(log_snr) for _, log_snr in parts) < _FEWEST:
        return 0.0
    ranks, log_snr = (torch.cat(part).double().cpu() for part in zip(*parts, strict=True))
    module = type(net.recalibration)(ranks.shape[1]).double()
    gain = fit_coefficients(module, ranks, log_snr)
    net.recalibration.coefficients.copy_(module.coefficients)
    return gain


def _ranks(net: ClusterNet, batch: Batch) -> tuple[Tensor, Tensor]:
    """Ranks of the true labels [m, 4] and predicted log10 S/N [m], of the scenes with a cluster inside the bounds."""
    device = net.low.device
    u, inside = net.unit(batch.labels.to(device))
    known = (batch.present.to(device) > 0.5) & inside
    _, log_snr, context = net(batch.images.to(device))
    return net.posterior.log_prob_and_ranks(context[known], u[known])[1], log_snr[known]


@torch.enable_grad()
def fit_coefficients(module: torch.nn.Module, ranks: Tensor, log_snr: Tensor) -> float:
    """Maximum-likelihood coefficients of a ``Recalibration``, in place; returns the mean gain, nats."""
    free = module.coefficients.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        module.coefficients = free
        value = -module.log_slope(ranks, module.exponents(log_snr)).mean()
        value.backward()
        return value

    optimizer.step(loss)
    module.coefficients = free.detach()
    return float(module.log_slope(ranks, module.exponents(log_snr)).mean())
