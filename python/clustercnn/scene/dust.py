"""The dust of the disc: a cloudy screen of log-normal depth, and the lane along a spiral arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Arm", "dust_screen", "random_field"]


@dataclass(frozen=True)
class Arm:
    """A piece of spiral arm: the arc of a circle, as seen in a small field.

    Args:
        centre: (x, y) of the circle in pixels.
        radius: of the circle in pixels.
        strength: 0 (no arm) to 1.
        width: sigma of the young stars across the arm, pixels.
    """

    centre: tuple[float, float]
    radius: float
    strength: float
    width: float

    @classmethod
    def random(cls, rng: np.random.Generator, size: int, *, pixel_parsec: float) -> Arm:
        """An arm that crosses the field, 100 to 250 pc wide, of random strength; one field in four has none."""
        angle = rng.uniform(0, 2 * np.pi)
        radius = rng.uniform(1.5, 4.0) * size
        offset = radius + rng.uniform(-0.3, 0.3) * size  # distance of the arm from the middle of the field
        centre = (size / 2 + offset * np.cos(angle), size / 2 + offset * np.sin(angle))
        strength = max(0.0, rng.uniform(-1 / 3, 1.0))
        return cls(centre, radius, strength, rng.uniform(100.0, 250.0) / pixel_parsec)

    def distance(self, size: int) -> NDArray[np.float32]:
        """Signed distance of each pixel [y, x] from the arm's ridge, positive outwards, in pixels."""
        y, x = np.ogrid[:size, :size]
        return (np.hypot(x - self.centre[0], y - self.centre[1]) - self.radius).astype(np.float32)


def random_field(rng: np.random.Generator, size: int, *, index: float, largest: float) -> NDArray[np.float32]:
    """A Gaussian random field [size, size] of mean 0 and variance 1 with power spectrum k^-index.

    Args:
        rng: source of the random numbers.
        size: pixels on a side.
        index: slope of the power spectrum; 2.8 fits H I and dust of nearby discs on these scales
            (Elmegreen, Kim & Staveley-Smith 2001, ApJ 548, 749).
        largest: the power is flat on scales larger than this, pixels.
    """
    white = rng.standard_normal((size, size), dtype=np.float32)
    ky, kx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    amplitude = (ky**2 + kx**2 + largest**-2.0) ** (-index / 4)
    amplitude[0, 0] = 0.0
    field = fft.irfft2(fft.rfft2(white) * amplitude.astype(np.float32), s=white.shape)
    return (field / field.std()).astype(np.float32)


def dust_screen(
    rng: np.random.Generator, size: int, *, arm: Arm, mean: float, pixel_parsec: float
) -> NDArray[np.float32]:
    """Optical depth of the dust layer in the middle of the disc, A_V [y, x] in mag.

    Column densities of turbulent gas are log-normal (Vazquez-Semadeni 1994, ApJ 423, 681). The lane lies on the inner
    side of the arm, where gas is compressed first, and breaks up into spurs.

    Args:
        rng: source of the random numbers.
        size: pixels on a side.
        arm: where the lane runs.
        mean: A_V away from the lane, mag.
        pixel_parsec: parsec per pixel.
    """
    scale = 400.0 / pixel_parsec
    clouds = random_field(rng, size, index=2.8, largest=scale)
    a_v = mean * np.exp(1.0 * clouds - 0.5)
    if arm.strength > 0:
        warp = random_field(rng, size, index=3.5, largest=scale)
        across = arm.distance(size) + 0.9 * arm.width + 0.35 * arm.width * warp
        lane = np.exp(-0.5 * np.square(across / (0.3 * arm.width)))
        spurs = random_field(rng, size, index=2.8, largest=scale / 2)
        a_v += 1.8 * arm.strength * lane * np.exp(0.8 * spurs - 0.32)
    return a_v.astype(np.float32)
