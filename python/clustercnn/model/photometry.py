"""Photometry of the object in the middle, beside the trunk: what is known about reading fluxes need not be learned.

Age and extinction hang on colours good to a per cent, which a trunk in bfloat16 rounds away (0.4 % in every layer), and
which a network finds late: fluxes of neighbouring bands and apertures are almost the same number. So apertures lie
about the measured centre, in float32, and their *differences* (colours, curves of growth) go to layers of their own.
Measured on 1.2e5 mocks of m83, seen six times by the layers and heads alone: 3.1 nats below the prior from fluxes in
fixed apertures, 3.4 from their differences, 3.6 with all that is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from clustercnn.model.settings import ModelSettings

__all__ = ["Photometry", "contrasts", "layers", "sky_ring"]

_SIGMAS = (1.0, 1.6, 2.5, 4.0, 6.0, 9.0)  # pixels: of the Gaussian apertures
_SKY = (0.3, 0.47)  # of the image's side: radii of the annulus whose mean is the local background
_WINDOW = 3.0  # pixels: sigma of the window within which the centre is sought
_REACH = 3.0  # pixels: how far from the middle it may be found
_FAINT = 60.0  # units of a pixel's noise, compressed: with less light in the window, noise would lead the centre astray
_SEEN = 16  # pixels: half a side of the part in which the centre is sought; its window has fallen to exp(-9) there
_SMOOTH = 5  # pixels: what varies on less than this is structure, stars above all


def sky_ring(size: int) -> tuple[Tensor, Tensor]:
    """Squared distances from the middle, pixels^2, and the weights of the background's annulus; both [y, x]."""
    axis = _axis(size)
    r2 = axis[:, None] ** 2 + axis[None, :] ** 2
    ring = ((r2 > (_SKY[0] * size) ** 2) & (r2 < (_SKY[1] * size) ** 2)).float()
    return r2, ring / ring.sum()


def _axis(size: int) -> Tensor:
    return torch.arange(size, dtype=torch.float32) - (size - 1) / 2


def contrasts(values: Tensor) -> Tensor:
    """Mean over bands, and differences of neighbouring bands (colours, if the values are asinh of fluxes).

    As many numbers as before, [n, band, k] to [n, band * k], but each of them varies on a scale of its own.
    """
    return torch.cat([values.mean(dim=1, keepdim=True), values[:, 1:] - values[:, :-1]], dim=1).flatten(1)


