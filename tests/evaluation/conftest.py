"""Mocks and a network that need no rendering and no training: the truth with Gaussian errors, posteriors exact."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clustercnn.inference import Posterior
from clustercnn.inference.posterior import summarise

BOUNDS = np.array([[-50.0, 60.0], [-50.0, 60.0], [-50.0, 60.0], [-50.0, 60.0]])
SIGMA = np.array([0.3, 0.2, 0.4, 0.1])
CENTRE = np.array([7.0, 4.3, 1.5, -0.9])


class ToyScenes:
    """Flat truth about ``CENTRE``; each "image" carries the truth plus a Gaussian error in its first pixels."""

    bands = ("A", "B", "C")
    size = 16
    prior = SimpleNamespace(entropy=2.5)

    def batch(self, first, n, *, seed):
        rows = [self._one(np.random.default_rng((seed, first + i))) for i in range(n)]
        images, present, labels, log_snr = (np.array(column, np.float32) for column in zip(*rows, strict=True))
        return SimpleNamespace(images=images, present=present, labels=labels, log_snr=log_snr)

    def _one(self, rng):
        labels = CENTRE + rng.uniform(-0.8, 0.8, 4)
        log_snr = rng.uniform(0.0, 2.5)
        image = 0.1 * rng.standard_normal((3, 16, 16))
        present = float(rng.random() < 0.6)
        image[0, 0, :4] = labels + SIGMA * rng.standard_normal(4)
        image[0, 1, 0] = present + 0.4 * rng.standard_normal()
        image[0, 1, 1] = log_snr + 0.1 * rng.standard_normal()
        image[:, 7:9, 7:9] += present * 10.0**log_snr / 30
        return image, present, labels if present else np.full(4, np.nan), log_snr if present else np.nan


class ToyPredictor:
    """The exact posterior of ``ToyScenes``, its width times ``stretch``, its centre off by ``shift`` sigma."""

    bands, size, pixel_scale, batch, draws, label_bounds = ToyScenes.bands, 16, 0.04, 256, 199, BOUNDS
    artefact = SimpleNamespace(name="toy", sha256="0" * 64)

    def __init__(self, stretch=1.0, shift=0.0):
        self.stretch, self.shift = stretch, shift

    def predict(self, images, *, samples=0, seed=0, first=0, truth=None, progress=None):
        n, width = len(images), self.stretch * SIGMA
        centre = images[:, 0, 0, :4] + self.shift * SIGMA
        rng = np.random.default_rng((seed, first))
        draws = (centre[:, None] + width * rng.standard_normal((n, self.draws, 4))).astype(np.float32)
        chi = (truth - centre) / width
        return Posterior(
            presence=1 / (1 + np.exp(-8 * (images[:, 0, 1, 0] - 0.5))),
            log_snr=images[:, 0, 1, 1],
            **summarise(draws),
            samples=draws[:, :samples],
            log_prob=-0.5 * (chi**2).sum(axis=1) - np.log(width * np.sqrt(2 * np.pi)).sum(),
            rank=np.where(np.isfinite(truth), ((draws < truth[:, None]).sum(axis=1) + 0.5) / (self.draws + 1), np.nan),
        )


@pytest.fixture(scope="session")
def toy():
    return SimpleNamespace(scenes=ToyScenes(), predictor=ToyPredictor, sigma=SIGMA)
