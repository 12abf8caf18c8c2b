"""What must hold whatever the method: flux, linearity, shifts, order, seeds, threads, backends."""

from __future__ import annotations

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.errors import InvalidInput
from clustercnn.render import StarLists

PARAMS = cc.ClusterParams(
    log_age=[6.8, 7.5, 8.4, 9.3, 10.0], log_mass=[3.0, 4.0, 3.5, 4.2, 2.6], a_v=[0.0, 1.0, 0.3, 2.0, 0.1],
    log_rh=[-1.2, -0.8, -0.5, -1.4, -0.3], gamma=[2.3, 2.6, 3.0, 3.4, 2.8],
)  # fmt: skip


def columns(table):
    return [np.asarray(table[name].value) for name in table.colnames]


def star_list(table, bands=("F336W", "F438W", "F814W")):
    return table["x"].value, table["y"].value, np.stack([table[f"flux_{b}"].value for b in bands], axis=1)


def test_flux_is_conserved(make_renderer, backend):
    """A kernel of radius 29 about the middle of a 64-pixel frame lies inside it: all its light is in the image."""
    image = make_renderer(backend).draw([31.7], [31.2], np.full((1, 3), 5.0))
    # The sum over pixels of a band-limited kernel is its zero mode plus aliases at whole cycles per pixel, which the
    # pixel's response (a sinc with zeros there) removes; what is left is the tolerance's share per mode, and rounding.
    np.testing.assert_allclose(image.sum(axis=(1, 2)), 5.0, rtol=1e-3)


def test_linear_in_flux(make_renderer, backend):
    renderer, rng = make_renderer(backend), np.random.default_rng(1)
    x, y = rng.uniform(0, 63, (2, 50))
    flux = rng.uniform(0, 1, (50, 3)).astype(np.float32)
    one, four = renderer.draw(x, y, flux), renderer.draw(x, y, 4 * flux)
    np.testing.assert_array_equal(four, 4 * one)  # a power of two: exact in floating point
    parts = renderer.draw(x[:20], y[:20], flux[:20]) + renderer.draw(x[20:], y[20:], flux[20:])
    # single precision: some 20 roundings of 6e-8 on the way
    np.testing.assert_allclose(parts, one, atol=20 * 6e-8 * one.max())


def test_order_of_stars_is_irrelevant(make_renderer, backend):
    renderer, rng = make_renderer(backend), np.random.default_rng(2)
    x, y = rng.uniform(0, 63, (2, 200))
    flux = rng.uniform(0, 1, (200, 3)).astype(np.float32)
    back = renderer.draw(x[::-1], y[::-1], flux[::-1])
    one = renderer.draw(x, y, flux)
    np.testing.assert_allclose(back, one, atol=20 * 6e-8 * one.max())


def test_shift_by_whole_pixels(make_renderer, backend):
    renderer = make_renderer(backend, tolerance=1e-5)
    one = renderer.draw([30.3], [28.6], np.ones((1, 3)))
    moved = renderer.draw([35.3], [24.6], np.ones((1, 3)))
    # A pixel is a whole number of grid cells only for some grids, so the shift is exact to the tolerance.
    np.testing.assert_allclose(moved[:, 10:50, 15:55], one[:, 14:54, 10:50], atol=1e-5 * one.max())


def test_centroid_is_recovered(survey, make_renderer, exact_image, backend):
    """A fit of the exact kernel finds the star's sub-pixel place to 0.005 pixels, in every band.

    Not the moments of the image: F336W is undersampled, and the exact image's own first moment is 0.006 pixels off.
    """
    renderer, step = make_renderer(backend), 1e-3
    for place in np.random.default_rng(4).uniform(31.0, 32.0, (6, 2)):
        image = renderer.draw(*place[:, None], np.ones((1, 3)))
        moves = np.array([[0, 0], [step, 0], [-step, 0], [0, step], [0, -step]]) + place
        exact = np.stack([exact_image(survey, 64, *move[:, None], np.ones((1, 3))) for move in moves])
        slope = np.stack([exact[1] - exact[2], exact[3] - exact[4]]) / (2 * step)
        for band in range(3):
            design = slope[:, band].reshape(2, -1)
            shift = np.linalg.lstsq(design.T, (image[band] - exact[0, band]).ravel(), rcond=None)[0]
            assert np.abs(shift).max() < 0.005


def test_drawing_the_stars_gives_the_image(make_renderer, backend, same_stars):
    renderer = make_renderer(backend)
    images = renderer.render(PARAMS, seed=11, first=40)
    for i in range(len(PARAMS)):
        again = renderer.draw(*star_list(renderer.stars(PARAMS, i, seed=11, first=40)))
        np.testing.assert_allclose(again, images[i], rtol=0, atol=same_stars * images[i].max())


