from __future__ import annotations

import numpy as np

from clustercnn.scene.random_maps import Box, RandomMap, WhiteNoise


def noise(seed):
    return WhiteNoise(lambda row, column: np.random.default_rng([seed, row + 1000, column + 1000]))


def test_pieces_fit_together():
    field = RandomMap(noise(1), index=2.8, largest=100.0)
    whole = field.draw(Box(-40, 360, 0, 300))
    piece = field.draw(Box(120, 220, 90, 290))
    # single-precision transforms of a million points: 1e-6 of the field's sigma of 1; 1e-5 leaves room
    np.testing.assert_allclose(piece, whole[160:260, 90:290], atol=1e-5)


def test_the_power_law():
    field = RandomMap(noise(2), index=2.8, largest=400.0).draw(Box(0, 512, 0, 512))
    window = np.outer(np.hanning(512), np.hanning(512))  # the field is not periodic: its edges would leak as k^-2
    power = np.abs(np.fft.rfft2(field * window)) ** 2
    k = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.rfftfreq(512)[None])
    low, high = ((k > a) & (k < 1.1 * a) for a in (0.02, 0.2))
    slope = np.log(power[low].mean() / power[high].mean()) / np.log(10)
    # about 35 and 3500 modes, of which the window makes one in 2.25 independent: exponential power,
    # 1 / sqrt(35 / 2.25) = 25 %, that is 0.11 in the slope; 3 sigma
    assert abs(slope - 2.8) < 0.33


def test_mean_and_variance():
    """Over many coherence lengths: the correlation falls by e in 2 to 3 pixels at largest = 16."""
    field = RandomMap(noise(3), index=2.8, largest=16.0).draw(Box(0, 700, 0, 700))
    # 700^2 pixels over an area of 2 pi 3^2 make 8,700 independent values: mean to 0.011, variance to 1.5 %; 4 sigma
    assert abs(field.mean()) < 0.045
    assert abs(field.var() - 1) < 0.06
