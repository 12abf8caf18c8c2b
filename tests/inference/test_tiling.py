from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from clustercnn.errors import InvalidInput
from clustercnn.inference import Candidates, SearchSettings, presence_map, search
from clustercnn.inference.tiling import grid_points, local_maxima, thin, write_map


def mosaic(*places, size=96, snr=20):
    """Blobs at (x, y), sigma 3 pixels, in the toy network's first band."""
    y, x = np.mgrid[0:size, 0:size]
    data = np.zeros((2, size, size), np.float32)
    for px, py in places:
        data[0] += snr * np.exp(-0.5 * ((x - px) ** 2 + (y - py) ** 2) / 9)
    return SimpleNamespace(data=data, valid=np.ones((size, size), bool), wcs=None)


def test_search_finds_what_is_there(predictor):
    places = [(20.5, 30.5), (70.5, 64.5), (50.5, 12.5)]
    found, grid = search(predictor, mosaic(*places), SearchSettings(stride=4, refine=2))
    assert len(found) == 3
    for x, y in places:
        # two steps of refinement end on the 1-pixel grid, so at most half a pixel from the best place in each axis
        assert np.hypot(found.x - x, found.y - y).min() <= np.sqrt(0.5) + 1e-6
    assert grid.shape == (24, 24)
    assert (np.diff(found.presence) <= 0).all()


def test_between_points_of_the_grid(predictor):
    """A place that is probable enough counts, though none of the grid's is."""
    _, columns, rows = presence_map(predictor, mosaic(), stride=4)
    x, y = columns[8] + 2, rows[5] + 2
    images = mosaic((x, y), snr=5)
    found, grid = search(predictor, images, SearchSettings(threshold=0.7, refine=2))
    assert np.nanmax(grid) < 0.7
    assert (found.x.tolist(), found.y.tolist()) == ([x], [y])
    assert found.presence[0] >= 0.7
    assert len(search(predictor, images, SearchSettings(threshold=0.7, refine=0))[0]) == 0
    assert len(search(predictor, images, SearchSettings(threshold=0.9, refine=2))[0]) == 0


def test_nothing_in_an_empty_image(predictor):
    found, grid = search(predictor, mosaic())
    assert len(found) == 0
    assert np.nanmax(grid) < 0.1  # the four corners have too few pixels


def test_invalid_areas_are_not_searched(predictor):
    images = mosaic((30.5, 30.5), (70.5, 70.5))
    images.valid[50:, 50:] = False
    found, grid = search(predictor, images)
    assert len(found) == 1
    assert np.isnan(grid).any()


def test_progress_counts_every_position(predictor):
    done = []
    grid, columns, rows = presence_map(predictor, mosaic(), stride=7, progress=done.append)
    assert sum(done) == grid.size == grid_points((96, 96), 7, predictor.size)
    assert (columns % 1 == 0.5).all()  # where stamps of an even size centre exactly
    assert columns[0] - -0.5 <= 7
    assert 95.5 - columns[-1] <= 7
    assert (np.diff(rows) == 7).all()


def test_plateaus_have_one_peak():
    grid = np.zeros((9, 9), np.float32)
    grid[2, 2:5] = 1.0
    grid[7, 7] = 0.8
    grid[0, 0] = 0.4
    grid[5, 5] = np.nan
    assert np.argwhere(local_maxima(grid, 0.5)).tolist() == [[2, 2], [7, 7]]


def test_thinning_keeps_the_most_probable():
    pair = Candidates(np.array([0.0, 3.0, 20.0]), np.zeros(3), np.array([0.7, 0.9, 0.6]))
    assert thin(pair, 5.0).x.tolist() == [3.0, 20.0]
    assert thin(pair, 2.0).x.tolist() == [3.0, 0.0, 20.0]
    assert len(thin(pair, 0.0)) == 3


def test_the_map_carries_the_sky(tmp_path, predictor):
    images = mosaic(size=90)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [204.25, -29.86], [40, 41]
    wcs.wcs.cd = np.array([[-0.04, 0.01], [0.01, 0.04]]) / 3600
    grid, columns, rows = presence_map(predictor, images, stride=4)
    images.wcs = wcs
    write_map(tmp_path / "map.fits", grid, images, stride=4, size=predictor.size)
    with fits.open(tmp_path / "map.fits") as hdus:
        np.testing.assert_array_equal(hdus[0].data, grid)
        coarse = WCS(hdus[0].header)
    np.testing.assert_allclose(coarse.all_pix2world(3, 7, 0), wcs.all_pix2world(columns[3], rows[7], 0), atol=1e-9)


def test_wrong_arguments(predictor):
    with pytest.raises(InvalidInput, match="stride: 0; 1 pixel or more"):
        SearchSettings(stride=0)
    with pytest.raises(InvalidInput, match=r"threshold: 1.5; values between 0 and 1"):
        SearchSettings(threshold=1.5)
    with pytest.raises(InvalidInput, match="separation: -1; 0 pixels or more"):
        SearchSettings(separation=-1)
    with pytest.raises(InvalidInput, match="refine: -1; 0 steps or more"):
        SearchSettings(refine=-1)
    with pytest.raises(InvalidInput, match=r"images: \(10, 10\) pixels \(y, x\); at least one stamp of 16"):
        search(predictor, mosaic(size=10))
