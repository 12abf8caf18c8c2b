"""The trunk, and what it adds to the photometry."""

from __future__ import annotations

import pytest
import torch

from clustercnn.model import ModelSettings
from clustercnn.model.resnet import FromMaps, ResNet

SETTINGS = ModelSettings(stem=4, widths=(8, 8), depths=(1, 2), strides=(2, 2))


@pytest.fixture
def trunk():
    torch.manual_seed(0)
    return ResNet(3, 16, SETTINGS)


@pytest.fixture
def images():
    return torch.rand(32, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_maps_below_zero_do_not_silence_the_trunk(trunk, images):
    """Sums of skip and block that all lie far below zero: a rectifier on them would let nothing through, nor back."""
    with torch.no_grad():
        for weight in (trunk.stem.weight, trunk.blocks[0].skip[1].weight):
            weight.abs_()
        trunk.blocks[1].skip[1].weight.abs_().mul_(-10.0)
    sums = []
    trunk.norm.register_forward_pre_hook(lambda _, inputs: sums.append(inputs[0].detach()))
    pooled = trunk(images)
    assert (sums[0] < 0).all()
    assert (pooled.std(dim=0) > 0.01).all()
    pooled.square().sum().backward()
    assert trunk.stem.weight.grad.abs().max() > 0


def test_blocks_start_as_their_skips(trunk, images):
    x = trunk.stem(images)
    for block in trunk.blocks:
        assert torch.equal(block(x), block.skip(x))
        x = block(x)
    assert x.shape == (32, 8, 4, 4)


def test_the_trunk_adds_nothing_at_first_but_learns(trunk, images):
    add = FromMaps(trunk.length, 5)
    found = add(trunk(images))
    assert torch.equal(found, torch.zeros(32, 5))
    found[:, 0].dot(torch.arange(32.0)).backward()
    assert (add.linear.weight.grad[0].abs() > 0).all()


def test_features_cannot_be_made_quiet():
    """Their scale and level drop out, so turning them down wins nothing.

    But for the statistics' epsilon of 1e-5, so features are large here. Values of up to 6,000 round by 2.4e-4, 5e-7 of
    their spread of 500; a tenth of it through six weights below 3 is 1e-6.
    """
    torch.manual_seed(0)
    add, maps = FromMaps(6, 5), 1000.0 * torch.randn(64, 6)
    torch.nn.init.normal_(add.linear.weight)
    torch.testing.assert_close(add(maps), add(0.5 * maps - 3000.0), rtol=0.0, atol=1e-6)
