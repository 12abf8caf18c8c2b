"""What the benches share: one thread, the machine, commands, star lists, the exact image, timing, Markdown tables."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from clustercnn import Survey

M83_BANDS = ("F336W", "F438W", "F814W")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, eq=False)
class Stars:
    """A star list: x, y float64 [n] in pixels; flux float32 [n, band] in e-/s."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    flux: NDArray[np.float32]


def single_thread() -> None:
    """Start this program again with one thread for every library, as those read their number when first imported."""
    if any(os.environ.get(name) != "1" for name in THREAD_VARIABLES):
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, "1")
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606  (itself, no shell wanted)


def machine() -> dict[str, Any]:
    """Processor, cores, system, Python, and how busy the machine was when the bench began."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = lines[0] if lines else model
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d"),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The installed version of each package, or "not installed"."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def describe(facts: Mapping[str, Any]) -> str:
    """One line of "name value" pairs."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def command(name: str, *overrides: str) -> None:
    """Run a command of the package; its error ends the bench."""
    done = subprocess.run(
        [sys.executable, "-m", f"clustercnn.{name}", *overrides], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{Path(sys.argv[0]).stem}: {name} {' '.join(overrides)}\n{done.stderr or done.stdout}")


def mosaic_files(folder: Path) -> dict[str, Path]:
    """The image of each band of M83 that ``simulate`` left there."""
    return {band: folder / f"m83_{band.lower()}_drc.fits" for band in M83_BANDS}


def make_stars(n: int, *, size: int, bands: int, seed: int) -> Stars:
    """A cluster of ``n`` stars, all inside the frame.

    An EFF profile (gamma 3, scale 6 pixels) and a steep luminosity function (the number above a flux F goes as
    F**-1.2, over four decades), so that a few stars outshine the rest.
    """
    rng = np.random.default_rng([seed, n])
    x, y = np.empty(n), np.empty(n)
    left = np.arange(n)
    while left.size:
        radius = 6.0 * np.sqrt(rng.uniform(size=left.size) ** -2.0 - 1.0)
        angle = rng.uniform(0.0, 2.0 * np.pi, left.size)
        x[left], y[left] = (size - 1) / 2 + radius * [np.cos(angle), np.sin(angle)]
        left = left[np.maximum(np.abs(x[left] - (size - 1) / 2), np.abs(y[left] - (size - 1) / 2)) > size / 2]
    flux = rng.uniform(1e-4**1.2, 1.0, n) ** (-1.0 / 1.2)
    colour = rng.lognormal(0.0, 0.3, (n, bands))
    return Stars(x, y, (1e-3 * flux[:, None] * colour).astype(np.float32))


def exact_image(survey: Survey, size: int, stars: Stars, *, chunk: int = 4096) -> NDArray[np.float64]:
    """[band, y, x]: the dense float64 sum, over every star, pixel and kernel sample, that all errors are against.

    A kernel sample j seen by pixel i meets the sinc function at ``oversample * (i - star) - j``, which depends on
    ``oversample * i - j`` alone. So the stars are summed first, each on every point of that fine lattice, and the
    lattice is then convolved with the kernel: no term is left out.
    """
    images = []
    for band, name in enumerate(survey.band_names):
        psf = survey.psf(name)
        half = (psf.image.shape[0] - 1) // 2
        node = np.arange(-half, psf.oversample * (size - 1) + half + 1)
        lattice = np.zeros((node.size, node.size))
        for start in range(0, stars.x.size, chunk):
            part = slice(start, start + chunk)
            along_x, along_y = (np.sinc(node - psf.oversample * at[part, None]) for at in (stars.x, stars.y))
            lattice += (along_y * stars.flux[part, band, None].astype(np.float64)).T @ along_x
        images.append(_convolve_valid(lattice, psf.image)[:: psf.oversample, :: psf.oversample])
    return np.stack(images)


def _convolve_valid(image: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.fft.rfft2(image) * np.fft.rfft2(kernel, image.shape)
    reach = kernel.shape[0] - 1
    return np.fft.irfft2(spectrum, image.shape)[reach:, reach:]


def image_error(image: NDArray, exact: NDArray[np.float64]) -> float:
    """Largest error of a pixel over the peak of its band, in the worst band."""
    return float(np.max(np.abs(image - exact).max(axis=(1, 2)) / exact.max(axis=(1, 2))))


def in_turns(
    calls: Mapping[str, Callable[[], object]], *, rounds: int, turn: float, budget: float
) -> dict[str, list[float]]:
    """Seconds of each call, the callables taking turns so that a change of the machine's speed meets all of them.

    Args:
        calls: what to time, by name; each has run once before.
        rounds: turns that each gets.
        turn: seconds of a turn: a call is repeated that long. The first call of a turn, which finds the caches full of
            others' data, counts only where it fills the turn alone.
        budget: seconds after which a slow callable gets no more turns.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            if sum(times[name]) >= budget:
                continue
            taken = [_seconds(call)]
            while sum(taken) < turn:
                taken.append(_seconds(call))
            times[name] += taken[1:] or taken
    return times


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def per_second(call: Callable[[], object], n: int, *, seconds: float) -> float:
    """Items per second where a call makes ``n``: the median over calls for that long, after one to warm up."""
    call()
    times = []
    while sum(times) < seconds or len(times) < 3:
        times.append(_seconds(call))
    return n / float(np.median(times))


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are aligned right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def significant(value: float, digits: int = 3) -> str:
    """A number in plain notation with that many significant digits."""
    if not 0 < abs(value) < np.inf:
        return str(value)
    decimals = max(digits - 1 - int(np.floor(np.log10(abs(value)))), 0)
    return f"{round(value, decimals):,.{decimals}f}"


def write_json(path: Path, result: Mapping[str, Any]) -> None:
    """Write to a temporary name, then rename."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(result, indent=1) + "\n")
    temporary.replace(path)
