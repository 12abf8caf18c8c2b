from __future__ import annotations

import numpy as np
import pytest

from clustercnn.evaluation.modes import count_modes, modes_of, multimodal, plane_density

BOUNDS = np.array([[0.0, 10.0], [0.0, 4.0]])


def mixture(rng, centres, *, sigma=(0.3, 0.15), k=1000):
    which = rng.integers(len(centres), size=k)
    return np.asarray(centres)[which] + rng.standard_normal((k, 2)) * sigma


@pytest.mark.parametrize(
    "centres", [[(5, 2)], [(3, 1), (7, 3)], [(2, 1), (5, 3.2), (8, 1)], [(2, 2), (8, 2)], [(5, 1), (5, 3)]]
)
def test_separate_gaussians_are_counted(centres):
    rng = np.random.default_rng(1)
    assert all(count_modes(mixture(rng, centres), BOUNDS) == len(centres) for _ in range(20))


def test_near_ones_are_one():
    """Two equal Gaussians 2 sigma apart have one peak, 6 sigma apart a dip far below 70 %."""
    rng = np.random.default_rng(2)
    assert all(count_modes(mixture(rng, [(5, 2), (5.6, 2)]), BOUNDS) == 1 for _ in range(20))
    assert all(count_modes(mixture(rng, [(5, 2), (6.8, 2)]), BOUNDS) == 2 for _ in range(20))


def test_what_says_nothing_has_one_mode():
    """Draws all over the range, of which chance makes hills: hardly any stands 30 % above the way to the next."""
    rng = np.random.default_rng(3)
    found = [count_modes(rng.uniform(BOUNDS[:, 0], BOUNDS[:, 1], (1000, 2)), BOUNDS) for _ in range(60)]
    # the smoothing leaves some 25 draws under its kernel: hills of 20 % are one sigma, and neighbours' are as likely
    assert np.mean(np.array(found) > 1) < 0.1


def test_a_ridge_is_one_mode():
    """Age and extinction along a line, as a degeneracy is."""
    rng = np.random.default_rng(4)
    t = rng.uniform(0.1, 0.9, 1000)
    draws = np.stack([10 * t, 4 * (1 - t)], axis=1) + 0.05 * rng.standard_normal((1000, 2))
    assert count_modes(draws, BOUNDS) == 1


def test_density_holds_all_draws():
    draws = mixture(np.random.default_rng(5), [(5, 2)])
    density, x, y = plane_density(draws, BOUNDS)
    assert density.shape == (len(x) - 1, len(y) - 1)
    assert density.sum() == pytest.approx(1000)


def test_shares_of_several_modes():
    rng = np.random.default_rng(6)
    one, two = (np.zeros((1000, 4)) for _ in range(2))
    one[:, [0, 2]], two[:, [0, 2]] = mixture(rng, [(5, 2)]), mixture(rng, [(2, 1), (8, 3)])
    one[:, 1] = two[:, 1] = rng.normal(2, 0.1, 1000)
    bounds = BOUNDS[[0, 1, 1, 1]]
    modes = modes_of(np.stack([one, two, two]), np.array([True, True, False]), bounds)
    assert modes.tolist() == [[1, 1], [2, 2], [0, 0]]
    assert multimodal(modes[:2]) == {"log_age/a_v": 0.5, "log_age/log_mass": 0.5}
    assert multimodal(modes[:0]) == {"log_age/a_v": None, "log_age/log_mass": None}
