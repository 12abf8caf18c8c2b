from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.training import TrackerSettings
from clustercnn.training.progress import ProgressLine, duration
from clustercnn.training.stamps import stamp_sheet
from clustercnn.training.trackers import NoTracker, open_tracker


@pytest.mark.filterwarnings("ignore::DeprecationWarning:wandb")  # its own, on its own dependencies
def test_offline_run_needs_no_network(tmp_path):
    tracker = open_tracker(TrackerSettings(), folder=tmp_path, config={"seed": 1})
    tracker.scalars(1, {"train/loss": 2.0})
    tracker.images(1, {"stamps": np.zeros((8, 8, 3), np.uint8)})
    tracker.finish()
    assert list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))


def test_disabled_leaves_nothing(tmp_path):
    tracker = open_tracker(TrackerSettings(mode="disabled"), folder=tmp_path, config={})
    tracker.scalars(1, {"x": 1.0})
    tracker.images(1, {})
    tracker.finish()
    assert isinstance(tracker, NoTracker)
    assert list(tmp_path.iterdir()) == []


def test_bad_mode():
    with pytest.raises(InvalidInput, match=r"tracker\.mode: 'maybe'; offline, online or disabled"):
        TrackerSettings(mode="maybe")


def test_plain_lines_without_a_terminal(capsys):
    with ProgressLine(every=0.0) as line:
        line.update(0.5, step=7, loss=1.25, rate=300.0, wait=0.02, left=65.0)
    assert capsys.readouterr().out.split() == [
        "50",
        "%",
        "step",
        "7",
        "loss",
        "1.250",
        "300",
        "images/s",
        "data",
        "wait",
        "2",
        "%",
        "left",
        "1:05",
    ]
    assert duration(3599.6) == "60:00"


def test_stamp_sheet():
    images = np.zeros((5, 3, 4, 4), np.float32)
    images[1, 2] = 1e6  # the last band is red
    sheet = stamp_sheet(images, [0.01] * 3, columns=2)
    assert sheet.shape == (8, 8, 3)
    assert sheet[0, 4].tolist() == [255, 0, 0]
    assert sheet[:4, :4].max() == 0
    assert stamp_sheet(images[:1, :1], [0.01]).shape == (4, 4, 3)
