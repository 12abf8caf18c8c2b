"""Too little memory for a batch's gradients: its halves, once, and advice after that."""

from __future__ import annotations

import pytest
import torch

from clustercnn.data import Batch
from clustercnn.errors import DeviceMemoryError
from clustercnn.model import ClusterNet, ModelSettings
from clustercnn.training.loop import take_step
from clustercnn.training.losses import LossModule
from clustercnn.training.settings import TrainSettings
from clustercnn.training.state import TrainState

TINY = ModelSettings(stem=4, widths=(8, 8), depths=(1, 1), strides=(2, 2), context=16, hidden=16, bins=24)
SETTINGS = TrainSettings(steps=3, batch_size=8, freeze_statistics=0.0)  # running statistics: halves see the whole's


class Small(LossModule):
    """A device with room for so many images."""

    room = 8

    def forward(self, images, *truth):
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(images, *truth)


def make(fake, room):
    scenes = fake.FakeScenes()
    torch.manual_seed(1)
    state = TrainState(ClusterNet(TINY, scale=[0.01] * 3, bounds=fake.BOUNDS, size=16), SETTINGS)
    module = Small(state.net, bf16=False)
    module.room = room
    batch = Batch.of(scenes.batch(0, 8, seed=1))
    batch.present.fill_(1.0)  # as many clusters in either half, so that means of halves are the whole's
    batch.labels[:] = torch.tensor(fake.BOUNDS).mean(dim=1)
    batch.log_snr.fill_(1.0)
    return state, module, batch


def gradient(state):
    return torch.cat([p.grad.flatten() for p in state.net.parameters() if p.grad is not None])


def test_halves_have_the_gradient_of_the_whole(fake):
    whole, halves = make(fake, 8), make(fake, 4)
    expected = take_step(*whole, settings=SETTINGS, share=0.5)
    with pytest.warns(RuntimeWarning, match="the gradients of 8 images; 4 at once from here on"):
        found = take_step(*halves, settings=SETTINGS, share=0.5)
    # sums of eight terms in single precision, in another order
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient(halves[0]), gradient(whole[0]), rtol=1e-3, atol=1e-5)
    take_step(*halves, settings=SETTINGS, share=0.5)  # and no second warning, which would be an error
    assert halves[0].step == 2


def test_half_a_batch_too_many_ends_with_advice(fake):
    state, module, batch = make(fake, 3)
    advice = r"train\.batch_size: 4 images do not fit .* use a smaller train\.batch_size"
    with pytest.warns(RuntimeWarning, match="4 at once"), pytest.raises(DeviceMemoryError, match=advice):
        take_step(state, module, batch, settings=SETTINGS, share=0.5)
