"""The networks that come with the package."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.evaluate import scenes_config
from clustercnn.evaluation.metrics import auc
from clustercnn.inference import Predictor, pretrained
from clustercnn.inference.options import model_or_default, tell_default
from clustercnn.scene import build_scenes

READ = """
import torch
model = torch.jit.load(sys.argv[1])
presence, log_snr, points = model(torch.zeros(2, model.bands, model.size, model.size))
assert points.shape == (2, 3, 4) and bool(torch.isfinite(points).all())
"""


@pytest.fixture
def networks(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "NETWORKS", tmp_path)
    return tmp_path


def put(networks, name, content=b"network", checksum=None):
    (networks / name).mkdir()
    (networks / name / "model.ts").write_bytes(content)
    checksum = checksum or hashlib.sha256(content).hexdigest()
    (networks / name / "SHA256SUMS").write_text(f"{checksum}  model.ts\n")


def test_names_are_found(networks):
    assert pretrained.pretrained_names() == []
    put(networks, "m83")
    put(networks, "m51")
    assert pretrained.pretrained_names() == ["pretrained-m51", "pretrained-m83"]
    path = pretrained.pretrained_path("pretrained-m51")
    assert path == networks / "m51" / "model.ts"
    assert pretrained.pretrained_name(path) == "pretrained-m51"
    assert pretrained.pretrained_name(networks / "run" / "deep" / "model.ts") is None


def test_unknown_names_are_refused(networks):
    with pytest.raises(InvalidInput, match="no network 'pretrained-m31' comes with this package; it has none"):
        Predictor.load("pretrained-m31")
    put(networks, "m83")
    with pytest.raises(InvalidInput, match="it has pretrained-m83"):
        Predictor.load("pretrained-m31")


def test_a_damaged_file_is_refused(networks):
    put(networks, "m83", checksum="0" * 64)
    with pytest.raises(DataFileError, match=r"model.ts: SHA-256 \w{64}; 0{64} was shipped: install the package again"):
        Predictor.load("pretrained-m83")


@pytest.mark.parametrize("sums", [None, "", "garbage\n", "0  other.ts\n"])
def test_a_missing_checksum_is_named(networks, sums):
    put(networks, "m83")
    file = networks / "m83" / "SHA256SUMS"
    file.unlink()
    if sums is not None:
        file.write_text(sums)
    with pytest.raises(DataFileError, match=r"SHA256SUMS: no checksum of model\.ts"):
        pretrained.pretrained_path("pretrained-m83")


def test_folders_may_begin_like_a_name(write_toy, tmp_path, monkeypatch):
    (tmp_path / "pretrained-run").mkdir()
    write_toy("pretrained-run/model.ts")
    monkeypatch.chdir(tmp_path)
    assert Predictor.load("pretrained-run/model.ts", device="cpu").artefact.name == "model.ts"


def test_the_default_is_told(predictor, capsys):
    tell_default("run/model.ts", predictor.artefact)
    assert capsys.readouterr().err == ""
    tell_default(None, predictor.artefact)
    assert capsys.readouterr().err == f"model: model.ts (SHA-256 {predictor.artefact.sha256[:12]}), the default\n"


def test_without_a_name_the_default_is_used(networks):
    with pytest.raises(InvalidInput, match=r"model: missing; give model=run/model\.ts"):
        model_or_default(None)
    put(networks, "m83")
    assert model_or_default(None) == "pretrained-m83"
    assert model_or_default("run/model.ts") == "run/model.ts"


def shipped_scenes(predictor, **scene):
    """Scenes as a network was trained on, but for two small fields of their own."""
    config = scenes_config({"seed": 5}, predictor.artefact.metadata)
    config["scene"] = {**config["scene"], "fields": 2, "field_size": 256, **scene}
    return build_scenes(config)


class TestShipped:
    """The very file in the package."""

    def test_it_is_small_and_whole(self):
        path = pretrained.pretrained_path(pretrained.DEFAULT)
        assert path.stat().st_size < 20e6
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        assert checksum in path.with_name("card.md").read_text()
        assert json.loads(path.with_name("metrics.json").read_text())["model"]["sha256"] == checksum

    def test_it_works_without_the_package(self, alone):
        path = pretrained.pretrained_path(pretrained.DEFAULT)
        subprocess.run([sys.executable, "-I", "-c", alone + READ, str(path)], check=True, timeout=120)

    def test_it_is_as_good_as_its_metrics_say(self):
        """Mean losses of fresh mocks, within four standard errors: of these few, as the metrics' many have far less.

        So too the area under the curve of presence.
        """
        predictor = Predictor.load(pretrained.DEFAULT, device="cpu", draws=16)
        told = json.loads((predictor.artefact.path.with_name("metrics.json")).read_text())
        batch = shipped_scenes(predictor).batch(0, 256, seed=5)
        found = predictor.predict(batch.images, truth=batch.labels)
        losses = -found.log_prob[np.isfinite(found.log_prob)]
        assert abs(losses.mean() - told["nll"]) < 4 * losses.std() / math.sqrt(len(losses))
        with_one, without = found.presence[batch.present > 0], found.presence[batch.present <= 0]
        area = told["presence"]["auc"]
        # no distribution of scores gives an area a variance above A (1 - A) / min(m, n)
        error = math.sqrt(area * (1 - area) / min(len(with_one), len(without)))
        assert abs(auc(with_one, without) - area) < 4 * error

    def test_its_trunk_is_alive(self):
        """A trunk added to finished photometry once went silent: the maps of all images were zero.

        Images are better described with their own maps than with another's, by more than four standard errors.
        """
        predictor = Predictor.load(pretrained.DEFAULT, device="cpu")
        batch = shipped_scenes(predictor, present_fraction=1.0).batch(0, 64, seed=6)
        images, labels = torch.from_numpy(batch.images), torch.from_numpy(batch.labels)
        net = predictor.artefact.module.net
        with torch.no_grad():
            maps = net.maps(images)
            own, others = (net.log_prob(net.context(m, images), labels) for m in (maps, maps.roll(1, 0)))
        assert (maps.std(dim=0) > 0).float().mean() > 0.9
        gain = own - others
        assert gain.mean() > 4 * gain.std() / math.sqrt(len(gain))
