"""A library of kernels: each cluster gets one, all its bands together."""

from __future__ import annotations

import numpy as np
import pytest

import clustercnn as cc
from clustercnn.errors import InvalidInput

N = 64
PARAMS = {"log_age": np.full(N, 8.0), "log_mass": 3.0, "a_v": 0.2, "log_rh": -1.0}


def gaussian(sigma):
    x = np.arange(-40, 41) / 4.0
    return cc.Psf(np.exp(-0.5 * (x[:, None] ** 2 + x**2) / sigma**2), 4)


@pytest.fixture(scope="module")
def library(survey):
    return survey.with_psfs({"F336W": [gaussian(0.8), gaussian(1.5)], "F814W": [gaussian(1.0), gaussian(2.0)]})


def star_list(table, bands):
    return table["x"].value, table["y"].value, np.stack([table[f"flux_{b}"].value for b in bands], axis=1)


def test_each_cluster_is_drawn_with_its_kernel(library, backend, new_renderer):
    """As by a survey that has that kernel alone; a band with a single kernel has it in every entry."""
    drawn = new_renderer(library, 48, backend).render(cc.ClusterParams(**PARAMS, psf=np.arange(N) % 2), seed=1)
    for number in range(2):
        alone = library.with_psfs({name: library.psf(name, number) for name in library.band_names})
        images = new_renderer(alone, 48, backend).render(cc.ClusterParams(**PARAMS), seed=1)[number::2]
        # two drawings of the same stars, each right to the tolerance of 1e-3
        peak = images.max(axis=(2, 3), keepdims=True)
        np.testing.assert_allclose(drawn[number::2] / peak, images / peak, atol=2e-3)


def test_kernels_are_drawn_at_random(library):
    renderer = cc.Renderer(library, 48)
    numbers = renderer.psf_numbers(np.arange(4000), seed=3)
    assert abs(numbers.mean() - 0.5) < 4 * 0.5 / np.sqrt(4000)
    np.testing.assert_array_equal(renderer.psf_numbers([7, 3], seed=3), numbers[[7, 3]])
    given = cc.ClusterParams(**PARAMS, psf=numbers[:N])
    np.testing.assert_array_equal(renderer.render(given, seed=3), renderer.render(cc.ClusterParams(**PARAMS), seed=3))


def test_drawing_the_stars_gives_the_image(library, backend, new_renderer, same_stars):
    renderer = new_renderer(library, 48, backend)
    images = renderer.render(cc.ClusterParams(**PARAMS)[:6], seed=3)
    used = set()
    for i in range(6):
        stars = renderer.stars(cc.ClusterParams(**PARAMS)[:6], i, seed=3)
        used.add(stars.meta["psf"])
        image = renderer.draw(*star_list(stars, library.band_names), psf=stars.meta["psf"])
        np.testing.assert_allclose(image, images[i], rtol=0, atol=same_stars * images[i].max())
    assert used == {0, 1}


def test_from_a_file(survey):
    """A list in a band's ``psf`` is a library, and goes through the plain mapping unchanged."""
    values = survey.to_dict()
    values["bands"]["F438W"]["psf"] = [{"wavelength": 4326.5, "bandwidth": 618.0, "blur": b} for b in (0.014, 0.02)]
    made = cc.Survey.from_dict(values)
    assert made.psf_count == 2
    assert made.to_dict() == values
    assert made.psf("F438W", 0).image.max() > made.psf("F438W", 1).image.max()
    assert made.psf("F336W", 0) is made.psf("F336W", 1)


def test_refusals(library, survey):
    with pytest.raises(InvalidInput, match=r"psf: 2; the survey's library has the kernels 0 to 1"):
        cc.Renderer(library, 48).render(cc.ClusterParams(**PARAMS, psf=2), seed=1)
    with pytest.raises(InvalidInput, match=r"psf: -1; the survey's library"):
        cc.Renderer(library, 48).draw([1.0], [1.0], np.ones((1, 3)), psf=-1)
    with pytest.raises(InvalidInput, match=r"psf: 0\.5 at index 0; whole numbers >= 0"):
        cc.ClusterParams(**PARAMS, psf=0.5)
    with pytest.raises(InvalidInput, match="index: 2; band F336W has the kernels 0 to 1"):
        library.psf("F336W", 2)
    uneven = survey.with_psfs({"F336W": [gaussian(1.0)] * 2, "F814W": [gaussian(1.0)] * 3})
    with pytest.raises(InvalidInput, match=r"libraries of {'F336W': 2, 'F438W': 1, 'F814W': 3} kernels"):
        uneven.psf("F438W")
