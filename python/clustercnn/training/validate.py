"""How good the averaged network is on the held-out scenes, in a few numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clustercnn.training.losses import LOSS_NAMES, losses

if TYPE_CHECKING:
    from torch import Tensor

    from clustercnn.data.stream import Batch
    from clustercnn.model.net import ClusterNet

__all__ = ["roc_area", "validate"]


@torch.no_grad()
def validate(net: ClusterNet, batch: Batch, *, chunk: int = 128) -> dict[str, float]:
    """Losses by name, ``auc`` of the presence and ``log_snr_scatter`` (dex) on a batch.

    Args:
        net: in evaluation mode.
        batch: the validation scenes.
        chunk: images per pass.
    """
    device = net.low.device
    parts = [net(batch.images[i : i + chunk].to(device)) for i in range(0, len(batch.images), chunk)]
    logit, log_snr, context = (torch.cat([p[k] for p in parts]) for k in range(3))
    truth = [t.to(device) for t in (batch.present, batch.labels, batch.log_snr)]
    values = dict(zip(LOSS_NAMES, losses(net, context, *truth).tolist(), strict=True))
    there = (truth[0] > 0.5) & torch.isfinite(truth[2])
    if there.sum() > 1:
        values["log_snr_scatter"] = float((log_snr - truth[2])[there].std())
    values["auc"] = roc_area(logit.cpu(), truth[0].cpu())
    return values


def roc_area(score: Tensor, present: Tensor) -> float:
    """Area under the ROC curve: the chance that a cluster scores above an empty image; NaN when one kind is missing."""
    positive = present > 0.5
    n_positive, n = int(positive.sum()), len(present)
    if n_positive in (0, n):
        return float("nan")
    rank = torch.empty(n, dtype=torch.float64)
    rank[torch.argsort(score)] = torch.arange(1, n + 1, dtype=torch.float64)
    above = rank[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * (n - n_positive)))
