"""Training: losses, loop, runs and what follows them."""

from clustercnn.training.fit import fit as fit
from clustercnn.training.loop import TrainingDiverged as TrainingDiverged
from clustercnn.training.run import FitResult as FitResult
from clustercnn.training.run import RunSettings as RunSettings
from clustercnn.training.run import artefact_metadata as artefact_metadata
from clustercnn.training.settings import TrackerSettings as TrackerSettings
from clustercnn.training.settings import TrainSettings as TrainSettings
from clustercnn.training.start import Start as Start

__all__ = [
    "FitResult",
    "RunSettings",
    "Start",
    "TrackerSettings",
    "TrainSettings",
    "TrainingDiverged",
    "artefact_metadata",
    "fit",
]
