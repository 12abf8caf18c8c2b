"""Held-out scenes: drawn once, from a seed stream of their own, the same for the whole run and for a resumed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clustercnn.data.seeds import stream_seed
from clustercnn.data.stream import Batch

if TYPE_CHECKING:
    from clustercnn.scene import Scenes

__all__ = ["held_out_batch"]


def held_out_batch(scenes: Scenes, n: int, *, seed: int) -> Batch:
    """The ``n`` fixed scenes on which a run validates; training never draws from their stream.

    Args:
        scenes: as for ``SceneStream``.
        n: number of scenes.
        seed: the run's seed.
    """
    return Batch.of(scenes.batch(0, n, seed=stream_seed(seed, "validation")))
