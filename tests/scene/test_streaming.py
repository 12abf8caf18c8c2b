from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from clustercnn.errors import InvalidInput
from clustercnn.render import Renderer, RenderSettings
from clustercnn.scene import StarList, draw_field

SIZE, TILE = 192, 64
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def stars() -> StarList:
    """Stars in and about the field; fifty of them crowd where four tiles meet, and one outshines the rest there."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-25, SIZE + 25, (2, 3000))
    x[:50], y[:50] = rng.normal(TILE - 0.5, 3.0, (2, 50))
    x[0], y[0] = TILE - 0.5, TILE - 0.5  # the very corner
    flux = rng.lognormal(0.0, 1.0, (3000, 3))
    flux[0] = 300.0
    return StarList(x, y, flux)


@pytest.fixture
def source(stars):
    """The stars by tile; each is given once."""

    def give(tile):
        here = tile.holds(stars.x, stars.y)
        return StarList(stars.x[here], stars.y[here], stars.flux[here])

    return give


@pytest.fixture(scope="module")
def whole(survey, stars):
    """All stars drawn at once, to a tolerance that is small beside the one in question."""
    renderer = Renderer(survey, SIZE, settings=RenderSettings(tolerance=1e-5, threads=1))
    return renderer.draw(stars.x, stars.y, stars.flux)


def largest_error(image, exact):
    return (np.abs(image - exact).max(axis=(1, 2)) / exact.max(axis=(1, 2))).max()


def test_streamed_is_one_list(survey, source, whole):
    image = draw_field(survey, source, SIZE, tile=TILE, threads=1)
    assert image.dtype == np.float32
    assert image.shape == whole.shape
    # at most four tiles overlap in a pixel, each within TOLERANCE of a peak no higher than the field's; and the judge's
    assert largest_error(image, whole) < 4 * TOLERANCE + 1e-5


def test_a_finer_tolerance_is_met(survey, source, whole):
    image = draw_field(survey, source, SIZE, tile=TILE, tolerance=1e-4)
    assert largest_error(image, whole) < 4 * 1e-4 + 1e-5


def test_no_seams(survey):
    """Stars spread evenly: the pixels about the tiles' borders are as right as the others, and keep their light."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-25, SIZE + 25, (2, 3000))
    flux = rng.lognormal(0.0, 1.0, (3000, 3))

    def give(tile):
        here = tile.holds(x, y)
        return StarList(x[here], y[here], flux[here])

    image = draw_field(survey, give, SIZE, tile=TILE)
    exact = Renderer(survey, SIZE, settings=RenderSettings(tolerance=1e-5, threads=1)).draw(x, y, flux)
    place = np.arange(SIZE) % TILE
    near = (place < 2) | (place >= TILE - 2)
    near[:2] = near[-2:] = False  # the field's own edges
    seam = near[:, None] | near[None, :]
    error = image - exact
    # about a border the independent errors of two tiles add up, of four in a corner: sqrt(2) to 2 times those of one
    assert error[:, seam].std() < 2 * error[:, ~seam].std()
    # the light of four rows along a border: errors have either sign and average out; 768 pixels, each off by up to
    # 4 TOLERANCE of a peak that is some 10 times the mean, make at most 4 * 1e-3 * 10 / sqrt(768) = 1.4e-3 of it
    strip = np.s_[:, TILE - 2 : TILE + 2]
    light, expected = (a[strip].sum(axis=(1, 2), dtype=np.float64) for a in (image, exact))
    np.testing.assert_allclose(light, expected, rtol=1.4e-3)


