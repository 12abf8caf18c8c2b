"""A finished network as the start of another run."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from clustercnn.data import Batch
from clustercnn.errors import InvalidInput
from clustercnn.model import ClusterNet, ModelSettings
from clustercnn.training import RunSettings, Start, TrackerSettings, TrainSettings, fit
from clustercnn.training.loop import take_step
from clustercnn.training.losses import LossModule
from clustercnn.training.start import take_weights
from clustercnn.training.state import TrainState

BLIND = ModelSettings(trunk="none", stem=4, widths=(8,), depths=(1,), strides=(2,), layers=(8,), context=8, hidden=8)
SEEING = replace(BLIND, trunk="resnet")
BOUNDS = [[6.6, 10.1], [2.5, 5.7], [0.0, 3.5], [-1.6, -0.2]]


def make(settings=SEEING, *, seed=0, bounds=BOUNDS):
    torch.manual_seed(seed)
    return ClusterNet(settings, scale=[0.01] * 3, bounds=bounds, size=16).eval()


def start(net):
    return Start("model.ts", net.state_dict(), {"sha256": "0" * 64, "images": 7})


def test_a_trunk_is_added_to_what_is_known():
    blind, seeing = make(BLIND), make(seed=1)
    images = 0.1 * torch.randn(3, 3, 16, 16)
    assert take_weights(seeing, start(blind)) == ["from_maps", "trunk"]
    for a, b in zip(blind(images), seeing(images), strict=True):  # the trunk is silent at first
        assert torch.equal(a, b)
    seeing.train()(images)[2].sum().backward()
    assert seeing.from_maps.linear.weight.grad.abs().max() > 0  # but it can learn to speak


def test_a_trunk_of_another_network():
    first, other, net = make(seed=1), make(seed=2), make(seed=3)
    other.from_maps.norm.running_mean.fill_(0.5)
    both = start(first).with_trunk(start(other))
    assert both.name == "model.ts with the trunk of model.ts"
    assert both.made_by["trunk_from"] == {"sha256": "0" * 64, "images": 7}
    assert take_weights(net, both) == ["from_maps"]
    images = 0.1 * torch.randn(3, 3, 16, 16)
    assert torch.equal(net.maps(images), other.maps(images))
    assert torch.equal(net.from_maps.norm.running_mean, other.from_maps.norm.running_mean)
    silent = make(BLIND)  # the first's photometry and heads alone
    take_weights(silent, start(first))
    assert torch.equal(net(images)[0], silent(images)[0])
    with pytest.raises(InvalidInput, match=r"trunk_from: model\.ts has no trunk"):
        start(first).with_trunk(start(make(BLIND)))


def test_bounds_are_the_runs_own():
    other = make(seed=2)
    other.photometry.layers[0].running_mean.fill_(3.0)
    net = make(bounds=[[6.6, 9.1], *BOUNDS[1:]])
    assert take_weights(net, start(other)) == []
    assert net.width[0] == pytest.approx(2.5)
    assert torch.equal(net.photometry.layers[0].running_mean, other.photometry.layers[0].running_mean)


def test_another_shape_is_named():
    with pytest.raises(
        InvalidInput, match=r"start_from: model.ts has .* of shape \[.*\], this network of \[.*model settings"
    ):
        take_weights(make(), start(make(replace(SEEING, context=16))))
    with pytest.raises(InvalidInput, match="no part in common"):
        take_weights(make(), Start("x", {"a": torch.zeros(1)}, {}))


def test_nothing_to_learn_is_an_error():
    net = make(BLIND)
    with pytest.raises(InvalidInput, match=r"train.known_rate: 0, and start_from gives every part"):
        TrainState(net, TrainSettings(known_rate=0.0), known=net.state_dict())


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_what_is_known_learns_at_its_share_of_the_rate(fake, share):
    blind, net = make(BLIND), make(seed=1)
    take_weights(net, start(blind))
    settings = TrainSettings(steps=1, learning_rate=1e-3, known_rate=share, weight_decay=0.0, warmup=0.0, grad_clip=1e9)
    state = TrainState(net, settings, known=blind.state_dict())
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    batch = Batch.of(fake.FakeScenes(size=16).batch(0, 8, seed=1))
    take_step(state, LossModule(net, bf16=False).train(), batch, settings=settings, share=0.0)
    moved = {name: float((p.detach() - before[name]).abs().max()) for name, p in net.named_parameters()}
    # Adam's first step is the rate itself where the gradient is 1e4 times its epsilon of 1e-8, as the largest are;
    # weights below 1/2 round by 1.5e-8, 6e-5 of the shorter step
    assert moved["from_maps.linear.weight"] == pytest.approx(1e-3, rel=1e-4)
    for name in ("from_photometry.weight", "posterior.factors.0.out.bias"):
        assert moved[name] == pytest.approx(share * 1e-3, rel=1e-4)


def test_a_run_starts_there_and_says_so(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("clustercnn.model.artefact._export", lambda artefact, path, extra: path.touch())
    scenes = fake.FakeScenes()
    train = TrainSettings(steps=1, batch_size=8, validation_size=16, threads=1, deterministic=True, learning_rate=1e-9)

    def run(folder, given=None):
        return fit(scenes, RunSettings(SEEING, train, TrackerSettings(mode="disabled"), seed=3, start=given), folder)

    loaded = torch.jit.load(str(run(tmp_path / "a").artefact))
    weights = {name.removeprefix("net."): tensor for name, tensor in loaded.state_dict().items()}
    weights["presence.out.bias"] = weights["presence.out.bias"] + 0.25
    result = run(tmp_path / "b", Start("model.ts", weights, {"images": 8}))
    second = torch.jit.load(str(result.artefact)).state_dict()["net.presence.out.bias"]
    # one step of 1e-9, and float32's rounding of a bias below 1
    torch.testing.assert_close(second, weights["presence.out.bias"], atol=6e-8, rtol=0.0)
    assert "weights of model.ts; new: nothing" in capsys.readouterr().out
    assert '"started_from": {"images": 8}' in torch.jit.load(str(result.artefact)).metadata
