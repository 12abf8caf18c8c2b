"""A network whose answers are known: a cluster is what shines in the middle of a stamp."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor, nn

from clustercnn.inference import Predictor
from clustercnn.labels import LABEL_NAMES

SIZE = 16
BOUNDS = [[6.0, 10.0], [2.0, 6.0], [0.0, 4.0], [-2.0, 2.0]]
SURVEY = {"name": "toy", "bands": {"A": {}, "B": {}}}


class Toy(nn.Module):
    """Peak of the first band = S/N; the posterior is Gaussian about the peak values, sigma 0.1."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor([row[0] for row in BOUNDS]))

    def forward(self, images: Tensor) -> Tensor:
        return self.encode(images)[0]

    @torch.jit.export
    def encode(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        peak = images[:, 0, 6:10, 6:10].mean(dim=(1, 2))
        context = self.low + 2.0 + 0.01 * peak[:, None] * torch.ones(4)
        return peak - 3.0, torch.log10(peak.clamp_min(1e-3)), context

    @torch.jit.export
    def sample(self, context: Tensor, k: int, seed: int, first: int = 0) -> Tensor:
        n = context.shape[0]
        index = torch.arange(k).view(1, k, 1) * torch.tensor([1, 7, 11, 13]).view(1, 1, 4)
        shift = torch.arange(n).view(n, 1, 1) + first + seed
        u = (torch.remainder(index + shift, k) + 0.5) / float(k)
        return context[:, None] + 0.1 * math.sqrt(2.0) * torch.erfinv(2.0 * u - 1.0)

    @torch.jit.export
    def log_prob(self, context: Tensor, labels: Tensor) -> Tensor:
        chi = (labels - context) / 0.1
        return -0.5 * (chi * chi).sum(dim=1) - 4.0 * math.log(0.1 * math.sqrt(2.0 * math.pi))


def metadata(**changes: object) -> dict:
    known = {
        "format": 1,
        "version": "0.0.test",
        "bands": ["A", "B"],
        "size": SIZE,
        "pixel_scale": 0.04,
        "labels": list(LABEL_NAMES),
        "label_bounds": BOUNDS,
        "survey": SURVEY,
    }
    return {**known, **changes}


@pytest.fixture
def write_toy(tmp_path):
    """Writes the toy artefact; keyword arguments change its metadata, ``raw`` replaces the whole text."""

    def write(name="model.ts", *, raw=None, **changes):
        path = tmp_path / name
        text = json.dumps(metadata(**changes)) if raw is None else raw
        torch.jit.save(torch.jit.script(Toy()), str(path), _extra_files={"metadata.json": text} if text else {})
        return path

    return write


@pytest.fixture
def predictor(write_toy):
    # 1001 is a prime to 7, 11 and 13 only by luck; 997 is a prime, so every dimension visits all quantiles once
    return Predictor.load(write_toy(), device="cpu", batch=8, draws=997)
