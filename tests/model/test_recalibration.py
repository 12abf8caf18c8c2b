"""The last correction of calibration: exact as a map, and found again from ranks that are wrong in a known way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from clustercnn.model import ClusterNet, ModelSettings
from clustercnn.model.recalibration import Recalibration
from clustercnn.training.recalibrate import fit_coefficients

SETTINGS = ModelSettings(trunk="none", layers=(8,), context=8, hidden=8, bins=24)
BOUNDS = [[6.6, 10.1], [2.5, 5.7], [0.0, 3.5], [-1.6, -0.2]]


@pytest.fixture
def bent():
    module = Recalibration(2).double()
    module.coefficients[:, :, 0] = torch.tensor([[0.3, 0.4], [-0.2, 0.1]])
    module.coefficients[:, :, 1] = torch.tensor([[0.1, 0.0], [0.2, -0.1]])
    return module


def test_it_is_kumaraswamys_distribution(bent):
    log_snr, t = torch.tensor([0.5, 2.5]).double(), torch.tensor([[0.2, 0.7], [0.01, 0.99]]).double()
    exponents = bent.exponents(log_snr)
    a, b = exponents[..., 0], exponents[..., 1]
    assert a[1, 0].item() == pytest.approx(np.exp(0.3 + 0.1))
    # density a b t^(a-1) (1 - t^a)^(b-1), cumulative function 1 - (1 - t^a)^b; double precision
    density = (a * b * t ** (a - 1) * (1 - t**a) ** (b - 1)).log().sum(dim=1)
    torch.testing.assert_close(bent.log_slope(t, exponents), density, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(bent.undo((1 - (1 - t**a) ** b)[:, None], exponents)[:, 0], t, rtol=1e-10, atol=1e-12)


def test_untouched_it_changes_nothing():
    module, t = Recalibration(4), torch.rand(5, 9, 4, generator=torch.Generator().manual_seed(0))
    exponents = module.exponents(torch.linspace(-1.0, 4.0, 5))
    # float32: a rounding of exp and log each
    torch.testing.assert_close(module.undo(t, exponents), t, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(module.log_slope(t[:, 0], exponents), torch.zeros(5), rtol=0.0, atol=1e-6)


def test_the_fit_finds_a_known_error():
    """Normal posteriors 1.4 times too wide at low S/N, right at high, and one shifted: ranks come out uniform."""
    rng = np.random.default_rng(0)
    log_snr = rng.uniform(0.0, 3.0, 20_000)
    z = rng.normal(size=(20_000, 2))
    narrow = 1.0 / np.where(log_snr < 3.0, 1.4 - 0.4 * log_snr / 3.0, 1.0)
    ranks = torch.as_tensor(np.column_stack([stats.norm.cdf(z[:, 0] * narrow), stats.norm.cdf(z[:, 1] + 0.2)]))
    module, log_snr = Recalibration(2).double(), torch.as_tensor(log_snr)
    # a normal distribution 1 / 1.4 as wide holds log 1.4 - (1 - 1.4^-2) / 2 = 0.09 nats more, here on average 0.03; the
    # shift by 0.2 widths is worth 0.2^2 / 2 = 0.02: Kumaraswamy's family has most of both
    assert 0.03 < fit_coefficients(module, ranks, log_snr) < 0.06
    exponents = module.exponents(log_snr)
    mapped = 1 - (1 - ranks ** exponents[..., 0]) ** exponents[..., 1]
    for low, high in ((0.0, 1.0), (1.0, 2.0), (2.0, 3.0)):
        part = mapped[(log_snr >= low) & (log_snr < high)].numpy()
        for d in range(2):
            # Kolmogorov-Smirnov: chance is 1.36 / sqrt(6700) = 0.017 at 5 %; the family adds its own small misfit
            assert stats.kstest(part[:, d], "uniform").statistic < 0.03
    before = ranks[(log_snr < 1.0)].numpy()
    assert stats.kstest(before[:, 0], "uniform").statistic > 0.05


def test_a_corrected_network_stays_exact():
    """Density and draws agree after the correction, and the density still integrates to one."""
    torch.manual_seed(0)
    net = ClusterNet(SETTINGS, scale=[0.01] * 3, bounds=BOUNDS, size=16).eval().requires_grad_(requires_grad=False)
    for factor in net.posterior.factors:
        factor.out.weight.mul_(10.0)
    net.recalibration.coefficients[..., 0] = torch.tensor([[0.3, 0.1], [-0.2, 0.2], [0.1, 0.5], [0.2, 0.2]])
    low, high = torch.tensor(BOUNDS).T
    context = torch.randn(1, 8).relu()
    n = 40_000
    u = low + (high - low) * torch.rand(n, 4, generator=torch.Generator().manual_seed(1))
    density = net.log_prob(context.expand(n, 8), u).exp() * (high - low).prod()
    error = float(density.std()) / n**0.5
    assert float(density.mean()) == pytest.approx(1.0, abs=5 * error)  # five standard errors of the Monte-Carlo sum
    assert error < 0.05
    draws = net.sample(context, n, 0)[0]
    # the mean of 1 / density over draws is the volume: five standard errors again
    inverse = (-net.log_prob(context.expand(n, 8), draws)).exp() / (high - low).prod()
    assert float(inverse.mean()) == pytest.approx(1.0, abs=5 * float(inverse.std()) / n**0.5)
