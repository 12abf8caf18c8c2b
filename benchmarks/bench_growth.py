"""How the time of drawing grows with stars, pixels, bands, tolerance and threads, and how far it is from its floors.

python benchmarks/bench_growth.py [--quick] [--json FILE]

Also fits the constants of the cost model that chooses a grid (``clustercnn.render.cost``) and prints them beside those
in use. Floors: the arithmetic of the method at the rate of this machine's matrix product, and the bytes it must touch
at the rate of a copy inside the second cache, both measured in this run, one thread.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
from bench_helpers import (
    describe,
    in_turns,
    machine,
    make_stars,
    markdown,
    significant,
    single_thread,
    versions,
    write_json,
)

import clustercnn as cc
from clustercnn.render import cost

STARS, SIZES, BANDS = (1, 100, 1_000, 10_000, 100_000, 1_000_000), (16, 32, 64, 128, 256, 512), (1, 2, 3, 4, 6, 8)
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
CLUSTER = {"log_age": 7.5, "a_v": 0.5, "log_rh": -0.8}


def survey_of(bands: int) -> cc.Survey:
    """M83's survey with that many bands, its own over and over."""
    survey = cc.Survey.load("m83")
    values, own = survey.to_dict(), list(survey.to_dict()["bands"].values())
    values["bands"] = {f"B{i}": copy.deepcopy(own[i % len(own)]) for i in range(bands)}
    return cc.Survey.from_dict(values)


def drawing(survey: cc.Survey, n: int, *, size: int = 64, **settings):
    """A function that draws ``n`` stars, and its renderer."""
    renderer = cc.Renderer(survey, size, settings=cc.RenderSettings(threads=1, **settings))
    bands = len(survey.bands)
    stars, out = make_stars(n, size=size, bands=bands, seed=1), np.empty((bands, size, size), np.float32)
    return (lambda: renderer.draw(stars.x, stars.y, stars.flux, out=out)), renderer


def seconds_of(calls: dict, *, quick: bool) -> dict[str, float]:
    """Median seconds of each call, all taking turns."""
    for call in calls.values():
        call()
    limits = {"rounds": 2, "turn": 0.01, "budget": 0.5} if quick else {"rounds": 7, "turn": 0.05, "budget": 20.0}
    return {name: float(np.median(times)) for name, times in in_turns(calls, **limits).items()}


def rates(*, quick: bool) -> dict[str, float]:
    """Measured flop/s of a single-precision matrix product and byte/s (read and written) of a copy of 256 kB."""
    a, b = np.ones((512, 512), np.float32), np.ones((512, 512), np.float32)
    source = np.ones(32_768, np.float32)
    target = np.empty_like(source)
    taken = seconds_of({"product": lambda: a @ b, "copy": lambda: np.copyto(target, source)}, quick=quick)
    return {"flop_per_s": 2 * 512**3 / taken["product"], "byte_per_s": 2 * source.nbytes / taken["copy"]}


def floors(renderer: cc.Renderer, n: int, rate: dict[str, float]) -> tuple[float, float]:
    """Seconds that operations and bytes of one image need at least, all stars inside the frame."""
    plan, bands = renderer.plan, len(renderer.survey.bands)
    period = plan.periods[0]
    cells, pixels, taps = period.cells, period.pixels, plan.window.taps
    columns = renderer.size * plan.cells_per_pixel * bands / 2  # two real columns in one complex transform
    rows = sum(band.modes + 1 for band in period.bands)
    back = rows + bands * renderer.size / 2
    octaves = 5 * (cells * np.log2(cells) * (columns + rows) + pixels * np.log2(pixels) * back)
    products = 8 * sum(band.transfer[0].size for band in period.bands)
    stars = n * (2 * taps**2 * bands + 4 * taps * (plan.taps.shape[0] - 1))
    number = 8 if plan.double_precision else 4
    half = number * 2 * (max(band.modes for band in period.bands) + 1) * 2 * columns
    transfers = 2 * number * sum(band.transfer[0].size for band in period.bands)
    moved = n * (2 * number * taps**2 * bands + 16 + 4 * bands) + 2 * half + transfers + 4 * bands * renderer.size**2
    return (octaves + products + stars) / rate["flop_per_s"], moved / rate["byte_per_s"]


