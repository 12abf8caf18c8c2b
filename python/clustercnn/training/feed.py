"""Where a run's scenes are drawn: on the CPU, or on the GPU that trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clustercnn.data import DeviceStream, SceneStream, stream_seed
from clustercnn.errors import InvalidInput, MissingBackend
from clustercnn.scene import DeviceScenes

if TYPE_CHECKING:
    import torch

    from clustercnn.scene import Scenes
    from clustercnn.training.run import RunSettings

__all__ = ["choose_painter", "open_stream"]


def choose_painter(scenes: Scenes, choice: str, device: torch.device) -> tuple[Scenes | DeviceScenes, str]:
    """Who draws, and that in words.

    Args:
        scenes: what to draw.
        choice: "auto" (on the GPU that trains, where that can be), "cpu" or "cuda".
        device: that trains.

    Raises:
        InvalidInput: "cuda" while a CPU trains.
        MissingBackend: "cuda", and it cannot work here.
    """
    if device.type != "cuda":
        if choice == "cuda":
            raise InvalidInput("train.render_device: 'cuda' while the CPU trains; auto or cpu is allowed")
        return scenes, "drawing on the CPU"
    if choice == "cpu":
        return scenes, "drawing on the CPU"
    try:
        return DeviceScenes(scenes, device=device.index or 0), "drawing on the GPU"
    except MissingBackend as error:
        if choice == "cuda":
            raise
        return scenes, f"drawing on the CPU ({error})"


def open_stream(
    painter: Scenes | DeviceScenes,
    settings: RunSettings,
    *,
    device: torch.device,
    n: int,
    threads: int,
    shard: tuple[int, int] | None = None,
    start: int = 0,
    stream: str = "train",
) -> SceneStream:
    """The run's batches.

    Args:
        painter: draws them.
        settings: of the run.
        device: that trains.
        n: images per batch, of this rank.
        threads: that draw, or prepare what the GPU draws.
        shard: where the batches of this rank begin in the run; None for one rank.
        start: first step.
        stream: which scenes, as for ``stream_seed``.
    """
    seed, train = stream_seed(settings.seed, stream), settings.train
    if isinstance(painter, DeviceScenes):
        return DeviceStream(painter, n, device=device, seed=seed, start=start, threads=threads, shard=shard)
    return SceneStream(painter, n, seed=seed, start=start, threads=threads, prefetch=train.prefetch, shard=shard)
