"""Wrong arguments are refused by name before any work."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import clustercnn as cc
from clustercnn.errors import InvalidInput, MissingBackend
from clustercnn.render import RenderSettings

ONE = cc.ClusterParams(log_age=8.0, log_mass=3.0, a_v=0.5, log_rh=-1.0)


def read_only(shape):
    array = np.zeros(shape, np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.zeros((1, 3, 64, 64)), r"out: float64 .*; float32 \(1, 3, 64, 64\) is allowed"),
        (np.zeros((1, 3, 64, 63), np.float32), r"out: float32 \(1, 3, 64, 63\)"),
        (np.zeros((1, 3, 64, 128), np.float32)[..., ::2], "out: not C-contiguous"),
        (read_only((1, 3, 64, 64)), "out: read-only"),
        (torch.zeros(1, 3, 64, 64, requires_grad=True), "out: requires_grad"),
        (torch.zeros(1, 64, 64, 3).permute(0, 3, 1, 2), "out: not C-contiguous"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.float16), "out: float16"),
        ([[1.0]], "out: list"),
    ],
)
def test_out_that_cannot_be_filled(make_renderer, backend, out, message):
    with pytest.raises(InvalidInput, match=message):
        make_renderer(backend).render(ONE, seed=1, out=out)


@pytest.mark.parametrize("shape", [(2,), (1, 1)])
def test_mass_that_cannot_be_filled(make_renderer, cpu_backend, shape):
    """Refused before anything is drawn: the image stays as it was."""
    image = np.full((1, 3, 64, 64), 7.0, np.float32)
    with pytest.raises(InvalidInput, match=r"log_mass_out: float64 .*; float64 \(1,\) is allowed"):
        make_renderer(cpu_backend).render(ONE, seed=1, out=image, log_mass_out=np.empty(shape))
    assert (image == 7.0).all()


def test_out_is_filled_in_place(make_renderer, cpu_backend):
    renderer = make_renderer(cpu_backend)
    expected = renderer.render(ONE, seed=1)
    for out in (np.zeros((1, 3, 64, 64), np.float32), torch.zeros(1, 3, 64, 64)):
        assert renderer.render(ONE, seed=1, out=out) is out
        np.testing.assert_array_equal(np.asarray(out), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_age": 5.0}, "log_age: 5 at index 0; 6"),
        ({"log_age": np.nan}, "log_age: holds nan"),
        ({"metallicity": 0.2}, "metallicity: 0.2"),
        ({"a_v": -0.1}, "a_v: -0.1"),
        ({"gamma": 2.0}, "gamma: 2"),
        ({"log_mass": [1.0, 2.0], "a_v": [0.0, 0.0, 0.0]}, "arrays of different length"),
        ({"log_mass": [[1.0]]}, r"log_mass: shape \(1, 1\)"),
        ({"log_mass": "heavy"}, "log_mass: 'heavy'"),
        ({"log_mass": 1e4}, "log_mass: 10000 at index 0; -3 to 8 is allowed"),
        ({"a_v": 300.0}, "a_v: 300 at index 0; 0 to 20 is allowed"),
        ({"log_rh": [-1.0, 5.0]}, "log_rh: 5 at index 1; -6 to 4 is allowed"),
    ],
)
def test_parameters_out_of_range(make_renderer, change, message):
    values = {"log_age": 8.0, "log_mass": 3.0, "a_v": 0.5, "log_rh": -1.0} | change
    with pytest.raises(InvalidInput, match=message):
        make_renderer("cpp").render(cc.ClusterParams(**values), seed=1)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5])
def test_seed(make_renderer, seed):
    with pytest.raises(InvalidInput, match="seed"):
        make_renderer("cpp").render(ONE, seed=seed)


def test_star_lists(make_renderer):
    renderer = make_renderer("cpp")
    with pytest.raises(InvalidInput, match=r"x, y, flux: shapes"):
        renderer.draw([1.0], [1.0], np.ones((1, 2)))
    with pytest.raises(InvalidInput, match="x: holds inf"):
        renderer.draw([np.inf], [1.0], np.ones((1, 3)))
    with pytest.raises(InvalidInput, match="index: 1"):
        renderer.stars(ONE, 1, seed=1)


def test_no_stars_is_an_empty_image(make_renderer, backend):
    assert not make_renderer(backend).draw([], [], np.empty((0, 3))).any()


@pytest.mark.parametrize("size", [8, 5000, 64.0])
def test_size(survey, size):
    with pytest.raises(InvalidInput, match="size"):
        cc.Renderer(survey, size)


def test_backend_names(survey):
    with pytest.raises(InvalidInput, match="backend: 'gpu'; allowed: auto, cpp, cuda, numba"):
        cc.Renderer(survey, 64, "gpu")


def test_without_the_extension_numba_draws(survey, monkeypatch):
    monkeypatch.setattr("clustercnn.render.backends.load_native", lambda: None)
    assert cc.Renderer(survey, 64).backend == "numba"
    with pytest.raises(MissingBackend, match="compiled extension is not installed"):
        cc.Renderer(survey, 64, "cpp")


@pytest.mark.parametrize(
    "change",
    [{"tolerance": 1e-7}, {"tolerance": 0.1}, {"threads": -1}, {"taps": 1}, {"taps": 9}, {"instruction_set": "sse"}],
)
def test_settings(change):
    with pytest.raises(InvalidInput, match=next(iter(change))):
        RenderSettings(**change)
