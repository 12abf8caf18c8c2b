"""Memory of the C++ core: none that grows with stars, none asked for from cluster to cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

STARS_OF_A_MILLION_MSUN = 1.7e6  # 1e6 Msun over the mean mass of 0.58 Msun of Kroupa's IMF above 0.08 Msun

# Everything but the render call itself is done before the first measurement: imports, plans, populations, arrays.
PEAK = """
import json, resource, numpy as np, clustercnn as cc
from clustercnn.render import RenderSettings
renderer = cc.Renderer(cc.Survey.load("m83"), 32, "cpp", settings=RenderSettings(faint_fraction=0.0, threads=2))
out, mass, peak = np.empty((4, 3, 32, 32), np.float32), np.empty(4), []
for log_mass in (3.0, 3.0, 6.0):
    params = cc.ClusterParams(log_age=np.full(4, 7.0), log_mass=log_mass, a_v=0.5, log_rh=-1.0, gamma=2.6)
    renderer.render(params, seed=1, out=out, log_mass_out=mass)
    peak.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
print(json.dumps([peak, mass.tolist()]))
"""

# Counts what C++ asks of the heap: every vector and every smart pointer goes through operator new.
COUNTER = r"""
#include <atomic>
#include <cstdlib>
#include <new>
static std::atomic<long> asked{0}, held{0};
static void* get(std::size_t size, std::size_t alignment) {
    ++asked;
    ++held;
    void* p = nullptr;
    if (posix_memalign(&p, alignment, size ? size : 1)) throw std::bad_alloc();
    return p;
}
static void give(void* p) {
    if (p) --held;
    std::free(p);
}
extern "C" long news_asked() { return asked; }
extern "C" long news_held() { return held; }
void* operator new(std::size_t n) { return get(n, 16); }
void* operator new[](std::size_t n) { return get(n, 16); }
void* operator new(std::size_t n, std::align_val_t a) { return get(n, std::size_t(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return get(n, std::size_t(a)); }
void operator delete(void* p) noexcept { give(p); }
void operator delete[](void* p) noexcept { give(p); }
void operator delete(void* p, std::size_t) noexcept { give(p); }
void operator delete[](void* p, std::size_t) noexcept { give(p); }
void operator delete(void* p, std::align_val_t) noexcept { give(p); }
void operator delete[](void* p, std::align_val_t) noexcept { give(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { give(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { give(p); }
"""

# A call has its own few allocations (the binding's), so what counts is whether they are more for more clusters. Smooth
# light takes room by its number of Gaussians, which goes with the profile: two threads have the same profile for all
# clusters, as which thread met the widest one in the calls before would be up to chance.
STEADY = """
import ctypes, json, numpy as np, clustercnn as cc
from clustercnn.render import RenderSettings
counter, survey, rng, n, size = ctypes.CDLL(None), cc.Survey.load("m83"), np.random.default_rng(1), 120, 32
out, image = np.empty((n, 3, size, size), np.float32), np.empty((3, size, size), np.float32)
x, y = rng.uniform(-20, 50, (2, 5000))
flux = np.ones((5000, 3), np.float32)
plain = dict(
    log_age=np.round(rng.uniform(6.6, 10.0, n), 1), log_mass=rng.uniform(2.5, 4.0, n), a_v=rng.uniform(0, 2, n),
    x=rng.uniform(0, 31, n), y=rng.uniform(0, 31, n),
)
varied = {k: rng.uniform(0.1, 0.4, n) for k in ("binary_fraction", "ellipticity", "segregation", "a_v_scatter")}
profiles = {1: dict(log_rh=rng.uniform(-1.5, -0.5, n), gamma=rng.uniform(2.1, 3.8, n)), 2: dict(log_rh=-1.0, gamma=2.6)}
found = {}
for threads in (1, 2):
    for fraction in (0.0, 0.1):
        settings = RenderSettings(faint_fraction=fraction, threads=threads)
        renderer = cc.Renderer(survey, size, "cpp", settings=settings)
        many = cc.ClusterParams(**plain, **profiles[threads], **(varied if fraction == 0 else {}))
        few = many[:40]
        calls = {
            "few": lambda: renderer.render(few, seed=1, out=out[:40]),
            "many": lambda: renderer.render(many, seed=1, out=out),
            "draw few": lambda: renderer.draw(x[:50], y[:50], flux[:50], image),
            "draw many": lambda: renderer.draw(x, y, flux, image),
        }
        for _ in range(3):
            for call in calls.values():
                call()
        for name, call in calls.items():
            asked, held = counter.news_asked(), counter.news_held()
            for _ in range(5):
                call()
            change = counter.news_asked() - asked, counter.news_held() - held
            found.setdefault(f"{threads} threads, faint_fraction {fraction}", {})[name] = change
print(json.dumps([found, counter.news_asked()]))
"""


def run(code, preload=None):
    """What the program prints, as JSON; run from elsewhere so that it imports what this process imports."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    if preload is not None:
        environment["LD_PRELOAD"] = " ".join(filter(None, [environment.get("LD_PRELOAD"), str(preload)]))
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def counter(tmp_path_factory) -> Path:
    """The counting allocator, compiled."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler to build the counting allocator with")
    folder = tmp_path_factory.mktemp("counter")
    (folder / "counter.cpp").write_text(COUNTER)
    library = folder / "counter.so"
    subprocess.run(
        [compiler, "-std=c++17", "-O1", "-fPIC", "-shared", folder / "counter.cpp", "-o", library], check=True
    )
    return library


def test_peak_memory_does_not_grow_with_stars():
    """A star held for later would cost at least its place and flux: 2 float64 and 3 float32, 28 bytes.

    Between four clusters of 1e3 Msun and four of 1e6 Msun, two at a time, that were 2 x 1.7e6 x 28 B = 95 MB. A
    twentieth of it is allowed, 4.8 MB, for pages of the stack and of libraries that are touched for the first time.
    """
    (_, small, large), log_mass = run(PEAK)
    assert min(log_mass) > 5.9  # the stars were drawn
    assert large - small < 2 * STARS_OF_A_MILLION_MSUN * 28 / 20


def test_no_allocation_per_cluster(counter):
    """After the first calls, allocations depend on no number of clusters or stars, and all are given back."""
    found, in_all = run(STEADY, preload=counter)
    assert len(found) == 4
    assert in_all > 100  # the making of the plans was counted
    for setting, counts in found.items():
        asked, held = ({name: count[i] for name, count in counts.items()} for i in (0, 1))
        assert held == dict.fromkeys(held, 0), setting
        assert asked["many"] == asked["few"], setting
        assert asked["draw many"] == asked["draw few"], setting
