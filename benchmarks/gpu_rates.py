"""Rates of drawing on a GPU; what ``bench_render.py --backend cuda`` runs.

- clusters: ``Renderer.render`` of many clusters with every star drawn: stars sampled, reddened and deposited a second,
  beside two floors: the arithmetic of the deposit at the device's peak, and the images' bytes at the speed of a copy.
- star lists: the list of the other contenders, many images at once, beside torch's ``index_add_`` and FFT on the card.
- scenes: ``DeviceScenes.batch`` with the default synthetic scene; by the device's clock, and with the host's part.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from bench_helpers import exact_image, image_error, make_stars, markdown, significant
from bench_scenes import CLUSTER, build
from contenders import Task, torch_index_add

import clustercnn as cc
from clustercnn.render import RenderSettings, StarLists
from clustercnn.scene import DeviceScenes

if TYPE_CHECKING:
    from collections.abc import Callable

LOG_MASSES = (3.0, 4.0, 5.0)
LIST, BATCH, TIMES = 10_000, 1024, 15
_COUNT, _CLOCK = 16, 13  # cudaDevAttrMultiProcessorCount, cudaDevAttrClockRate
COLUMNS = {
    "per s": ("per_s", 1.0),
    "per s, with the host": ("per_s_with_host", 1.0),
    "million stars / s": ("stars_per_s", 1e6),
    "time / operations' floor": ("over_operations", 1.0),
    "time / bytes' floor": ("over_bytes", 1.0),
}


class Clock:
    """Times work by the device's clock and by the host's."""

    def __init__(self, cupy: Any, *, rounds: int) -> None:
        self.cupy, self.rounds = cupy, rounds

    def seconds(self, work: Callable[[], object]) -> tuple[float, float]:
        """Medians over the rounds, after two to warm up: of the device, and until the device has done it."""
        device, host = [], []
        for _ in range(self.rounds + 2):
            begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
            start = time.perf_counter()
            begin.record(self.cupy.cuda.get_current_stream())
            work()
            end.record(self.cupy.cuda.get_current_stream())
            end.synchronize()
            host.append(time.perf_counter() - start)
            device.append(self.cupy.cuda.get_elapsed_time(begin, end) / 1e3)
        return float(np.median(device[2:])), float(np.median(host[2:]))


def copy_speed(clock: Clock, *, megabytes: int) -> float:
    """Bytes per second that a copy on the device reads and writes."""
    source, out = (clock.cupy.zeros(megabytes << 18, np.float32) for _ in range(2))
    return 2 * source.nbytes / clock.seconds(lambda: clock.cupy.copyto(out, source))[0]


def peak_operations(cupy: Any) -> float:
    """Single-precision operations per second, a fused multiply-add being two."""
    device = cupy.cuda.Device()
    lanes = 64 if device.compute_capability == "80" else 128
    processors, kilohertz = (cupy.cuda.runtime.deviceGetAttribute(number, device.id) for number in (_COUNT, _CLOCK))
    return 2e3 * lanes * processors * kilohertz


def clusters(clock: Clock, survey: cc.Survey, *, images: int) -> list[dict]:
    """Stars and clusters per second by mass, every star drawn, and the distance to the floors."""
    renderer = cc.Renderer(survey, backend="cuda", settings=RenderSettings(tolerance=1e-3))
    bandwidth, operations = copy_speed(clock, megabytes=images), peak_operations(clock.cupy)
    out, rows = clock.cupy.zeros((images, len(survey.bands), 64, 64), np.float32), []
    for log_mass in LOG_MASSES:
        values = CLUSTER | {"log_mass": log_mass}
        params = cc.ClusterParams(**{name: np.full(images, value) for name, value in values.items()})
        draw = partial(renderer.render, params, seed=1, out=out)
        row = rate(f"clusters of 1e{log_mass:.0f} Msun, every star drawn", images, clock, draw)
        row["stars_per_s"] = row["per_s"] * 10**log_mass / renderer.populations.mean_mass
        deposit = 2.0 * len(survey.bands) * renderer.plan.window.taps**2  # operations of a star
        row["over_operations"] = operations / (row["stars_per_s"] * deposit)
        row["over_bytes"] = bandwidth / (row["per_s"] * out.nbytes / images)
        rows.append(row)
    return rows


def star_lists(clock: Clock, survey: cc.Survey, *, images: int, device: str) -> list[dict]:
    """One list drawn many times in a call, by this package and by torch on the same card."""
    task, each = Task(survey), np.arange(images)
    stars = make_stars(LIST, size=task.size, bands=len(task.psfs), seed=1)
    exact, rows = exact_image(survey, task.size, stars), []
    places = (np.tile(at, images) for at in (stars.x, stars.y))
    first, psf = np.arange(images + 1, dtype=np.int64) * LIST, np.zeros(images, np.int32)
    many = StarLists(first, *places, np.tile(stars.flux, (images, 1)), psf)
    out = clock.cupy.zeros((images, len(task.psfs), 64, 64), np.float32)
    for tolerance in (1e-3, 1e-5):
        renderer = cc.Renderer(survey, backend="cuda", settings=RenderSettings(tolerance=tolerance))
        draw = partial(renderer.fill, out, None, many, each, seed=1, indices=[])
        rows.append(rate(f"lists of {LIST:,} stars, clustercnn, tolerance {tolerance:.0e}", images, clock, draw))
        rows[-1]["error"] = image_error(out.get()[0], exact)
    draw = torch_index_add(task, images=images, device=device)
    rows.append(rate(f"lists of {LIST:,} stars, torch index_add ×4 + FFT", images, clock, partial(draw, stars)))
    rows[-1]["error"] = image_error(draw(stars), exact)
    return [row | {"stars_per_s": row["per_s"] * LIST} for row in rows]


def scenes(clock: Clock, *, quick: bool) -> list[dict]:
    """Training samples per second."""
    painter, rows = DeviceScenes(build(quick=quick)), []
    for n in (16,) if quick else (256, BATCH):
        out = painter.allocate(n, len(painter.bands), painter.size)
        rows.append(rate(f"scenes, batches of {n}", n, clock, partial(painter.batch, 0, n, seed=1, out=out)))
    return rows


def rate(what: str, n: int, clock: Clock, work: Callable[[], object]) -> dict:
    """The row of something that makes ``n`` images."""
    device, host = clock.seconds(work)
    return {"what": what, "per_s": n / device, "per_s_with_host": n / host}


def rates(survey: cc.Survey, *, quick: bool, device: str = "cuda") -> list[dict]:
    """All rows.

    Args:
        survey: what is drawn.
        quick: a look at each.
        device: of torch's contender.
    """
    clock = Clock(cc.Renderer(survey, backend="cuda").arrays, rounds=1 if quick else TIMES)
    images = 4 if quick else BATCH
    rows = clusters(clock, survey, images=images)
    return rows + star_lists(clock, survey, images=min(images, 64), device=device) + scenes(clock, quick=quick)


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    lines = [
        (
            row["what"],
            *(significant(row[key] / scale) if key in row else "–" for key, scale in COLUMNS.values()),
            f"{row['error']:.1e}" if "error" in row else "–",
        )
        for row in rows
    ]
    return markdown(("what", *COLUMNS, "error / peak"), lines)