def layers(length: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Normalisation of ``length`` numbers and the layers that read them."""
    parts: list[nn.Module] = [nn.BatchNorm1d(length)]
    for width in widths:
        parts += [nn.Linear(length, width), nn.ReLU()]
        length = width
    return nn.Sequential(*parts)


class Photometry(nn.Module):
    """Fluxes in Gaussian apertures about the middle and the object's own centre, sky and structure, through layers.

    Fluxes are above the local sky, in units of the noise of an empty aperture, and enter as their asinh: a magnitude
    for bright objects, and finite for fluxes below zero. Structure is |image - its mean over 5 x 5 pixels| in the same
    apertures: resolved stars give themselves away. Nothing before the layers is learned.

    Args:
        bands: number of bands.
        size: pixels along a side of the image.
        settings: widths of the layers.
    """

    def __init__(self, bands: int, size: int, settings: ModelSettings) -> None:
        super().__init__()
        self.register_buffer("axis", _axis(size))
        self.register_buffer("inverse_sigmas", 1.0 / torch.tensor(_SIGMAS).view(1, -1, 1))
        self.register_buffer("ring", sky_ring(size)[1].flatten())
        near = ((self.axis[:, None] - self.axis).abs() <= _SMOOTH // 2).float()
        self.register_buffer("box", near / near.sum(dim=1, keepdim=True))  # [y, y]: a running mean, as a matrix
        # as attributes, since TorchScript knows no numbers of the module
        self.window, self.reach, self.faint = _WINDOW, _REACH, _FAINT
        self.edge = max(0, size // 2 - _SEEN)
        # both fluxes and their growth, structure; sky and peak; the centre
        self.layers = layers(bands * (5 * len(_SIGMAS) - 2 + 2) + 2, settings.layers)
        self.length = settings.layers[-1]

    def forward(self, images: Tensor) -> Tensor:
        """Features [n, length] from images in units of the noise, [n, band, y, x], float32."""
        return self.layers(self.measure(images))

    def measure(self, images: Tensor) -> Tensor:
        """What the layers read, [n, number]."""
        sky = torch.matmul(images.flatten(2), self.ring)  # [n, band]
        images = images - sky[:, :, None, None]
        centre = self.centre(images)
        middle = torch.asinh(self.fluxes(images, torch.zeros_like(centre)))
        fluxes, structure = self.about(images, centre).chunk(2, dim=1)
        single = torch.asinh(torch.stack([sky, images.amax(dim=(2, 3))], dim=2))
        growth = [(f[..., 1:] - f[..., :-1]).flatten(1) for f in (middle, fluxes)]
        parts = [contrasts(middle), contrasts(fluxes), structure.flatten(1), single.flatten(1), centre]
        return torch.cat(parts + growth, dim=1)

    def about(self, images: Tensor, centre: Tensor) -> Tensor:
        """Fluxes about ``centre`` [n, 2] and then structure, as asinh, [n, 2 * band, aperture], above the sky."""
        smooth = torch.matmul(torch.matmul(self.box, images), self.box.T)
        return torch.asinh(self.fluxes(torch.cat([images, (images - smooth).abs()], dim=1), centre))

    def fluxes(self, images: Tensor, centre: Tensor) -> Tensor:
        """Fluxes within Gaussians about ``centre`` [n, 2] over their noise, [n, band, aperture], of [n, band, y, x]."""
        ys, xs = self.gaussians(centre[:, :1]), self.gaussians(centre[:, 1:])  # [n, aperture, pixel]
        rows = torch.matmul(ys.unsqueeze(1), images)  # [n, band, aperture, x]
        return (rows * xs.unsqueeze(1)).sum(dim=3)

    def gaussians(self, at: Tensor) -> Tensor:
        """One factor of each aperture, [n, aperture, pixel], its squares summing to one; ``at`` [n, 1] in pixels."""
        shape = torch.exp(-0.5 * ((self.axis - at).unsqueeze(1) * self.inverse_sigmas).square())
        return shape * shape.square().sum(dim=2, keepdim=True).rsqrt()

    def centre(self, images: Tensor) -> Tensor:
        """Where the light within a window is centred, (y, x) pixels from the middle, [n, 2]; images are above the sky.

        The first moment of Gaussian times Gaussian is half-way between the two: each round goes twice as far. Light is
        compressed first, so that one star does not take the centre with it.
        """
        last = images.shape[3] - self.edge
        light = torch.asinh(images[:, :, self.edge : last, self.edge : last]).sum(dim=1)
        axis = self.axis[self.edge : last]
        found = torch.zeros_like(light[:, 0, :2])
        for _ in range(3):
            off = axis - found.unsqueeze(2)  # [n, 2, pixel]
            window = torch.exp(-0.5 * (off / self.window).square())
            lines = torch.matmul(light, window[:, 1].unsqueeze(2)).squeeze(2) * window[:, 0]  # [n, y]
            columns = torch.matmul(window[:, 0].unsqueeze(1), light).squeeze(1) * window[:, 1]  # [n, x]
            moment = torch.stack([(lines * off[:, 0]).sum(dim=1), (columns * off[:, 1]).sum(dim=1)], dim=1)
            step = 2.0 * moment / lines.sum(dim=1, keepdim=True).clamp_min(self.faint)
            found = (found + step).clamp(-self.reach, self.reach)
        return found
