"""Time and error of drawing star lists, for this package and for what one could use instead, in one run.

python benchmarks/bench_render.py [--quick] [--backend cpp] [--json FILE]

Each contender draws the same stars on 64 x 64 pixels in the 3 bands of survey m83, with one thread; they take turns.
Error: the largest |image - exact| of a pixel over the peak of its band, the exact image being a dense float64 sum.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from bench_helpers import (
    describe,
    exact_image,
    image_error,
    in_turns,
    machine,
    make_stars,
    markdown,
    significant,
    single_thread,
    versions,
    write_json,
)
from contenders import Contender, Task, clustercnn, numpy_bilinear, numpy_fftconvolve, numpy_nearest, torch_index_add
from contenders_astronomy import artpop, galsim_per_star, galsim_photons, galsim_sum, photutils_image_psf
from contenders_finufft import finufft

import clustercnn as cc
from clustercnn.errors import MissingBackend

COUNTS = (1_000, 10_000, 100_000)
PACKAGES = ("clustercnn", "numpy", "scipy", "numba", "torch", "finufft", "galsim", "photutils", "artpop")
HEADER = ("contender", "ms / image", "million stars / s", "error / peak", "time / reference", "calls")


def contenders(backend: str) -> list[Contender]:
    """All of them, the reference first."""
    own = [(backend, t) for t in (1e-3, 1e-5, 1e-6)] + [("numba", t) for t in (1e-3, 1e-5) if backend != "numba"]
    return [
        *(
            Contender(f"clustercnn {b}, tolerance {t:.0e}", partial(clustercnn, backend=b, tolerance=t), ours=True)
            for b, t in own
        ),
        Contender("FINUFFT 1e-3, tuned", partial(finufft, eps=1e-3, tuned=True), "finufft"),
        Contender("FINUFFT 1e-4, tuned", partial(finufft, eps=1e-4, tuned=True), "finufft"),
        Contender("FINUFFT 1e-5, tuned", partial(finufft, eps=1e-5, tuned=True), "finufft"),
        Contender("FINUFFT 1e-4, default options", partial(finufft, eps=1e-4, tuned=False), "finufft"),
        Contender("torch index_add ×4 + FFT", partial(torch_index_add, images=1), "torch"),
        Contender("torch index_add ×4 + FFT, batch of 64", partial(torch_index_add, images=64), "torch", images=64),
        Contender("NumPy histogram2d ×4 + fftconvolve", numpy_fftconvolve),
        Contender("NumPy bincount ×4 + FFT, kernel's transform kept", numpy_nearest),
        Contender("NumPy bilinear ×4 + FFT, kernel's transform kept", numpy_bilinear),
        Contender("ArtPop, nearest pixel", partial(artpop, upsample=False), "artpop"),
        Contender("ArtPop, image upsampled ×4", partial(artpop, upsample=True), "artpop"),
        Contender("GalSim, a million photons a band", galsim_photons, "galsim"),
        Contender("GalSim, Sum of DeltaFunctions convolved once", galsim_sum, "galsim", largest=10_000),
        Contender("GalSim, drawImage per star", galsim_per_star, "galsim", largest=10_000),
        Contender("photutils ImagePSF", photutils_image_psf, "photutils", largest=10_000),
    ]


def prepare(all_of_them: list[Contender], task: Task) -> tuple[dict, dict[str, str]]:
    """The functions that draw, and why the others do not."""
    draws, silent = {}, {}
    for one in all_of_them:
        if not one.installed:
            silent[one.name] = "not installed"
            continue
        try:
            draws[one.name] = one.make(task)
        except Exception as error:
            if one.ours:
                raise
            silent[one.name] = f"failed: {type(error).__name__}: {error}"
    return draws, silent


def measure(n: int, all_of_them: list[Contender], draws: dict, silent: dict[str, str], *, given) -> list[dict]:
    """A row for each contender: what was measured, or a note why nothing was."""
    task = Task(cc.Survey.load("m83"))
    stars = make_stars(n, size=task.size, bands=len(task.psfs), seed=1)
    exact = exact_image(task.survey, task.size, stars)
    notes, errors, calls = dict(silent), {}, {}
    for one in all_of_them:
        largest = 1_000 if given.quick and one.largest < max(COUNTS) else one.largest
        if one.name in notes:
            continue
        if n > largest:
            notes[one.name] = "not run by --quick" if given.quick else f"not run at {n:,} stars: too slow"
            continue
        try:
            errors[one.name] = image_error(draws[one.name](stars), exact)
        except Exception as error:
            if one.ours:
                raise
            notes[one.name] = f"failed: {type(error).__name__}: {error}"
            continue
        calls[one.name] = partial(draws[one.name], stars)
    limits = {"rounds": 2, "turn": 0.01, "budget": 0.5} if given.quick else {"rounds": 9, "turn": 0.05, "budget": 30.0}
    times = in_turns(calls, **limits)
    reference = float(np.median(times[all_of_them[0].name]))
    return [
        _row(one, n, times.get(one.name), errors.get(one.name), reference, notes.get(one.name)) for one in all_of_them
    ]


def _row(one: Contender, n: int, times: list[float] | None, error: float | None, reference: float, note: str | None):
    if not times:
        return {"contender": one.name, "stars": n, "note": note}
    seconds = float(np.median(times)) / one.images
    low, high = np.quantile(times, [0.25, 0.75]) / one.images
    return {
        "contender": one.name,
        "stars": n,
        "ms": 1e3 * seconds,
        "ms_quartiles": [1e3 * low, 1e3 * high],
        "stars_per_s": n / seconds,
        "error": error,
        "ratio": seconds / reference,
        "calls": len(times),
    }


def table(rows: list[dict]) -> str:
    """The rows of one star count in Markdown."""
    lines = []
    for row in rows:
        if "note" in row:
            lines.append((row["contender"], row["note"], "–", "–", "–", "0"))
            continue
        lines.append(
            (
                row["contender"],
                significant(row["ms"]),
                significant(row["stars_per_s"] / 1e6),
                f"{row['error']:.1e}",
                significant(row["ratio"], 2),
                str(row["calls"]),
            )
        )
    return markdown(HEADER, lines)


def summary(rows: list[dict]) -> str:
    """All star counts side by side in Markdown: ms per image, and the worst error."""
    counts = sorted({row["stars"] for row in rows})
    by_name: dict[str, list[dict]] = {}
    for row in rows:
        by_name.setdefault(row["contender"], []).append(row)
    lines = []
    for name, found in by_name.items():
        measured = {row["stars"]: row for row in found if "ms" in row}
        cells = [
            f"{significant(measured[n]['ms'])} ({significant(measured[n]['ratio'], 2)}×)" if n in measured else "–"
            for n in counts
        ]
        why = "" if measured else found[0]["note"]
        lines.append((name, *cells, why or f"{max(row['error'] for row in measured.values()):.1e}"))
    return markdown(("ms / image (time over the first row's)", *(f"{n:,} stars" for n in counts), "worst error"), lines)


def on_gpu(given: argparse.Namespace) -> None:
    """Rates on a GPU, beside torch on the same card; the host's contenders would tell nothing there."""
    import gpu_rates

    survey = cc.Survey.load("m83")
    try:
        cuda = cc.Renderer(survey, backend="cuda").arrays.cuda
    except MissingBackend as error:
        raise SystemExit(f"bench_render: {error}") from None
    gpu = cuda.runtime.getDeviceProperties(cuda.Device().id)["name"].decode()
    head = {"machine": machine() | {"gpu": gpu}, "versions": versions(("clustercnn", "numpy", "torch", "cupy-cuda13x"))}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    rows = gpu_rates.rates(survey, quick=given.quick)
    print(f"\n{gpu_rates.table(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a look at each in less than a minute, no measurement")
    parser.add_argument("--backend", default="auto", help="of the reference: auto, cpp, cuda or numba")
    parser.add_argument("--stars", type=int, nargs="+", default=None, help="lengths of the star lists")
    parser.add_argument("--json", type=Path, help="write machine, versions and rows to this file")
    given = parser.parse_args()
    single_thread()
    if given.backend == "cuda":
        on_gpu(given)
        return
    task = Task(cc.Survey.load("m83"))
    backend = cc.Renderer(task.survey, task.size, given.backend).backend
    head = {"machine": machine(), "versions": versions(PACKAGES)}
    print(describe(head["machine"]), describe(head["versions"]), sep="\n", flush=True)
    everyone = contenders(backend)
    draws, silent = prepare(everyone, task)
    rows = []
    for n in given.stars or (COUNTS[:2] if given.quick else COUNTS):
        rows += measure(n, everyone, draws, silent, given=given)
        print(f"\n{n:,} stars, reference: {everyone[0].name}\n\n{table(rows[-len(everyone) :])}", flush=True)
    print(f"\nAll together (–: not run)\n\n{summary(rows)}")
    if given.json:
        write_json(given.json, head | {"rows": rows})


if __name__ == "__main__":
    main()
