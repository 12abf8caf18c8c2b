"""Stars and pixels per second, and peak memory, of fields that are streamed tile by tile.

python benchmarks/bench_fields.py [--quick] [--sizes 1024 2048 8192] [--threads N] [--json FILE]

- drawing: ``draw_field`` of stars at random places, so the renderer and the adding of tiles, with little else.
- field: ``synthetic_field`` with its faintest stars so chosen that 1.5 a pixel are drawn one by one (1e8 on 8192 x 8192
  pixels): maps, stars' masses, places, fluxes and dust, drawing.

Each runs in a process of its own, into a mapped file beside the current folder, as ``simulate`` does it. Peak memory is
given twice: with the pages of that file that the system kept in memory, and without them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench_helpers import describe, machine, markdown, significant, single_thread, versions, write_json

import clustercnn as cc
from clustercnn.scene import FieldSettings, StarList, draw_field, synthetic_field
from clustercnn.scene.files import scratch_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clustercnn.scene import FieldStep, Tile

DENSITY = 1.5  # stars per pixel
# star_snr as low as to have no say; of 21 mag per square arcsec, 1.5 to 1.6 stars per pixel come out
FIELD = FieldSettings(surface_brightness=(21.0, 21.0), star_snr=1e-3, max_stars=1.6)
SIZES, QUICK_SIZES = (1024, 2048, 8192), (1024, 2048)
MEGABYTE = 1e6


class Watch:
    """Sees the steps of a field: when stages begin, stars, and memory that is no file's."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.stars, self.own = 0, 0.0

    def __call__(self, step: FieldStep) -> None:
        """Notes a step."""
        self.began.setdefault(step.what, time.perf_counter())
        self.stars = step.stars
        status = Path("/proc/self/status")
        if status.exists():
            line = next(text for text in status.read_text().splitlines() if text.startswith("RssAnon"))
            self.own = max(self.own, int(line.split()[1]) * 1024 / MEGABYTE)


def random_stars(tile: Tile) -> Iterator[StarList]:
    """``DENSITY`` stars per pixel in batches of 50,000, each a function of the tile's number."""
    rng = np.random.default_rng(tile.number)
    left = round(DENSITY * tile.width * tile.height)
    while left > 0:
        n = min(left, 50_000)
        # multiples of 2^-24 times a tile of 2^k pixels: sums are exact, and no star rounds into the next tile
        x, y = rng.random((2, n), dtype=np.float32).astype(np.float64)
        flux = rng.random((n, 3), dtype=np.float32)
        yield StarList(x * tile.width + tile.x0 - 0.5, y * tile.height + tile.y0 - 0.5, flux)
        left -= n


def work(what: str, survey: cc.Survey, size: int, threads: int) -> Callable[[np.ndarray, Watch], object]:
    if what == "drawing":
        return lambda out, watch: draw_field(survey, random_stars, size, out=out, progress=watch, threads=threads)
    return lambda out, watch: synthetic_field(
        survey, size, seed=1, settings=FIELD, out=out, progress=watch, threads=threads
    )


def measure(what: str, size: int, threads: int) -> dict[str, float]:
    """One field in this process."""
    survey, watch = cc.Survey.load("m83"), Watch()
    call = work(what, survey, size, threads)
    with scratch_array(Path.cwd(), (len(survey.bands), size, size)) as out:
        begin = time.perf_counter()
        call(out, watch)
        seconds = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "stars": watch.stars,
        "stars_per_second": watch.stars / seconds,
        "pixels_per_second": size**2 / seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE,
        "peak_own_mb": watch.own,
    }


def in_a_process(what: str, size: int, threads: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", what, "--sizes", str(size), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--sizes", type=int, nargs="+", help="pixels on a side")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--one", choices=("drawing", "field"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    single_thread()
    if options.one:
        print(json.dumps(measure(options.one, options.sizes[0], options.threads)))
        return
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)
    facts = machine(), versions(["clustercnn", "numpy", "scipy"])
    print("; ".join(describe(f) for f in facts), flush=True)
    results, rows = {}, []
    for what in ("drawing", "field"):
        for size in sizes:
            found = results[f"{what} {size}"] = in_a_process(what, size, options.threads)
            numbers = [found["seconds"], found["stars"] / 1e6, found["stars_per_second"] / 1e6]
            numbers += [found["pixels_per_second"] / 1e6, found["peak_own_mb"], found["peak_mb"]]
            rows.append([f"{what}, {size} × {size}", *(significant(v) for v in numbers)])
            print(rows[-1], file=sys.stderr, flush=True)
    header = ["what", "s", "10⁶ stars", "10⁶ stars/s", "10⁶ pixels/s", "peak MB", "peak MB with mapped file"]
    print(markdown(header, rows))
    if options.json:
        write_json(options.json, {"machine": facts[0], "versions": facts[1], "threads": options.threads, **results})


if __name__ == "__main__":
    main()
