"""Aperture photometry alone, as catalogues have it: the baseline that shows what a cluster's pixels tell beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clustercnn.model.photometry import contrasts, layers, sky_ring

if TYPE_CHECKING:
    from clustercnn.model.settings import ModelSettings

__all__ = ["Apertures"]

_RADII = (1.0, 3.0, 8.0)  # pixels: the concentration index is that of the first two, the flux that of the last


class Apertures(nn.Module):
    """Fluxes, colours, concentration indices and sky, through layers.

    The concentration index is asinh(S/N within 1 pixel) - asinh(S/N within 3): a difference of magnitudes for bright
    objects, and finite for fluxes below zero.

    Args:
        bands: number of bands.
        size: pixels along a side of the image.
        settings: widths of the layers.
    """

    def __init__(self, bands: int, size: int, settings: ModelSettings) -> None:
        super().__init__()
        r2, ring = sky_ring(size)
        discs = torch.stack([(r2 <= radius**2).float() for radius in _RADII])
        pixels = discs.sum(dim=(1, 2), keepdim=True)
        shapes = torch.cat([(discs - pixels * ring) / pixels.sqrt(), ring[None]])  # flux over the noise of an empty sky
        self.register_buffer("shapes", shapes.flatten(1).T.contiguous())  # [y * x, aperture]
        self.layers = layers(4 * bands, settings.layers)
        self.length = settings.layers[-1]

    def forward(self, images: Tensor) -> Tensor:
        """Features [n, length] from images in units of the noise, [n, band, y, x], float32."""
        core, inner, whole, sky = torch.asinh(torch.matmul(images.flatten(2), self.shapes)).unbind(dim=2)
        fluxes = contrasts(torch.stack([whole, inner], dim=2))
        return self.layers(torch.cat([fluxes, core - inner, sky], dim=1))
