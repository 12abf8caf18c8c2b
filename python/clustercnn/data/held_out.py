"""The validation set: drawn once, from a seed stream of its own, the same for the whole run and for a resumed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clustercnn.data.seeds import stream_seed
from clustercnn.data.stream import Batch

if TYPE_CHECKING:
    from clustercnn.scene import Scenes

__all__ = ["validation_batch"]


def validation_batch(scenes: Scenes, n: int, *, seed: int) -> Batch:
    """``n`` fixed scenes of the run's "validation" stream, which training never draws from.

    Args:
        scenes: as for ``SceneStream``.
        n: number of scenes.
        seed: the run's seed.
    """
    return Batch.of(scenes.batch(0, n, seed=stream_seed(seed, "validation")))