def grow(name: str, cases: dict[str, tuple], rate: dict[str, float], *, quick: bool) -> tuple[str, list[dict]]:
    """A table of one variable: each case is (survey, stars, options of ``drawing``)."""
    made = {case: drawing(survey, n, **options) for case, (survey, n, options) in cases.items()}
    taken = seconds_of({case: call for case, (call, _) in made.items()}, quick=quick)
    rows, lines = [], []
    for case, (_, n, _) in cases.items():
        renderer = made[case][1]
        operations, moved = floors(renderer, n, rate)
        rows.append(
            {
                name: case,
                "ms": 1e3 * taken[case],
                "floor_operations_ms": 1e3 * operations,
                "floor_bytes_ms": 1e3 * moved,
            }
        )
        grid, over = (
            f"{renderer.plan.cells_per_pixel:g} × {renderer.plan.window.taps}",
            taken[case] / max(operations, moved),
        )
        numbers = (significant(1e3 * seconds) for seconds in (operations, moved))
        lines.append((case, significant(1e3 * taken[case]), grid, *numbers, significant(over, 2)))
    header = (name, "ms / image", "cells a pixel × taps", "operations, ms", "bytes, ms", "time / higher floor")
    return markdown(header, lines), rows


def fit_cost(*, quick: bool) -> str:
    """Least squares of the model's constants to the times of several grids and star counts, beside those in use."""
    survey, made, work = cc.Survey.load("m83"), {}, []
    for tolerance, taps in ((1e-2, 5), (1e-3, 5), (1e-3, 6), (1e-3, 7), (1e-3, 8), (1e-4, 7), (1e-4, 8)):
        for n in (300, 3_000, 30_000):
            call, renderer = drawing(survey, n, tolerance=tolerance, taps=taps)
            made[f"{tolerance} {taps} {n}"] = call
            cutoffs = tuple(band.radius / renderer.plan.periods[0].pixels for band in renderer.plan.periods[0].bands)
            work.append((cost.transform_work(renderer.plan.cells_per_pixel, cutoffs), n, n * cost.star_work(taps, 3)))
    taken = 1e9 * np.array(list(seconds_of(made, quick=quick).values()))
    fitted = np.linalg.lstsq(np.array(work) / taken[:, None], np.ones(taken.size), rcond=None)[0]
    used = (cost.COST_TRANSFORM, cost.COST_STAR, cost.COST_VECTOR)
    predicted = np.array(work) @ used / taken
    lines = [
        (name, significant(u), significant(f))
        for name, u, f in zip(("COST_TRANSFORM", "COST_STAR", "COST_VECTOR"), used, fitted, strict=True)
    ]
    spread = f"The model in use over measured: {predicted.min():.2f} to {predicted.max():.2f}."
    return markdown(("constant, ns", "in use", "fitted now"), lines) + f"\n\n{spread}"


def threads_table(*, quick: bool) -> str:
    """Clusters per second for one and two threads."""
    survey = cc.Survey.load("m83")
    params = cc.ClusterParams(log_mass=np.full(64, 4.0), **{k: np.full(64, v) for k, v in CLUSTER.items()})
    out = np.empty((64, 3, 64, 64), np.float32)
    made = {n: cc.Renderer(survey, settings=cc.RenderSettings(threads=n)) for n in (1, 2)}
    taken = seconds_of({n: (lambda r=r: r.render(params, seed=1, out=out)) for n, r in made.items()}, quick=quick)
    lines = [(str(n), significant(64 / taken[n]), f"{taken[1] / taken[n]:.2f}") for n in made]
    return markdown(("threads", "clusters of 1e4 Msun / s", "scaling"), lines)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter; no measurement")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    single_thread()
    head = {"machine": machine(), "versions": versions(("clustercnn", "numpy"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    rate = rates(quick=given.quick)
    print(f"matrix product {rate['flop_per_s'] / 1e9:.0f} Gflop/s, copy of 128 kB {rate['byte_per_s'] / 1e9:.0f} GB/s")
    m83, part = cc.Survey.load("m83"), slice(0, 4) if given.quick else slice(None)
    tables = {
        "stars": {f"{n:,}": (m83, n, {}) for n in STARS[part]},
        "pixels": {f"{s}²": (m83, 1_000, {"size": s}) for s in SIZES[part]},
        "bands": {str(b): (survey_of(b), 1_000, {}) for b in BANDS[part]},
        "tolerance": {f"{t:.0e}": (m83, 1_000, {"tolerance": t}) for t in TOLERANCES[part]},
    }
    rows = []
    for name, cases in tables.items():
        text, more = grow(name, cases, rate, quick=given.quick)
        rows += more
        print(f"\n{text}", flush=True)
    print(f"\n{threads_table(quick=given.quick)}\n\n{fit_cost(quick=given.quick)}")
    if given.json:
        write_json(given.json, head | {"rates": rate, "rows": rows})


if __name__ == "__main__":
    main()
