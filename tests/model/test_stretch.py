"""The stretch against its limits: linear for faint pixels, logarithmic for bright ones."""

from __future__ import annotations

import numpy as np
import torch

from clustercnn.model.stretch import Stretch


def test_limits_of_the_stretch():
    stretch = Stretch(np.array([0.01, 0.02]), softening=3.0)
    faint = torch.full((1, 2, 1, 1), 1e-4)
    # asinh(u) = u - u^3/6: at u = 1e-2 / 3 the second term is 2e-6 of the first
    np.testing.assert_allclose(stretch(faint).flatten(), [1e-2 / 6, 5e-3 / 6], rtol=3e-6)
    bright = torch.full((1, 2, 1, 1), 60.0)
    # asinh(u) = log(2u) + 1/(4u^2): at u = 1000 the second term is 3e-8 of the first
    np.testing.assert_allclose(stretch(bright).flatten(), [np.log(4000.0) / 2, np.log(2000.0) / 2], rtol=1e-6)
    np.testing.assert_allclose(stretch.linear(bright).flatten(), [6000.0, 3000.0], rtol=1e-6)
