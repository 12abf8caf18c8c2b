"""The benches for a GPU run to their end, on the stand-in for one; what they would measure there means nothing."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import clustercnn as cc
from clustercnn.render.cuda import probe

BENCHES = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def cupy(new_cupy, monkeypatch):
    cupy = new_cupy()
    cupy.cuda.get_elapsed_time = lambda *_: 1.0
    monkeypatch.setattr(probe, "load_cupy", lambda: cupy)
    monkeypatch.syspath_prepend(str(BENCHES))


@pytest.mark.slow
@pytest.mark.usefixtures("cupy")
def test_rates_of_drawing(monkeypatch):
    gpu_rates = importlib.import_module("gpu_rates")
    monkeypatch.setattr(gpu_rates, "LOG_MASSES", (2.5,))
    monkeypatch.setattr(gpu_rates, "LIST", 300)
    rows = gpu_rates.rates(cc.Survey.load("m83"), quick=True, device="cpu")
    assert len(rows) == 1 + 3 + 1
    assert all(row["per_s"] > 0 for row in rows)
    errors = [row["error"] for row in rows if "error" in row]
    assert errors[0] < 1e-3  # what the tolerance promises, whatever draws
    assert errors[1] < 1e-5
    table = gpu_rates.table(rows)
    assert table.count("\n") == 1 + len(rows)
    sys.modules.pop("gpu_rates")
