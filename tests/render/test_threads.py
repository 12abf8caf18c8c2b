"""One renderer used by several Python threads at once, each with threads of its own: nothing is shared by mistake.

The calls release the interpreter's lock, so that they do run at once. Under the thread sanitizer (.ci/run) every race
these tests pass through is found, whether or not it changed a number.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.render import RenderSettings, expose

CALLERS = 3  # Python threads


@pytest.fixture(scope="module", params=[0.0, 0.1], ids=["every star", "faint tail"])
def renderer(request, survey):
    return cc.Renderer(survey, 32, "cpp", settings=RenderSettings(faint_fraction=request.param, threads=2))


def at_once(call):
    """What ``call(i)`` gives for each caller i, all of them let go at the same moment."""
    start = threading.Barrier(CALLERS)

    def one(i):
        start.wait()
        return call(i)

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(one, range(CALLERS)))


def clusters(rng, n, **more):
    return cc.ClusterParams(
        log_age=np.round(rng.uniform(6.6, 10.0, n), 1), log_mass=rng.uniform(2.5, 4.0, n), a_v=rng.uniform(0, 2, n),
        log_rh=-1.0, gamma=rng.uniform(2.2, 3.5, n), **more,
    )  # fmt: skip


def test_render_and_draw_at_once(renderer):
    """Some callers render, others draw star lists; each gets, bit for bit, what it gets alone."""
    rng = np.random.default_rng(1)
    params = [clusters(rng, 20) for _ in range(CALLERS)]
    x, y = rng.uniform(-40, 70, (2, CALLERS, 1000))
    flux = rng.lognormal(0.0, 2.0, (CALLERS, 1000, 3)).astype(np.float32)

    def work(i):
        images, mass = [], np.empty(20)
        for turn in range(4):
            if (i + turn) % 2:
                images.append(renderer.render(params[i], seed=i, first=turn, log_mass_out=mass))
                images.append(mass.copy())
            else:
                images.append(renderer.draw(x[i], y[i], flux[i]))
        return images

    together = at_once(work)
    alone = [work(i) for i in range(CALLERS)]
    for ours, theirs in zip(together, alone, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_first_calls_may_come_together(survey):
    """A renderer that has drawn nothing makes its workspaces and its populations' tables when first asked for."""
    params = [clusters(np.random.default_rng(i), 12) for i in range(CALLERS)]
    fresh, other = (cc.Renderer(survey, 16, "cpp", settings=RenderSettings(threads=2)) for _ in range(2))
    together = at_once(lambda i: fresh.render(params[i], seed=5))
    for images, given in zip(together, params, strict=True):
        np.testing.assert_array_equal(images, other.render(given, seed=5))


def test_stars_while_rendering(renderer):
    """Star lists and images of varied clusters, which pass through more of the sampling than plain ones."""
    n = 12
    params = clusters(
        np.random.default_rng(2), n, binary_fraction=np.full(n, 0.5), ellipticity=np.full(n, 0.3),
        position_angle=np.full(n, 30.0), segregation=np.full(n, 0.2), a_v_scatter=np.full(n, 0.4),
    )  # fmt: skip

    def work(i):
        if i == 0:
            return [renderer.render(params, seed=3)]
        tables = (renderer.stars(params, k, seed=3) for k in range(n))
        return [np.stack([t["x"].value, t["y"].value, t["flux_F438W"].value]) for t in tables]

    together = at_once(work)
    for i, ours in enumerate(together):
        for one, other in zip(ours, work(i), strict=True):
            np.testing.assert_array_equal(one, other)


def test_noise_at_once():
    rate = np.full((8, 3, 16, 16), 0.5, np.float32)
    together = at_once(lambda i: expose(rate, [100.0] * 3, [3.0] * 3, seed=i, threads=2))
    for i, noisy in enumerate(together):
        np.testing.assert_array_equal(noisy, expose(rate, [100.0] * 3, [3.0] * 3, seed=i, threads=1))
