from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from clustercnn.errors import InvalidInput
from clustercnn.scene import read_stamps
from clustercnn.simulate import simulate

CONF = Path(__file__).parents[1] / "conf"
SMALL = ["scene.fields=1", "scene.field_size=96", "size=32"]


def config(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("simulate", list(overrides)), resolve=True)


def test_stamps(tmp_path, capsys):
    simulate(config(*SMALL, "n=6", f"out={tmp_path / 'mocks.h5'}", "seed=2"), tmp_path)
    assert len(read_stamps(tmp_path / "mocks.h5").batch.images) == 6
    assert "6 stamps of 32 x 32 pixels in F336W, F438W, F814W" in capsys.readouterr().out


def test_mosaic(tmp_path):
    simulate(config("mosaic.size=256", "mosaic.clusters=3", f"out={tmp_path / 'galaxy'}"), tmp_path)
    names = sorted(p.name for p in (tmp_path / "galaxy").iterdir())
    assert names == ["m83_f336w_drc.fits", "m83_f438w_drc.fits", "m83_f814w_drc.fits", "truth.ecsv"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["out=a.h5"], "n, mosaic.size: None, None; give one of them"),
        (["n=2", "mosaic.size=256", "out=a.h5"], "n, mosaic.size: 2, 256; give one of them"),
        (["n=2"], "out: missing; a file .h5"),
        (["n=0", "out=a.h5"], "n: 0; a whole number of at least 1"),
        (["n=2", "out=a.fits"], "'a.fits' ends in '.fits'"),
        (["mosaic.size=512", "mosaic.clusters=500", "out=a"], "500 clusters 40 pixels apart fill 265% of 512 x 512"),
        (["mosaic.size=256", "scene=fits", "out=a"], "scene: 'fits'; a mosaic needs scene=synthetic"),
    ],
)
def test_bad_requests_are_refused_before_work_starts(tmp_path, monkeypatch, overrides, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=message):
        simulate(config(*overrides), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_before_work_starts(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10**9))
    # 3 bands of 8192 x 8192 pixels: data and weight in files, and the data once more while they are made
    with pytest.raises(
        InvalidInput, match=r"out: .* needs 2\.42 GB, and 1\.00 GB are free in .*; choose another place"
    ):
        simulate(config("mosaic.size=8192", f"out={tmp_path / 'new' / 'galaxy'}"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no light")

    # by the module's name: the package's attribute of that name is the function
    monkeypatch.setattr(sys.modules["clustercnn.scene.mock_mosaic"], "expose", fail)
    with pytest.raises(RuntimeError, match="no light"):
        simulate(config("mosaic.size=256", "mosaic.clusters=1", f"out={tmp_path / 'galaxy'}"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_is_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="is not empty; choose another, or overwrite=true"):
        simulate(config("mosaic.size=256", f"out={tmp_path}"), tmp_path)


def test_the_command_line_says_it_in_one_line(tmp_path):
    command = [sys.executable, "-m", "clustercnn.simulate", "n=3", "outt=x.h5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: outt: no such option")
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
