"""What the optimiser makes small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from clustercnn.model.net import ClusterNet

__all__ = ["LOSS_NAMES", "LossModule", "losses"]

LOSS_NAMES = ("presence", "posterior", "log_snr")


def losses(net: ClusterNet, context: Tensor, present: Tensor, labels: Tensor, log_snr: Tensor) -> Tensor:
    """The three losses, [3] in the order of ``LOSS_NAMES``.

    Binary cross-entropy of the presence, over all images; negative log posterior density (nats, physical units) of the
    true labels and smooth L1 distance of log10 S/N, over images with a cluster, labels inside the bounds.

    Args:
        net: the network whose heads are judged.
        context: features [n, context], float32.
        present: 0 or 1, [n].
        labels: [n, 4]; rows of absent clusters may hold NaN.
        log_snr: [n]; NaN when absent.
    """
    logit, predicted = net.heads(context)
    presence = functional.binary_cross_entropy_with_logits(logit, present)
    there = present > 0.5
    # where(), not indexing: the shapes, and with them the work of every step, stay the same
    known = there & net.unit(labels)[1]
    middle = net.low + 0.5 * net.width
    log_prob = net.log_prob(context, torch.where(known.unsqueeze(1), labels, middle))
    posterior = -torch.where(known, log_prob, torch.zeros_like(log_prob)).sum() / known.sum().clamp_min(1)
    visible = there & torch.isfinite(log_snr)
    target = torch.where(visible, log_snr, predicted.detach())
    distance = functional.smooth_l1_loss(predicted, target, beta=0.1, reduction="none")
    return torch.stack([presence, posterior, distance.sum() / visible.sum().clamp_min(1)])


class LossModule(nn.Module):
    """Images and truth to the three losses in one forward pass: what DDP wraps.

    Args:
        net: the network.
        bf16: run the trunk under bfloat16 autocast; the heads stay in float32.
    """

    def __init__(self, net: ClusterNet, *, bf16: bool) -> None:
        super().__init__()
        self.net = net
        self.bf16 = bf16

    def forward(self, images: Tensor, present: Tensor, labels: Tensor, log_snr: Tensor) -> Tensor:
        """The losses [3], as ``losses`` gives them."""
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            maps = self.net.maps(images)
        return losses(self.net, self.net.context(maps, images), present, labels, log_snr)
