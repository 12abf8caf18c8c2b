"""What the faint tail saves: stars drawn one by one, and time per cluster, against drawing every star.

python benchmarks/bench_faint.py [--quick] [--json FILE]

Clusters of survey m83 on 64 x 64 pixels in 3 bands (half-light radius 0.1 arcsec, A_V 0.4, gamma 2.7) by age and mass,
one thread: with the ``faint_fraction`` of conf/scene, and with 0. Both draw the same clusters, in turns.
"""

from __future__ import annotations

import argparse
import importlib.resources
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from bench_helpers import describe, in_turns, machine, markdown, significant, single_thread, versions, write_json

import clustercnn as cc
from clustercnn.render import RenderSettings

LOG_AGES, LOG_MASSES = (6.6, 7.0, 7.5, 8.0, 9.0, 10.0), (2.5, 3.0, 4.0, 5.0, 6.0)
QUICK_AGES, QUICK_MASSES = (6.6, 8.0, 10.0), (3.0, 5.0)
HEADER = ("log_age, log_mass", "stars", "drawn", "ms, every star", "ms, default", "times faster")


def clusters(log_age: float, log_mass: float, n: int) -> cc.ClusterParams:
    return cc.ClusterParams(log_age=np.full(n, log_age), log_mass=log_mass, a_v=0.4, log_rh=-1.0, gamma=2.7)


def measure(renderers: dict[str, cc.Renderer], log_age: float, log_mass: float, *, quick: bool) -> dict[str, float]:
    """Stars and milliseconds per cluster of one age and mass, by every star ("full") and by default."""
    n = int(np.clip(10 ** (5.5 - log_mass), 2, 100))  # clusters in a call: few of those that take long
    params = clusters(log_age, log_mass, n)
    size, bands = renderers["full"].size, len(renderers["full"].survey.bands)
    out = np.empty((n, bands, size, size), dtype=np.float32)
    calls = {name: partial(renderer.render, params, seed=1, out=out) for name, renderer in renderers.items()}
    for call in calls.values():
        call()
    limits = {"rounds": 2, "turn": 0.01, "budget": 0.5} if quick else {"rounds": 9, "turn": 0.05, "budget": 20.0}
    times = in_turns(calls, **limits)
    found = {"log_age": log_age, "log_mass": log_mass}
    for name, renderer in renderers.items():
        counts = [len(renderer.stars(params, i, seed=1)) for i in range(min(n, 10))]
        found[f"stars_{name}"] = float(np.mean(counts))
        found[f"ms_{name}"] = 1e3 * float(np.median(times[name])) / n
    return found


def row(found: dict[str, float]) -> tuple[str, ...]:
    return (
        f"{found['log_age']:g}, {found['log_mass']:g}",
        f"{found['stars_full']:,.0f}",
        f"{found['stars_default']:,.0f} ({100 * found['stars_default'] / found['stars_full']:.1f} %)",
        significant(found["ms_full"]),
        significant(found["ms_default"]),
        significant(found["ms_full"] / found["ms_default"], 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less than half a minute, no measurement")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    single_thread()
    scene = importlib.resources.files("clustercnn") / "conf" / "scene" / "synthetic.yaml"
    survey, fraction = cc.Survey.load("m83"), yaml.safe_load(scene.read_text())["faint_fraction"]
    renderers = {
        name: cc.Renderer(survey, settings=RenderSettings(faint_fraction=value, threads=1))
        for name, value in (("full", 0.0), ("default", fraction))
    }
    head: dict[str, Any] = {"machine": machine(), "versions": versions(("clustercnn", "numpy"))}
    head["settings"] = {"backend": renderers["full"].backend, "faint_fraction": fraction}
    print(*(describe(facts) for facts in head.values()), sep="\n", flush=True)
    ages, masses = (QUICK_AGES, QUICK_MASSES) if given.quick else (LOG_AGES, LOG_MASSES)
    rows = [measure(renderers, age, mass, quick=given.quick) for age in ages for mass in masses]
    print(f"\n{markdown(HEADER, [row(found) for found in rows])}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
