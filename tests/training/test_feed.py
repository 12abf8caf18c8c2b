from __future__ import annotations

import pytest
import torch

from clustercnn.errors import InvalidInput, MissingBackend
from clustercnn.training import feed
from clustercnn.training.settings import TrainSettings

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


@pytest.fixture
def device_scenes(monkeypatch):
    """``DeviceScenes`` that tell what they were made with."""
    monkeypatch.setattr(feed, "DeviceScenes", lambda scenes, device: (scenes, device))


@pytest.mark.usefixtures("device_scenes")
@pytest.mark.parametrize(
    ("choice", "device", "painter"),
    [("auto", CPU, "scenes"), ("cpu", CPU, "scenes"), ("cpu", GPU, "scenes")]
    + [(choice, GPU, ("scenes", 1)) for choice in ("auto", "cuda")],
)
def test_scenes_are_drawn_on_the_gpu_that_trains(choice, device, painter):
    found, words = feed.choose_painter("scenes", choice, device)
    assert found == painter
    assert words == ("drawing on the CPU" if painter == "scenes" else "drawing on the GPU")


def test_what_is_missing_is_said(monkeypatch):
    def missing(scenes, device):
        raise MissingBackend("CuPy is not installed")

    monkeypatch.setattr(feed, "DeviceScenes", missing)
    assert feed.choose_painter("scenes", "auto", GPU) == ("scenes", "drawing on the CPU (CuPy is not installed)")
    with pytest.raises(MissingBackend, match="CuPy is not installed"):
        feed.choose_painter("scenes", "cuda", GPU)


def test_a_gpu_does_not_draw_for_a_cpu():
    with pytest.raises(
        InvalidInput, match=r"train\.render_device: 'cuda' while the CPU trains; auto or cpu is allowed"
    ):
        feed.choose_painter("scenes", "cuda", CPU)
    with pytest.raises(InvalidInput, match=r"train\.render_device: 'gpu'; auto, cpu or cuda is allowed"):
        TrainSettings(render_device="gpu")
