"""What a run is made of, what comes out of it, and what the exported network knows of it."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clustercnn.data import stream_seed
from clustercnn.labels import LABEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clustercnn.model import ModelSettings
    from clustercnn.scene import Scenes
    from clustercnn.training.settings import TrackerSettings, TrainSettings
    from clustercnn.training.start import Start
    from clustercnn.training.trackers import Tracker

__all__ = ["FitResult", "RunSettings", "artefact_metadata"]


@dataclass(frozen=True)
class RunSettings:
    """What a run is made of, beside its scenes.

    Args:
        model, train, tracker: the settings of each.
        seed: of scenes and first weights.
        resume: "auto" (the run folder's checkpoint if there is one), "none", or the path of a checkpoint.
        config: the full configuration, for the artefact's metadata.
        start: the network to start from; None starts from random weights. A checkpoint to resume from goes first.
    """

    model: ModelSettings
    train: TrainSettings
    tracker: TrackerSettings
    seed: int = 0
    resume: str = "auto"
    config: Mapping[str, Any] | None = None
    start: Start | None = None

    def __post_init__(self) -> None:
        stream_seed(self.seed, "train")  # raises for a seed out of range


@dataclass(frozen=True)
class FitResult:
    """What came out of a run.

    ``finished`` is False when the run was interrupted: then there is a checkpoint, and no artefact. ``data_wait`` is
    the share of the time that the optimiser waited for scenes; ``validation`` the last numbers on the held-out scenes.
    """

    folder: Path
    finished: bool
    first_rank: bool
    steps: int
    images: int
    seconds: float
    data_wait: float
    skipped: int
    validation: Mapping[str, float]
    tracker: Tracker

    @property
    def artefact(self) -> Path:
        """The exported network."""
        return self.folder / "model.ts"


def artefact_metadata(scenes: Scenes, settings: RunSettings) -> dict[str, Any]:
    """What ``model.ts`` knows of itself: survey, bands, geometry, labels, bounds, prior, version, configuration."""
    try:
        version = importlib.metadata.version("clustercnn")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    return {
        "format": 1,
        "version": version,
        "bands": list(scenes.bands),
        "size": scenes.size,
        "pixel_scale": float(scenes.survey.pixel_scale),
        "labels": list(LABEL_NAMES),
        "label_bounds": [[float(v) for v in row] for row in scenes.prior.label_bounds],
        "prior_entropy": float(scenes.prior.entropy),
        "survey": scenes.survey.to_dict(),
        "prior": scenes.prior.to_dict(),
        "model": settings.model.to_dict(),
        "seed": settings.seed,
        "config": dict(settings.config or {}),
    }
