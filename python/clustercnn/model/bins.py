"""A density on [0, 1]: straight lines between knots of free position and height; everything about it is exact.

The cumulative function is quadratic within a bin, so its inverse is closed form (the piecewise-quadratic warp of Müller
et al. 2019, "Neural importance sampling", arXiv:1808.03856, section 4.2).
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["density_knots", "log_density", "log_density_and_rank", "sample_density"]


def density_knots(raw: Tensor, bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """Free numbers to the knots of a normalised density.

    Args:
        raw: any real numbers, [..., 2 * bins + 1]: log-widths of the bins, then log-heights at the knots.
        bins: number of bins.

    Returns:
        widths of the bins [..., bins], which sum to 1; densities at the knots [..., bins + 1]; probability of
        each bin [..., bins].
    """
    width, height, mass, lift = _unnormalised(raw, bins)
    total = mass.sum(dim=-1, keepdim=True)
    return width, (height + lift) / total, mass / total


def _unnormalised(raw: Tensor, bins: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Widths; heights without their lift; masses with it, up to one factor; and the lift [..., 1].

    Few passes over the bins: drawing thousands of points spends its time in them.
    """
    narrowest = 1e-3
    # a uniform floor under every density bounds the loss of one odd label, and costs 1e-4 nats elsewhere
    floor = 1e-4
    width = (torch.softmax(raw[..., :bins], dim=-1) * (1.0 - bins * narrowest)).add_(narrowest)
    log_height = raw[..., bins:]
    height = (log_height - log_height.amax(dim=-1, keepdim=True)).exp_()
    area = width * (height[..., :-1] + height[..., 1:])  # twice that
    lift = (0.5 * floor / (1.0 - floor)) * area.sum(dim=-1, keepdim=True)
    return width, height, torch.add(width * lift, area, alpha=0.5), lift


def log_density(raw: Tensor, u: Tensor, bins: int) -> Tensor:
    """Natural log of the density at ``u`` in [0, 1], [...]; ``raw`` [..., 2 * bins + 1] as in ``density_knots``."""
    return log_density_and_rank(raw, u, bins)[0]


def log_density_and_rank(raw: Tensor, u: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """As ``log_density``, and the probability below ``u``, [...]."""
    u = u.unsqueeze(-1)
    width, height, mass = density_knots(raw, bins)
    edge = torch.cumsum(width, dim=-1)
    index = (u >= edge[..., :-1]).sum(dim=-1, keepdim=True)  # [..., 1], 0 to bins - 1
    w = width.gather(-1, index)
    alpha = ((u - (edge.gather(-1, index) - w)) / w).clamp(0.0, 1.0)
    low = height.gather(-1, index)
    rise = height.gather(-1, index + 1) - low
    below = torch.cumsum(mass, dim=-1).gather(-1, index) - mass.gather(-1, index)
    rank = below + w * alpha * (low + 0.5 * alpha * rise)
    return torch.log(low + alpha * rise).squeeze(-1), rank.squeeze(-1)


def sample_density(raw: Tensor, t: Tensor, bins: int) -> Tensor:
    """The points below which given shares of the probability lie: the inverse cumulative function.

    Args:
        raw: [..., 2 * bins + 1], as in ``density_knots``.
        t: shares in (0, 1), [..., points]: any number of points for each density.
        bins: number of bins.

    Returns:
        [..., points] in [0, 1].
    """
    width, height, mass, lift = _unnormalised(raw, bins)
    cumulative = torch.cumsum(mass, dim=-1)
    t = t * cumulative[..., -1:]
    index = torch.searchsorted(cumulative, t, right=True).clamp_max(bins - 1)
    w = width.gather(-1, index)
    left = torch.cumsum(width, dim=-1).gather(-1, index) - w
    rest = (t - (cumulative.gather(-1, index) - mass.gather(-1, index))).clamp_min(0.0) / w
    low = height.gather(-1, index) + lift
    slope = height.gather(-1, index + 1) + lift - low
    # slope/2 a^2 + low a = rest, in the form that loses no digits for a small slope
    alpha = 2.0 * rest / (low + torch.sqrt((low * low + 2.0 * slope * rest).clamp_min(0.0)))
    return (left + alpha.clamp(0.0, 1.0) * w).clamp(0.0, 1.0)
