"""Rates of training samples, clusters and stars, with survey m83 and prior m83.

python benchmarks/bench_scenes.py [--quick] [--threads 1 2] [--json FILE]

- scenes: ``Scenes.batch`` with the default synthetic scene: background crop, cluster or confuser, noise, S/N.
- clusters: ``Renderer.render`` alone, prior m83 and by mass, as the scenes draw them and with every star drawn.
- stars: from (seed, cluster, star) to position, mass and flux in 3 bands, through ``Renderer.stars`` (which makes a
  table of Quantities) and in the backend alone.
"""

from __future__ import annotations

import argparse
import importlib.resources
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from bench_helpers import (
    describe,
    machine,
    markdown,
    per_second,
    significant,
    single_thread,
    versions,
    write_json,
)

import clustercnn as cc
from clustercnn.scene import make_scenes

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustercnn.scene import Scenes

BATCH = 64
LOG_MASSES = (3.0, 4.0, 5.0, 6.0)
CLUSTER = {"log_age": 7.5, "a_v": 0.5, "log_rh": -1.0}


def scene_options(*, quick: bool) -> dict:
    """The default synthetic scene; a small field for a quick look."""
    path = importlib.resources.files("clustercnn") / "conf" / "scene" / "synthetic.yaml"
    options = yaml.safe_load(path.read_text())
    return options | ({"fields": 1, "field_size": 256} if quick else {})


def batches_per_second(work: Callable[[int, int], object], batches: int, *, threads: int = 1) -> float:
    """Batches per second of ``work(batch, thread)`` over batches 0, 1, ..., which the threads share.

    The work is the same for every number of threads: clusters differ a thousandfold in what they cost.
    """
    numbers = iter(range(batches))

    def run(thread: int) -> None:
        for batch in numbers:
            work(batch, thread)

    begin = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))
    return batches / (time.perf_counter() - begin)


def build(*, quick: bool) -> Scenes:
    """The scenes that are timed."""
    begin = time.perf_counter()
    survey, prior = cc.Survey.load("m83"), cc.Prior.load("m83")
    scenes = make_scenes(scene_options(quick=quick), survey, prior, size=64, seed=1)
    print(f"\nbackgrounds drawn in {time.perf_counter() - begin:.1f} s")
    return scenes


def bench_scenes(scenes: Scenes, threads: list[int], *, rounds: int, batches: int) -> list[dict]:
    """Scenes per second for each number of threads, which take turns; memory before and after."""
    outs = [scenes.allocate(BATCH, len(scenes.bands), scenes.size) for _ in range(max(threads))]

    def work(batch: int, thread: int) -> None:
        scenes.batch(BATCH * batch, BATCH, seed=1, out=outs[thread])

    rates: dict[int, list[float]] = {n: [] for n in threads}
    batches_per_second(work, 2 * max(threads), threads=max(threads))
    before = peak_memory()
    for _ in range(rounds):
        for n in threads:
            rates[n].append(BATCH * batches_per_second(work, batches, threads=n))
    print(f"peak memory {before:.0f} MB after the first batches, {peak_memory():.0f} MB after the last")
    return [{"what": f"scenes, threads {n}", "per_s": float(np.median(r)), "threads": n} for n, r in rates.items()]


def bench_clusters(settings: dict[str, cc.RenderSettings], *, seconds: float, batches: int) -> list[dict]:
    """Clusters per second of one thread under several settings, over the prior and for single masses."""
    survey, prior = cc.Survey.load("m83"), cc.Prior.load("m83")
    renderers = {how: cc.Renderer(survey, settings=one) for how, one in settings.items()}
    out = np.empty((BATCH, len(survey.bands), 64, 64), np.float32)

    def over_prior(renderer: cc.Renderer, batch: int, _: int) -> None:
        params = prior.sample(BATCH, seed=1, first=BATCH * batch, size=64)
        renderer.render(params, seed=1, first=BATCH * batch, out=out)

    rows = [
        {"what": f"clusters, prior m83, {how}", "per_s": BATCH * batches_per_second(partial(over_prior, one), batches)}
        for how, one in renderers.items()
    ]
    for log_mass in LOG_MASSES:
        params = cc.ClusterParams(log_mass=np.full(4, log_mass), **{k: np.full(4, v) for k, v in CLUSTER.items()})
        for how, one in renderers.items():
            rate = per_second(partial(one.render, params, seed=1, out=out[:4]), 4, seconds=seconds / 2)
            rows.append({"what": f"clusters of 1e{log_mass:.0f} Msun, {how}", "per_s": rate})
    return rows


def bench_stars(*, seconds: float) -> list[dict]:
    """Stars per second of one thread, for one cluster of 1e5 Msun; through the door, and inside each backend."""
    params = cc.ClusterParams(log_mass=[5.0], **{k: [v] for k, v in CLUSTER.items()})
    rows = []
    for backend in ("auto", "numba"):
        renderer = cc.Renderer(cc.Survey.load("m83"), backend=backend, settings=cc.RenderSettings(threads=1))
        n = len(renderer.stars(params, seed=1))
        # the table's columns cost as much as the stars themselves, so the backend is asked directly as well
        tables, clusters = renderer.populations.arrays(), renderer._clusters(params, 1, 0, None)
        if backend == "auto":
            door = per_second(partial(renderer.stars, params, seed=1), n, seconds=seconds)
            rows.append({"what": f"stars, Renderer.stars, {n:,} of them", "per_s": door})
        inside = per_second(partial(renderer._backend.stars, tables, clusters, 0), n, seconds=seconds)
        rows.append({"what": f"stars, backend {renderer.backend} alone", "per_s": inside})
    return rows


def peak_memory() -> float:
    """Of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(rows: list[dict]) -> str:
    """The rows in Markdown; scaling is over the first row with threads."""
    one = next((row["per_s"] / row["threads"] for row in rows if "threads" in row), np.nan)
    lines = [
        (
            row["what"],
            significant(row["per_s"]),
            significant(row["per_s"] / row.get("threads", 1)),
            f"{row['per_s'] / one:.2f}" if "threads" in row else "–",
        )
        for row in rows
    ]
    return markdown(("what", "per second", "per second and core", "scaling"), lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a look at each, no measurement")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    single_thread()
    head = {"machine": machine(), "versions": versions(("clustercnn", "numpy", "numba"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    seconds, rounds, batches = (0.3, 1, 8) if given.quick else (3.0, 3, 128)
    scenes = build(quick=given.quick)
    drawn = scenes.renderer.settings
    settings = {f"faint_fraction {f:g}": replace(drawn, faint_fraction=f) for f in (drawn.faint_fraction, 0.0)}
    rows = bench_scenes(scenes, given.threads, rounds=rounds, batches=batches)
    rows += bench_clusters(settings, seconds=seconds, batches=batches)
    rows += bench_stars(seconds=seconds)
    print(f"\n{table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
