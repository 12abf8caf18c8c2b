from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from clustercnn.errors import InvalidInput
from clustercnn.model import ClusterNet, ModelSettings

BOUNDS = [[6.5, 10.0], [2.5, 5.5], [0.0, 3.0], [-1.5, -0.3]]
TINY = ModelSettings(stem=8, widths=(8, 16), depths=(1, 2), strides=(1, 2), context=16, hidden=16, bins=24)


def make(settings=TINY, size=20, bands=3):
    torch.manual_seed(0)
    net = ClusterNet(settings, scale=[0.01] * bands, bounds=BOUNDS, size=size)
    for block in net.trunk.blocks:  # as after some training: nothing is switched off
        torch.nn.init.normal_(block.conv2.weight, std=0.1)
    torch.nn.init.normal_(net.from_maps.linear.weight)
    return net.eval()


@pytest.fixture(scope="module")
def net():
    return make()


@pytest.fixture(scope="module")
def images():
    return 0.1 * torch.randn(6, 3, 20, 20, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("bands", [1, 4])
def test_any_number_of_bands_and_odd_sizes(bands):
    logit, log_snr, context = make(size=21, bands=bands)(torch.zeros(2, bands, 21, 21))
    assert (logit.shape, log_snr.shape, context.shape) == ((2,), (2,), (2, 16))


def test_script_equals_eager(net, images):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(net)
    labels = torch.tensor(BOUNDS).mean(dim=1).expand(6, 4)
    with torch.no_grad():
        context = net(images)[2]
        for a, b in zip(net(images), script(images), strict=True):
            torch.testing.assert_close(a, b)
        torch.testing.assert_close(net.log_prob(context, labels), script.log_prob(context, labels))
        torch.testing.assert_close(net.sample(context, 9, 4), script.sample(context, 9, 4))


def test_density_in_physical_units(net):
    # raw numbers of zero but for the base's width, which is as wide as it gets: the uniform density, 1 / volume
    net = make()
    for factor in net.posterior.factors:
        torch.nn.init.zeros_(factor.out.weight)
        factor.out.bias.data[1] = 10.0
    volume = np.prod([high - low for low, high in BOUNDS])
    labels = torch.tensor([[7.0, 3.0, 1.0, -1.0], [9.99, 5.49, 2.99, -0.31]])
    density = net.log_prob(torch.zeros(2, 16), labels).detach().exp()
    # a width of 30: the density varies by 1 / 30^2 / 4 = 3e-4 in each of four labels
    np.testing.assert_allclose(density, 1 / volume, rtol=1.2e-3)


def test_no_mass_outside_the_bounds(net):
    outside = torch.tensor([[6.4, 3.0, 1.0, -1.0], [7.0, 5.6, 1.0, -1.0], [7.0, 3.0, float("nan"), -1.0]])
    assert (net.log_prob(torch.zeros(3, 16), outside) == -float("inf")).all()
    draws = net.sample(torch.randn(3, 16), 500, 0).reshape(-1, 4)
    low, high = torch.tensor(BOUNDS).T
    # one float32 rounding of low + width * u
    assert (draws >= low - 1e-6).all()
    assert (draws <= high + 1e-6).all()


@pytest.mark.parametrize("age", [[6.6, 10.1], [10.0, 10.1]])
def test_bounds_are_inside_however_they_round(age):
    """As float32, 10.1 is 1.0000001 of the way from 6.6 to 10.1: a mock of that age had a loss of infinity."""
    bounds = [age, [2.25, 5.95], [0.0, 3.5], [-1.6, -0.2]]
    net = ClusterNet(TINY, scale=[0.01] * 3, bounds=bounds, size=16).eval()
    low, high = torch.tensor(bounds).T
    assert (high[0] - net.low[0]) / net.width[0] > 1.0
    density = net.log_prob(torch.zeros(2, 16), torch.stack([low, high]))
    assert torch.isfinite(density).all()
    # a thousand times the widest rounding, 1e-6 of an age, is outside
    assert net.log_prob(torch.zeros(1, 16), high[None] + 1e-3) == -float("inf")


def test_samples_do_not_depend_on_chunks_or_batches(net):
    context = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = net.sample(context, 7000, 3, 50)  # two objects per chunk
        assert whole.shape == (5, 7000, 4)
        parts = torch.cat([net.sample(context[i : i + 1], 7000, 3, 50 + i) for i in range(5)])
    # matrix products of other sizes round differently: the share below a point by 1e-6, the point by that over its
    # density, for untrained heads above a tenth of the uniform one: 1e-5 of ranges of up to 3.5
    torch.testing.assert_close(whole, parts, rtol=0.0, atol=4e-5)
    assert net.sample(context[:0], 5, 0).shape == (0, 5, 4)


def test_flux_scale_reaches_the_features(net, images):
    # a network that divided each image by its brightness would change features of order one by roundings, 1e-6
    context, brighter = net(images)[2], net(3.0 * images)[2]
    assert not torch.allclose(context, brighter, atol=1e-2)


def test_answers_do_not_depend_on_the_rest_of_the_batch(net, images):
    with torch.no_grad():
        # features below one: float32 rounds by 6e-8, in sums of up to 9 x 16 terms 12 times as often as it adds up
        torch.testing.assert_close(net(images)[2][2:3], net(images[2:3])[2], rtol=0.0, atol=1e-6)


def test_every_weight_learns(images):
    net = make().train()
    logit, log_snr, context = net(images)
    labels = torch.tensor(BOUNDS).mean(dim=1).expand(6, 4)
    (logit.sum() + log_snr.sum() + net.log_prob(context, labels).sum()).backward()
    # the first label has none before it
    without = [n for n, p in net.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert without == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": [0.01, 0.0, 0.01]}, "one positive number"),
        ({"bounds": BOUNDS[:3]}, r"a \[4, 2\] array"),
        ({"bounds": [[1.0, 0.0], *BOUNDS[1:]]}, "low < high"),
    ],
)
def test_bad_construction_is_refused(change, message):
    given = {"scale": [0.01] * 3, "bounds": BOUNDS, "size": 20} | change
    with pytest.raises(InvalidInput, match=message):
        ClusterNet(TINY, **given)
