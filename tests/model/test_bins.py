from __future__ import annotations

import numpy as np
import pytest
import torch

from clustercnn.model.bins import density_knots, log_density, sample_density

BINS = 32


@pytest.fixture(params=[0.0, 1.0, 8.0], ids=["uniform", "gentle", "spiky"])
def raw(request):
    generator = torch.Generator().manual_seed(3)
    return request.param * torch.randn(20, 2 * BINS + 1, generator=generator, dtype=torch.float64)


def dense_cdf(raw):
    """Knots and cumulative function of each row by the trapezoid rule, which is exact for straight lines."""
    width, height, _ = (t.numpy() for t in density_knots(raw, BINS))
    x = np.concatenate([np.zeros((len(width), 1)), np.cumsum(width, axis=1)], axis=1)
    cdf = np.concatenate(
        [np.zeros((len(width), 1)), np.cumsum(width * (height[:, 1:] + height[:, :-1]) / 2, axis=1)], axis=1
    )
    return x, height, cdf


def test_density_is_normalised_and_never_zero(raw):
    x, height, cdf = dense_cdf(raw)
    # float64: 64 additions of rounding 1e-16
    np.testing.assert_allclose(cdf[:, -1], 1.0, atol=1e-13)
    np.testing.assert_allclose(x[:, -1], 1.0, atol=1e-13)
    assert (height >= 1e-4 * (1 - 1e-14)).all()  # 64 additions, as above


def test_log_density_is_a_straight_line_between_the_knots(raw):
    x, height, _ = dense_cdf(raw)
    u = np.random.default_rng(0).random((len(x), 1))
    expected = [np.interp(u[i], x[i], height[i]) for i in range(len(x))]
    found = log_density(raw, torch.as_tensor(u[:, 0]), BINS).exp().numpy()
    # edges are good to 1e-15, so a place within a bin of 1e-3 to 1e-12; lines rise 71-fold at the most here
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-10)


def test_sample_inverts_the_cumulative_function(raw):
    x, height, cdf = dense_cdf(raw)
    t = np.linspace(1e-6, 1 - 1e-6, len(x))
    u = sample_density(raw, torch.as_tensor(t)[:, None], BINS)[:, 0].numpy()
    for i in range(len(x)):
        k = min(np.searchsorted(x[i], u[i], side="right") - 1, BINS - 1)
        inside = u[i] - x[i, k]
        slope = (height[i, k + 1] - height[i, k]) / (x[i, k + 1] - x[i, k])
        # the closed form loses no more than a few roundings of the bin's probability
        assert cdf[i, k] + height[i, k] * inside + slope * inside**2 / 2 == pytest.approx(t[i], abs=1e-12)


def test_one_density_serves_many_points(raw):
    t = torch.rand(len(raw), 7, generator=torch.Generator().manual_seed(5), dtype=raw.dtype)
    one_by_one = torch.cat([sample_density(raw, t[:, k : k + 1], BINS) for k in range(7)], dim=1)
    torch.testing.assert_close(sample_density(raw, t, BINS), one_by_one, rtol=0.0, atol=0.0)


def test_edges_belong_to_the_density():
    raw = torch.randn(1, 2 * BINS + 1, generator=torch.Generator().manual_seed(0))
    _, height, _ = density_knots(raw, BINS)
    ends = torch.cat([log_density(raw, torch.tensor([v]), BINS) for v in (0.0, 1.0)]).exp()
    # float32: 32 additions put the last edge 2e-6 off, 1e-4 of a bin's width
    torch.testing.assert_close(ends, height[0, [0, -1]], rtol=1e-4, atol=1e-6)


def test_gradients_are_finite_where_the_density_is_extreme():
    raw = (100.0 * torch.randn(50, 2 * BINS + 1, generator=torch.Generator().manual_seed(1))).requires_grad_()
    log_density(raw, torch.linspace(0, 1, 50), BINS).sum().backward()
    assert torch.isfinite(raw.grad).all()
