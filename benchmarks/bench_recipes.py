"""What each choice of network and training is worth: short trainings that differ in one thing, on the same mocks.

python benchmarks/bench_recipes.py [--quick] [--images 60000] [--seeds 1 2] [--only NAME ...] [--set KEY=VALUE ...]
                                   [--json FILE]

Each variant is a run of ``python -m clustercnn.train experiment=best model=tiny`` with a few overrides, over the same
number of mocks; ``--images`` takes several numbers, for a learning curve. ``--seeds`` repeats each run with other
weights and other mocks, which says how much of a difference is chance. ``--set`` is for all runs: on a GPU ``--set
model=base train.device=cuda train.render_device=cuda``. Posteriors in nats below the prior: higher is better.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_helpers import describe, machine, markdown, versions, write_json

COMMON = ("experiment=best", "model=tiny", "train.batch_size=64", "train.learning_rate=2e-3", "train.figures=false")
CHEAP = ("scene.fields=8", "train.validation_size=512", "train.recalibrate=0", "tracker=disabled")
VARIANTS: dict[str, tuple[str, ...]] = {
    "reference": (),
    "photometry alone": ("model.trunk=none",),
    "catalogue's photometry alone": ("model.trunk=none", "model.photometry=catalogue"),
    "trunk with catalogue's photometry": ("model.photometry=catalogue",),
    "narrow layers": ("model.layers=[64,64]",),
    "small trunk": ("model=small",),
    "wide trunk": ("model.widths=[64,128,256,384]",),
    "deep trunk": ("model.depths=[2,2,2,2]",),
    "first stage at full resolution": ("model.strides=[1,2,2,2]",),
    "stem of 32": ("model.stem=32",),
    "stamps of 32 pixels": ("size=32",),
    "stamps of 96 pixels": ("size=96",),
    "softening 0.3": ("model.softening=0.3",),
    "softening 100": ("model.softening=100.0",),
    "24 bins": ("model.bins=24",),
    "64 bins": ("model.bins=64",),
    "wide heads": ("model.context=256", "model.hidden=128"),
    "presence weight 1": ("train.presence_weight=1.0",),
    "batches of 256": ("train.batch_size=256",),
    "rate 1e-3": ("train.learning_rate=1e-3",),
    "statistics of batches to the end": ("train.freeze_statistics=1.0",),
}
QUICK = ("scene.fields=1", "scene.field_size=256", "train.validation_size=32", "experiment=quick", "evaluate.n=64")


def run(name: str, overrides: tuple[str, ...], *, images: int, judged: int) -> dict:
    """Train one variant once; what it came to."""
    values = dict(one.split("=", 1) for one in overrides)
    steps = max(1, images // int(values.get("train.batch_size", 64)))
    folder = Path(tempfile.mkdtemp(prefix="bench_recipes_"))
    budget = (f"train.steps={steps}", "train.minutes=null", f"evaluate.n={judged}", f"hydra.run.dir={folder}")
    command = [sys.executable, "-m", "clustercnn.train", *(f"{k}={v}" for k, v in values.items()), *budget]
    begin = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench_recipes: {name}: {' '.join(command)}\n{done.stderr or done.stdout}")
        metrics = json.loads((folder / "metrics.json").read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    paper = metrics["paper_range"]
    return {
        "what": name,
        "images": images,
        "seconds": time.perf_counter() - begin,
        "gain": metrics["nll_gain"],
        "paper_gain": paper["nll_gain"],
        "auc": metrics["presence"]["auc"],
        "scatter": {label: one["scatter"] for label, one in paper["parameters"].items()},
    }


def over_seeds(values: list[float | None], digits: int) -> str:
    """Mean, and with several seeds how much one of them scatters; a dash where any seed had too few clusters."""
    if None in values:
        return "–"
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def table(rows: list[dict]) -> str:
    """The variants in Markdown, each over its seeds."""
    variants: dict[tuple[str, int], list[dict]] = {}
    for row in rows:
        variants.setdefault((row["what"], row["images"]), []).append(row)
    lines = []
    for (name, images), seeds in variants.items():
        columns = {key: [row[key] for row in seeds] for key in ("gain", "paper_gain", "auc", "seconds")}
        scatter = ", ".join(over_seeds([row["scatter"][label] for row in seeds], 2) for label in seeds[0]["scatter"])
        gains = (over_seeds(columns["gain"], 2), over_seeds(columns["paper_gain"], 2))
        rest = (over_seeds(columns["auc"], 3), f"{statistics.median(columns['seconds']):.0f}")
        lines.append((name, f"{images:,}", *gains, scatter, *rest))
    head = ("variant", "mocks", "nats", "nats, paper's range", "scatter there: age, mass, A_V, size", "AUC", "seconds")
    return markdown(head, lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two variants, a few steps: a look, not a measurement")
    parser.add_argument("--images", type=int, nargs="+", default=[60_000], help="mocks of each training")
    parser.add_argument("--judged", type=int, default=4000, help="mocks each network is judged on")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="each variant once with each")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), help="these variants")
    parser.add_argument("--set", nargs="+", default=[], help="overrides for all runs")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    names = given.only or (["reference", "photometry alone"] if given.quick else list(VARIANTS))
    head = {"machine": machine(), "versions": versions(("clustercnn", "torch"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    extra, judged, counts = (QUICK, 64, [256]) if given.quick else ((), given.judged, given.images)
    rows: list[dict] = []
    for seed, images, name in itertools.product(given.seeds, counts, names):
        overrides = (*COMMON, *CHEAP, *given.set, *VARIANTS[name], *extra, f"seed={seed}")
        rows.append(run(name, overrides, images=images, judged=judged) | {"seed": seed})
        print(f"{name}, {images:,}, seed {seed}: {rows[-1]['gain']:.2f} nats", file=sys.stderr, flush=True)
        if given.json:  # after each, as the whole table takes hours
            write_json(given.json, head | {"rows": rows})
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
