from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from clustercnn.model import Artefact, ClusterNet, ModelSettings, save_artefact

BOUNDS = [[6.5, 10.0], [2.5, 5.5], [0.0, 3.0], [-1.5, -0.3]]
METADATA = {"format": 1, "bands": ["F336W", "F438W", "F814W"], "note": "ångström"}

STRANGER = """
import json, sys
import warnings; warnings.simplefilter("ignore")
import torch
assert not any(name.startswith("clustercnn") for name in sys.modules)
extra = {"metadata.json": ""}
model = torch.jit.load(sys.argv[1], _extra_files=extra)
assert json.loads(extra["metadata.json"]) == json.loads(model.metadata)
images = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    logit, log_snr, context = model.encode(images)
    out = [*model(images), model.sample(context, 5, 3), model.log_prob(context, model.sample(context, 1, 0)[:, 0])]
torch.save(out, sys.argv[3])
"""


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    settings = ModelSettings(stem=4, widths=(8,), depths=(1,), strides=(2,), context=8, hidden=8, bins=24)
    return ClusterNet(settings, scale=[0.01] * 3, bounds=BOUNDS, size=12).eval()


@pytest.fixture(scope="module")
def saved(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "model.ts"
    save_artefact(net, METADATA, path)
    return path


@pytest.fixture(scope="module")
def images():
    return 0.05 * torch.randn(5, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def expected(net, images):
    with torch.no_grad():
        return Artefact(net, METADATA)(images)


def test_stranger_can_use_the_file(saved, images, net, expected, tmp_path):
    given, result = tmp_path / "images.pt", tmp_path / "out.pt"
    torch.save(images, given)
    # -I: no PYTHONPATH, no current folder, so the package cannot be found there by accident
    subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(saved), str(given), str(result)], check=True, cwd=tmp_path
    )
    *answers, draws, density = torch.load(result, weights_only=True)
    for found, wanted in zip(answers, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        context = net(images)[2]
        torch.testing.assert_close(draws, net.sample(context, 5, 3), rtol=1e-3, atol=1e-3)
    assert torch.isfinite(density).all()


def test_export_equals_eager_for_any_batch(saved, images, expected):
    program = torch.export.load(saved.with_suffix(".pt2")).module()
    with torch.no_grad():
        for n in (1, 3, 5):
            for found, wanted in zip(program(images[:n]), expected, strict=True):
                torch.testing.assert_close(found, wanted[:n], rtol=1e-4, atol=1e-4)


def test_quantiles_are_those_of_the_draws(net, images, expected):
    with torch.no_grad():
        draws = net.sample(net(images)[2], 256, 0).numpy()
    quantiles = np.quantile(draws, [0.16, 0.5, 0.84], axis=1).transpose(1, 0, 2)
    # ranks 40 and 215 of 0 to 255 are the nearest to 16 and 84 %: within one spacing of the draws, 2 % of the range
    np.testing.assert_allclose(expected[2].numpy(), quantiles, atol=0.07)


def test_wrong_images_are_named(saved, images):
    model = torch.jit.load(str(saved))
    with pytest.raises(torch.jit.Error, match=r"images: shape \[5, 2, 12, 12\]; \[n, 3, 12, 12\] is allowed"):
        model(images[:, :2])


def test_metadata_inside(saved):
    assert json.loads(torch.jit.load(str(saved)).metadata) == METADATA


def test_failure_leaves_nothing(net, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.export, "save", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_artefact(net, METADATA, tmp_path / "model.ts")
    assert list(tmp_path.iterdir()) == []
