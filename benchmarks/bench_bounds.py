"""What the light itself can tell: answers to photometry without noise, sky, neighbours or centring errors.

python benchmarks/bench_bounds.py [--quick] [--model FILE] [--mocks 300000] [--n 20000] [--seed 1] [--json FILE]

Two clusters of the same age and mass differ in light, as their few bright stars do; two profiles of different
half-light radius look alike where an image ends. No measurement undoes that. So the posterior's head is trained here on
numbers that an image gives no method, and judged on the clusters on which networks are judged (drawn anew, since only
light above the noise is drawn star by star, and that share hangs on the size):

- all light of the cluster in each band, with and without the errors of zero points and distance;
- growth curves: the light within discs about the true centre, up to the edge of the stamp, with those errors.

Pixels hold more than either (stars seen one by one), images less (noise, crowding): the rows are landmarks, the bound
of photometry, not of all that could be done. Clusters are those of the paper's reliable range with S/N > 10.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from bench_baselines import network, row
from bench_helpers import describe, machine, markdown, versions, write_json
from bench_posterior import Data, fit, losses
from torch import Tensor, nn

from clustercnn.evaluate import scenes_config
from clustercnn.evaluation import paper_range
from clustercnn.evaluation.metrics import BRIGHT_SNR
from clustercnn.inference import Predictor
from clustercnn.inference.pretrained import DEFAULT
from clustercnn.labels import LABEL_NAMES
from clustercnn.model.posterior import BinnedPosterior
from clustercnn.render import Renderer
from clustercnn.scene import build_scenes

if TYPE_CHECKING:
    from clustercnn import ClusterParams
    from clustercnn.scene import Scenes

RADII = np.array([1.0, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 31.5])  # pixels
POINT = -3.0  # log10 arcsec: so small that the same share of the light falls into the stamp for all
FRESH = 7  # seed of the clusters to learn from
KINDS = {  # name: whether all light is taken, and whether calibration errs
    "all light": (True, True),
    "all light, perfect calibration": (True, False),
    "growth curves": (False, True),
}
BATCH, WIDTH, DRAWS = 256, 256, 1000


@dataclass
class Clusters:
    """What is measured of clusters without noise.

    Args:
        light: [n, disc, band] within ``RADII``, or all of it up to one factor, [n, 1, band]; e-/s.
        gains: [n, band] factors of the calibration errors, which are not in it.
        labels: [n, 4] with the realised mass.
    """

    light: np.ndarray
    gains: np.ndarray
    labels: np.ndarray

    @classmethod
    def join(cls, parts: list[Clusters]) -> Clusters:
        """All clusters of several lists."""
        return cls(*(np.concatenate([getattr(p, k) for p in parts]) for k in ("light", "gains", "labels")))

    def features(self, *, errors: bool) -> Tensor:
        """Logarithms of light and their differences over discs and bands, [n, feature]."""
        light = np.log10(np.maximum(self.light * (self.gains[:, None] if errors else 1.0), 1e-6))
        parts = [light[:, -1], np.diff(light, axis=2), np.diff(light, axis=1)]
        return torch.from_numpy(np.concatenate([p.reshape(len(p), -1) for p in parts], axis=1).astype(np.float32))


class Light:
    """Draws clusters alone about the middle of the stamp, and measures them without error.

    Args:
        scenes: whose survey, prior and accuracy it takes.
        point: whether clusters are drawn as points, for all of their light.
    """

    def __init__(self, scenes: Scenes, *, point: bool) -> None:
        settings = replace(scenes.renderer.settings, threads=2)
        self.scenes, self.renderer = scenes, Renderer(scenes.survey, scenes.size, settings=settings)
        axis = np.arange(scenes.size) - (scenes.size - 1) / 2
        discs = np.hypot(axis[:, None], axis) <= (RADII[-1:] if point else RADII)[:, None, None]
        self._discs, self._point = discs.reshape(len(discs), -1).astype(np.float32).T, point

    def of(self, params: ClusterParams, *, seed: int, indices: np.ndarray, gains: np.ndarray) -> Clusters:
        """The clusters ``indices`` of a seed."""
        log_mass, labels = np.empty(len(params)), params.labels()
        params = replace(params, x=None, y=None, **({"log_rh": POINT} if self._point else {}))
        images = self.renderer.render(params, seed=seed, indices=indices, log_mass_out=log_mass)
        labels[:, 1] = log_mass
        light = images.reshape(*images.shape[:2], -1) @ self._discs
        return Clusters(light.swapaxes(1, 2), gains, labels)

    def fresh(self, n: int) -> Clusters:
        """``n`` clusters of the prior, of a seed of their own."""
        prior, parts = self.scenes.prior, []
        for first in range(0, n, BATCH):
            indices = np.arange(first, min(first + BATCH, n))
            gains = prior.gains_at(indices, seed=FRESH, bands=len(self.scenes.bands))
            parts.append(self.of(prior.sample_at(indices, seed=FRESH), seed=FRESH, indices=indices, gains=gains))
        return Clusters.join(parts)

    def held_out(self, n: int, *, seed: int) -> Clusters:
        """The clusters to judge by, of ``n`` mocks."""
        parts = []
        for first in range(0, n, BATCH):
            count = min(BATCH, n - first)
            batch, numbers = (make(first, count, seed=seed) for make in (self.scenes.batch, self.scenes.numbers))
            good = paper_range(batch.labels) & (batch.log_snr > np.log10(BRIGHT_SNR))
            rows = np.flatnonzero(good[numbers.with_cluster])
            if rows.size:
                indices = first + numbers.with_cluster[rows]
                parts.append(self.of(numbers.params[rows], seed=seed, indices=indices, gains=numbers.gains[rows]))
        return Clusters.join(parts)


class Layers(nn.Module):
    """A perceptron under the posterior's head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [width, WIDTH, WIDTH, WIDTH]
        self.layers = nn.Sequential(*(m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())))
        self.head = BinnedPosterior(WIDTH, hidden=64, bins=32)

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """Log-density [n]."""
        return self.head(self.layers(x), u)

    @torch.no_grad()
    def medians(self, x: Tensor) -> Tensor:
        """Posterior medians [n, 4]."""
        draws = [self.head.sample(self.layers(part), DRAWS, 0, BATCH * i) for i, part in enumerate(x.split(BATCH))]
        return torch.cat([one.median(dim=1)[0] for one in draws])


