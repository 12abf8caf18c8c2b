from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from clustercnn.model.posterior import BinnedPosterior


@pytest.fixture
def posterior():
    """A density with strong structure: large random weights."""
    torch.manual_seed(0)
    module = BinnedPosterior(8, hidden=16, bins=24).double().requires_grad_(requires_grad=False)
    for factor in module.factors:
        factor.out.weight.mul_(20.0)
    return module


def conditional_cdf(posterior, context, u, d, *, n=4001):
    """Cumulative function of label d at u[:, d], given the labels before: by numerical integration."""
    grid = torch.linspace(0, 1, n, dtype=torch.float64)
    result = []
    for row_context, row in zip(context, u, strict=True):
        points = row.repeat(n, 1)
        points[:, d] = grid
        density = torch.exp(partial_log_density(posterior, row_context.repeat(n, 1), points, d)).numpy()
        density /= np.trapezoid(density, grid.numpy())
        below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid.numpy()))])
        result.append(np.interp(float(row[d]), grid.numpy(), below))
    return np.array(result)


def partial_log_density(posterior, context, u, d):
    return posterior.terms(context, u)[0][:, d]


def test_joint_density_integrates_to_one(posterior):
    n = 40_000
    u = torch.as_tensor(np.random.default_rng(1).random((n, 4)))
    context = torch.ones(1, 8, dtype=torch.float64).expand(n, 8)
    density = posterior(context, u).exp()
    # Monte-Carlo mean of n values: five standard errors, estimated from the values themselves
    error = float(density.std()) / math.sqrt(n)
    assert float(density.mean()) == pytest.approx(1.0, abs=5 * error)
    assert error < 0.1  # the check above means something


@pytest.mark.parametrize("d", range(4))
def test_samples_follow_the_log_density(posterior, d):
    context = torch.randn(200, 8, generator=torch.Generator().manual_seed(d), dtype=torch.float64)
    u = posterior.sample(context, 1, 11, 0)[:, 0].double()
    rank = conditional_cdf(posterior, context, u, d)
    # ranks of draws under their own distribution are uniform; p-value of one fixed seed, so this never flickers
    assert stats.kstest(rank, "uniform").pvalue > 0.01


def test_log_density_is_the_sum_of_its_conditionals(posterior):
    context = torch.randn(5, 8, dtype=torch.float64)
    u = torch.as_tensor(np.random.default_rng(2).random((5, 4)))
    parts = sum(partial_log_density(posterior, context, u, d) for d in range(4))
    torch.testing.assert_close(posterior(context, u), parts)


def test_samples_do_not_depend_on_the_batch(posterior):
    context = torch.randn(7, 8, dtype=torch.float64)
    whole = posterior.sample(context, 5, 3, 100)
    parts = torch.cat([posterior.sample(context[:3], 5, 3, 100), posterior.sample(context[3:], 5, 3, 103)])
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)
    assert ((whole >= 0) & (whole <= 1)).all()
    assert not torch.equal(whole, posterior.sample(context, 5, 4, 100))


def test_learns_two_modes_and_a_correlation():
    # label 0 has two narrow modes, label 1 follows label 0, labels 2 and 3 are uniform: the entropy is known
    torch.manual_seed(0)
    module = BinnedPosterior(1, hidden=32, bins=24)
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    rng = np.random.default_rng(0)

    def draw(n):
        mode = np.where(rng.random(n) < 0.3, 0.2, 0.7)
        first = mode + 0.03 * rng.normal(size=n)
        second = 0.2 + 0.5 * first + 0.02 * rng.normal(size=n)
        return torch.as_tensor(np.column_stack([first, second, rng.random((n, 2))]).clip(0, 1), dtype=torch.float32)

    for _ in range(400):
        loss = -module(torch.ones(512, 1), draw(512)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    mixing = -0.3 * math.log(0.3) - 0.7 * math.log(0.7)
    entropy = mixing + sum(0.5 * math.log(2 * math.pi * math.e * s**2) for s in (0.03, 0.02))
    with torch.no_grad():
        nll = float(-module(torch.ones(20_000, 1), draw(20_000)).mean())
    # straight lines over bins that the fit places itself: a few per cent of a nat per label, 0.15 in all
    assert nll == pytest.approx(entropy, abs=0.15)
    with torch.no_grad():
        u = module.sample(torch.ones(1, 1), 20_000, 0, 0)[0]
    # share of the first mode: binomial error sqrt(0.3 * 0.7 / 2e4) = 0.003; the fit's own error is of the order of 0.01
    assert float((u[:, 0] < 0.45).float().mean()) == pytest.approx(0.3, abs=0.03)
