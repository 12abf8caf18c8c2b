"""Edges of the data and cosmic rays in samples."""

from __future__ import annotations

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.scene import Scenes
from clustercnn.scene.blemishes import NEAREST_EDGE, BlemishMaker
from clustercnn.scene.visibility import structure_variance

SEED, SIZE = 4, 32
EXPOSURES = np.array([1000.0, 500.0, 2000.0], np.float32)


def make(**shares):
    return BlemishMaker(SIZE, EXPOSURES, **({"edge_fraction": 0.0, "cosmic_ray_fraction": 0.0} | shares))


def test_each_is_a_function_of_seed_and_number():
    maker = make(edge_fraction=0.5, cosmic_ray_fraction=0.5)
    whole, part = maker.draw(0, 40, seed=SEED), maker.draw(17, 9, seed=SEED)
    np.testing.assert_array_equal(whole.edges[17:26], part.edges)
    hits = slice(whole.first[17], whole.first[26])
    np.testing.assert_array_equal(whole.pixels[hits], part.pixels)
    np.testing.assert_array_equal(whole.rates[hits], part.rates)


def test_edges_leave_the_middle():
    """No pixel nearer than the least distance is without data, and never more than half are."""
    blemishes = make(edge_fraction=0.4).draw(0, 2000, seed=SEED)
    rows = np.flatnonzero(np.isfinite(blemishes.edges[:, 2]))
    assert abs(len(rows) / 2000 - 0.4) < 5 * np.sqrt(0.24 / 2000)
    beyond = blemishes.without_data(rows, SIZE)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    assert not beyond[:, np.hypot(y, x) <= NEAREST_EDGE].any()
    assert 0 < beyond.mean(axis=(1, 2)).max() <= 0.5
    directions = blemishes.edges[rows, :2]
    # of a direction at random each component has the variance 1/2: the mean's scatter is sqrt(1 / 2 / n); 5 sigma
    assert (np.abs(directions.mean(axis=0)) < 5 * np.sqrt(0.5 / len(rows))).all()


def test_cosmic_rays_are_straight_tracks_in_one_band():
    blemishes = make(cosmic_ray_fraction=1.0).draw(0, 500, seed=SEED)
    images = np.zeros((500, 3, SIZE, SIZE), np.float32)
    blemishes.hit(images)
    touched = (images > 0).sum(axis=(1, 2, 3))
    assert touched.max() <= 3 * 8
    assert (touched > 0).mean() > 0.95  # some begin outside and lead away
    electrons = images.max(axis=(2, 3)) * EXPOSURES
    assert electrons.max() < 3 * 3000 + 1
    assert electrons[electrons > 0].min() > 29
    # a quarter of the tracks begin within size / 16 of the middle along both axes
    middle = slice(SIZE // 2 - 2, SIZE // 2 + 2)
    inside = (images[:, :, middle, middle] > 0).any(axis=(1, 2, 3)).mean()
    assert 0.25 < inside < 0.75  # of one to three tracks each


def test_hits_on_one_pixel_add_up():
    blemishes = make(cosmic_ray_fraction=1.0).draw(0, 300, seed=SEED)
    images = np.zeros((300, 3, SIZE, SIZE), np.float32)
    blemishes.hit(images)
    assert images.sum(dtype=float) == pytest.approx(blemishes.rates.sum(dtype=float), rel=1e-6)


def test_samples_hold_the_median_beyond_an_edge(survey, prior, renderer, field):
    plain, cut = (
        Scenes(survey, prior, renderer, mosaics=[field], edge_fraction=f).batch(0, 30, seed=SEED) for f in (0.0, 1.0)
    )
    scenes = Scenes(survey, prior, renderer, mosaics=[field], edge_fraction=1.0)
    numbers = scenes.numbers(0, 30, seed=SEED)
    beyond = numbers.blemishes.without_data(np.arange(30), scenes.size)
    backgrounds = np.empty_like(cut.images)
    scenes.backgrounds.cut(numbers.crops, backgrounds)
    median = structure_variance(backgrounds)[0]
    for k in range(30):
        assert (cut.images[k][:, beyond[k]] == median[k][:, None]).all()
        np.testing.assert_array_equal(cut.images[k][:, ~beyond[k]], plain.images[k][:, ~beyond[k]])
    np.testing.assert_array_equal(cut.labels, plain.labels)
    there = plain.present > 0
    assert (cut.log_snr[there] <= plain.log_snr[there]).all()  # what is cut off is not seen
    assert (cut.log_snr[there] < plain.log_snr[there]).any()


def test_cosmic_rays_come_on_top_of_the_noise(survey, prior, renderer, field):
    plain, hit = (
        Scenes(survey, prior, renderer, mosaics=[field], cosmic_ray_fraction=f).batch(0, 30, seed=SEED)
        for f in (0.0, 1.0)
    )
    numbers = Scenes(survey, prior, renderer, mosaics=[field], cosmic_ray_fraction=1.0).numbers(0, 30, seed=SEED)
    numbers.blemishes.hit(plain.images)
    np.testing.assert_array_equal(hit.images, plain.images)
    np.testing.assert_array_equal(hit.log_snr, plain.log_snr)


@pytest.mark.parametrize("name", ["edge_fraction", "cosmic_ray_fraction"])
def test_bad_shares_are_refused(survey, prior, renderer, flat, name):
    with pytest.raises(InvalidInput, match=f"{name}: 1.2; 0 to 1 is allowed"):
        Scenes(survey, prior, renderer, mosaics=[flat], **{name: 1.2})