def answer(name: str, fresh: Clusters, judged: Clusters, bounds: np.ndarray, *, steps: int) -> dict:
    """The row of what a network learns from one kind of light."""
    x, good = (clusters.features(errors=KINDS[name][1]) for clusters in (fresh, judged))
    middle, spread = x.mean(dim=0), x.std(dim=0)
    low, high = torch.as_tensor(bounds, dtype=torch.float32).T
    u, truth = ((torch.from_numpy(c.labels) - low) / (high - low) for c in (fresh, judged))
    x, good = ((v - middle) / spread for v in (x, good))
    inside = ((u >= 0) & (u <= 1)).all(dim=1)
    x, u, tenth = x[inside], u[inside], int(inside.sum()) // 10
    torch.manual_seed(0)
    data = Data((x[tenth:], u[tenth:]), (x[:tenth], u[:tenth]), (good, truth))
    density = fit(Layers(x.shape[1]), data, steps=steps, seed=0)
    medians = low + density.medians(good) * (high - low)
    nll = float(losses(density, data.test).mean() + torch.log(high - low).sum())
    return row(name, medians.numpy() - judged.labels, nll=nll, multimodal=None)


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    head = ("light", "clusters", "NLL, nats", *(f"{label}: bias, scatter" for label in LABEL_NAMES))
    lines = []
    for one in rows:
        errors = ("–" if one[k][0] is None else "{:+.3f}, {:.3f}".format(*one[k]) for k in LABEL_NAMES)
        lines.append((one["what"], f"{one['n']:,}", f"{one['nll']:.2f}", *errors))
    return markdown(head, lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--model", default=DEFAULT, help="model.ts of the network to compare with")
    parser.add_argument("--mocks", type=int, default=300_000, help="clusters to learn from")
    parser.add_argument("--steps", type=int, default=8000, help="of each training")
    parser.add_argument("--n", type=int, default=20_000, help="mocks to judge by, with and without a cluster")
    parser.add_argument("--seed", type=int, default=1, help="of those mocks")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    if given.seed == FRESH:
        raise SystemExit(f"bench_bounds: --seed: {FRESH} is that of the clusters to learn from; any other is allowed")
    torch.set_num_threads(2)
    head = {"machine": machine(), "versions": versions(("clustercnn", "torch"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    predictor = Predictor.load(given.model, draws=200 if given.quick else DRAWS)
    config = scenes_config({"seed": given.seed}, predictor.artefact.metadata)
    if given.quick:
        config["scene"] = {**config["scene"], "fields": 1, "field_size": 256}
    n, mocks, steps = (300, 600, 20) if given.quick else (given.n, given.mocks, given.steps)
    scenes = build_scenes(config)
    rows = []
    for point in (True, False):
        light = Light(scenes, point=point)
        fresh, judged = light.fresh(mocks), light.held_out(n, seed=given.seed)
        names = [name for name, (all_light, _) in KINDS.items() if all_light == point]
        for name in names:
            rows.append(answer(name, fresh, judged, scenes.prior.label_bounds, steps=steps))
            print(f"{name}: {rows[-1]['nll']:.2f} nats", file=sys.stderr, flush=True)
    rows.append(network("the network, of images", predictor, scenes, n=n, seed=given.seed))
    print(f"\n{table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