def test_threads_change_nothing(survey, source):
    one, three = (draw_field(survey, source, SIZE, tile=TILE, threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_lists_may_come_in_pieces(survey, source):
    def pieces(tile):
        stars = source(tile)
        for part in np.array_split(np.arange(len(stars.x)), 3):
            yield StarList(stars.x[part], stars.y[part], stars.flux[part])

    np.testing.assert_array_equal(
        draw_field(survey, pieces, SIZE, tile=TILE), draw_field(survey, source, SIZE, tile=TILE)
    )


def test_batches_add_up(survey, source, monkeypatch):
    image = draw_field(survey, source, SIZE, tile=TILE)
    monkeypatch.setattr("clustercnn.scene.streaming._BATCH", 100)
    batched = draw_field(survey, source, SIZE, tile=TILE)
    # up to five batches a tile of 300 to 500 stars, each within TOLERANCE, up to four tiles; and the image's own four
    assert largest_error(batched, image) < (5 + 1) * 4 * TOLERANCE


@pytest.mark.parametrize("size", [200, 40])
def test_any_size(survey, size):
    """The last tiles are smaller than the others, or the only one than asked for; each star is asked for once."""
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-20, size + 20, (2, 300))
    flux = np.ones((300, 3))
    counts = []

    def give(tile):
        here = tile.holds(x, y)
        counts.append(here.sum())
        return StarList(x[here], y[here], flux[here])

    image = draw_field(survey, give, size, tile=TILE, threads=1)
    exact = Renderer(survey, size, settings=RenderSettings(threads=1)).draw(x, y, flux)
    assert largest_error(image, exact) < (4 + 1) * TOLERANCE
    assert sum(counts) == 300


def test_fills_a_mapped_file(survey, source, tmp_path):
    out = np.memmap(tmp_path / "field", dtype=">f4", mode="w+", shape=(3, SIZE, SIZE))
    assert draw_field(survey, source, SIZE, out=out, tile=TILE) is out
    np.testing.assert_array_equal(out, draw_field(survey, source, SIZE, tile=TILE))


def test_progress_counts_tiles_and_stars(survey, source, stars):
    steps = []
    draw_field(survey, source, SIZE, tile=TILE, progress=steps.append)
    assert [step.done for step in steps] == list(range(1, 10))
    assert {step.total for step in steps} == {9}
    inside = (np.abs(stars.x - SIZE / 2 + 0.5) < SIZE / 2 + 32) & (np.abs(stars.y - SIZE / 2 + 0.5) < SIZE / 2 + 32)
    assert steps[-1].stars == inside.sum()


def test_memory_does_not_grow_with_stars(survey):
    """Ten times the stars, in lists of 20,000: what NumPy holds at its peak stays the same."""

    def peak(lists):
        def give(tile):
            rng = np.random.default_rng(tile.number)
            for _ in range(lists):
                x, y = rng.random((2, 20_000)) * 31.0
                yield StarList(x + tile.x0, y + tile.y0, np.ones((20_000, 3)))

        tracemalloc.start()
        draw_field(survey, give, 64, tile=32, threads=1, progress=None)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    # 0.64 and 6.4 million stars a field, 40 bytes each: held as a whole the second list would take 230 MB more. A batch
    # is full in both cases, and the lists it is made of overshoot it by less than one, 0.8 MB
    few, many = peak(14), peak(140)
    assert many < few + 2e6


def test_a_failing_source_stops_the_field(survey):
    calls = []

    def fail(tile):
        calls.append(tile.number)
        raise RuntimeError("no catalogue")

    with pytest.raises(RuntimeError, match="no catalogue"):
        draw_field(survey, fail, 320, tile=32, threads=1)
    assert len(calls) < 20  # of 100


def one_star(x, y=0.0, flux=(1.0, 1.0, 1.0)):
    return StarList(np.array([x]), np.array([y]), np.array([flux]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda tile: 3, "source: tile 0: int; a StarList, or several, are allowed"),
        (lambda tile: [3], "source: tile 0: int; a StarList, or several, are allowed"),
        (lambda tile: one_star(40.0), r"source: tile 0: a star at x 40, y 0; -32.5 <= x < 31.5, -32.5 <= y < 31.5 is"),
        (lambda tile: one_star(np.nan), "source: tile 0: a star at x nan"),
        (lambda tile: StarList(np.zeros(2), np.zeros(1), np.zeros((2, 3))), r"source: tile 0: x, y, flux of shapes"),
        (lambda tile: one_star(0.0, flux=(1.0, 1.0)), r"x, y, flux: shapes .* and \[n, 3\] are allowed"),
    ],
)
def test_bad_sources_are_refused(survey, given, message):
    with pytest.raises(InvalidInput, match=message):
        draw_field(survey, given, 64, tile=32, threads=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 16}, "size: 16; a whole number of pixels from 32 to 65536"),
        ({"size": 64.0}, r"size: 64\.0; a whole number"),
        ({"tile": 8}, "tile: 8; a whole number of pixels from 32 to 1984 is allowed"),
        ({"threads": -1}, "threads: -1; a whole number >= 0"),
        ({"tolerance": 1.0}, r"tolerance: 1\.0; 1e-6 to 1e-2"),
        ({"out": [1]}, "out: list; a NumPy array"),
        ({"out": np.zeros((3, 64, 60))}, r"out: float64 \(3, 64, 60\); floating-point numbers \(3, 64, 64\)"),
        ({"out": np.zeros((3, 64, 64), int)}, "out: int64"),
        ({"out": np.broadcast_to(np.float32(0), (3, 64, 64))}, "out: read-only; a writable array"),
    ],
)
def test_bad_arguments_are_refused(survey, options, message):
    with pytest.raises(InvalidInput, match=message):
        draw_field(survey, lambda tile: one_star(0.0), **{"size": 64, **options})
