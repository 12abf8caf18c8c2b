from __future__ import annotations

import itertools
import json
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from clustercnn.errors import DataFileError, InvalidInput
from clustercnn.model import ModelSettings, load_checkpoint
from clustercnn.training import RunSettings, TrackerSettings, TrainingDiverged, TrainSettings, fit, loop

TINY = ModelSettings(stem=4, widths=(8, 8), depths=(1, 1), strides=(2, 2), context=16, hidden=16, bins=24)


def settings(*, resume="auto", seed=1, model=TINY, **train):
    given = {"steps": 12, "batch_size": 8, "validation_size": 16, "threads": 1, "deterministic": True} | train
    return RunSettings(model, TrainSettings(**given), TrackerSettings(mode="disabled"), seed=seed, resume=resume)


def weights(folder):
    return load_checkpoint(folder / "checkpoint.pt")["state"]


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if k not in ("elapsed", "waited"))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.fixture
def quick_export(monkeypatch):
    """The exported program has its own test; here it would only cost seconds."""
    import clustercnn.model.artefact

    monkeypatch.setattr(clustercnn.model.artefact, "_export", lambda artefact, path, extra: path.touch())


@pytest.mark.usefixtures("quick_export")
class TestRuns:
    def test_leaves_everything(self, fake, tmp_path):
        result = fit(fake.FakeScenes(), settings(), tmp_path)
        assert result.finished
        assert {p.name for p in tmp_path.iterdir()} == {"checkpoint.pt", "model.ts", "model.pt2"}
        metadata = json.loads(torch.jit.load(str(result.artefact)).metadata)
        assert metadata["bands"] == ["F336W", "F438W", "F814W"]
        assert metadata["label_bounds"] == fake.BOUNDS.tolist()
        assert metadata["labels"] == ["log_age", "log_mass", "a_v", "log_rh"]
        assert {"version", "size", "pixel_scale", "survey", "prior", "config"} <= metadata.keys()
        assert (result.steps, result.images, result.skipped) == (12, 96, 0)
        assert 0 <= result.data_wait <= 1
        assert 0 <= result.validation["auc"] <= 1  # not NaN: 12 steps teach too little to ask for more

    @pytest.mark.parametrize("data_threads", [1, 2])
    def test_killed_and_resumed_is_bit_for_bit_the_whole_run(self, fake, tmp_path, data_threads):
        whole, parts = tmp_path / "whole", tmp_path / "parts"
        fit(fake.FakeScenes(), settings(), whole)
        # the second run dies in the middle, after its checkpoint of step 5
        dying = fake.FakeScenes(fail_at=7 * 8)
        with pytest.raises(RuntimeError, match="cannot be drawn"):
            fit(dying, settings(checkpoint_steps=5, data_threads=data_threads), parts)
        assert weights(parts)["step"] == 5
        fit(fake.FakeScenes(), settings(data_threads=data_threads), parts)
        assert same(weights(whole), weights(parts))

    def test_another_seed_is_another_run(self, fake, tmp_path):
        fit(fake.FakeScenes(), settings(steps=2), tmp_path / "a")
        fit(fake.FakeScenes(), settings(steps=2, seed=2), tmp_path / "b")
        assert not same(weights(tmp_path / "a"), weights(tmp_path / "b"))

    def test_calibration_is_corrected_at_the_end(self, fake, tmp_path, capsys):
        def coefficients(folder, **given):
            result = fit(fake.FakeScenes(), settings(steps=2, **given), folder)
            return torch.jit.load(str(result.artefact)).state_dict()["net.recalibration.coefficients"]

        assert not coefficients(tmp_path / "a", recalibrate=0).any()
        assert "recalibrated" not in capsys.readouterr().out
        found = coefficients(tmp_path / "b", recalibrate=600)
        assert found.any()
        assert torch.isfinite(found).all()
        assert "recalibrated: posterior +" in capsys.readouterr().out
        assert not coefficients(tmp_path / "c", recalibrate=20).any()  # too few to fit anything to

    def test_ctrl_c_while_calibration_is_corrected(self, fake, tmp_path):
        """The run counts as unfinished; gone on with, it ends as if nothing had come between."""
        from clustercnn.data import stream_seed

        class Interrupting(fake.FakeScenes):
            def batch(self, first, n, *, seed, **kwargs):
                if seed == stream_seed(1, "recalibration") and first == 256:
                    os.kill(os.getpid(), signal.SIGINT)
                return super().batch(first, n, seed=seed, **kwargs)

        parts, whole, given = tmp_path / "parts", tmp_path / "whole", settings(steps=2, recalibrate=600)
        assert not fit(Interrupting(), given, parts).finished
        assert not (parts / "model.ts").exists()
        artefacts = [fit(fake.FakeScenes(), given, folder).artefact for folder in (parts, whole)]
        states = [torch.jit.load(str(path)).state_dict() for path in artefacts]
        assert same(*map(dict, states))
        assert states[0]["net.recalibration.coefficients"].any()

    def test_resume_none_starts_again_and_a_path_is_taken(self, fake, tmp_path):
        fit(fake.FakeScenes(), settings(steps=3), tmp_path / "a")
        assert fit(fake.FakeScenes(), settings(steps=4, resume="none"), tmp_path / "a").images == 32
        longer = settings(steps=6, resume=str(tmp_path / "a" / "checkpoint.pt"))
        assert fit(fake.FakeScenes(), longer, tmp_path / "b").steps == 6
        with pytest.raises(InvalidInput, match="was made with another seed \\(1, now 3\\)"):
            fit(fake.FakeScenes(), settings(steps=6, seed=3), tmp_path / "b")
        elsewhere = replace(settings(steps=6), config={"scene": {"kind": "fits"}})
        with pytest.raises(InvalidInput, match=r"was made with another scene \(None, now \{'kind': 'fits'\}\)"):
            fit(fake.FakeScenes(), elsewhere, tmp_path / "b")
        (tmp_path / "b" / "checkpoint.pt").write_bytes(b"cut")
        with pytest.raises(DataFileError, match="truncated or not a checkpoint"):
            fit(fake.FakeScenes(), settings(steps=6), tmp_path / "b")

    def test_minutes_are_kept(self, fake, tmp_path, monkeypatch):
        ticks = itertools.count()  # the loop looks at its clock once a step: a hundredth of a second each
        monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: 0.01 * next(ticks)))
        result = fit(fake.FakeScenes(), settings(steps=None, minutes=0.02, deterministic=False, bf16=False), tmp_path)
        assert 1.2 <= result.seconds < 1.22
        state = weights(tmp_path)
        assert state["optimizer"]["param_groups"][0]["lr"] < 0.3 * TrainSettings().learning_rate  # annealed

    def test_ctrl_c_saves_and_ends(self, fake, tmp_path):
        class Interrupting(fake.FakeScenes):
            def batch(self, first, n, **kwargs):
                if first == 20 * 8:
                    os.kill(os.getpid(), signal.SIGINT)
                return super().batch(first, n, **kwargs)

        before = signal.getsignal(signal.SIGINT)  # a shell's background jobs start with it ignored
        result = fit(Interrupting(), settings(steps=1000), tmp_path)
        assert not result.finished
        # it came while step 20 was drawn, a few batches ahead of the optimiser
        assert 10 < result.steps < 40
        assert weights(tmp_path)["step"] == result.steps
        assert not (tmp_path / "model.ts").exists()
        assert signal.getsignal(signal.SIGINT) is before

    def test_early_figures(self, fake, tmp_path):
        drawn = []

        def figures(artefact):
            drawn.append(torch.jit.load(str(artefact)))
            return {}

        fit(fake.FakeScenes(), settings(validate_minutes=1e-6), tmp_path, figures=figures)
        assert len(drawn) == 1

    def test_bad_batch_is_skipped(self, fake, tmp_path):
        scenes = fake.FakeScenes(nan_from=16, nan_to=24)  # step 2
        result = fit(scenes, settings(), tmp_path)
        assert (result.skipped, result.steps) == (1, 12)
        state = weights(tmp_path)
        finite = [torch.isfinite(v).all() for v in state["net"].values()] + [
            torch.isfinite(v).all() for v in state["average"].values()
        ]
        assert all(finite)

    def test_endless_bad_batches_end_the_run(self, fake, tmp_path):
        with pytest.raises(TrainingDiverged, match=r"4 steps in a row .*up to step 6.* no finite gradient"):
            fit(fake.FakeScenes(nan_from=16), settings(max_bad_steps=3), tmp_path)

    def test_batch_must_divide_among_ranks(self):
        from clustercnn.training.distributed import Ranks

        assert Ranks(1, 2).shard(8) == (4, (4, 8))
        with pytest.raises(InvalidInput, match=r"train\.batch_size: 7; a multiple of the 2 ranks"):
            Ranks(1, 2).shard(7)
        with pytest.raises(InvalidInput, match=r"train\.batch_size: 2; .*for two images each or more"):
            Ranks(1, 2).shard(2)


@pytest.mark.usefixtures("quick_export")
def test_learns_the_blobs(fake, tmp_path):
    train = {"steps": 200, "batch_size": 64, "validation_size": 128, "learning_rate": 6e-3, "ema": 0.98}
    result = fit(fake.FakeScenes(size=12), settings(**train), tmp_path)
    # a noise-free blob tells all four labels: nats per label are easy to win, even for a few hundred weights
    assert result.validation["nats_below_prior"] > 1.0
    assert result.validation["auc"] > 0.95
