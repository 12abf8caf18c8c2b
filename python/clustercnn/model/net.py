"""The whole network: electrons per second in; presence, log10 S/N and the features of the joint posterior out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from clustercnn.errors import InvalidInput
from clustercnn.labels import LABEL_NAMES
from clustercnn.model.apertures import Apertures
from clustercnn.model.heads import ScalarHead
from clustercnn.model.photometry import Photometry
from clustercnn.model.posterior import BinnedPosterior
from clustercnn.model.recalibration import Recalibration
from clustercnn.model.resnet import FromMaps, ResNet
from clustercnn.model.stretch import Stretch
from clustercnn.model.uniforms import philox_uniforms

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from clustercnn.model.settings import ModelSettings

__all__ = ["ClusterNet"]


class ClusterNet(nn.Module):
    """Stretch, trunk and heads as one scriptable module; bounds and stretch are buffers and travel with the weights.

    Args:
        settings: trunk, widths and depths.
        scale: the noise of each band, [band] e-/s: the unit of the images' stretch.
        bounds: low and high end of each label in its unit, [4, 2]; the posterior has no mass outside.
        size: pixels along a side of the images.

    Raises:
        InvalidInput: a scale that is not positive, or bounds that are not low < high.
    """

    def __init__(self, settings: ModelSettings, *, scale: ArrayLike, bounds: ArrayLike, size: int) -> None:
        super().__init__()
        scale = np.asarray(scale, dtype=np.float64)
        bounds = np.asarray(bounds, dtype=np.float64)
        if scale.ndim != 1 or not (np.isfinite(scale) & (scale > 0)).all():
            raise InvalidInput(f"scale: {scale}; one positive number of e-/s per band is allowed")
        if bounds.shape != (len(LABEL_NAMES), 2) or not (bounds[:, 0] < bounds[:, 1]).all():
            raise InvalidInput(f"bounds: {bounds.tolist()}; a [4, 2] array of low < high is allowed")
        self.bands = int(scale.size)
        self.size = size
        self.stretch = Stretch(scale, settings.softening)
        self.blind = settings.trunk == "none"
        self.trunk = nn.Identity() if self.blind else ResNet(self.bands, size, settings)
        photometry = Photometry if settings.photometry == "centred" else Apertures
        self.photometry = photometry(self.bands, size, settings)
        self.from_photometry = nn.Linear(self.photometry.length, settings.context)
        self.from_maps = nn.Identity() if self.blind else FromMaps(self.trunk.length, settings.context)
        self.presence = ScalarHead(settings.context, hidden=settings.hidden)
        self.visibility = ScalarHead(settings.context, hidden=settings.hidden, start=1.0)
        self.posterior = BinnedPosterior(settings.context, hidden=settings.hidden, bins=settings.bins)
        self.recalibration = Recalibration(len(LABEL_NAMES))
        self.register_buffer("low", torch.as_tensor(bounds[:, 0], dtype=torch.float32))
        self.register_buffer("width", torch.as_tensor(bounds[:, 1] - bounds[:, 0], dtype=torch.float32))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reads images.

        Args:
            images: [n, band, y, x] e-/s.

        Returns:
            logit of the presence [n], log10 S/N [n], features [n, context]; float32.
        """
        context = self.context(self.maps(images), images)
        presence, log_snr = self.heads(context)
        return presence, log_snr, context

    @torch.jit.export
    def maps(self, images: Tensor) -> Tensor:
        """What the trunk sees, pooled, [n, length]. Training runs this part, and this part only, in bfloat16."""
        if self.blind:
            return torch.zeros_like(images[:, 0, 0, :1])
        return self.trunk(self.stretch(images))

    @torch.jit.export
    def context(self, maps: Tensor, images: Tensor) -> Tensor:
        """The features that the heads read, [n, context], from the pooled maps and photometry of the images."""
        photometry = self.photometry(self.stretch.linear(images))
        return torch.relu(self.from_photometry(photometry) + self.from_maps(maps.float()))

    @torch.jit.export
    def heads(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Logit of the presence [n] and log10 S/N [n] from features [n, context]."""
        return self.presence(context), self.visibility(context)

    @torch.jit.export
    def log_prob(self, context: Tensor, labels: Tensor) -> Tensor:
        """Log of the joint density of labels in their units, nats, [n]; -inf outside the bounds.

        Args:
            context: features [n, context].
            labels: [n, 4].
        """
        u, inside = self.unit(labels)
        density, ranks = self.posterior.log_prob_and_ranks(context, u)
        correction = self.recalibration.log_slope(ranks, self.exponents(context))
        density = density + correction - torch.log(self.width).sum()
        return torch.where(inside, density, torch.full_like(density, -float("inf")))

    def unit(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Labels in their units [n, 4] to the unit cube [n, 4], and whether they are inside the bounds [n].

        NaN is outside. A bound is inside however it rounds: (10.1 - 6.6) / 3.5 is 1 + 1.2e-7 in single precision.
        """
        u = (labels - self.low) / self.width
        # label, low end, difference, width, quotient: each off by 6e-8 of itself, and no label exceeds |low| + width
        rounding = 2.5e-7 * (self.low.abs() / self.width + 1.0)
        return torch.nan_to_num(u).clamp(0.0, 1.0), ((u >= -rounding) & (u <= 1.0 + rounding)).all(dim=-1)

    def exponents(self, context: Tensor) -> Tensor:
        """Of the posterior's recalibration, [n, label, 2]: they hang on the predicted S/N alone."""
        return self.recalibration.exponents(self.visibility(context).detach())

    @torch.jit.export
    def sample(self, context: Tensor, k: int, seed: int, first: int = 0) -> Tensor:
        """``k`` draws of the four labels for each object, [n, k, 4], in their units.

        Args:
            context: features [n, context].
            k: draws per object.
            seed: the draws of object i are a function of (seed, first + i) alone.
            first: index of the first object.
        """
        rows = max(1, 8192 // max(k, 1))  # some MB of bin numbers at a time stay in the cache
        parts: list[Tensor] = []
        for start in range(0, context.shape[0], rows):
            parts.append(self.draw(context[start : start + rows], k, seed, first + start))
        return torch.cat(parts) if len(parts) > 0 else context.new_empty([0, k, len(self.low)])

    def draw(self, context: Tensor, k: int, seed: int, first: int) -> Tensor:
        """As ``sample``, all objects at once."""
        t = philox_uniforms(seed, first, context.shape[0], k, context.device).to(context.dtype)
        u = self.posterior.at_ranks(context, self.recalibration.undo(t, self.exponents(context)))
        return self.low + self.width * u