def test_a_cluster_is_a_function_of_seed_and_index(make_renderer, backend):
    renderer = make_renderer(backend, threads=1)
    whole = renderer.render(PARAMS, seed=3)
    np.testing.assert_array_equal(make_renderer(backend, threads=2).render(PARAMS, seed=3), whole)
    np.testing.assert_array_equal(renderer.render(PARAMS[2:], seed=3, first=2), whole[2:])
    picked = np.array([4, 1])
    np.testing.assert_array_equal(renderer.render(PARAMS[picked], seed=3, indices=picked), whole[picked])
    assert not np.array_equal(renderer.render(PARAMS, seed=4), whole)
    assert not np.array_equal(renderer.render(PARAMS[:1], seed=3, first=1), whole[:1])


def test_both_backends_draw_the_same_stars(make_renderer):
    cpp, numba = make_renderer("cpp"), make_renderer("numba")
    for i in range(len(PARAMS)):
        a, b = (columns(r.stars(PARAMS, i, seed=8)) for r in (cpp, numba))
        assert len(a[0]) == len(b[0])
        # The core's polynomials err by 3e-7 relative. A position is centre plus radius: 64 pixels' rounding is 4e-6,
        # and the radius of a star far out, (u^-e - 1)^(1/2) with e up to 10, multiplies log2's 1.5e-7 by e |log2 u|.
        for x, y in zip(a[:2], b[:2], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-3)
        for x, y in zip(a[2:], b[2:], strict=True):
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-12)
    image, other = cpp.render(PARAMS, seed=8), numba.render(PARAMS, seed=8)
    peak = image.max(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(image / peak, other / peak, atol=1e-4)


@pytest.mark.parametrize("instruction_set", ["portable", "avx2", "avx512"])
@pytest.mark.parametrize("faint_fraction", [0.0, 0.1])
def test_instruction_sets_agree(make_renderer, instruction_set, faint_fraction):
    native = pytest.importorskip("clustercnn._native")
    order = ["portable", "avx2", "avx512"]
    if order.index(instruction_set) > order.index(native.best_instruction_set()):
        pytest.skip(f"this processor has no {instruction_set}")
    image = make_renderer("cpp", faint_fraction=faint_fraction).render(PARAMS, seed=9)
    other = make_renderer("cpp", faint_fraction=faint_fraction, instruction_set=instruction_set).render(PARAMS, seed=9)
    peak = image.max(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(other / peak, image / peak, atol=1e-5)


def test_realised_mass(make_renderer, backend):
    renderer = make_renderer(backend)
    log_mass = np.empty(len(PARAMS))
    renderer.render(PARAMS, seed=5, log_mass_out=log_mass)
    for i in range(len(PARAMS)):
        mass = renderer.stars(PARAMS, i, seed=5)["mass"].value
        # the sum of 2e5 single-precision masses in double precision: rounding of the masses alone
        np.testing.assert_allclose(10 ** log_mass[i], mass.sum(dtype=np.float64), rtol=1e-6)


def test_a_batch_of_clusters_and_star_lists(make_renderer, backend):
    """``fill`` draws what ``render`` and ``draw`` draw, into the rows it is told, and leaves the others alone."""
    renderer = make_renderer(backend, 32)
    params = cc.ClusterParams(log_age=[7.0, 8.5], log_mass=3.0, a_v=0.4, log_rh=-1.0)
    x, y, flux = np.array([3.0, 15.2, 40.0]), np.array([8.0, 15.9, 3.0]), np.arange(9, dtype=np.float32).reshape(3, 3)
    lists = StarLists(np.array([0, 1, 3]), x, y, flux, np.zeros(2, np.int32))
    images = renderer.arrays.zeros((5, 3, 32, 32), np.float32)
    mass = renderer.fill(images, params, lists, np.array([4, 1, 0, 2]), seed=3, indices=[7, 9])
    images, mass = (np.asarray(v.get() if hasattr(v, "get") else v) for v in (images, mass))
    log_mass = np.empty(2)
    np.testing.assert_array_equal(
        images[[4, 1]], renderer.render(params, seed=3, indices=[7, 9], log_mass_out=log_mass)
    )
    np.testing.assert_allclose(np.log10(mass), log_mass, rtol=1e-15)
    for row, stars in ((0, slice(0, 1)), (2, slice(1, 3))):
        np.testing.assert_array_equal(images[row], renderer.draw(x[stars], y[stars], flux[stars]))
    assert not images[3].any()


@pytest.mark.parametrize("rows", [[0, 1], [0, 2, 5], [0, -1, 2]])
def test_rows_that_are_not_the_images(make_renderer, cpu_backend, rows):
    lists = StarLists(np.array([0, 1]), np.zeros(1), np.zeros(1), np.zeros((1, 3), np.float32), np.zeros(1, np.int32))
    params = cc.ClusterParams(log_age=[7.0, 8.5], log_mass=3.0, a_v=0.4, log_rh=-1.0)
    with pytest.raises(InvalidInput, match=r"rows: .*; 3 of 0 to 4 are allowed"):
        make_renderer(cpu_backend, 32).fill(
            np.zeros((5, 3, 32, 32), np.float32), params, lists, np.array(rows), seed=1, indices=[0, 1]
        )
