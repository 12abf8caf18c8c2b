"""From electrons per second to numbers a network likes, without losing the flux scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.physics.surveys import Survey

__all__ = ["Stretch", "noise_scale"]


def noise_scale(survey: Survey) -> NDArray[np.float64]:
    """Standard deviation of an empty pixel of each band, [band] e-/s: sky and read noise of the whole exposure.

    sigma^2 = sky / t + (read_noise / t)^2 for a rate measured over t seconds.
    """
    exposure = np.array([band.exposure for band in survey.bands], dtype=np.float64)
    sky = np.array([band.sky for band in survey.bands], dtype=np.float64)
    read = np.array([band.read_noise for band in survey.bands], dtype=np.float64)
    return np.sqrt(sky / exposure + (read / exposure) ** 2)


class Stretch(nn.Module):
    """asinh(x / softening) / 2, x in units of the noise: linear there, logarithmic in stars; fixed, never per image.

    A normalisation by each image's own brightness would throw the mass away.

    Args:
        scale: the noise of each band, [band] e-/s, all > 0.
        softening: where the stretch turns from linear to logarithmic, in units of the noise, > 0.
    """

    def __init__(self, scale: NDArray[np.float64], softening: float = 1.0) -> None:
        super().__init__()
        self.softening = softening
        self.register_buffer("inverse_scale", torch.as_tensor(1.0 / scale, dtype=torch.float32).view(1, -1, 1, 1))

    def linear(self, images: Tensor) -> Tensor:
        """Images in units of the scale, [n, band, y, x], from e-/s."""
        return images * self.inverse_scale

    def forward(self, images: Tensor) -> Tensor:
        """Stretched images, [n, band, y, x], from e-/s."""
        return torch.asinh(self.linear(images) / self.softening) * 0.5
