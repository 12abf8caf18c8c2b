from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clustercnn.model import load_checkpoint

RUN = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("fake_scenes", sys.argv[1])
fake = importlib.util.module_from_spec(spec); sys.modules["fake_scenes"] = fake; spec.loader.exec_module(fake)
from clustercnn.model import ModelSettings
from clustercnn.training import RunSettings, TrackerSettings, TrainSettings, fit
model = ModelSettings(stem=4, widths=(8,), depths=(1,), strides=(2,), context=16, hidden=16, bins=24)
train = TrainSettings(steps=6, batch_size=8, validation_size=16, threads=1, data_threads=1, deterministic=True,
                      warmup=0.0, freeze_statistics=0.0)
run = RunSettings(model, train, TrackerSettings(mode="disabled"))
result = fit(fake.FakeScenes(present_share=1.0), run, Path(sys.argv[2]))
assert result.finished and result.images == 48
print("finished", flush=True)
"""


@pytest.mark.slow
def test_two_ranks_are_one_run(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    fake = Path(__file__).with_name("fake_scenes.py")
    done = subprocess.run(
        [*command, str(fake), str(tmp_path / "two")], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.count("finished") == 2
    subprocess.run([sys.executable, str(script), str(fake), str(tmp_path / "one")], timeout=120, check=True)
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt")["state"] for name in ("one", "two"))
    assert (two["step"], two["images"]) == (6, 48)
    assert all(moments["exp_avg"].any() for moments in two["optimizer"]["state"].values())
    # with running statistics, and a cluster in every image, the mean of the halves' gradients is the whole's: what is
    # left are roundings of single precision in sums of another order, 2e-7 for weights below 3. Adam divides a gradient
    # by its own size, which enlarges them where gradients all but cancel: no bound holds for every element. The root
    # mean square is 2e-8 at most, and 8e-4 or more where a rank learns alone
    for name, value in one["net"].items():
        difference = (two["net"][name] - value).double().square().mean().sqrt().item()
        assert difference < 1e-6, f"{name}: {difference:.1e}"
