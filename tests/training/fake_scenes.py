"""Scenes without physics: round blobs whose brightness, colours and width tell the labels, seeded as the real ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

BOUNDS = np.array([[6.5, 10.0], [2.5, 5.5], [0.0, 3.0], [-1.5, -0.3]])
NOISE = 0.01  # e-/s per pixel


@dataclass
class FakeBatch:
    images: np.ndarray
    present: np.ndarray
    labels: np.ndarray
    log_snr: np.ndarray


@dataclass
class FakeScenes:
    size: int = 16
    bands: tuple[str, ...] = ("F336W", "F438W", "F814W")
    fail_at: int | None = None  # scene number from which on drawing raises
    nan_from: int | None = None  # scene number from which on images hold a NaN
    nan_to: int = 2**62
    present_share: float = 0.7
    prior: SimpleNamespace = field(init=False)
    survey: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        band = SimpleNamespace(exposure=1000.0, sky=0.01, read_noise=np.sqrt((1000 * NOISE) ** 2 - 10.0))
        self.survey = SimpleNamespace(
            name="fake",
            bands=(band,) * len(self.bands),
            band_names=self.bands,
            pixel_scale=0.04,
            to_dict=lambda: {"name": "fake"},
        )
        entropy = float(np.log(BOUNDS[:, 1] - BOUNDS[:, 0]).sum())
        self.prior = SimpleNamespace(
            bounds=BOUNDS, label_bounds=BOUNDS, entropy=entropy, to_dict=lambda: {"name": "fake"}
        )

    @staticmethod
    def allocate(n: int, bands: int, size: int) -> FakeBatch:
        f = np.float32
        return FakeBatch(np.zeros((n, bands, size, size), f), np.zeros(n, f), np.zeros((n, 4), f), np.zeros(n, f))

    def batch(self, first: int, n: int, *, seed: int, out: FakeBatch | None = None) -> FakeBatch:
        out = out or self.allocate(n, len(self.bands), self.size)
        y, x = np.mgrid[: self.size, : self.size] - (self.size - 1) / 2
        for i in range(n):
            number = first + i
            if self.fail_at is not None and number >= self.fail_at:
                raise RuntimeError(f"scene {number} cannot be drawn")
            rng = np.random.default_rng([seed, number])
            u = rng.random(5)
            labels = BOUNDS[:, 0] + u[:4] * (BOUNDS[:, 1] - BOUNDS[:, 0])
            width = 0.8 + 2.0 * u[3]
            colour = np.array([-1.2 * u[0] - 0.5 * u[2], 0.2 - 0.6 * u[2], 1.0])[: len(self.bands)]
            blob = np.exp(-0.5 * (x**2 + y**2) / width**2) / width**2
            signal = 10 ** (2.0 * u[1] - 1.0 + colour)[:, None, None] * blob
            present = u[4] < self.present_share
            out.images[i] = present * signal + rng.normal(0.0, NOISE, (len(self.bands), self.size, self.size))
            out.present[i] = present
            out.labels[i] = labels if present else np.nan
            out.log_snr[i] = 0.5 * np.log10((signal**2).sum() / NOISE**2) if present else np.nan
            if self.nan_from is not None and self.nan_from <= number < self.nan_to:
                out.images[i, 0, 0, 0] = np.nan
        return out
