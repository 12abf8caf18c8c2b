"""Speed of training: steps of each model on a batch that stays the same and on fresh scenes, and posterior draws.

python benchmarks/bench_train.py [--quick] [--device cuda] [--threads 1 2] [--models small base] [--json FILE]

"Fresh scenes" come from the default synthetic scene as in a training run: drawn by threads beside the optimiser, or on
the same GPU. "Data wait" is the share of the time that the optimiser waited for them.
"""

from __future__ import annotations

import argparse
import importlib.resources
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import yaml
from bench_helpers import describe, machine, markdown, per_second, significant, versions, write_json
from bench_scenes import build

from clustercnn.data import Batch
from clustercnn.model import ClusterNet, ModelSettings, read_settings
from clustercnn.training import RunSettings, TrackerSettings, TrainSettings
from clustercnn.training.feed import choose_painter, open_stream
from clustercnn.training.loop import take_step
from clustercnn.training.losses import LossModule
from clustercnn.training.precision import pick_device, pick_threads
from clustercnn.training.state import TrainState

if TYPE_CHECKING:
    from clustercnn.scene import Scenes

CONF = Path(str(importlib.resources.files("clustercnn") / "conf"))
BOUNDS = [[6.6, 10.1], [2.3, 5.9], [0.0, 3.5], [-1.6, -0.2]]


def config(group: str, name: str) -> dict:
    return yaml.safe_load((CONF / group / f"{name}.yaml").read_text())


def make(name: str, device: torch.device) -> ClusterNet:
    torch.manual_seed(0)
    settings = read_settings(ModelSettings, config("model", name), where="model")
    net = ClusterNet(settings, scale=[0.003, 0.003, 0.006], bounds=BOUNDS, size=64)
    return net.to(device, memory_format=torch.channels_last)


def bench_steps(name: str, device: torch.device, *, threads: int, seconds: float, batch: int) -> list[dict]:
    """Steps on the same batch again and again, in both precisions."""
    torch.set_num_threads(threads)
    labels = torch.tensor(BOUNDS).mean(dim=1).expand(batch, 4)
    tensors = (0.01 * torch.randn(batch, 3, 64, 64), torch.ones(batch), labels, torch.ones(batch))
    data = Batch(*(t.to(device) for t in tensors))
    settings = TrainSettings(steps=1, batch_size=batch)
    rows = []
    for bf16 in (False, True):
        state = TrainState(make(name, device), settings)
        module = LossModule(state.net, bf16=bf16).train()
        # a step ends with the test of its gradient, which waits for the device
        step = partial(take_step, state, module, data, settings=settings, share=0.5)
        rate = per_second(step, batch, seconds=seconds)
        rows.append(_row(name, f"{threads} threads, the same batch, {'bf16' if bf16 else 'fp32'}", batch, rate))
    return rows


def bench_fed(name: str, device: torch.device, scenes: Scenes, *, bf16: bool, seconds: float, batch: int) -> dict:
    """Steps on fresh scenes, as a run takes them."""
    settings = TrainSettings(steps=1, batch_size=batch)
    threads, data_threads = pick_threads(settings, world=1)
    torch.set_num_threads(threads)
    state = TrainState(make(name, device), settings)
    module = LossModule(state.net, bf16=bf16).train()
    painter, words = choose_painter(scenes, "auto", device)
    run = RunSettings(ModelSettings(), settings, TrackerSettings(mode="disabled"), seed=1, resume="none")
    parts = {"n": batch, "shard": (0, batch), "start": 0, "threads": data_threads}
    with open_stream(painter, run, device=device, **parts) as stream:
        for _ in range(3):
            take_step(state, module, next(stream), settings=settings, share=0.5)
        begin, waited, steps = time.perf_counter(), stream.waited, 0
        while time.perf_counter() - begin < seconds:
            take_step(state, module, next(stream), settings=settings, share=0.5)
            steps += 1
        taken, waited = time.perf_counter() - begin, stream.waited - waited
    how = f"{threads} + {data_threads} threads, fresh scenes, {words}, {'bf16' if bf16 else 'fp32'}"
    return _row(name, how, batch, batch * steps / taken) | {"data_wait": waited / taken}


def bench_draws(device: torch.device, *, threads: int, seconds: float) -> dict:
    """Draws from the posterior of a hundred objects."""
    torch.set_num_threads(threads)
    net = make("small", device).eval()
    context = torch.randn(100, 128, device=device)
    with torch.no_grad():
        rate = per_second(lambda: net.sample(context, 1000, 0).sum().item(), 100_000, seconds=seconds)
    return {"what": f"posterior draws, {threads} threads", "per_s": rate}


def _row(name: str, how: str, batch: int, rate: float) -> dict:
    return {"what": f"{name}, batches of {batch}, {how}", "per_s": rate}


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    lines = [
        (row["what"], significant(row["per_s"]), f"{100 * row['data_wait']:.1f} %" if "data_wait" in row else "–")
        for row in rows
    ]
    return markdown(("what", "images or draws / s", "data wait"), lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a look at each, not a measurement")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=None, help="images per step; 64, on a GPU 256")
    parser.add_argument("--threads", type=int, nargs="+", default=None, help="of the optimiser; 1 2, on a GPU 2")
    parser.add_argument("--models", nargs="+", default=["small", "base"])
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    device, on_gpu = pick_device(given.device), given.device == "cuda"
    batch, seconds = given.batch or (256 if on_gpu else 64), 0.3 if given.quick else 5.0
    head = {"machine": machine(), "versions": versions(("clustercnn", "torch"))}
    if on_gpu:
        head["machine"]["gpu"] = torch.cuda.get_device_name(device)
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    scenes, rows = build(quick=given.quick), []
    threads = given.threads or ([2] if on_gpu else [1, 2])
    for name in given.models[:1] if given.quick else given.models:
        for count in threads[:1] if given.quick else threads:
            rows += bench_steps(name, device, threads=count, seconds=seconds, batch=batch)
        # the precision that a run would choose
        bf16 = rows[-1]["per_s"] > rows[-2]["per_s"]
        rows.append(bench_fed(name, device, scenes, bf16=bf16, seconds=4 * seconds, batch=batch))
    rows += [bench_draws(device, threads=count, seconds=seconds) for count in threads]
    print(f"\n{table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
