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
    narrowest = 1e-3
    # a uniform floor under every density bounds the loss of one odd label, and costs 1e-4 nats elsewhere
    floor = 1e-4
    width = torch.softmax(raw[..., :bins], dim=-1) * (1.0 - bins * narrowest) + narrowest
    log_height = raw[..., bins:]
    height = torch.exp(log_height - log_height.amax(dim=-1, keepdim=True))
    area = 0.5 * width * (height[..., :-1] + height[..., 1:])
    scale = (1.0 - floor) / area.sum(dim=-1, keepdim=True)
    return width, height * scale + floor, area * scale + width * floor


def _pick(values: Tensor, index: Tensor) -> Tensor:
    # one density may serve many points, and gather does not broadcast
    return values.expand(index.shape[:-1] + values.shape[-1:]).gather(-1, index).squeeze(-1)


def log_density(raw: Tensor, u: Tensor, bins: int) -> Tensor:
    """Natural log of the density at ``u`` in [0, 1], [...]; ``raw`` [..., 2 * bins + 1] as in ``density_knots``."""
    return log_density_and_rank(raw, u, bins)[0]


def log_density_and_rank(raw: Tensor, u: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """As ``log_density``, and the probability below ``u``, [...]."""
    width, height, mass = density_knots(raw, bins)
    edge = torch.cumsum(width, dim=-1)
    index = (u.unsqueeze(-1) >= edge[..., :-1]).sum(dim=-1, keepdim=True)  # [..., 1], 0 to bins - 1
    w = _pick(width, index)
    left = _pick(edge, index) - w
    alpha = ((u - left) / w).clamp(0.0, 1.0)
    low = _pick(height, index)
    rise = _pick(height, index + 1) - low
    rank = _pick(torch.cumsum(mass, dim=-1), index) - _pick(mass, index) + w * alpha * (low + 0.5 * alpha * rise)
    return torch.log(low + alpha * rise), rank


def sample_density(raw: Tensor, t: Tensor, bins: int) -> Tensor:
    """The point below which a share ``t`` in (0, 1) of the probability lies, [...]: the inverse cumulative function."""
    width, height, mass = density_knots(raw, bins)
    cumulative = torch.cumsum(mass, dim=-1)
    index = (t.unsqueeze(-1) >= cumulative[..., :-1]).sum(dim=-1, keepdim=True)
    w = _pick(width, index)
    m = _pick(mass, index)
    left = _pick(torch.cumsum(width, dim=-1), index) - w
    rest = (t - (_pick(cumulative, index) - m)).clamp_min(0.0) / w
    low = _pick(height, index)
    slope = _pick(height, index + 1) - low
    # slope/2 a^2 + low a = rest, in the form that loses no digits for a small slope
    alpha = 2.0 * rest / (low + torch.sqrt((low * low + 2.0 * slope * rest).clamp_min(0.0)))
    return (left + alpha.clamp(0.0, 1.0) * w).clamp(0.0, 1.0)
