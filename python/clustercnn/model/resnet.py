"""The trunk: a residual network whose first convolution keeps full resolution.

BatchNorm, not GroupNorm: statistics over one image would divide its own brightness out, and the mass with it. A
stationary simulator feeds large, independent batches, so running statistics equal batch statistics closely; the
averaged weights (EMA) carry averaged statistics too, and in use the normalisation is a fixed affine map.
Reference: He et al. 2016, "Deep residual learning for image recognition", arXiv:1512.03385.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from clustercnn.model.settings import ModelSettings

__all__ = ["ResNet"]


class Block(nn.Module):
    """Two 3x3 convolutions beside a skip connection; stride 2 halves the image."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        # each block starts as its skip: deep trunks train from the first step (arXiv:1706.02677, section 5.1)
        nn.init.zeros_(self.norm2.weight)
        pool = nn.AvgPool2d(2, ceil_mode=True) if stride == 2 else nn.Identity()
        same = stride == 1 and c_in == c_out
        self.skip = nn.Identity() if same else nn.Sequential(pool, nn.Conv2d(c_in, c_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[n, c_in, y, x] to [n, c_out, y / stride, x / stride]."""
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.skip(x) + self.norm2(self.conv2(y)))


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
        self.norm = nn.BatchNorm2d(settings.stem)
        blocks: list[nn.Module] = []
        channels = settings.stem
        for width, depth, stride in zip(settings.widths, settings.depths, settings.strides, strict=True):
            for i in range(depth):
                blocks.append(Block(channels, width, stride if i == 0 else 1))
                channels = width
            size = -(-size // stride)
        self.blocks = nn.Sequential(*blocks)
        self.weight = nn.Parameter(torch.randn(channels, size, size) / size**2 + 1.0 / size**2)  # [c, y, x]
        self.length = 2 * channels

    def forward(self, x: Tensor) -> Tensor:
        """Stretched images [n, band, y, x] to features [n, length]."""
        x = torch.relu(self.norm(self.stem(x.contiguous(memory_format=torch.channels_last))))
        x = self.blocks(x)
        return torch.cat([x.mean(dim=(2, 3)), (x * self.weight).sum(dim=(2, 3))], dim=1)
