"""The joint posterior's head beside a neural spline flow of zuko: held-out loss on the same features, time to draw.

python benchmarks/bench_posterior.py [--quick] [--model run/model.ts] [--mocks 40000] [--steps 4000] [--batch 256]
    [--seeds 2] [--json FILE]

Features are those that a trained network's heads read, of mocks with a cluster on fields it was not trained on; without
``--model`` the numbers that the photometry beside the trunk measures, of which nothing is learned. Both densities train
anew on the same batches and keep the weights that are best on a tenth of the mocks; the loss is that on another fifth,
where the network's own head is judged too, as it is. Losses are in nats on the unit cube of the labels' range: 0 is
uniform.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from bench_helpers import describe, machine, markdown, significant, versions, write_json
from bench_scenes import build
from torch import Tensor, nn

from clustercnn.evaluate import scenes_config
from clustercnn.inference import Predictor
from clustercnn.model import ModelSettings, noise_scale
from clustercnn.model.photometry import Photometry
from clustercnn.model.posterior import BinnedPosterior
from clustercnn.model.stretch import Stretch
from clustercnn.scene import Scenes, build_scenes

HIDDEN, BINS, RATE = 64, 32, 2e-3
MOCKS_AT_ONCE = 256
DRAWS = 1000


@dataclass
class Data:
    """Standardised features [n, feature] and labels on the unit cube [n, 4], in three parts.

    ``own`` are the losses of the network's own head on the test part, where there is a network.
    """

    train: tuple[Tensor, Tensor]
    choose: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    own: Tensor | None = None


class Binned(nn.Module):
    """The package's head."""

    name = "clustercnn BinnedPosterior"

    def __init__(self, features: int) -> None:
        super().__init__()
        self.head = BinnedPosterior(features, hidden=HIDDEN, bins=BINS)

    def forward(self, features: Tensor, u: Tensor) -> Tensor:
        """Log-density [n]."""
        return self.head(features, u)

    def draw(self, features: Tensor) -> Tensor:
        """``DRAWS`` points for each object."""
        return self.head.sample(features, DRAWS, 0, 0)


class Spline(nn.Module):
    """zuko's flow, of the unit cube's normal deviates: there the prior is its base, and no mass falls outside."""

    name = "zuko NSF"

    def __init__(self, features: int) -> None:
        super().__init__()
        import zuko

        self.flow = zuko.flows.NSF(4, features, transforms=3, bins=8, hidden_features=(128, 128))

    def forward(self, features: Tensor, u: Tensor) -> Tensor:
        """Log-density [n]."""
        z = torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6))
        return self.flow(features).log_prob(z) + (0.5 * z.square() + 0.5 * math.log(2 * math.pi)).sum(dim=1)

    def draw(self, features: Tensor) -> Tensor:
        """``DRAWS`` points for each object."""
        return torch.special.ndtr(self.flow(features).sample((DRAWS,)))


@torch.no_grad()
def features_of(model: str | None, mocks: int, *, quick: bool) -> Data:
    """Features and labels of mocks with a cluster."""
    network = Predictor.load(model, device="cpu").artefact if model else None
    scenes = scenes_of(network.metadata, quick=quick) if network else build(quick=quick)
    stretch = Stretch(noise_scale(scenes.survey))
    photometry = Photometry(len(scenes.bands), scenes.size, ModelSettings())
    bounds = network.label_bounds if network else scenes.prior.label_bounds
    low, high = torch.as_tensor(bounds, dtype=torch.float32).T
    found, first = [], 0
    while sum(len(u) for _, u in found) < mocks:
        batch, first = scenes.batch(first, MOCKS_AT_ONCE, seed=2), first + MOCKS_AT_ONCE
        there = batch.present > 0.5
        images = torch.from_numpy(batch.images[there])
        features = network.encode(images)[2] if network else photometry.measure(stretch.linear(images))
        found.append((features, (torch.from_numpy(batch.labels[there]) - low) / (high - low)))
    x, u = (torch.cat(part) for part in zip(*found, strict=True))
    inside = ((u >= 0) & (u <= 1)).all(dim=1)
    x, u = x[inside], u[inside]
    tenth = len(x) // 10
    train, choose, test = slice(3 * tenth, None), slice(tenth), slice(tenth, 3 * tenth)
    own = None
    if network:
        own = -network.log_prob(x[test], low + u[test] * (high - low)) - torch.log(high - low).sum()
    spread = x.std(dim=0)
    x = (x - x.mean(dim=0))[:, spread > 0] / spread[spread > 0]
    return Data(*((x[part], u[part]) for part in (train, choose, test)), own)


