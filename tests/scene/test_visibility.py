from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.scene import snr
from clustercnn.scene.visibility import structure_variance


def gaussian(size: int, sigma: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)


def test_gaussian_on_even_noise_follows_the_closed_form():
    # sum s^2 = F^2 / (4 pi sigma^2); sampling adds exp(-4 pi^2 sigma^2) = 1e-69 for sigma = 2, float32 about 1e-7
    flux, noise, sigma = np.array([3.0, 5.0]), np.array([0.1, 0.2]), 2.0
    signal = (flux[None, :, None, None] * gaussian(48, sigma)).astype(np.float32)
    variance = np.broadcast_to((noise**2)[None, :, None, None], signal.shape).astype(np.float32)
    per_band, total = snr(signal, variance)
    expected = flux / (2 * sigma * np.sqrt(np.pi) * noise)
    np.testing.assert_allclose(per_band[0], expected, rtol=1e-6)
    np.testing.assert_allclose(total, np.hypot(*expected), rtol=1e-6)


def test_it_is_the_scatter_of_a_matched_filter():
    rng = np.random.default_rng(1)
    signal = (10 * gaussian(24, 1.5)[None, None]).astype(np.float32)
    variance = rng.uniform(0.5, 2.0, signal.shape).astype(np.float32)
    weights = signal / variance
    amplitudes = [
        float((weights * (signal + np.sqrt(variance) * rng.standard_normal(signal.shape))).sum()) for _ in range(4000)
    ]
    # 4000 draws know the S/N, mean over scatter, to 1.1 % (1 / sqrt(8000)) and
    # to 1 / sqrt(4000) absolute: 5 sigma of both
    measured = np.mean(amplitudes) / np.std(amplitudes)
    expected = float(snr(signal, variance)[1][0])
    assert abs(measured - expected) < 5 * (expected / np.sqrt(8000) + 1 / np.sqrt(4000))


def test_one_variance_serves_all_images():
    signal = np.ones((3, 2, 4, 4), np.float32)
    per_band, total = snr(signal, np.full((1, 2, 1, 1), 4.0, np.float32))
    np.testing.assert_allclose(per_band, np.full((3, 2), 2.0))
    np.testing.assert_allclose(total, np.full(3, np.sqrt(8.0)))


@pytest.mark.parametrize(
    ("signal", "variance", "message"),
    [
        (np.ones((3, 4, 4)), np.ones((1, 3, 4, 4)), r"signal: shape \(3, 4, 4\); \[n, band, y, x\]"),
        (np.ones((2, 1, 4, 4)), np.ones((3, 1, 4, 4)), r"variance: shape \(3, 1, 4, 4\); \(2, 1, 4, 4\) or 1"),
        (np.ones((1, 1, 4, 4)), np.zeros((1, 1, 4, 4)), "variance: smallest value 0; values > 0"),
    ],
)
def test_bad_arrays_are_refused(signal, variance, message):
    with pytest.raises(InvalidInput, match=message):
        snr(signal, variance)


def test_structure_variance_of_noise_ignores_one_bright_star():
    rng = np.random.default_rng(2)
    images = rng.normal(3.0, 0.5, (20, 2, 64, 64)).astype(np.float32)
    images[:, :, 10:13, 10:13] += 100.0
    median, variance = structure_variance(images)
    # 40 stamps of 1024 used pixels: a variance to sqrt(2 / 40960) = 0.7 %; the star takes 4 of the 20 pixels above the
    # cut, which moves it from 2.05 to 2.15 sigma and the variance by 1 %; 4 standard errors beside that
    assert abs(np.mean(variance) / 0.25 - 1) < 0.04
    assert abs(np.mean(median) - 3.0) < 0.02


def test_structure_variance_counts_gradients_and_many_stars():
    y, x = np.mgrid[:64, :64]
    slope = np.broadcast_to((0.1 * x).astype(np.float32), (1, 1, 64, 64))
    # a ramp over 64 columns of step 0.1: 0.01 * 64^2 / 12; the cut takes the last 2 % of the range, 1 % of the variance
    assert abs(structure_variance(slope)[1][0, 0] / (0.01 * 64**2 / 12) - 1) < 0.05
    stars = (((x // 2) % 4 == 0) & ((y // 2) % 4 == 0)).astype(np.float32)[None, None]
    share = stars[0, 0, ::2, ::2].mean()
    assert abs(structure_variance(stars)[1][0, 0] / (share * (1 - share)) * 0.9648651 - 1) < 1e-5
