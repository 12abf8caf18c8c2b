"""Held-out mocks and the network's answers for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustercnn.errors import InvalidInput
from clustercnn.evaluation.modes import modes_of
from clustercnn.evaluation.tarp import tarp_ranks
from clustercnn.inference import Posterior
from clustercnn.scene.counters import uniforms

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clustercnn.inference import Predictor
    from clustercnn.scene import Scenes

__all__ = ["Examples", "HeldOut", "infer_held_out"]


@dataclass(frozen=True)
class Examples:
    """A few mocks kept whole for figures: images, truth and posterior samples.

    ``images`` [k, band, y, x] e-/s, ``labels`` [k, 4] (NaN when absent), ``log_snr`` [k], ``samples`` [k, draws, 4].
    """

    images: NDArray[np.float32]
    labels: NDArray[np.float32]
    log_snr: NDArray[np.float32]
    samples: NDArray[np.float32]

    def spread(self, k: int) -> Examples:
        """Choose k of them, from bright to faint, evenly spread in rank; all when there are fewer."""
        order = np.argsort(-self.log_snr)
        rows = order[np.unique(np.linspace(0, len(order) - 1, min(k, len(order))).astype(int))]
        return Examples(self.images[rows], self.labels[rows], self.log_snr[rows], self.samples[rows])

    def over_age(self, k: int) -> NDArray[np.int64]:
        """Rows of k of them, from young to old; of the brighter half only, as faint ones show the prior."""
        n = len(self.labels)
        if n == 0:
            return np.zeros(0, np.int64)
        bright = np.flatnonzero(self.log_snr >= np.median(self.log_snr))
        by_age = bright[np.argsort(self.labels[bright, 0])]
        return by_age[np.unique(np.linspace(0, len(by_age) - 1, min(k, len(by_age))).astype(int))]


@dataclass(frozen=True)
class HeldOut:
    """Truth and answers of n mocks.

    ``present`` [n] is 0 or 1, ``labels`` [n, 4] and ``log_snr`` [n] are NaN when absent, ``posterior`` has ``rank``
    and ``log_prob`` filled; ``joint_rank`` [n] is that of ``tarp_ranks``, about points drawn from the labels' bounds;
    ``modes`` [n, plane] are those of ``modes_of``; ``examples`` are the first few with a cluster.
    """

    present: NDArray[np.float32]
    labels: NDArray[np.float32]
    log_snr: NDArray[np.float32]
    posterior: Posterior
    joint_rank: NDArray[np.float64]
    modes: NDArray[np.int8]
    examples: Examples

    def __len__(self) -> int:
        return len(self.present)


def infer_held_out(
    predictor: Predictor,
    scenes: Scenes,
    *,
    n: int,
    seed: int,
    examples: int = 64,
    progress: Callable[[int], None] | None = None,
) -> HeldOut:
    """Draw n mocks that training never saw and let the network answer.

    Args:
        predictor: the network.
        scenes: makes mock i as a function of (seed, i).
        n: how many mocks, with and without a cluster.
        seed: of the mocks; must differ from the seed of training for them to be held out.
        examples: how many mocks with a cluster to keep whole.
        progress: called with the number of mocks of each finished batch.

    Raises:
        InvalidInput: n below 1, or scenes of other bands or size than the network reads.
    """
    if n < 1:
        raise InvalidInput(f"n: {n}; 1 or more mocks are allowed")
    if tuple(scenes.bands) != predictor.bands or scenes.size != predictor.size:
        raise InvalidInput(
            f"scenes: bands {', '.join(scenes.bands)} at {scenes.size} pixels; the model reads "
            f"{', '.join(predictor.bands)} at {predictor.size} pixels"
        )
    truth, answers, kept = [], [], []
    missing = examples
    for first in range(0, n, predictor.batch):
        batch = scenes.batch(first, min(predictor.batch, n - first), seed=seed)
        images, labels = np.array(batch.images), np.array(batch.labels)
        answer = predictor.predict(images, samples=predictor.draws, seed=seed, first=first, truth=labels)
        some = np.flatnonzero(batch.present > 0.5)[:missing]
        missing -= len(some)
        kept.append((images[some], labels[some], np.array(batch.log_snr)[some], answer.samples[some]))
        joint = _joint_ranks(answer.samples, labels, predictor.label_bounds, seed=seed, first=first)
        modes = modes_of(answer.samples, np.array(batch.present) > 0.5, predictor.label_bounds)
        truth.append((np.array(batch.present), labels, np.array(batch.log_snr), joint, modes))
        answers.append(answer.without_samples())
        if progress is not None:
            progress(len(images))
    present, labels, log_snr, joint_rank, modes = (np.concatenate(part) for part in zip(*truth, strict=True))
    whole = Examples(*(np.concatenate(part) for part in zip(*kept, strict=True)))
    return HeldOut(present, labels, log_snr, Posterior.concatenate(answers), joint_rank, modes, whole)


def _joint_ranks(
    samples: NDArray[np.float32], labels: NDArray[np.float32], bounds: NDArray[np.float64], *, seed: int, first: int
) -> NDArray[np.float64]:
    """``tarp_ranks`` about a point for each mock that is a function of (seed, the mock's number) alone."""
    widths = bounds[:, 1] - bounds[:, 0]
    reference = bounds[:, 0] + widths * uniforms(seed, "reference", first=first, n=len(labels), k=len(bounds))
    return tarp_ranks(samples, labels, reference, widths=widths)
