"""The baseline that sees aperture photometry alone."""

from __future__ import annotations

import pytest
import torch

from clustercnn.errors import InvalidInput
from clustercnn.model import ClusterNet, ModelSettings, save_artefact
from clustercnn.model.apertures import Apertures

SIZE = 32
BOUNDS = [[6.6, 10.1], [2.3, 5.9], [0.0, 3.5], [-1.6, -0.2]]
SETTINGS = ModelSettings(trunk="none", photometry="catalogue", layers=(16,), context=8, hidden=8, bins=24)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(2)
    return ClusterNet(SETTINGS, scale=[0.01] * 3, bounds=BOUNDS, size=SIZE).eval()


def test_it_sees_nothing_but_its_apertures(net):
    """Pixels between the largest aperture and the annulus, and in the corners, change no answer; sky is taken off."""
    torch.manual_seed(3)
    images = 0.05 * torch.randn(4, 3, SIZE, SIZE)
    axis = torch.arange(SIZE) - (SIZE - 1) / 2
    r = (axis[:, None] ** 2 + axis**2).sqrt()
    unseen = ((r > 8.0) & (r < 0.3 * SIZE)) | (r > 0.47 * SIZE)
    changed = torch.where(unseen, 7.0, images)
    for a, b in zip(net(images), net(changed), strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.allclose(net(images)[2], net(images + 0.05)[2])  # the sky's level is known


def test_flux_is_above_the_sky_and_in_units_of_its_noise():
    apertures = Apertures(1, SIZE, SETTINGS)
    image = torch.full((1, 1, SIZE, SIZE), 3.0)
    image[..., 16, 16] += 50.0
    *flux, sky = torch.matmul(image.flatten(2), apertures.shapes)[0, 0].tolist()
    # pixels within 1, 3 and 8 of the corner between four pixels; the sky of 3 a pixel cancels over up to 208 pixels in
    # single precision, to 3 * 208 * 6e-8 of fluxes of 50, some 1e-6
    for found, pixels in zip(flux, (4, 32, 208), strict=True):
        assert found == pytest.approx(50.0 / pixels**0.5, rel=1e-4)
    assert sky == pytest.approx(3.0, rel=1e-5)


def test_it_is_saved_like_any_other(net, tmp_path):
    save_artefact(net, {"format": 1}, tmp_path / "model.ts")
    images = 0.05 * torch.randn(3, 3, SIZE, SIZE)
    loaded = torch.jit.load(str(tmp_path / "model.ts"))
    exported = torch.export.load(tmp_path / "model.pt2").module()
    for a, b in zip(loaded(images), exported(images), strict=True):
        # sums of some hundred terms in single precision, added up in another order
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_unknown_parts_are_refused():
    with pytest.raises(InvalidInput, match=r"model.trunk: 'vit'; resnet or none is allowed"):
        ModelSettings(trunk="vit")
    with pytest.raises(InvalidInput, match=r"model.photometry: 'psf'; centred or catalogue is allowed"):
        ModelSettings(photometry="psf")
    with pytest.raises(InvalidInput, match=r"model.softening: 0.0; a number above 0 is allowed"):
        ModelSettings(softening=0.0)
    with pytest.raises(InvalidInput, match=r"model.layers: \(\); one width or more"):
        ModelSettings(layers=())
