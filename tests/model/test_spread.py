"""The Cauchy distribution below the bins, against SciPy's and its own inverse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from clustercnn.model.spread import cauchy, gather, spread

RAW = [(0.0, 0.0), (0.1, -1.5), (-0.16, -0.7), (0.2, 0.5), (0.0, 1.0)]


@pytest.mark.parametrize("raw", RAW)
def test_it_is_a_truncated_cauchy_distribution(raw):
    base = cauchy(torch.tensor(raw, dtype=torch.float64))
    centre, width = float(base[0]), float(base[1])
    u = np.linspace(0.0, 1.0, 101)
    share, log_slope = spread(torch.as_tensor(u), base)
    whole = stats.cauchy(centre, width)
    inside = whole.cdf(1.0) - whole.cdf(0.0)
    # double precision: the rounding of differences of angles
    np.testing.assert_allclose(share, (whole.cdf(u) - whole.cdf(0.0)) / inside, atol=1e-12)
    np.testing.assert_allclose(log_slope.exp(), whole.pdf(u) / inside, rtol=1e-10)


@pytest.mark.parametrize("raw", RAW)
def test_gather_undoes_spread(raw):
    base = cauchy(torch.tensor(raw))
    u = torch.linspace(0.0, 1.0, 1001)
    # an angle's rounding of 1e-7 grows by width * (1 + z^2) <= width + 1 / width: 90 for the narrowest one here
    torch.testing.assert_close(gather(spread(u, base)[0], base), u, atol=1e-5, rtol=0.0)


def test_far_out_raw_numbers_stay_finite_and_inside():
    for numbers in ((1e4, -1e4), (-1e4, -1e4), (1e4, 1e4)):
        raw = torch.tensor(numbers, requires_grad=True)
        share, log_slope = spread(torch.linspace(0.0, 1.0, 11), cauchy(raw))
        assert torch.isfinite(log_slope).all()
        assert torch.isfinite(torch.autograd.grad(log_slope.sum() + share.sum(), raw)[0]).all()
        assert ((share >= 0) & (share <= 1)).all()
        assert (share.diff() >= 0).all()
