from __future__ import annotations

import math

import pytest
import torch

from clustercnn.data import Batch
from clustercnn.model import ClusterNet, ModelSettings
from clustercnn.training import TrainSettings
from clustercnn.training.loop import take_step
from clustercnn.training.losses import LossModule, losses
from clustercnn.training.state import TrainState
from clustercnn.training.validate import roc_area

BOUNDS = [[6.5, 10.0], [2.5, 5.5], [0.0, 3.0], [-1.5, -0.3]]


@pytest.fixture
def net():
    torch.manual_seed(0)
    settings = ModelSettings(stem=4, widths=(8,), depths=(1,), strides=(2,), context=8, hidden=8, bins=24)
    return ClusterNet(settings, scale=[0.01], bounds=BOUNDS, size=8)


@pytest.fixture
def truth():
    present = torch.tensor([1.0, 0.0, 1.0, 1.0])
    labels = torch.tensor([[7.0, 3.0, 1.0, -1.0], [math.nan] * 4, [8.0, 4.0, 2.0, -0.5], [7.0, 2.0, 1.0, -1.0]])
    log_snr = torch.tensor([1.0, math.nan, 2.0, 0.5])
    return present, labels, log_snr


def test_each_loss_is_its_formula(net, truth):
    context = torch.randn(4, 8)
    present, labels, log_snr = truth
    with torch.no_grad():
        found = losses(net, context, *truth)
        logit, predicted = net.heads(context)
    assert found[0] == pytest.approx(
        float(torch.nn.functional.softplus(torch.where(present > 0, -logit, logit)).mean())
    )
    # row 1 has no cluster; the mass of row 3 lies below the bounds: both stay out of the posterior's loss
    assert found[1] == pytest.approx(float(-net.log_prob(context[[0, 2]], labels[[0, 2]]).detach().mean()), rel=1e-5)
    distance = (predicted - log_snr)[[0, 2, 3]].abs()
    smooth = torch.where(distance < 0.1, 5 * distance**2, distance - 0.05)
    assert found[2] == pytest.approx(float(smooth.mean()), rel=1e-5)


def test_empty_batches_have_finite_losses_and_gradients(net):
    module = LossModule(net, bf16=True)
    values = module(torch.randn(3, 1, 8, 8), torch.zeros(3), torch.full((3, 4), math.nan), torch.full((3,), math.nan))
    values.sum().backward()
    assert torch.isfinite(values).all()
    assert values[1:].tolist() == [0.0, 0.0]
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_heads_stay_in_float32_under_bf16(net, truth):
    assert LossModule(net, bf16=True)(torch.randn(4, 1, 8, 8), *truth).dtype == torch.float32


def test_roc_area():
    assert roc_area(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0.0, 0.0, 1.0, 1.0])) == pytest.approx(0.75)
    assert roc_area(torch.tensor([3.0, 1.0]), torch.tensor([1.0, 0.0])) == 1.0
    assert math.isnan(roc_area(torch.ones(2), torch.ones(2)))


def test_statistics_are_frozen_in_the_course_of_a_run(net, truth):
    stages = ((0.01, [True, True]), (0.5, [True, False]), (0.7, [False, False]), (0.9, [False, False]))
    check_statistics(net, truth, stages, known=())


def test_statistics_of_a_finished_network_stay_from_the_start(net, truth):
    photometry = [name for name in net.state_dict() if name.startswith("photometry.")]
    check_statistics(net, truth, ((0.0, [True, False]), (0.5, [True, False]), (0.7, [False, False])), known=photometry)
    check_statistics(net, truth, ((0.0, [False, False]),), known=net.state_dict())


def check_statistics(net, truth, stages, *, known):
    settings = TrainSettings(steps=10, batch_size=4, freeze_statistics=0.7)
    state, module = TrainState(net, settings, known=known), LossModule(net, bf16=False).train()
    running = [net.trunk.norm.running_mean, net.photometry.layers[0].running_mean]
    for share, moves in stages:
        before = [one.clone() for one in running]
        take_step(state, module, Batch(torch.randn(4, 1, 8, 8), *truth), settings=settings, share=share)
        assert [not torch.equal(a, b) for a, b in zip(before, running, strict=True)] == moves