def scenes_of(metadata: dict, *, quick: bool) -> Scenes:
    """Mocks as a network was trained on, on fields of their own."""
    config = scenes_config({"seed": 2}, metadata)
    if quick:
        config["scene"] = {**config["scene"], "fields": 1, "field_size": 256}
    return build_scenes(config)


def fit(density: nn.Module, data: Data, *, steps: int, seed: int, batch: int = 256) -> nn.Module:
    """The density with the weights that were best on the mocks to choose by."""
    optimizer = torch.optim.AdamW(density.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    best, kept = float("inf"), density
    for step in range(steps):
        rows = torch.randint(len(data.train[0]), (batch,), generator=generator)
        optimizer.zero_grad()
        (-density(*(part[rows] for part in data.train)).mean()).backward()
        nn.utils.clip_grad_norm_(density.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % max(steps // 10, 1) == 0:
            loss = float(losses(density, data.choose).mean())
            if loss < best:
                best, kept = loss, copy.deepcopy(density)
    return kept


@torch.no_grad()
def losses(density: nn.Module, part: tuple[Tensor, Tensor]) -> Tensor:
    """-log of the density at the truth, nats, [n]."""
    return -torch.cat([density(x, u) for x, u in zip(*(t.split(1024) for t in part), strict=True)])


@torch.no_grad()
def draw_seconds(density: nn.Module, features: Tensor, *, objects: int, rounds: int) -> float:
    """Median time of a thousand draws for each of some objects."""
    some = features[torch.arange(objects) % len(features)]
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for part in some.split(100):  # the flow's draws of all at once would need gigabytes
            density.draw(part)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def measure(kind: type, data: Data, *, seeds: int, objects: int, **how: int) -> tuple[dict, Tensor]:
    """The row of a density, and its losses on the test mocks, averaged over seeds; ``how`` is for ``fit``."""
    all_losses, begin = [], time.perf_counter()
    for seed in range(seeds):
        torch.manual_seed(seed)
        density = fit(kind(data.train[0].shape[1]), data, seed=seed, **how)
        all_losses.append(losses(density, data.test))
    taken = (time.perf_counter() - begin) / seeds
    mean = torch.stack(all_losses).mean(dim=0)
    weights = sum(p.numel() for p in density.parameters())
    seconds = draw_seconds(density, data.test[0], objects=objects, rounds=2 * seeds - 1)
    row = {"what": kind.name, "weights": weights, "nll": float(mean.mean()), "train_s": taken, "draw_s": seconds}
    return row, mean


def difference(losses: Tensor, first: Tensor) -> dict[str, float]:
    """How much the losses [n] are above the first's on the same mocks, and the error of that."""
    above = losses - first
    return {"above": float(above.mean()), "above_error": float(above.std()) / math.sqrt(len(above))}


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    lines = []
    for row in rows:
        above = f"{row['above']:+.3f} ± {row['above_error']:.3f}" if "above" in row else "–"
        numbers = (significant(row[k]) if k in row else row.get("note", "–") for k in ("weights", "train_s", "draw_s"))
        lines.append((row["what"], f"{row['nll']:.3f}" if "nll" in row else row["note"], above, *numbers))
    return markdown(("density", "loss, nats", "above the first", "weights", "training, s", "drawing, s"), lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--model", help="the network whose features are used; pretrained-m83 comes with the package")
    parser.add_argument("--mocks", type=int, default=40_000, help="with a cluster")
    parser.add_argument("--steps", type=int, default=4000, help="of each training")
    parser.add_argument("--batch", type=int, default=256, help="mocks of each step")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    mocks = 300 if given.quick else given.mocks
    how = {"steps": given.steps, "seeds": given.seeds, "objects": 1000, "batch": given.batch}
    if given.quick:
        how |= {"steps": 10, "seeds": 1, "objects": 10}
    torch.set_num_threads(2)
    head = {"machine": machine(), "versions": versions(("clustercnn", "torch", "zuko"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    data = features_of(given.model, mocks, quick=given.quick)
    row, mine = measure(Binned, data, **how)
    rows = [row]
    if data.own is not None:
        rows.append({"what": "the network's own head", "nll": float(data.own.mean()), **difference(data.own, mine)})
    if importlib.util.find_spec("zuko") is None:
        rows.append({"what": Spline.name, "note": "not installed"})
    else:
        row, theirs = measure(Spline, data, **how)
        rows.append(row | difference(theirs, mine))
    print(f"\n{DRAWS:,} draws for each of {how['objects']:,} objects\n\n{table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
