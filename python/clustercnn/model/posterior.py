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

__all__ = ["BinnedPosterior", "Conditional"]

_WIDER = 8  # the layer below all conditionals, beside their own width: worked out once for all draws of an object
# Adam moves each weight alike, however many add up: a factor on the many keeps small what a step does to their sum
# (Yang & Hu 2021, arXiv:2011.14522). A layer without it, in the features' place, left three seeds 0.19 nats apart; with
# both it is 0.01
_GAIN = 0.25


class Conditional(nn.Module):
    """The density of one label, given features and the labels before it.

    A label is known by two numbers: its place ``u`` in [0, 1], and its share, the rank of that place in its own Cauchy
    distribution, which runs from 0 to 1 over what the posterior allows, however narrow that is. Labels after it read
    both: with the place alone they see no differences within a narrow posterior (0.06 nats).

    Args:
        features: length of the feature vector.
        before: number of labels before this one.
        hidden: width of the layers.
        bins: number of bins.
    """

    def __init__(self, features: int, before: int, *, hidden: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        self.from_features = nn.Linear(features, hidden)
        # value and two sine waves per number: a narrow ridge in (age, extinction) needs more than a straight line
        self.first = before == 0
        self.from_labels = nn.Identity() if self.first else nn.Linear(2 * 5 * before, hidden, bias=False)
        self.mix = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 2 + 2 * bins + 1)  # of the Cauchy distribution, and of the bins
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.weight.mul_(0.1)  # start near the uniform density, the prior of the unit cube

    def forward(self, from_features: Tensor, before: Tensor) -> Tensor:
        """Raw numbers [..., 2 * bins + 3] of the density.

        Args:
            from_features: what ``self.from_features`` makes of the features, [..., hidden].
            before: places and shares of the labels before this one, [..., 2 * before]; of the first label anything.
        """
        h = from_features if self.first else from_features + self.from_labels(_waves(before))
        h = torch.relu(h)
        return self.out(h + self.mix(h).relu_())

    def density(self, raw: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-density at places ``u`` in [0, 1], the probability below, and the share, each [...]."""
        share, log_slope = spread(u, cauchy(raw[..., :2]))
        log_density, rank = log_density_and_rank(raw[..., 2:], share, self.bins)
        return log_density + log_slope, rank, share

    def at_ranks(self, raw: Tensor, t: Tensor) -> Tensor:
        """Places and shares, [..., points, 2], below which ``t`` [..., points] in (0, 1) of the probability lies."""
        share = sample_density(raw[..., 2:], t, self.bins)
        return torch.stack([gather(share, cauchy(raw[..., :2].unsqueeze(-2))), share], dim=-1)


def _waves(numbers: Tensor) -> Tensor:
    """Numbers in [0, 1], [..., n], to [..., 5 * n]: each as it is, and waves that go round once and twice."""
    angle = numbers * (2.0 * math.pi)
    sine, cosine = torch.sin(angle), torch.cos(angle)
    waves = [2.0 * numbers - 1.0, sine, cosine, 2.0 * sine * cosine, 1.0 - 2.0 * sine.square()]
    return torch.cat(waves, dim=-1)


class BinnedPosterior(nn.Module):
    """Joint density of four labels on the unit cube.

    Args:
        context: length of the feature vector.
        hidden: width of the conditional networks.
        bins: bins per label.
    """

    def __init__(self, context: int, *, hidden: int, bins: int) -> None:
        super().__init__()
        self.gain = _GAIN
        wide = _WIDER * hidden
        self.widen = nn.Sequential(nn.Linear(context, wide), nn.SiLU())
        self.factors = nn.ModuleList([Conditional(context + wide, d, hidden=hidden, bins=bins) for d in range(4)])
        with torch.no_grad():
            for factor in self.factors:
                factor.from_features.weight[:, context:].div_(self.gain)

    def features(self, context: Tensor) -> Tensor:
        """What all conditionals read, [n, context + wide]: the features, from which much is learned fast, and more."""
        return torch.cat([context, self.widen(context) * self.gain], dim=-1)

    def forward(self, context: Tensor, u: Tensor) -> Tensor:
        """Log-density in nats, [n], at points ``u`` of the unit cube [n, 4], given features [n, context]."""
        return self.log_prob_and_ranks(context, u)[0]

    def log_prob_and_ranks(self, context: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, and the rank of each label given those before it, [n, 4]."""
        log_densities, ranks = self.terms(context, u)
        return log_densities.sum(dim=1), ranks

    def terms(self, context: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Log-density and rank of each label given those before it, both [n, 4]."""
        features, before = self.features(context), u[:, :0]
        log_densities: list[Tensor] = []
        ranks: list[Tensor] = []
        for d, factor in enumerate(self.factors):
            raw = factor(factor.from_features(features), before)
            log_density, rank, share = factor.density(raw, u[:, d])
            before = torch.cat([before, u[:, d : d + 1], share.unsqueeze(1)], dim=1)
            log_densities.append(log_density)
            ranks.append(rank)
        return torch.stack(log_densities, dim=1), torch.stack(ranks, dim=1)

    def sample(self, context: Tensor, k: int, seed: int, first: int) -> Tensor:
        """``k`` points of the unit cube for each object, [n, k, 4]; a function of (seed, first + i) alone."""
        t = philox_uniforms(seed, first, context.shape[0], k, context.device).to(context.dtype)
        return self.at_ranks(context, t)

    def at_ranks(self, context: Tensor, t: Tensor) -> Tensor:
        """The points of given ranks, [n, k, 4]: the inverse of ``log_prob_and_ranks``'s second result."""
        features, before = self.features(context), t[..., :0]
        for d, factor in enumerate(self.factors):
            from_features = factor.from_features(features)
            if d == 0:  # one density for all draws of an object
                drawn = factor.at_ranks(factor(from_features, context), t[..., 0])
            else:
                drawn = factor.at_ranks(factor(from_features.unsqueeze(1), before), t[..., d : d + 1]).squeeze(-2)
            before = torch.cat([before, drawn], dim=-1)
        return before[..., 0::2]
