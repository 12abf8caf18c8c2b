"""Speed of training: steps of each model, and draws from the posterior.

python benchmarks/bench_train.py [--quick] [--threads 1 2] [--models small base]
"""

from __future__ import annotations

import argparse
import importlib.resources
from pathlib import Path

import torch
import yaml
from bench_helpers import describe, machine, per_second, versions

from clustercnn.data import Batch
from clustercnn.model import ClusterNet, ModelSettings, read_settings
from clustercnn.training import TrainSettings
from clustercnn.training.loop import take_step
from clustercnn.training.losses import LossModule
from clustercnn.training.state import TrainState

CONF = Path(str(importlib.resources.files("clustercnn") / "conf"))
BOUNDS = [[6.6, 10.1], [2.3, 5.9], [0.0, 3.5], [-1.6, -0.2]]


def config(group: str, name: str) -> dict:
    return yaml.safe_load((CONF / group / f"{name}.yaml").read_text())


def make(name: str) -> ClusterNet:
    torch.manual_seed(0)
    settings = read_settings(ModelSettings, config("model", name), where="model")
    net = ClusterNet(settings, scale=[0.003, 0.003, 0.006], bounds=BOUNDS, size=64)
    return net.to(memory_format=torch.channels_last)


def bench_steps(name: str, *, threads: int, seconds: float, batch: int = 64) -> None:
    torch.set_num_threads(threads)
    labels = torch.tensor(BOUNDS).mean(dim=1).expand(batch, 4)
    data = Batch(0.01 * torch.randn(batch, 3, 64, 64), torch.ones(batch), labels, torch.ones(batch))
    settings = TrainSettings(steps=1, batch_size=batch)
    rates = []
    for bf16 in (False, True):
        state = TrainState(make(name), settings)
        module = LossModule(state.net, bf16=bf16).train()
        rates.append(
            per_second(
                lambda m=module, s=state: take_step(s, m, data, settings=settings, share=0.5), batch, seconds=seconds
            )
        )
    print(f"train {name:8s} {threads} threads, batch {batch}: fp32 {rates[0]:6.0f}, bf16 {rates[1]:6.0f} images/s")


def bench_draws(*, threads: int, seconds: float) -> None:
    torch.set_num_threads(threads)
    net = make("small").eval()
    context = torch.randn(100, 128)
    with torch.no_grad():
        rate = per_second(lambda: net.sample(context, 1000, 0), 100_000, seconds=seconds)
    print(f"posterior draws {threads} threads: {rate / 1e6:.2f} million/s (1000 of 1000 objects in {1e6 / rate:.2f} s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look at each, not a measurement")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--models", nargs="+", default=["small", "base"])
    given = parser.parse_args()
    seconds = 0.3 if given.quick else 5.0
    print(describe(machine()), describe(versions(("clustercnn", "torch"))), sep="\n", flush=True)
    for threads in given.threads[:1] if given.quick else given.threads:
        for name in given.models[:1] if given.quick else given.models:
            bench_steps(name, threads=threads, seconds=seconds)
        bench_draws(threads=threads, seconds=seconds)


if __name__ == "__main__":
    main()
