"""What sets clusters apart from plain ones: off by default, the same on every backend, refused out of range."""

from __future__ import annotations

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.errors import InvalidInput

PLAIN = {
    "log_age": [6.8, 7.5, 8.4, 9.3, 10.0], "log_mass": [3.0, 4.0, 3.5, 4.2, 2.6], "a_v": [0.0, 1.0, 0.3, 2.0, 0.1],
    "log_rh": [-1.2, -0.8, -0.5, -1.4, -0.3], "gamma": [2.3, 2.6, 3.0, 3.4, 2.8],
}  # fmt: skip
FEATURES = {
    "binaries": {"binary_fraction": 0.6},
    "ellipse": {"ellipticity": 0.5, "position_angle": 30.0},
    "segregation": {"segregation": 0.4},
    "screen": {"a_v_scatter": 0.6},
}
ALL = {name: value for feature in FEATURES.values() for name, value in feature.items()}
VARIED = [*FEATURES.values(), ALL]


def columns(table):
    return [np.asarray(table[name].value) for name in table.colnames]


def star_list(table, bands=("F336W", "F438W", "F814W")):
    return table["x"].value, table["y"].value, np.stack([table[f"flux_{b}"].value for b in bands], axis=1)


def test_off_is_none(make_renderer, backend):
    renderer = make_renderer(backend)
    none, zero = cc.ClusterParams(**PLAIN), cc.ClusterParams(**PLAIN, **dict.fromkeys(ALL, 0.0))
    np.testing.assert_array_equal(renderer.render(zero, seed=3), renderer.render(none, seed=3))
    for i in range(len(none)):
        a, b = (renderer.stars(params, i, seed=3) for params in (none, zero))
        assert a.colnames == b.colnames == ["x", "y", "mass", "flux_F336W", "flux_F438W", "flux_F814W"]
        for x, y in zip(columns(a), columns(b), strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("varied", VARIED)
def test_a_plain_cluster_among_others_stays_plain(make_renderer, backend, varied):
    renderer = make_renderer(backend)
    plain = renderer.render(cc.ClusterParams(**PLAIN), seed=3)
    on = np.array([1, 0, 1, 0, 1])
    mixed = renderer.render(cc.ClusterParams(**PLAIN, **{k: on * v for k, v in varied.items()}), seed=3)
    same = [np.array_equal(a, b) for a, b in zip(mixed, plain, strict=True)]
    # the first cluster has no extinction to scatter
    assert same == ([True, True, False, True, False] if varied == FEATURES["screen"] else (on == 0).tolist())


@pytest.mark.parametrize("varied", VARIED)
def test_both_backends_draw_the_same_stars(make_renderer, varied):
    params = cc.ClusterParams(**PLAIN, **varied)
    cpp, numba = make_renderer("cpp"), make_renderer("numba")
    for i in range(len(params)):
        a, b = (r.stars(params, i, seed=8) for r in (cpp, numba))
        assert len(a) == len(b) > 0
        assert a.colnames == b.colnames
        for name in a.colnames:
            x, y = a[name].value, b[name].value
            if name in ("x", "y"):  # as in test_identities.py, for plain clusters
                np.testing.assert_allclose(x, y, rtol=1e-4, atol=3e-3)
            elif not name.startswith("flux"):
                np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-12)
            else:
                # Masses agree to 1e-6. In fast phases the light changes by MAGNITUDE_STEP over as little as one unit
                # of single precision, so that one companion in a thousand may sit one knot, 0.2 mag, away.
                wrong = np.abs(x - y) > 1e-4 * y + 1e-12
                assert wrong.mean() < 1e-3
                np.testing.assert_allclose(x, y, rtol=0.25, atol=1e-12)


@pytest.mark.parametrize("varied", VARIED)
def test_drawing_the_stars_gives_the_image(make_renderer, backend, varied, same_stars):
    renderer, params = make_renderer(backend), cc.ClusterParams(**PLAIN, **varied)
    images = renderer.render(params, seed=11, first=40)
    for i in range(len(params)):
        again = renderer.draw(*star_list(renderer.stars(params, i, seed=11, first=40)))
        np.testing.assert_allclose(again, images[i], rtol=0, atol=same_stars * images[i].max())


@pytest.mark.parametrize("instruction_set", ["portable", "avx2", "avx512"])
def test_instruction_sets_agree(make_renderer, instruction_set):
    native = pytest.importorskip("clustercnn._native")
    order = ["portable", "avx2", "avx512"]
    if order.index(instruction_set) > order.index(native.best_instruction_set()):
        pytest.skip(f"this processor has no {instruction_set}")
    params = cc.ClusterParams(**PLAIN, **ALL)
    image = make_renderer("cpp").render(params, seed=9)
    other = make_renderer("cpp", instruction_set=instruction_set).render(params, seed=9)
    peak = image.max(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(other / peak, image / peak, atol=1e-4)


@pytest.mark.parametrize("varied", VARIED)
def test_the_faint_tail_is_of_plain_clusters_only(make_renderer, backend, varied):
    on = np.array([1, 0, 1, 1, 1])
    values = {k: on * v for k, v in varied.items()}
    params = cc.ClusterParams(**PLAIN, **values)
    cut, every = make_renderer(backend, faint_fraction=0.1), make_renderer(backend)
    images, whole = (r.render(params, seed=5) for r in (cut, every))
    for i in range(len(params)):
        a, b = (r.stars(params, i, seed=5) for r in (cut, every))
        if on[i]:
            assert len(a) == len(b)
            assert not any(a.meta["smooth_flux"].values())
            np.testing.assert_array_equal(images[i], whole[i])
        else:
            assert len(a) < len(b)
            assert all(a.meta["smooth_flux"].values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"binary_fraction": 1.1}, r"binary_fraction: 1\.1 at index 0; 0 to 1 is allowed"),
        ({"binary_fraction": [0.5, -0.1]}, r"binary_fraction: -0\.1 at index 1"),
        ({"ellipticity": 0.95}, r"ellipticity: 0\.95 at index 0; 0 to 0\.9 is allowed"),
        ({"position_angle": 400.0}, "position_angle: 400 at index 0; -360 to 360 is allowed"),
        ({"segregation": 0.6}, r"segregation: 0\.6 at index 0; 0 to 0\.5 is allowed"),
        ({"a_v_scatter": -0.2}, r"a_v_scatter: -0\.2 at index 0; 0 to 1 is allowed"),
        ({"a_v_scatter": np.nan}, "a_v_scatter: holds nan"),
        ({"segregation": [0.1, 0.1, 0.1], "ellipticity": [0.1, 0.1]}, "arrays of different length"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InvalidInput, match=message):
        cc.ClusterParams(log_age=8.0, log_mass=3.0, a_v=0.5, log_rh=-1.0, **change)
