"""Where curves and figures go: W&B, or nowhere. The only place that imports wandb."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clustercnn.errors import MissingBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from clustercnn.training.settings import TrackerSettings

__all__ = ["NoTracker", "Tracker", "WandbTracker", "open_tracker"]


class Tracker(Protocol):
    """What a run tells of itself."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds one point to each named curve."""

    def images(self, step: int, images: Mapping[str, Path | NDArray[np.uint8]]) -> None:
        """Shows pictures by name: PNG files or arrays [y, x, 3]."""

    def finish(self) -> None:
        """Writes out what is left."""


class NoTracker:
    """Forgets everything."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Does nothing."""

    def images(self, step: int, images: Mapping[str, Path | NDArray[np.uint8]]) -> None:
        """Does nothing."""

    def finish(self) -> None:
        """Does nothing."""


class WandbTracker:
    """A W&B run, offline or online.

    Args:
        settings: mode, project and name.
        folder: the run folder; W&B's own files go to its subfolder ``wandb``.
        config: the whole configuration, shown beside the curves.

    Raises:
        MissingBackend: W&B cannot start, for instance online without a key.
    """

    def __init__(self, settings: TrackerSettings, *, folder: Path, config: Mapping[str, Any]) -> None:
        import wandb

        quiet = wandb.Settings(silent=True, console="off", disable_git=True)
        try:
            self._run = wandb.init(
                mode=settings.mode,
                project=settings.project,
                name=settings.name,
                dir=str(folder),
                config=dict(config),
                settings=quiet,
            )
        except wandb.errors.Error as error:
            raise MissingBackend(
                f"tracker.mode: {settings.mode!r} does not start ({error}); "
                "log in with `wandb login`, or use tracker=offline or tracker=disabled"
            ) from error
        self._image = wandb.Image

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds one point to each named curve."""
        self._run.log(dict(values), step=step)

    def images(self, step: int, images: Mapping[str, Path | NDArray[np.uint8]]) -> None:
        """Shows pictures by name: PNG files or arrays [y, x, 3]."""
        shown = {k: self._image(os.fspath(v) if isinstance(v, Path) else v) for k, v in images.items()}
        self._run.log(shown, step=step)

    def finish(self) -> None:
        """Writes out what is left."""
        self._run.finish()


def open_tracker(settings: TrackerSettings, *, folder: Path, config: Mapping[str, Any]) -> Tracker:
    """The tracker that the settings ask for."""
    if settings.mode == "disabled":
        return NoTracker()
    return WandbTracker(settings, folder=folder, config=config)
