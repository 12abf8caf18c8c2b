"""The dust of the disc: a cloudy screen of log-normal depth, and the lane along a spiral arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.scene.random_maps import RandomMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clustercnn.scene.random_maps import Box, WhiteNoise

__all__ = ["Arm", "DustLayer"]


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

    def distance(self, y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Signed distance of pixels at y [h, 1] and x [1, w] from the arm's ridge, positive outwards, [h, w] pixels."""
        return (np.hypot(x - self.centre[0], y - self.centre[1]) - self.radius).astype(np.float32)


class DustLayer:
    """Optical depth of the dust layer in the middle of the disc, any piece of it at a time.

    Column densities of turbulent gas are log-normal (Vazquez-Semadeni 1994, ApJ 423, 681). The lane lies on the inner
    side of the arm, where gas is compressed first, and breaks up into spurs.

    Args:
        arm: where the lane runs.
        noise: the white noise of each layer by its number; see ``RandomMap``.
        pixel_parsec: parsec per pixel.
    """

    def __init__(self, arm: Arm, noise: Callable[[int], WhiteNoise], *, pixel_parsec: float) -> None:
        scale = 400.0 / pixel_parsec
        self._arm = arm
        self._clouds = RandomMap(noise(0), index=2.8, largest=scale)
        self._warp = RandomMap(noise(1), index=3.5, largest=scale)
        self._spurs = RandomMap(noise(2), index=2.8, largest=scale / 2)

    def clouds(self, box: Box) -> NDArray[np.float32]:
        """Depth away from the lane, relative to an ensemble's mean: log-normal with a sigma of 1 in ln A_V."""
        return np.exp(self._clouds.draw(box) - np.float32(0.5))

    def lane(self, box: Box, distance: NDArray[np.float32]) -> NDArray[np.float32] | float:
        """A_V of the lane along the arm, mag.

        Args:
            box: which pixels.
            distance: of these from the arm's ridge, pixels; see ``Arm.distance``.
        """
        arm = self._arm
        middle = distance + np.float32(0.9 * arm.width)
        # five sigma of the warp reach 1.75 widths; the lane's own profile is down to 1e-12 2.25 widths further out
        if arm.strength == 0 or np.abs(middle).min() > 4.0 * arm.width:
            return 0.0
        across = middle + np.float32(0.35 * arm.width) * self._warp.draw(box)
        lane = np.exp(-0.5 * np.square(across / np.float32(0.3 * arm.width)))
        return (
            np.float32(1.8 * arm.strength) * lane * np.exp(np.float32(0.8) * self._spurs.draw(box) - np.float32(0.32))
        )
