"""Every backend against the dense sum, at every accuracy that may be asked for.

The tolerance is relative to the image's peak. Stars outside the frame count: the peak is that of the image with its
surroundings as far as stars are drawn, since a bright star just outside leaves errors in proportion to its own light.
"""

from __future__ import annotations

import numpy as np
import pytest

import clustercnn as cc

REACH = 30  # pixels from which light comes


def stars(rng, n, size):
    """Anywhere in the frame and outside it as far as light reaches; five decades of brightness."""
    x, y = rng.uniform(-REACH, size - 1 + REACH, (2, n))
    return x, y, (10.0 ** rng.uniform(-3, 2, (n, 3))).astype(np.float32)


@pytest.fixture(scope="module")
def worst(exact_image):
    """Largest error over peak, per band; the exact image of one star list is made once for all that draw it."""
    made = {}

    def measure(renderer, x, y, flux):
        size = renderer.size
        key = (renderer.survey, size, x.tobytes(), flux.tobytes())
        if key not in made:
            made[key] = exact_image(renderer.survey, size + 2 * REACH, x + REACH, y + REACH, flux)
        wide = made[key]
        exact = wide[:, REACH:-REACH, REACH:-REACH]
        return np.abs(renderer.draw(x, y, flux) - exact).max(axis=(1, 2)) / wide.max(axis=(1, 2))

    return measure


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
def test_error_is_within_the_tolerance(make_renderer, worst, backend, tolerance):
    error = worst(make_renderer(backend, tolerance=tolerance), *stars(np.random.default_rng(7), 300, 64))
    assert (error <= tolerance).all(), error


@pytest.mark.parametrize("size", [16, 33, 100])
def test_other_frame_sizes(make_renderer, worst, backend, size):
    error = worst(make_renderer(backend, size=size), *stars(np.random.default_rng(size), 100, size))
    assert (error <= 1e-3).all(), error


# the worst places for a footprint: between pixels, on pixels, at the edge, a hair inside and outside of it
@pytest.mark.parametrize("place", [31.5, 31.0, 0.0, -0.5, 63.5, 63.0 + 1e-9, -29.0, 92.0, 91.999])
def test_one_star_in_awkward_places(make_renderer, worst, backend, place):
    error = worst(make_renderer(backend), np.array([place]), np.array([31.5]), np.ones((1, 3), np.float32))
    assert (error <= 1e-3).all(), error


def test_dynamic_range(make_renderer, worst, backend):
    """One star a million times brighter than the others must not be drawn worse, nor hide that they are drawn."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 63, (2, 100))
    flux = np.ones((100, 3), np.float32)
    flux[0] = 1e6
    error = worst(make_renderer(backend, tolerance=1e-5), x, y, flux)
    assert (error <= 1e-5).all(), error


def test_user_kernel_that_is_not_symmetric(survey, worst, backend, new_renderer):
    """A lopsided kernel tells flipped axes and conjugated transfer functions apart."""
    grid = np.arange(-42, 43) / 3.0
    blob = np.exp(-0.5 * ((grid[:, None] - 1.3) ** 2 / 1.1 + (grid + 0.6) ** 2 / 2.3))
    kernel = cc.Psf(blob * (1 + 0.2 * np.tanh(grid)) + 1e-4, 3)
    renderer = new_renderer(survey.with_psfs({"F438W": kernel}), 40, backend)
    error = worst(renderer, *stars(np.random.default_rng(5), 60, 40))
    assert (error <= 1e-3).all(), error


@pytest.mark.parametrize("instruction_set", ["portable", "avx2", "avx512"])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_stars_in_the_last_cells_of_the_grid(survey, worst, instruction_set, tolerance):
    """The widest windows at the far corners: spare vectors of a row's last star stay inside the grid's memory.

    That they do is what the address sanitizer's run of this test is for.
    """
    native = pytest.importorskip("clustercnn._native")
    order = ["portable", "avx2", "avx512"]
    if order.index(instruction_set) > order.index(native.best_instruction_set()):
        pytest.skip(f"this processor has no {instruction_set}")
    settings = cc.RenderSettings(tolerance=tolerance, instruction_set=instruction_set)
    renderer = cc.Renderer(survey, 16, "cpp", settings=settings)
    edge = 15 + renderer.plan.reach - 1e-9
    x, y = np.meshgrid([-renderer.plan.reach + 1e-9, 7.5, edge], [-renderer.plan.reach + 1e-9, 7.5, edge])
    error = worst(renderer, x.ravel(), y.ravel(), np.ones((9, 3), np.float32))
    assert (error <= tolerance).all(), error
