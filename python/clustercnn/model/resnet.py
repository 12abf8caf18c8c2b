"""The trunk: a residual network whose first convolution keeps full resolution.

BatchNorm, not GroupNorm: statistics over one image would divide its own brightness out, and the mass with it. A
stationary simulator feeds large, independent batches, so running statistics equal batch statistics closely; the
averaged weights (EMA) carry averaged statistics too, and in use the normalisation is a fixed affine map.

Normalisation comes before each rectifier and none stands on the skips (He et al. 2016, "Identity mappings in deep
residual networks", arXiv:1603.05027). With a rectifier on the sum of skip and block, as in the first ResNet, a trunk
that was added to finished photometry went silent: all last maps below zero, and no gradient to bring them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from clustercnn.model.settings import ModelSettings

__all__ = ["FromMaps", "ResNet"]


class Block(nn.Module):
    """Two 3x3 convolutions, each after its normalisation, beside a skip connection; stride 2 halves the image."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        # each block starts as its skip: deep trunks train from the first step (arXiv:1706.02677, section 5.1)
        nn.init.zeros_(self.conv2.weight)
        pool = nn.AvgPool2d(2, ceil_mode=True) if stride == 2 else nn.Identity()
        same = stride == 1 and c_in == c_out
        self.skip = nn.Identity() if same else nn.Sequential(pool, nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """[n, c_in, y, x] to [n, c_out, y / stride, x / stride]."""
        y = self.conv1(torch.relu(self.norm1(x)))
        return self.skip(x) + self.conv2(torch.relu(self.norm2(y)))


class ResNet(nn.Module):
    """Images to feature vectors.

    The last maps are pooled twice: their mean, and a mean with learned weights per channel and pixel. The candidate
    sits in the middle of the stamp, so where a feature is matters.

    Args:
        bands: number of bands.
        size: pixels along a side of the image.
        settings: widths, depths and strides.
    """

    def __init__(self, bands: int, size: int, settings: ModelSettings) -> None:
        super().__init__()
        self.stem = nn.Conv2d(bands, settings.stem, 3, padding=1, bias=False)
        blocks: list[nn.Module] = []
        channels = settings.stem
        for width, depth, stride in zip(settings.widths, settings.depths, settings.strides, strict=True):
            for i in range(depth):
                blocks.append(Block(channels, width, stride if i == 0 else 1))
                channels = width
            size = -(-size // stride)
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(channels)
        self.weight = nn.Parameter(torch.randn(channels, size, size) / size**2 + 1.0 / size**2)  # [c, y, x]
        self.length = 2 * channels

    def forward(self, x: Tensor) -> Tensor:
        """Stretched images [n, band, y, x] to features [n, length]."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        x = torch.relu(self.norm(self.blocks(x)))
        return torch.cat([x.mean(dim=(2, 3)), (x * self.weight).sum(dim=(2, 3))], dim=1)


class FromMaps(nn.Module):
    """What the trunk's features add to those of the photometry: nothing at first, so heads learn from photometry first.

    Normalised, then turned down. Without the first, a random trunk is noise that training is quickest rid of by
    silencing its maps; without the second, the optimiser's first steps, which are as long for useless weights as for
    others, cost a finished network 0.5 nats.

    Args:
        length: of the trunk's features.
        context: length of the feature vector.
    """

    def __init__(self, length: int, context: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(length, affine=False)
        self.linear = nn.Linear(length, context, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """[n, length] to [n, context]."""
        return self.linear(0.1 * self.norm(maps))
