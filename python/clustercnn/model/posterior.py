"""The joint posterior on the unit cube: p(u) = prod_d p(u_d | u_<d, features).

Each factor is a binned density of the label's rank in a Cauchy distribution. Autoregressive, hence any joint shape;
binned, hence several modes, no mass outside the bounds, exact density and sampling.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from clustercnn.model.bins import log_density_and_rank, sample_density
from clustercnn.model.spread import cauchy, gather, spread
from clustercnn.model.uniforms import philox_uniforms

__all__ = ["BinnedPosterior", "Conditional", "factor", "sample_factor"]


def factor(raw: Tensor, u: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Log-density of one label at ``u`` in [0, 1] and the probability below, [...], from ``Conditional``'s numbers."""
    share, log_slope = spread(u, cauchy(raw[..., :2]))
    log_density, rank = log_density_and_rank(raw[..., 2:], share, bins)
    return log_density + log_slope, rank


def sample_factor(raw: Tensor, t: Tensor, bins: int) -> Tensor:
    """The points below which shares ``t`` in (0, 1) of that density lie, [..., points]: any number for each density."""
    return gather(sample_density(raw[..., 2:], t, bins), cauchy(raw[..., :2].unsqueeze(-2)))


class Conditional(nn.Module):
    """The raw bin numbers of one label, given features and the labels before it.

    Args:
        context: length of the feature vector.
        before: number of labels before this one.
        hidden: width of the layers.
        bins: number of bins.
    """

    def __init__(self, context: int, before: int, *, hidden: int, bins: int) -> None:
        super().__init__()
        self.from_context = nn.Linear(context, hidden)
        # value and two sine waves per label: a narrow ridge in (age, extinction) needs more than a straight line
        self.first = before == 0
        self.from_labels = nn.Identity() if self.first else nn.Linear(5 * before, hidden, bias=False)
        self.mix = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 2 + 2 * bins + 1)  # of the Cauchy distribution, and of the bins
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.weight.mul_(0.1)  # start near the uniform density, the prior of the unit cube

    def label_features(self, before: Tensor) -> Tensor:
        """[..., before] in [0, 1] to [..., 5 * before]."""
        angle = before * (2.0 * math.pi)
        sine, cosine = torch.sin(angle), torch.cos(angle)
        waves = [2.0 * before - 1.0, sine, cosine, 2.0 * sine * cosine, 1.0 - 2.0 * sine.square()]  # once and twice
        return torch.cat(waves, dim=-1)

    def forward(self, from_context: Tensor, before: Tensor) -> Tensor:
        """Raw numbers [..., 2 * bins + 3] of the density.

        Args:
            from_context: what ``self.from_context`` makes of the features, [..., hidden].
            before: the labels before this one, [..., before]; of the first label anything.
        """
        if self.first:
            h = torch.relu(from_context)
        else:
            h = (from_context + self.from_labels(self.label_features(before))).relu_()
        return self.out(h + self.mix(h).relu_())


class BinnedPosterior(nn.Module):
    """Joint density of four labels on the unit cube.

    Args:
        context: length of the feature vector.
        hidden: width of the conditional networks.
        bins: bins per label.
    """

    def __init__(self, context: int, *, hidden: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        self.conditionals = nn.ModuleList([Conditional(context, d, hidden=hidden, bins=bins) for d in range(4)])

    def forward(self, context: Tensor, u: Tensor) -> Tensor:
        """Log-density in nats, [n], at points ``u`` of the unit cube [n, 4], given features [n, context]."""
        return self.log_prob_and_ranks(context, u)[0]

    def log_prob_and_ranks(self, context: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, and the rank of each label given those before it, [n, 4]."""
        total = torch.zeros_like(u[:, 0])
        ranks: list[Tensor] = []
        for d, conditional in enumerate(self.conditionals):
            raw = conditional(conditional.from_context(context), u[:, :d])
            log_density, rank = factor(raw, u[:, d], self.bins)
            total = total + log_density
            ranks.append(rank)
        return total, torch.stack(ranks, dim=1)

    def sample(self, context: Tensor, k: int, seed: int, first: int) -> Tensor:
        """``k`` points of the unit cube for each object, [n, k, 4]; a function of (seed, first + i) alone."""
        t = philox_uniforms(seed, first, context.shape[0], k, context.device).to(context.dtype)
        return self.at_ranks(context, t)

    def at_ranks(self, context: Tensor, t: Tensor) -> Tensor:
        """The points of given ranks, [n, k, 4]: the inverse of ``log_prob_and_ranks``'s second result."""
        u = torch.empty_like(t[..., :0])
        for d, conditional in enumerate(self.conditionals):
            from_context = conditional.from_context(context)
            if d == 0:  # one density for all draws of an object
                drawn = sample_factor(conditional(from_context, context), t[..., 0], self.bins).unsqueeze(-1)
            else:
                drawn = sample_factor(conditional(from_context.unsqueeze(1), u), t[..., d : d + 1], self.bins)
            u = torch.cat([u, drawn], dim=-1)
        return u
