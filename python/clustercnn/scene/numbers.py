"""What a batch of samples consists of, before anything is painted: the same for a CPU and a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clustercnn.labels import ClusterParams
    from clustercnn.render import StarLists
    from clustercnn.scene.blemishes import Blemishes
    from clustercnn.scene.crops import Crops

__all__ = ["SceneNumbers"]


@dataclass(frozen=True, eq=False)
class SceneNumbers:
    """Samples first .. first + n - 1 of a run.

    Args:
        seed: of the run.
        first: number of the first sample.
        crops: [n] their backgrounds.
        with_cluster: int64 [clusters], which of the n have a cluster.
        params: of those clusters; None without any.
        gains: float32 [clusters, band], factors on their light; see ``Prior.gains_at``.
        with_confuser: int64 [confusers], which have a confuser.
        confusers: their stars.
        blemishes: of all n.
    """

    seed: int
    first: int
    crops: Crops
    with_cluster: NDArray[np.int64]
    params: ClusterParams | None
    gains: NDArray[np.float32]
    with_confuser: NDArray[np.int64]
    confusers: StarLists
    blemishes: Blemishes

    def __len__(self) -> int:
        return len(self.crops.code)

    @property
    def rows(self) -> NDArray[np.int32]:
        """Which of the n images are drawn on, clusters first."""
        return np.concatenate([self.with_cluster, self.with_confuser]).astype(np.int32)

    @property
    def present(self) -> NDArray[np.float32]:
        """[n] 1 where there is a cluster, else 0."""
        out = np.zeros(len(self), np.float32)
        out[self.with_cluster] = 1.0
        return out

    @property
    def labels(self) -> NDArray[np.float32]:
        """[n, 4] in the order of ``LABEL_NAMES``, with the target mass; NaN without a cluster."""
        out = np.full((len(self), 4), np.nan, np.float32)
        if self.params is not None:
            out[self.with_cluster] = self.params.labels()
        return out
